"""`create`: one snapshot, one archive."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edms_backup.archive.names import archive_path_in
from edms_backup.archive.writer import ArchiveWriter
from edms_backup.backends import open_backend
from edms_backup.backends.base import Backend
from edms_backup.backends.extract import count_rows, duplicate_keys, extract_lines, is_declared_unique, unlabelled_types
from edms_backup.backends.staging import shown_pairs
from edms_backup.config.registry import Registry
from edms_backup.config.registry_file import read_registry
from edms_backup.errors import RegistryError, UsageError
from edms_backup.execute.catalog import Catalog, expect_every_row, expect_same_schema, load_catalog
from edms_backup.graph.order import hard_references, write_order
from edms_backup.options import CreateOptions, Source
from edms_backup.plan.extract import ExtractPlan, plan_extract, select_tables
from edms_backup.plan.source import SourceSchema, write_schema
from edms_backup.progress import Progress
from edms_backup.report import CreateReport, TableWritten


@dataclass(frozen=True)
class _Run:
    backend: Backend
    registry: Registry
    catalog: Catalog
    plans: tuple[ExtractPlan, ...]
    progress: Progress
    warnings: list[str]


def create(source: Source, options: CreateOptions, progress: Progress) -> CreateReport:
    """Write one archive. Raises UsageError, RegistryError, EnvironmentFailed."""
    started = time.monotonic()
    path = _archive_path(options)
    registry = read_registry(source.registry)
    with open_backend(source.url, read_only=True) as backend:
        progress.stage("reading the schema")
        catalog = load_catalog(backend, registry)
        names = select_tables(catalog.keyed, include=options.tables, exclude=options.exclude, tiers=options.tiers)
        warnings = [*catalog.warnings, *_unsafe(backend, names)]
        plans = tuple(plan_extract(catalog.keyed, name) for name in _restore_order(catalog, names))
        run = _Run(backend, registry, catalog, plans, progress, warnings)
        written = _write(run, path)
    for warning in warnings:
        progress.warn(warning)
    return CreateReport(str(path), written, time.monotonic() - started, tuple(warnings))


def _unsafe(backend: Backend, names: tuple[str, ...]) -> list[str]:
    """What no snapshot holds together is said; what would be read twice is refused."""
    with backend.failures("cannot read the schema of"):
        for name, reason in backend.inherited_tables().items():
            if name in names:
                raise RegistryError(
                    f"table {name} cannot be archived: {reason}",
                    hint=f"exclude {name} with --exclude or in the registry",
                )
        unsafe = {name: reason for name, reason in backend.unsafe_tables().items() if name in names}
    return [f"table {name} is in no snapshot: {reason}" for name, reason in unsafe.items()]


def _archive_path(options: CreateOptions) -> Path:
    if (options.output is None) == (options.into is None):
        raise UsageError("say where the archive goes", hint="use -o PATH, or --into FOLDER for a folder of archives")
    if options.output is not None:
        return options.output
    assert options.into is not None
    return archive_path_in(options.into, datetime.now(UTC))


def _restore_order(catalog: Catalog, names: tuple[str, ...]) -> tuple[str, ...]:
    """Tables in the order of a restore: readers of the archive see parents first."""
    tables = {name: catalog.keyed[name].table for name in names}
    references = {name: hard_references(catalog.keyed[name].references) for name in names}
    return write_order(tables, references, lambda _table, _reference: True).tables


def _write(run: _Run, path: Path) -> dict[str, TableWritten]:
    backend, catalog = run.backend, run.catalog
    written: dict[str, TableWritten] = {}
    with ArchiveWriter(path) as writer:
        with backend.failures("cannot read a snapshot of"):
            backend.begin_snapshot([table.table for table in catalog.keyed.values()])
            expect_same_schema(backend, catalog.schema)
        with backend.failures("cannot count the rows of"):
            run.progress.stage("checking keys", len(run.plans))
            counts = {plan.name: _check_key(run, plan) for plan in run.plans}
            run.warnings.extend(_unlabelled(run))
        run.progress.stage("reading", sum(counts.values()))
        for plan in run.plans:
            writer.begin_table(plan.name)
            for lines in extract_lines(backend, catalog.keyed, plan):
                writer.write(lines)
                run.progress.advance(len(lines), plan.name)
            done = writer.end_table()
            written[plan.name] = TableWritten(done.rows, done.bytes)
            expect_every_row(plan.name, counts[plan.name], done.rows)
        backend.rollback()
        schema = SourceSchema(catalog.schema.product, catalog.schema.version, tuple(catalog.keyed.values()))
        writer.add_file("schema.json", write_schema(schema))
        writer.add_file("registry.yaml", run.registry.text)
        run.progress.stage("publishing")
        writer.publish(
            order=[plan.name for plan in run.plans],
            source_product=catalog.schema.product,
            source_version=catalog.schema.version,
            created=datetime.now(UTC),
        )
    return written


def _unlabelled(run: _Run) -> list[str]:
    return [
        f"rows of {plan.name} point to {label}, which no table has as its label: their ids are kept as they are, "
        "and mean another row where ids differ; give the table that label in the registry"
        for plan in run.plans
        for label in unlabelled_types(run.backend, run.catalog.keyed, plan)
    ]


def _check_key(run: _Run, plan: ExtractPlan) -> int:
    """The number of rows of a table whose natural key identifies each of them. Raises RegistryError."""
    rows = count_rows(run.backend, plan.keyed.table)
    run.progress.advance(1, plan.name)
    if rows == 0 or plan.keyed.whole_row:
        return rows
    if not plan.keyed.key:
        raise RegistryError(
            f"table {plan.name} has no natural key, but other tables refer to it",
            hint=f"declare one in the registry: tables: {{{plan.name}: {{key: [column, …]}}}}",
        )
    for column in map(plan.keyed.table.column, plan.keyed.key):
        if run.backend.unfit_for_key(column):
            raise RegistryError(
                f"{plan.name}.{column.name} cannot be in a natural key: "
                f"nothing tells two values of {column.native} apart",
                hint=f"declare another key of {plan.name} in the registry",
            )
    if not is_declared_unique(run.catalog.keyed, plan):
        for count, key in duplicate_keys(run.backend, run.catalog.keyed, plan, limit=1):
            shown = shown_pairs(plan.keyed.key, key)
            raise RegistryError(
                f"{count} rows of table {plan.name} have the same natural key ({shown})",
                hint=f"the key of {plan.name} must identify every row: add a column to it in the registry",
            )
    return rows
