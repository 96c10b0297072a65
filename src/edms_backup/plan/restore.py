"""The plan of a restore: pure data that a backend executes, or only counts for a dry run.

The words of the stages are those of `backends.workspace`: rows are *staged*, then *matched* with the target by
natural key, their references *resolved*, each row gets one *action*, and only then is anything written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from edms_backup.config.registry import Registry
from edms_backup.errors import RegistryError
from edms_backup.graph.keys import Leaf, expand_key
from edms_backup.graph.order import Order, hard_references, identity_order, write_order
from edms_backup.model import (
    Column,
    Keyed,
    KeyedTable,
    OnConflict,
    Policy,
    Reference,
    ReferenceKind,
    Scalar,
    Schema,
    Table,
)
from edms_backup.options import Mode, RestoreOptions
from edms_backup.plan.documents import DocumentColumn, document_columns
from edms_backup.plan.drift import WARNED, Comparison, gets_new_ids
from edms_backup.plan.extract import PolymorphicTarget, polymorphic_targets
from edms_backup.plan.mapping import Mapped, map_source
from edms_backup.plan.source import SourceSchema
from edms_backup.report import Difference, DriftClass, Problem


@dataclass(frozen=True)
class RestoreColumn:
    """One column of the archive that the target has too."""

    index: int
    """Makes its names in staging tables, whatever the column is called."""
    column: Column
    source: Column
    """The column as the archive's source had it."""
    reference: Reference | None
    archived: str | None
    """The name that the archive has for it; None: the archive has none, and new rows get `default`."""
    default: Scalar = None

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name


@dataclass(frozen=True)
class RestoreDocument:
    """A column of the target that gets documents with ids inside."""

    column: RestoreColumn
    inside: DocumentColumn
    """The archive's references, also those to tables that the target does not have."""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name


@dataclass(frozen=True)
class ReferredTable:
    """A table whose rows others refer to: what is needed to find one by its key value."""

    keyed: KeyedTable
    exported: tuple[str, ...]
    """Columns that references to it may hold, and those that identify a row."""
    leaves: tuple[Leaf, ...]
    """Empty where the table has no key of its own (nothing can refer to its rows)."""
    leaf_sources: tuple[Column, ...]
    """Each leaf's column as the archive's source had it."""

    @property
    def name(self) -> str:
        """The table's name."""
        return self.keyed.name


@dataclass(frozen=True)
class RestoreTable(ReferredTable):
    """One table that is restored."""

    columns: tuple[RestoreColumn, ...]
    early: frozenset[str]
    """Reference columns that must be resolved before rows can be matched."""
    surrogate: str | None
    """The column that gets a new value where the archive's is taken."""
    deferred: frozenset[str]
    """Reference columns left empty on insert and patched when all rows are there."""
    documents: tuple[RestoreDocument, ...]
    """Columns whose documents name rows of the archive's tables."""
    rows: int
    """Rows that the archive has."""
    archived: str
    """The name that the archive has for it."""

    @property
    def table(self) -> Table:
        """The live table."""
        return self.keyed.table

    @property
    def policy(self) -> Policy:
        """What happens to rows that are already there."""
        return self.keyed.policy

    @property
    def final_columns(self) -> tuple[str, ...]:
        """Columns of the target whose values the restore decides: those of the archive, and what identifies a row."""
        return tuple(dict.fromkeys([*(column.name for column in self.columns), *self.identity]))

    @property
    def parent_columns(self) -> tuple[RestoreColumn, ...]:
        """The columns that hold the parent of a row of a tree."""
        return tuple(c for c in self.columns if c.reference is not None and c.reference == self.keyed.key_parent)

    @property
    def identity(self) -> tuple[str, ...]:
        """Columns that find one row of the target: its primary key, else its natural key."""
        return self.table.primary_key or self.keyed.key

    def named(self, name: str) -> RestoreColumn:
        """The column called `name`."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class RestorePlan:
    """All of a restore."""

    options: RestoreOptions
    keyed: Keyed
    """The archive's keys over the target's tables."""
    tables: Mapping[str, RestoreTable]
    """In the order in which rows are inserted."""
    matching: tuple[str, ...]
    """Names of `tables` and `referred` in the order in which rows can be matched."""
    referred: Mapping[str, ReferredTable]
    """Tables that are not restored but that references point into."""
    pointed_at: frozenset[str]
    """Tables, restored or not, that references of the archive may name rows of."""
    outside: Mapping[str, tuple[tuple[str, Reference], ...]]
    """By restored table: foreign keys of the target that point to it from tables that are not restored."""
    outside_tables: Mapping[str, Table]
    """Those tables."""
    targets: tuple[PolymorphicTarget, ...]
    """Where polymorphic references may point, by label."""
    order: Order
    drift: tuple[Difference, ...]
    """In what the schemas of both sides differ."""
    problems: tuple[Problem, ...]
    """What refuses the restore before a row is looked at."""
    warnings: tuple[str, ...]

    @property
    def filled(self) -> Mapping[str, RestoreTable]:
        """Tables that the archive has rows of; the others only matter where a mirror deletes."""
        return {name: table for name, table in self.tables.items() if table.rows}

    def exporting(self, name: str) -> ReferredTable | None:
        """The table that references to `name` are resolved by."""
        return self.tables.get(name) or self.referred.get(name)


def merge_keyed(source: SourceSchema, target: Schema) -> Keyed:
    """The archive's keys, references and policies over the target's live tables."""
    merged = {
        name: replace(archived, table=target.tables[name])
        for name, archived in source.keyed.items()
        if name in target.tables
    }
    return {
        name: replace(table, references=tuple(r for r in table.references if _is_there(r, table.table, merged)))
        for name, table in merged.items()
    }


def _is_there(reference: Reference, table: Table, merged: Keyed) -> bool:
    """Whether the target has both ends of a reference."""
    return reference.table in merged and table.by_name.keys() >= set(reference.columns)


def plan_restore(
    source: SourceSchema,
    target: Schema,
    rows: Mapping[str, int],
    selected: tuple[str, ...],
    options: RestoreOptions,
    registry: Registry | None,
    *,
    deferrable: bool,
    row_checked: bool,
) -> RestorePlan:
    """Plan the restore of `selected` tables with `rows` rows each, both by the archive's names.

    `deferrable`: the product can check foreign keys at commit where they allow it. `row_checked`: it checks them
    after each row, so that even a self-reference must be patched. Raises RegistryError, RestoreRefused.
    """
    mapped = map_source(source, target, registry or Registry())
    source = mapped.source
    rows = {mapped.tables.get(name, name): count for name, count in rows.items()}
    keyed = merge_keyed(source, target)
    comparison = Comparison(mapped, target, rows)
    drift = list(comparison.excluded(selected, registry.exclude if registry else ()))
    excluded = {found.table for found in drift}
    names = [mapped.tables[name] for name in selected if mapped.tables[name] not in excluded]
    drift += comparison.tables(names)
    live = {name: target.tables[name] for name in names if name in target.tables}

    def can_wait(table: Table, reference: Reference) -> bool:
        # A table that nothing is done with waits for nothing.
        idle = not rows[table.name] and options.mode is not Mode.MIRROR
        return idle or _can_wait(keyed[table.name], reference, deferrable)

    order = write_order(live, _live_references(live, keyed), can_wait)
    tables = {
        name: _plan_table(keyed, mapped, name, order, rows=rows[name], row_checked=row_checked) for name in order.tables
    }
    references = [r for t in tables.values() if t.rows for c in t.columns if (r := c.reference) is not None]
    references += [r for t in tables.values() if t.rows for d in t.documents for r in d.inside.references]
    needed = {reference.table for reference in references}
    targets = polymorphic_targets(keyed)
    if any(reference.kind is ReferenceKind.POLYMORPHIC for reference in references):
        # A table that the archive holds without rows has none that a reference of the archive could name.
        needed |= {target.table for target in targets if rows.get(target.table, 1)}
    needed |= {leaf.table for name in needed if name in keyed for leaf in _leaves(keyed, name) if leaf.above}
    referred = {name: _referred(keyed, source, name) for name in sorted(needed - set(tables)) if name in keyed}
    for name in referred:
        held = {column for r in references if r.table == name for column in r.referred_columns}
        drift += comparison.referred(name, held)
    needs = {name: _identity_needs(table, targets) for name, table in tables.items()}
    for name, found in referred.items():
        needs[name] = frozenset(leaf.table for leaf in found.leaves if leaf.above) - {name}
    matching = identity_order([*tables, *referred], needs)
    return RestorePlan(
        options,
        keyed,
        tables,
        matching,
        referred,
        frozenset(needed),
        _outside(tables, target, keyed),
        {name: table for name, table in target.tables.items() if name not in tables},
        targets,
        order,
        tuple(drift),
        tuple(found.as_problem() for found in drift if found.level is not DriftClass.SAFE),
        tuple(found.message for found in drift if found.what in WARNED and found.level is DriftClass.SAFE),
    )


def _outside(restored: Collection[str], target: Schema, keyed: Keyed) -> dict[str, tuple[tuple[str, Reference], ...]]:
    found: dict[str, list[tuple[str, Reference]]] = {}
    for name, table in target.tables.items():
        declared = keyed[name].references if name in keyed else ()
        references = {(r.columns, r.table): r for r in hard_references((*declared, *table.references))}
        for reference in references.values():
            if name not in restored and reference.table in restored:
                found.setdefault(reference.table, []).append((name, reference))
    return {name: tuple(references) for name, references in found.items()}


def _live_references(live: Mapping[str, Table], keyed: Keyed) -> dict[str, tuple[Reference, ...]]:
    """What orders the writing: the target's own foreign keys, and what the registry declares beside them."""
    found: dict[str, tuple[Reference, ...]] = {}
    for name, table in live.items():
        enforced = {r.columns for r in table.references}
        declared = [r for r in hard_references(keyed[name].references) if r.columns not in enforced]
        # A declared reference orders nothing that the database would check; only what it enforces can fail.
        found[name] = (*table.references, *(r for r in declared if r.enforced))
    return found


def _can_wait(table: KeyedTable, reference: Reference, deferrable: bool) -> bool:
    if deferrable and reference.deferrable:
        return True
    return _nullable_columns(table, reference) != ()


def _nullable_columns(table: KeyedTable, reference: Reference) -> tuple[str, ...]:
    """Columns that switch the reference off while they are empty, and by which no row is found again."""
    identity = table.table.primary_key or table.key
    return tuple(c for c in reference.columns if table.table.column(c).nullable and c not in identity)


def _plan_table(keyed: Keyed, mapped: Mapped, name: str, order: Order, *, rows: int, row_checked: bool) -> RestoreTable:
    table = keyed[name]
    archived = mapped.source.keyed[name].table
    names = mapped.columns[name]
    columns: list[RestoreColumn] = []
    for index, column in enumerate(c for c in archived.columns if not c.generated):
        live = table.table.by_name.get(column.name)
        if live is None or live.generated or gets_new_ids(mapped.source.keyed[name], table.table, column.name):
            continue
        reference = table.resolving.get(column.name)
        columns.append(RestoreColumn(index, live, column, reference, names.get(column.name, column.name)))
    defaults = _defaults(table, len(archived.columns))
    columns += defaults
    written = {column.name for column in columns}
    inside = document_columns(mapped.source.keyed[name].references)
    exported = _exported(keyed, name)
    for column_name in sorted(set(inside) & set(exported)):
        raise RegistryError(
            f"{name}.{column_name} identifies rows in the target, but its documents have references inside",
            hint="remove the references with a path from the registry, and make a new archive",
        )
    leaves = _leaves(keyed, name)
    return RestoreTable(
        _keeping(table, defaults),
        exported,
        leaves,
        _leaf_sources(mapped.source, leaves),
        tuple(columns),
        early=_early(table, exported),
        surrogate=_surrogate(table),
        deferred=_deferred(table, order, row_checked=row_checked) & written,
        documents=tuple(RestoreDocument(c, inside[c.name]) for c in columns if c.name in inside),
        rows=rows,
        archived=mapped.archived(name),
    )


def _defaults(table: KeyedTable, index: int) -> list[RestoreColumn]:
    """Columns that the archive lacks and the registry has a value for; it is written as the column's own kind is."""
    found = []
    for number, (name, value) in enumerate(table.policy.column_defaults.items(), index):
        column = table.table.column(name)
        found.append(RestoreColumn(number, column, column, None, None, value))
    return found


def _keeping(table: KeyedTable, defaults: list[RestoreColumn]) -> KeyedTable:
    """A default is for new rows: what is there keeps its value. Rows that nothing tells apart are never changed."""
    if not defaults or (table.whole_row and not table.table.primary_key):
        return table
    keep = dict.fromkeys([*table.policy.keep_columns, *(column.name for column in defaults)])
    return replace(table, policy=replace(table.policy, keep_columns=tuple(keep)))


def _referred(keyed: Keyed, source: SourceSchema, name: str) -> ReferredTable:
    leaves = expand_key(keyed, name)
    return ReferredTable(keyed[name], _exported(keyed, name), leaves, _leaf_sources(source, leaves))


def _leaf_sources(source: SourceSchema, leaves: tuple[Leaf, ...]) -> tuple[Column, ...]:
    return tuple(source.keyed[leaf.table].table.column(leaf.column) for leaf in leaves)


def _leaves(keyed: Keyed, name: str) -> tuple[Leaf, ...]:
    return () if keyed[name].whole_row else expand_key(keyed, name)


def _exported(keyed: Keyed, name: str) -> tuple[str, ...]:
    table = keyed[name]
    referred = {c for t in keyed.values() for r in t.references if r.table == name for c in r.referred_columns}
    wanted = {*table.table.primary_key, *referred, *(() if table.table.primary_key else table.key)}
    return tuple(c for c in table.table.column_names if c in wanted)


def _early(table: KeyedTable, exported: tuple[str, ...]) -> frozenset[str]:
    columns = {*table.key, *exported}
    if table.policy.on_conflict is not OnConflict.FAIL:
        columns |= {c for unique in table.table.uniques if not unique.partial for c in unique.columns}
    return frozenset(columns & set(table.resolving))


def _identity_needs(table: RestoreTable, targets: tuple[PolymorphicTarget, ...]) -> frozenset[str]:
    needs: set[str] = set()
    for name in table.early:
        reference = table.keyed.resolving[name]
        if reference == table.keyed.key_parent:
            # Its rows are matched level by level.
            continue
        needs.add(reference.table)
        if reference.kind is ReferenceKind.POLYMORPHIC:
            needs |= {target.table for target in targets if target.table != table.name}
    return frozenset(needs)


def _surrogate(table: KeyedTable) -> str | None:
    surrogate = table.surrogate_key
    if len(surrogate) != 1:
        return None
    # Of a key of several columns, only what the database hands out means nothing to people.
    numbered = table.table.column(surrogate[0]).auto_assigned
    return surrogate[0] if numbered or len(table.table.primary_key) == 1 else None


def _deferred(table: KeyedTable, order: Order, *, row_checked: bool) -> frozenset[str]:
    columns: set[str] = set()
    for reference in order.deferred.get(table.name, ()):
        if reference.table == table.name and not row_checked:
            continue
        columns.update(_nullable_columns(table, reference)[:1])
    return frozenset(columns)
