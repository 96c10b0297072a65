"""`restore` and its dry run: stage, match, decide, check; and only then, in the same transaction, write.

A dry run does everything but the writing, in a read-only transaction, so that its counts and problems are those
of the restore that follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from edms_backup.archive.reader import ArchiveReader
from edms_backup.backends import open_backend
from edms_backup.backends.apply import Writer
from edms_backup.backends.base import Backend
from edms_backup.backends.checks import Checks
from edms_backup.backends.decide import count_actions, decide_rows, drop_skipped
from edms_backup.backends.deletions import Deletions
from edms_backup.backends.documents import finish_documents
from edms_backup.backends.lookup import look_up_missing
from edms_backup.backends.match import match_rows
from edms_backup.backends.staging import StageWriter
from edms_backup.backends.workspace import Workspace
from edms_backup.config.registry import Registry
from edms_backup.config.registry_file import parse_registry, read_registry
from edms_backup.errors import RestoreRefused
from edms_backup.execute.catalog import expect_same_schema
from edms_backup.model import Schema
from edms_backup.options import Mode, OnUnresolved, RestoreOptions, Source
from edms_backup.plan.drift import judged
from edms_backup.plan.extract import select_tables
from edms_backup.plan.restore import RestorePlan, plan_restore
from edms_backup.plan.source import LineFormat, SourceSchema, read_schema
from edms_backup.progress import Progress
from edms_backup.report import Books, Problem, RestoreReport


@dataclass
class _Run:
    reader: ArchiveReader
    schema: SourceSchema
    target: Schema
    backend: Backend
    workspace: Workspace
    plan: RestorePlan
    progress: Progress
    books: dict[str, Books]
    problems: list[Problem] = field(default_factory=list)
    problem_count: int = 0
    warnings: list[str] = field(default_factory=list)
    unfit: set[tuple[str, str]] = field(default_factory=set)
    """Columns, by table and name, that had to refuse a value."""

    def found(self, table: str) -> _Found:
        """Where a check of `table` reports to."""
        return _Found(self, table)


@dataclass(frozen=True)
class _Found:
    run: _Run
    table: str

    def __call__(self, count: int, shown: list[Problem]) -> None:
        self.run.problems.extend(shown)
        self.run.unfit.update((self.table, p.column) for p in shown if p.code == "null-value" and p.column)
        self.run.problem_count += count

    def refuse(self, problem: Problem) -> None:
        """One row that could not be staged."""
        self.run.books[self.table].failed += 1
        if problem.column:
            self.run.unfit.add((self.table, problem.column))
        self.run.problem_count += 1
        if sum(1 for p in self.run.problems if p.table == self.table and p.code == problem.code) < 10:
            self.run.problems.append(problem)


def restore(source: Source, archive: Path, options: RestoreOptions, progress: Progress) -> RestoreReport:
    """Restore an archive, or say what that would do. Raises ArchiveError, RegistryError, EnvironmentFailed."""
    started = time.monotonic()
    with ArchiveReader.open(archive) as reader:
        reader.check_members()
        schema = read_schema(reader.read_file("schema.json"))
        registry = _registry(source, reader)
        with open_backend(source.url, read_only=options.dry_run) as backend:
            progress.stage("reading the schema")
            target = backend.reflect()
            names = [table.name for table in reader.manifest.tables]
            held = {name: schema.table(name) for name in names}
            plan = plan_restore(
                schema,
                target,
                {table.name: table.rows for table in reader.manifest.tables},
                select_tables(held, include=options.tables),
                options,
                registry,
                deferrable=backend.capabilities.deferrable,
                row_checked=backend.capabilities.row_checked,
            )
            plan = _without_unsafe(plan, backend)
            if plan.problems:
                return _drifted(plan, reader, time.monotonic() - started)
            with backend.failures("cannot prepare a restore into"):
                workspace = Workspace(backend, plan)
            books = {name: Books() for name in plan.tables}
            run = _Run(reader, schema, target, backend, workspace, plan, progress, books)
            run.warnings.extend(plan.warnings)
            applied = _carry_out(run)
    for warning in run.warnings:
        progress.warn(warning)
    return RestoreReport(
        options.dry_run,
        options.mode.value,
        applied,
        run.books,
        tuple(run.problems),
        run.problem_count,
        tuple(run.warnings),
        time.monotonic() - started,
        judged(plan.drift, run.unfit),
    )


def _registry(source: Source, reader: ArchiveReader) -> Registry:
    """The operator's registry; else the one that the archive was made with."""
    if source.registry is not None:
        return read_registry(source.registry)
    return parse_registry(reader.read_file("registry.yaml"), "registry.yaml of the archive")


def _without_unsafe(plan: RestorePlan, backend: Backend) -> RestorePlan:
    """All or nothing cannot be promised for tables that no transaction holds."""
    with backend.failures("cannot read the schema of"):
        unsafe = {**backend.unsafe_tables(), **backend.inherited_tables()}
    problems = [
        Problem("unsafe-table", f"table {name} cannot be restored safely: {reason}", name)
        for name, reason in unsafe.items()
        if name in plan.tables
    ]
    return replace(plan, problems=(*plan.problems, *problems, *_unfit_keys(plan, backend)))


def _unfit_keys(plan: RestorePlan, backend: Backend) -> Iterator[Problem]:
    """Keys of the archive that the target has no comparison for."""
    for name, table in {**plan.filled, **plan.referred}.items():
        key = () if table.keyed.whole_row else table.keyed.key
        # What the target lacks is a problem of its own.
        for column in (table.keyed.table.column(name) for name in key if name in table.keyed.table.by_name):
            if backend.unfit_for_key(column):
                what = f"nothing tells two values of {column.native} apart"
                yield Problem(
                    "unfit-key",
                    f"{name}.{column.name} cannot be in a natural key here: {what}",
                    name,
                    column=column.name,
                )


def _drifted(plan: RestorePlan, reader: ArchiveReader, seconds: float) -> RestoreReport:
    """The target's schema cannot take the archive: refused before a row is looked at."""
    held = reader.manifest.by_name
    rows = {name: table.rows for name, table in plan.tables.items()}
    missing = [p.table for p in plan.problems if p.table is not None and p.table not in rows and p.table in held]
    rows |= {name: held[name].rows for name in missing}
    books = {name: Books(read=count, failed=count) for name, count in rows.items()}
    options, count = plan.options, len(plan.problems)
    return RestoreReport(
        options.dry_run, options.mode.value, False, books, plan.problems, count, plan.warnings, seconds, plan.drift
    )


def _carry_out(run: _Run) -> bool:
    """All phases in one transaction. Returns whether the target was written."""
    backend, options = run.backend, run.plan.options
    with backend.failures("cannot restore into"):
        if options.dry_run:
            backend.begin_rehearsal()
        else:
            backend.begin_restore([table.table for table in run.plan.tables.values()])
            expect_same_schema(backend, run.target)
        _stage(run)
        _match(run)
        _decide(run)
        _balance(run)
        if options.dry_run or run.problem_count:
            backend.rollback()
            return False
        try:
            _write(run)
        except RestoreRefused as error:
            backend.rollback()
            run.problems.append(Problem(error.code, str(error), error.table))
            run.problem_count += 1
            return False
        return True


def _stage(run: _Run) -> None:
    """Read the whole archive into temporary tables: every checksum is seen before anything is written."""
    run.progress.stage("staging", sum(table.rows for table in run.plan.tables.values()))
    for name, table in run.plan.filled.items():
        found = run.found(name)
        writer = StageWriter(run.workspace, table, LineFormat(run.schema.keyed, table.archived), found.refuse)
        for lines in run.reader.lines(table.archived):
            writer.add(lines)
            run.progress.advance(len(lines), name)
        writer.finish()
        run.books[name].read = writer.read
        run.books[name].failed += Checks(run.workspace, table, found).duplicate_keys()


def _match(run: _Run) -> None:
    run.progress.stage("matching", len(run.plan.matching))
    for name in run.plan.matching:
        table = run.plan.filled.get(name)
        if table is not None:
            checks = Checks(run.workspace, table, run.found(name))
            for _ in match_rows(run.workspace, table):
                run.books[name].failed += checks.ambiguous_matches()
            run.warnings.extend(checks.adopted())
        exporting = run.plan.exporting(name)
        if exporting is not None and name in run.plan.pointed_at:
            look_up_missing(run.workspace, exporting)
        run.progress.advance(1, name)


def _decide(run: _Run) -> None:
    filled = run.plan.filled
    run.progress.stage("resolving", len(filled))
    while True:
        run.workspace.forget_polymorphic()
        for name, table in filled.items():
            if table.documents:
                finish_documents(run.workspace, table, run.found(name).refuse)
        for name, table in filled.items():
            decide_rows(run.workspace, table)
            run.progress.advance(1, name)
        if run.plan.options.on_unresolved is not OnUnresolved.SKIP:
            break
        # What refers to a skipped row cannot be resolved either.
        if not sum(drop_skipped(run.workspace, table) for table in filled.values()):
            break
    for name, table in filled.items():
        Checks(run.workspace, table, run.found(name)).run()
        count_actions(run.workspace, table, run.books[name])
    if run.plan.options.mode is Mode.MIRROR:
        for name, table in run.plan.tables.items():
            deletions = Deletions(run.workspace, table)
            run.books[name].deleted = deletions.count()
            if run.books[name].deleted:
                deletions.check(run.found(name))


def _balance(run: _Run) -> None:
    for name, books in run.books.items():
        if not books.balanced:
            raise RestoreRefused(
                f"the books of table {name} do not balance: {books.rows_json()}",
                hint="this is a bug of edms-backup; nothing was written, please report it",
            )


def _write(run: _Run) -> None:
    run.progress.stage("writing", sum(b.inserted + b.updated + b.deleted for b in run.books.values()))
    writers = {name: Writer(run.workspace, table) for name, table in run.plan.tables.items()}
    refusals = run.backend.refusals
    before = {name: writer.count_rows() for name, writer in writers.items()}
    for name, writer in writers.items():
        with refusals(name):
            writer.release(run.books[name])
    for name, writer in writers.items():
        with refusals(name):
            writer.insert(run.books[name])
            if not writer.waits:
                # Rows of other tables may refer to a value that a row of this one only gets now.
                writer.update(run.books[name])
        run.progress.advance(run.books[name].inserted, name)
    for name, writer in writers.items():
        with refusals(name):
            if writer.waits:
                writer.patch(run.books[name])
                writer.update(run.books[name])
        run.progress.advance(run.books[name].updated, name)
    for name, writer in writers.items():
        with refusals(name):
            writer.let_go(run.books[name])
    for name, writer in reversed(writers.items()):
        with refusals(name):
            writer.delete(run.books[name])
        run.progress.advance(run.books[name].deleted, name)
    with refusals():
        run.backend.check_constraints_now()
    for name, writer in writers.items():
        with refusals(name):
            writer.check_written(run.books[name], before[name])
    for writer in writers.values():
        writer.advance_numbers()
    with refusals():
        run.backend.commit()
