"""Natural keys expanded along references to the columns that finally hold the values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from edms_backup.errors import RegistryError
from edms_backup.model import Keyed, KeyedTable, Reference, ReferenceKind


@dataclass(frozen=True)
class Leaf:
    """One value of a key value: the column `column` of `table`, reached from the start along `path`.

    Where the key of `table` runs through the table itself, one of its leaves is a list: what is above the row, from
    its root down to its parent, each row by the other leaves of its key. It is empty for a root.
    """

    path: tuple[Reference, ...]
    table: str
    column: str
    above: bool = False
    """The list of a tree; `column` is the one that holds the parent."""


def expand_key(keyed: Keyed, name: str) -> tuple[Leaf, ...]:
    """The leaves of the natural key of table `name`, in order. Raises RegistryError where there is no key."""
    return _expand(keyed, name, ())


def _expand(keyed: Keyed, name: str, trail: tuple[str, ...]) -> tuple[Leaf, ...]:
    if name in trail:
        cycle = " → ".join((*trail[trail.index(name) :], name))
        raise RegistryError(
            f"the natural key of {name} runs through itself: {cycle}",
            hint="declare a key for one of these tables that does not use the reference",
        )
    table = keyed[name]
    if not table.key:
        raise RegistryError(
            f"table {name} has no natural key, but other tables refer to it",
            hint=f"declare one in the registry: tables: {{{name}: {{key: [column, …]}}}}",
        )
    leaves: list[Leaf] = []
    used: set[Reference] = set()
    for column in table.key:
        reference = table.resolving.get(column)
        if reference is None:
            leaves.append(Leaf((), name, column))
        elif reference not in used:
            used.add(reference)
            if reference == table.key_parent:
                leaves.append(Leaf((), name, column, above=True))
            else:
                leaves.extend(_through(keyed, table, reference, (*trail, name)))
    if all(leaf.above for leaf in leaves):
        raise RegistryError(
            f"the natural key of {name} has nothing but the parent of a row",
            hint="add a column that tells the rows of one parent apart",
        )
    return tuple(leaves)


def own_leaves(keyed: Keyed, name: str) -> tuple[Leaf, ...]:
    """The leaves by which a row of a tree appears in the key values of the rows below it."""
    return tuple(leaf for leaf in expand_key(keyed, name) if leaf.path or not leaf.above)


def above_place(leaves: Iterable[Leaf]) -> int | None:
    """Where in the key value of a row of a tree the list of what is above it stands; None for other tables."""
    return next((place for place, leaf in enumerate(leaves) if leaf.above and not leaf.path), None)


def _through(keyed: Keyed, table: KeyedTable, reference: Reference, trail: tuple[str, ...]) -> list[Leaf]:
    if reference.kind is ReferenceKind.POLYMORPHIC:
        raise RegistryError(
            f"the natural key of {table.name} uses the polymorphic reference {reference.id_column}",
            hint="a key cannot run through a reference that points into several tables",
        )
    inner = _expand(keyed, reference.table, trail)
    return [replace(leaf, path=(reference, *leaf.path)) for leaf in inner]
