"""`inventory`: every table, and what protects it."""

from __future__ import annotations

from edms_backup.backends import open_backend
from edms_backup.backends.base import Backend
from edms_backup.backends.extract import count_rows, duplicate_keys, is_declared_unique, rootless_rows
from edms_backup.config.registry_file import read_registry
from edms_backup.errors import BackupError
from edms_backup.execute.catalog import Catalog, load_catalog
from edms_backup.graph.order import find_cycles, hard_references, restore_levels, table_graph, write_order
from edms_backup.model import KeyedTable, ReferenceKind
from edms_backup.options import Source
from edms_backup.plan.extract import plan_extract
from edms_backup.progress import Progress
from edms_backup.report import Inventory, InventoryReference, InventoryTable


def inventory(source: Source, progress: Progress) -> Inventory:
    """Look at a database. Raises EnvironmentFailed, RegistryError."""
    registry = read_registry(source.registry)
    with open_backend(source.url, read_only=True) as backend:
        progress.stage("reading the schema")
        catalog = load_catalog(backend, registry)
        with backend.failures("cannot read a snapshot of"):
            backend.begin_snapshot([table.table for table in catalog.keyed.values()])
            progress.stage("counting", len(catalog.keyed))
            levels = restore_levels(catalog.keyed)
            tables = []
            for name, table in catalog.keyed.items():
                tables.append(_look_at(backend, catalog, table, levels[name]))
                progress.advance(1, name)
            backend.rollback()
    live = {name: table.table for name, table in catalog.keyed.items()}
    references = {name: hard_references(table.references) for name, table in catalog.keyed.items()}
    order = write_order(live, references, lambda _table, _reference: True).tables
    cycles = find_cycles(table_graph(live.values(), references))
    return Inventory(tuple(tables), order, cycles, catalog.excluded, catalog.warnings)


def _look_at(backend: Backend, catalog: Catalog, table: KeyedTable, level: int) -> InventoryTable:
    problems: list[str] = []
    unique: bool | None = None
    rows = count_rows(backend, table.table)
    if not table.key:
        problems.append("no natural key, but other tables refer to it: declare one in the registry")
    elif table.whole_row:
        unique = None
    else:
        try:
            plan = plan_extract(catalog.keyed, table.name)
            unique = is_declared_unique(catalog.keyed, plan) or not duplicate_keys(
                backend, catalog.keyed, plan, limit=1
            )
            if rootless_rows(backend, catalog.keyed, table, limit=1):
                problems.append("rows have no root above them, and so no natural key: they are each other's parents")
        except BackupError as error:
            problems.append(error.message)
        if unique is False:
            problems.append("several rows have the same natural key")
    references = tuple(InventoryReference(r.columns, r.table, r.kind.value) for r in table.references)
    return InventoryTable(
        name=table.name,
        rows=rows,
        tier=table.tier,
        natural_key=("*",) if table.whole_row else table.key,
        key_source=table.key_source.value,
        key_unique=unique,
        surrogate_key=table.surrogate_key,
        references=references,
        many_to_many=is_link_table(table),
        complexity=complexity(table),
        level=level,
        problems=tuple(problems),
    )


def is_link_table(table: KeyedTable) -> bool:
    """Nothing but references (two at least) beside its own surrogate key."""
    links = [reference for reference in table.references if reference.kind is not ReferenceKind.JSON]
    referring = {column for reference in links for column in reference.columns}
    others = set(table.table.column_names) - referring - set(table.table.primary_key)
    return not others and len(links) > 1


def complexity(table: KeyedTable) -> str:
    """How much a restore has to do for a row.

    Complex: points to its own table, points into several tables, or has four references or more.
    Medium: has references. Simple: has none.
    """
    if any(r.table == table.name or r.kind is ReferenceKind.POLYMORPHIC for r in table.references):
        return "complex"
    if len(table.references) >= 4:
        return "complex"
    return "medium" if table.references else "simple"
