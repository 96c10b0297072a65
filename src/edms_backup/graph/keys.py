"""Natural keys expanded along references to the columns that finally hold the values."""

from __future__ import annotations

from dataclasses import dataclass

from edms_backup.errors import RegistryError
from edms_backup.model import Keyed, KeyedTable, Reference, ReferenceKind


@dataclass(frozen=True)
class Leaf:
    """One value of a key value: the column `column` of `table`, reached from the start along `path`."""

    path: tuple[Reference, ...]
    table: str
    column: str


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
            leaves.extend(_through(keyed, table, reference, (*trail, name)))
    return tuple(leaves)


def _through(keyed: Keyed, table: KeyedTable, reference: Reference, trail: tuple[str, ...]) -> list[Leaf]:
    if reference.kind is ReferenceKind.POLYMORPHIC:
        raise RegistryError(
            f"the natural key of {table.name} uses the polymorphic reference {reference.id_column}",
            hint="a key cannot run through a reference that points into several tables",
        )
    inner = _expand(keyed, reference.table, trail)
    return [Leaf((reference, *leaf.path), leaf.table, leaf.column) for leaf in inner]
