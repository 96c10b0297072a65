"""The canonical values of a row: each column by its type, each key value by the types of its leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edms_backup.graph.keys import Leaf, expand_key, own_leaves
from edms_backup.model import Keyed, Reference, ReferenceKind
from edms_backup.plan.extract import polymorphic_targets
from edms_backup.plan.source import LineFormat
from edms_backup.values.canonical import Canonical, canonical
from edms_backup.values.forms import DANGLING
from edms_backup.values.rows import is_key_value

_Convert = Callable[[Any, Sequence[Any]], Any]
"""From a value, and those beside it in its row."""


class CanonicalValues:
    """Makes the values of one table's lines canonical."""

    def __init__(self, keyed: Keyed, lines: LineFormat) -> None:
        positions = {column: position for position, column in enumerate(lines.columns)}
        self._values: list[tuple[int, Canonical]] = []
        self._references: list[tuple[int, _Convert]] = []
        for column, position in positions.items():
            convert = canonical(lines.table.table.column(column))
            reference = lines.references.get(column)
            if reference is None:
                self._values.append((position, convert))
            else:
                self._references.append((position, _reference_form(keyed, reference, convert, positions)))

    def of(self, values: list[Any]) -> list[Any]:
        """The values of a line, changed in place."""
        # Into which table a polymorphic reference points, the archive's own form beside it says.
        found = [(position, convert(values[position], values)) for position, convert in self._references]
        for position, value in found:
            values[position] = value
        for position, change in self._values:
            if values[position] is not None:
                values[position] = change(values[position])
        return values


def _reference_form(keyed: Keyed, reference: Reference, own: Canonical, positions: Mapping[str, int]) -> _Convert:
    """What makes a reference canonical: the leaves of the key value that it holds, else its raw value."""
    if reference.kind is ReferenceKind.POLYMORPHIC:
        by_label = {target.label: _leaf_forms(keyed, target.leaves) for target in polymorphic_targets(keyed)}
        type_position = positions[reference.type_column]
    else:
        by_label, type_position = {}, None
        leaves = _leaf_forms(keyed, expand_key(keyed, reference.table))

    def convert(form: Any, values: Sequence[Any]) -> Any:
        if is_key_value(form):
            if type_position is None:
                return _key_form(form, leaves)
            type_key = values[type_position]
            label = ".".join(map(str, type_key)) if is_key_value(type_key) else ""
            return _key_form(form, by_label.get(label, ()))
        if type(form) is dict and form.get(DANGLING) is not None:
            return {DANGLING: own(form[DANGLING])}
        return form

    return convert


def _leaf_forms(keyed: Keyed, leaves: Sequence[Leaf]) -> tuple[Canonical, ...]:
    return tuple(
        _chain_form(_leaf_forms(keyed, own_leaves(keyed, leaf.table)))
        if leaf.above
        else canonical(keyed[leaf.table].table.column(leaf.column))
        for leaf in leaves
    )


def _chain_form(own: tuple[Canonical, ...]) -> Canonical:
    """What is above a row of a tree, each row by its own leaves."""

    def convert(chain: Any) -> Any:
        if not is_key_value(chain):
            return chain
        return [None if part is None else own[place % len(own)](part) for place, part in enumerate(chain)]

    return convert


def _key_form(key: list[Any], leaves: tuple[Canonical, ...]) -> list[Any]:
    if len(leaves) != len(key):
        return key
    return [None if part is None else convert(part) for part, convert in zip(key, leaves, strict=True)]
