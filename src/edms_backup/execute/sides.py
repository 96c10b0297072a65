"""The two sides of a comparison, each an archive or a database, read by the same keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edms_backup.archive.reader import ArchiveReader
from edms_backup.backends import open_backend
from edms_backup.backends.base import Backend
from edms_backup.backends.extract import count_rows, extract_lines
from edms_backup.config.omit import without_columns
from edms_backup.config.registry import WHOLE_ROW
from edms_backup.config.registry_file import parse_registry, read_registry
from edms_backup.errors import RegistryError
from edms_backup.execute.catalog import Catalog, expect_same_schema, load_catalog
from edms_backup.execute.rows import CanonicalRow, CanonicalRows
from edms_backup.graph.keys import Leaf, expand_key
from edms_backup.model import Keyed, KeyedTable, Reference, ReferenceKind, Schema
from edms_backup.options import Source
from edms_backup.plan.extract import plan_extract
from edms_backup.plan.mapping import Mapped, map_source
from edms_backup.plan.restore import merge_keyed
from edms_backup.plan.source import SourceSchema, read_schema


class Side(Protocol):
    """What is compared: tables at one instant, as canonical rows."""

    @property
    def place(self) -> str:
        """Where it is, without a password."""

    @property
    def keyed(self) -> Keyed:
        """Its tables, and those that their references need, by the names that both sides have for them."""

    @property
    def names(self) -> Sequence[str]:
        """The tables whose rows it has."""

    def count(self, name: str) -> int:
        """How many rows a table has."""

    def rows(self, name: str, columns: Sequence[str]) -> Iterator[list[CanonicalRow]]:
        """The rows of a table in batches, any number of times; of their content only `columns`."""


class ArchiveSide:
    """An archive, by the keys that it was written with, and in the names that the registry gives its tables here."""

    def __init__(self, reader: ArchiveReader, schema: SourceSchema, mapped: Mapped | None = None) -> None:
        self._reader = reader
        self._schema = schema
        self._mapped = mapped
        self.place = str(reader.path)
        self.keyed = schema.keyed if mapped is None else mapped.source.keyed
        here = {} if mapped is None else mapped.tables
        self._archived = {here.get(table.name, table.name): table.name for table in reader.manifest.tables}
        self.names = list(self._archived)

    def count(self, name: str) -> int:
        """As the manifest says; reading a part checks it."""
        return self._reader.manifest.by_name[self._archived[name]].rows

    def rows(self, name: str, columns: Sequence[str]) -> Iterator[list[CanonicalRow]]:
        """The rows as they were written."""
        renamed = {} if self._mapped is None else self._mapped.columns[name]
        own = {renamed.get(column, column): column for column in columns}
        reading = CanonicalRows(self._schema.keyed, self._archived[name], own)
        for lines in self._reader.lines(self._archived[name]):
            yield [reading.read(line) for line in lines]


class DatabaseSide:
    """A database, in the snapshot that `backend` holds."""

    def __init__(self, backend: Backend, keyed: Keyed) -> None:
        self._backend = backend
        self.place = backend.place
        self.keyed = keyed
        self.names = sorted(keyed)

    def count(self, name: str) -> int:
        """As the database counts."""
        with self._backend.failures(f"cannot count the rows of {name} in"):
            return count_rows(self._backend, self.keyed[name].table)

    def rows(self, name: str, columns: Sequence[str]) -> Iterator[list[CanonicalRow]]:
        """The rows as an archive would have them."""
        reading = CanonicalRows(self.keyed, name, {column: column for column in columns})
        for lines in extract_lines(self._backend, self.keyed, plan_extract(self.keyed, name)):
            yield [reading.read(line) for line in lines]


@contextmanager
def open_sides(left: Source | Path, right: Source | Path) -> Iterator[tuple[Side, Side]]:
    """Open both sides, databases in one snapshot for as long as this lasts.

    The keys of an archive are those it was written with, and a database beside it is read by them. Raises
    RegistryError where a registry that was given has others; ArchiveError, EnvironmentFailed, UsageError.
    """
    with ExitStack() as stack:
        if isinstance(left, Path):
            if isinstance(right, Path):
                yield _archive(stack, left), _archive(stack, right)
            else:
                yield _archive_and_database(stack, left, right)
        elif isinstance(right, Path):
            archive, database = _archive_and_database(stack, right, left)
            yield database, archive
        else:
            yield _database(stack, left), _database(stack, right)


def _open_archive(stack: ExitStack, path: Path) -> tuple[ArchiveReader, SourceSchema]:
    reader = stack.enter_context(ArchiveReader.open(path))
    reader.check_members()
    schema = read_schema(reader.read_file("schema.json"))
    for table in reader.manifest.tables:
        schema.table(table.name)
    return reader, schema


def _archive(stack: ExitStack, path: Path) -> ArchiveSide:
    return ArchiveSide(*_open_archive(stack, path))


def _database(stack: ExitStack, source: Source) -> DatabaseSide:
    backend = stack.enter_context(open_backend(source.url, read_only=True))
    catalog = load_catalog(backend, read_registry(source.registry))
    return _in_snapshot(backend, catalog, catalog.keyed)


def _archive_and_database(stack: ExitStack, path: Path, source: Source) -> tuple[ArchiveSide, DatabaseSide]:
    """Both by the archive's keys and references; tables that only the database has by the registry's."""
    reader, schema = _open_archive(stack, path)
    registry = read_registry(source.registry)
    if source.registry is None:
        registry = parse_registry(reader.read_file("registry.yaml"), "registry.yaml of the archive")
    backend = stack.enter_context(open_backend(source.url, read_only=True))
    catalog = load_catalog(backend, registry)
    mapped = map_source(schema, catalog.schema, registry)
    merged = merge_keyed(mapped.source, _without_omitted(catalog, schema, mapped))
    ours = {
        name: replace(table, references=tuple(r for r in table.references if _exists(r, table, merged)))
        for name, table in merged.items()
    }
    for name, table in ours.items():
        missing = [column for column in table.key if column not in table.table.by_name and not table.whole_row]
        if missing:
            raise RegistryError(
                f"table {name} of the database has no column {missing[0]}, which is in the key of the archive's {name}",
                hint="compare with a database of the same schema, or say how the column is called there with renames",
            )
    return ArchiveSide(reader, schema, mapped), _in_snapshot(backend, catalog, {**catalog.keyed, **ours})


def _without_omitted(catalog: Catalog, schema: SourceSchema, mapped: Mapped) -> Schema:
    """The live tables without what the registry, or that of the archive, leaves out of archives."""
    tables = {
        name: catalog.keyed[name].table if name in catalog.keyed else t for name, t in catalog.schema.tables.items()
    }
    for archived in schema.tables:
        name = mapped.tables[archived.name]
        if name in tables:
            tables[name] = without_columns(tables[name], archived.policy.omit_columns)
    return replace(catalog.schema, tables=tables)


def _in_snapshot(backend: Backend, catalog: Catalog, keyed: Keyed) -> DatabaseSide:
    with backend.failures("cannot read a snapshot of"):
        backend.begin_snapshot([table.table for table in keyed.values()])
        expect_same_schema(backend, catalog.schema)
    return DatabaseSide(backend, keyed)


def _exists(reference: Reference, table: KeyedTable, keyed: Keyed) -> bool:
    """Whether the live tables have all columns of a reference of the archive."""
    referred = keyed[reference.table].table.by_name
    own = all(column in table.table.by_name for column in reference.columns)
    return own and all(column in referred for column in reference.referred_columns)


def expect_same_keys(left: Side, right: Side, names: Sequence[str]) -> None:
    """Raise RegistryError where rows of `names`, or rows that they refer to, have other keys on the other side."""
    needed = _needed(left.keyed, names) | _needed(right.keyed, names)
    for name in sorted(needed & left.keyed.keys() & right.keyed.keys()):
        ours, theirs = (", ".join(_key(side.keyed, name)) for side in (left, right))
        if ours != theirs:
            raise RegistryError(
                f"the key of table {name} is ({ours}) in {left.place}, and ({theirs}) in {right.place}",
                hint="declare the key in one registry, and give that with --registry",
            )


def _needed(keyed: Keyed, names: Sequence[str]) -> set[str]:
    found = set(names)
    for table in (keyed[name] for name in names if name in keyed):
        found |= {reference.table for reference in table.references}
        if any(reference.kind is ReferenceKind.POLYMORPHIC for reference in table.references):
            found |= {name for name, other in keyed.items() if other.label}
    return found


def _key(keyed: Keyed, name: str) -> tuple[str, ...]:
    """What identifies a row, down to the columns that finally hold the values."""
    if is_keyless(keyed[name]):
        return (WHOLE_ROW,)
    return tuple(_path(leaf) for leaf in expand_key(keyed, name))


def _path(leaf: Leaf) -> str:
    path = ".".join((*(column for reference in leaf.path for column in reference.columns), leaf.column))
    return f"{path}: all rows above" if leaf.above else path


def is_keyless(table: KeyedTable) -> bool:
    """Whether a row is known by all its values."""
    return table.whole_row or not table.key
