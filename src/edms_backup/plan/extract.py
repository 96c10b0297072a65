"""The plan of a backup: how each row leaves the database with its references as key values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from edms_backup.errors import UsageError
from edms_backup.graph.keys import Leaf, expand_key
from edms_backup.model import Column, Keyed, KeyedTable, Kind, Reference, ReferenceKind
from edms_backup.plan.documents import DocumentColumn, document_columns


@dataclass(frozen=True)
class PolymorphicTarget:
    """One table that a polymorphic reference may point into."""

    label: str
    table: str
    id_column: str
    id_kind: Kind
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class ReferenceColumn:
    """A column that is carried as a key value."""

    column: str
    reference: Reference
    leaves: tuple[Leaf, ...]
    """The key of the table referred to; of the type table for a polymorphic reference."""
    targets: tuple[PolymorphicTarget, ...] = ()
    """By label; empty unless the reference is polymorphic."""


@dataclass(frozen=True)
class ExtractPlan:
    """How one table is read."""

    keyed: KeyedTable
    columns: tuple[Column, ...]
    """Columns that an archive holds: all but generated ones."""
    references: Mapping[str, ReferenceColumn]
    documents: Mapping[str, DocumentColumn]
    """Columns whose documents have references inside."""

    @property
    def name(self) -> str:
        """The table's name."""
        return self.keyed.name

    @property
    def polymorphic(self) -> tuple[ReferenceColumn, ...]:
        """The polymorphic references."""
        return tuple(r for r in self.references.values() if r.reference.kind is ReferenceKind.POLYMORPHIC)


def polymorphic_targets(keyed: Keyed) -> tuple[PolymorphicTarget, ...]:
    """The tables that a polymorphic reference can name: those with a label and one primary key column."""
    targets = []
    for name, table in keyed.items():
        if table.label and len(table.table.primary_key) == 1 and table.key and not table.whole_row:
            column = table.table.column(table.table.primary_key[0])
            targets.append(PolymorphicTarget(table.label, name, column.name, column.kind, expand_key(keyed, name)))
    return tuple(targets)


def plan_extract(keyed: Keyed, name: str) -> ExtractPlan:
    """Plan the reading of one table. Raises RegistryError where a key cannot be expanded."""
    table = keyed[name]
    targets = polymorphic_targets(keyed)
    references: dict[str, ReferenceColumn] = {}
    for column, reference in table.resolving.items():
        possible = targets if reference.kind is ReferenceKind.POLYMORPHIC else ()
        references[column] = ReferenceColumn(column, reference, expand_key(keyed, reference.table), possible)
    columns = tuple(column for column in table.table.columns if not column.generated)
    documents = document_columns(table.references)
    for reference in (r for document in documents.values() for r in document.references):
        # One whose key cannot be expanded is found before anything is read.
        expand_key(keyed, reference.table)
    return ExtractPlan(table, columns, references, documents)


def select_tables(
    keyed: Keyed, *, include: Iterable[str] = (), exclude: Iterable[str] = (), tiers: Iterable[int] = ()
) -> tuple[str, ...]:
    """Names of the tables that globs and tiers ask for. Raises UsageError for a glob that fits no table."""
    include, exclude, wanted = tuple(include), tuple(exclude), frozenset(tiers)
    for tier in sorted(wanted - {1, 2, 3, 4}):
        raise UsageError(f"{tier} is not a tier", hint="give 1 critical, 2 important, 3 standard or 4 system")
    for pattern in (*include, *exclude):
        if not any(fnmatchcase(name, pattern) for name in keyed):
            raise UsageError(f"no table is called {pattern!r}", hint="`inventory` lists the tables")
    chosen = [
        name
        for name, table in keyed.items()
        if (not include or any(fnmatchcase(name, pattern) for pattern in include))
        and not any(fnmatchcase(name, pattern) for pattern in exclude)
        and (not wanted or table.tier in wanted)
    ]
    if not chosen:
        raise UsageError("no table is left to work on", hint="widen --tables, --exclude or --tier")
    return tuple(chosen)
