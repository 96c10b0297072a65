"""`verify`: an archive by itself. Key values wait on disk, in a temporary SQLite file, not in memory."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson

from edms_backup.archive.reader import ArchiveReader
from edms_backup.config.registry_file import parse_registry
from edms_backup.errors import ArchiveError, RegistryError
from edms_backup.execute.diff import compare
from edms_backup.execute.sides import open_sides
from edms_backup.model import Reference, ReferenceKind
from edms_backup.options import Source
from edms_backup.plan.documents import DocumentColumn
from edms_backup.plan.source import LineFormat, SourceSchema, read_schema
from edms_backup.progress import Progress
from edms_backup.report import KeyValue, Problem, TableDiff, VerifyReport
from edms_backup.values.json_references import Named, read_form
from edms_backup.values.rows import dangling_value, is_key_value, key_digest, key_text

_SHOWN = 20
_NAMED = 3
_WIDEST_KEY = 100


def verify(path: Path, progress: Progress, source: Source | None = None) -> VerifyReport:
    """Read every part and every row, and resolve every reference inside the archive; compare it with `source`."""
    try:
        with ArchiveReader.open(path) as reader:
            reader.check_members()
            schema = read_schema(reader.read_file("schema.json"))
            parse_registry(reader.read_file("registry.yaml"), "registry.yaml of the archive")
            progress.stage("verifying", reader.manifest.rows)
            with tempfile.TemporaryDirectory(prefix="edms-backup-") as folder:
                problems = _check_rows(reader, schema, Path(folder) / "keys.sqlite3", progress)
            rows, parts = reader.manifest.rows, reader.manifest.parts
    except (ArchiveError, RegistryError) as error:
        return VerifyReport(str(path), 0, 0, (Problem("damaged", str(error)),))
    differences = () if problems or source is None else _differences(path, source, progress)
    return VerifyReport(str(path), rows, parts, tuple(problems), differences)


def _differences(path: Path, source: Source, progress: Progress) -> tuple[Problem, ...]:
    """Tables of the archive whose rows are not those of the database; by the archive's registry if none is given."""
    with open_sides(path, source) as (archive, database):
        report = compare(archive, database, archive.names, _NAMED, progress, ("in the archive", "in the database"))
    notes = {name: [p.message for p in report.problems if p.table == name] for name in report.tables}
    return tuple(
        Problem("content-differs", "; ".join([*notes[name], *_rows_that_differ(table)]), name)
        for name, table in report.tables.items()
        if table.different or notes[name]
    )


def _rows_that_differ(table: TableDiff) -> Iterator[str]:
    """`2 changed: ["a"] (title), ["b"] (title, status)`, `1 only in the archive: ["c"]`."""
    changed = [f"{_shown(row.key)} ({', '.join(row.columns)})" for row in table.changed]
    for kind, words, named in (
        ("changed", "changed", changed),
        ("only_left", "only in the archive", [_shown(key) for key in table.only_left]),
        ("only_right", "only in the database", [_shown(key) for key in table.only_right]),
    ):
        if number := table.counts[kind]:
            yield f"{number:,} {words}: {', '.join([*named, *(['…'] if len(named) < number else [])])}"


def _shown(key: KeyValue) -> str:
    text = key_text(key).decode()
    return text if len(text) <= _WIDEST_KEY else f"{text[:_WIDEST_KEY]}…"


def _check_rows(reader: ArchiveReader, schema: SourceSchema, keys: Path, progress: Progress) -> list[Problem]:
    with closing(sqlite3.connect(keys, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = OFF")
        store.execute("PRAGMA synchronous = OFF")
        store.execute("CREATE TABLE row_keys (owner TEXT, digest TEXT, key TEXT)")
        store.execute("CREATE TABLE named (owner TEXT, target TEXT, digest TEXT, source TEXT)")
        store.execute("BEGIN")
        for table in reader.manifest.tables:
            checker = _TableChecker(schema, table.name)
            for lines in reader.lines(table.name):
                found = [checker.read(line) for line in lines]
                store.executemany("INSERT INTO row_keys VALUES (?, ?, ?)", (own for own, _ in found if own))
                store.executemany("INSERT INTO named VALUES (?, ?, ?, ?)", (r for _, named in found for r in named))
                progress.advance(len(lines), table.name)
        store.execute("CREATE INDEX by_key ON row_keys (digest, owner)")
        held = {table.name for table in reader.manifest.tables}
        return [*_duplicates(store), *_unresolved(store, held)]


class _TableChecker:
    """Reads the lines of one table into key values and the key values that they name."""

    def __init__(self, schema: SourceSchema, name: str) -> None:
        self._name = name
        self._format = LineFormat(schema.keyed, name)
        self._positions = {column: position for position, column in enumerate(self._format.columns)}
        self._labels = {table.label: table.name for table in schema.tables if table.label}
        self._rows = 0

    def read(self, line: bytes) -> tuple[tuple[str, str, str] | None, list[tuple[str, str, str, str]]]:
        """The row's own key (none where the whole row is the key), and the rows that it refers to."""
        self._rows += 1
        values = self._format.values(line, self._rows)
        key = self._format.key_value(values)
        text = key_text(key)
        own = None if self._format.table.whole_row else (self._name, key_digest(text), text.decode())
        return own, list(self._named(values, key))

    def _named(self, values: Sequence[Any], key: list[Any]) -> Iterator[tuple[str, str, str, str]]:
        for document in self._format.documents.values():
            yield from self._inside(document, values[self._positions[document.name]])
        for column, reference in self._format.references.items():
            form = values[self._positions[column]]
            if form is None:
                continue
            if is_key_value(form):
                target = self._target(reference, values)
                text = key_text(self._format.named(column, form, key))
                yield (self._name, target, key_digest(text), _source(column, text))
            else:
                self._check_dangling(form, column)

    def _inside(self, document: DocumentColumn, form: Any) -> Iterator[tuple[str, str, str, str]]:
        """The rows that a document names."""
        for spot in document.spots(form):
            token = form[spot.start : spot.end]
            reference = document.references[spot.path]
            try:
                named = read_form(token) if token.startswith("{") else None
            except ValueError as error:
                message = f"row {self._rows} of table {self._name} cannot be read: {document.name} {reference.path}"
                raise ArchiveError(f"{message}: {error}") from None
            if isinstance(named, Named):
                text = key_text(named.key)
                place = f"{document.name} {reference.path}"
                yield (self._name, reference.table, key_digest(text), _source(place, text))

    def _check_dangling(self, form: Any, column: str) -> None:
        try:
            dangling_value(form)
        except ValueError as error:
            raise ArchiveError(f"row {self._rows} of table {self._name} cannot be read: {column} is {error}") from None

    def _target(self, reference: Reference, values: Sequence[Any]) -> str:
        if reference.kind is not ReferenceKind.POLYMORPHIC:
            return reference.table
        type_key = values[self._positions[reference.type_column]]
        label = ".".join(str(part) for part in type_key) if is_key_value(type_key) else ""
        return self._labels.get(label, label)


def _source(place: str, key: bytes) -> str:
    """Where a row is named, and by which key, as one text."""
    return orjson.dumps([place, key.decode()]).decode()


def _duplicates(store: sqlite3.Connection) -> Iterator[Problem]:
    query = "SELECT owner, min(key), count(*) FROM row_keys GROUP BY digest, owner HAVING count(*) > 1 LIMIT ?"
    for table, key, count in store.execute(query, (_SHOWN,)):
        message = f"{count} rows of {table} have the same key {key}"
        yield Problem("duplicate-key", message, table, orjson.loads(key))


def _unresolved(store: sqlite3.Connection, held: set[str]) -> Iterator[Problem]:
    query = (
        "SELECT owner, target, source, count(*) FROM named n "
        "WHERE NOT EXISTS (SELECT 1 FROM row_keys k WHERE k.digest = n.digest AND k.owner = n.target) "
        "GROUP BY owner, target, source"
    )
    shown = 0
    for table, target, source, count in store.execute(query):
        # An archive of some tables refers to others; a restore finds those rows in its target.
        if target in held and shown < _SHOWN:
            shown += 1
            column, key = orjson.loads(source)
            message = f"{count} rows of {table}: {column} refers to {target} {key}, which is not in the archive"
            yield Problem("unresolved-reference", message, table, None, column, orjson.loads(key))
