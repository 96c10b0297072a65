"""`schema.json` of an archive: the source's tables with the keys and references that its lines are written by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from edms_backup.errors import ArchiveError, BackupError
from edms_backup.graph.keys import above_place, expand_key
from edms_backup.model import Keyed, KeyedTable, Kind, Reference, ReferenceKind
from edms_backup.plan.documents import document_columns, documents_fit
from edms_backup.values.rows import RowReader, above_child, is_key_value


@dataclass(frozen=True)
class SourceSchema:
    """The schema that an archive was written from."""

    product: str
    version: str
    tables: tuple[KeyedTable, ...]
    """The tables of the archive, and those that their references need."""

    @cached_property
    def keyed(self) -> Keyed:
        """The tables by name."""
        return {table.name: table for table in self.tables}

    def table(self, name: str) -> KeyedTable:
        """The table called `name`; raises ArchiveError where the schema says nothing of it."""
        if name not in self.keyed:
            raise ArchiveError(f"schema.json of the archive says nothing of table {name}")
        return self.keyed[name]


def write_schema(schema: SourceSchema) -> bytes:
    """`schema.json`, indented."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def read_schema(content: bytes) -> SourceSchema:
    """Parse `schema.json`. Raises ArchiveError where it is not what this tool writes."""
    try:
        schema = msgspec.json.decode(content, type=SourceSchema)
        for table in schema.tables:
            _check_names(table, schema.keyed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"schema.json of the archive cannot be read: {error}") from error
    return schema


def _check_names(table: KeyedTable, keyed: Keyed) -> None:
    """A schema whose parts contradict each other must not reach the planner."""
    known = set(table.table.column_names)
    used = {*table.key, *table.table.primary_key, *(c for r in table.references for c in r.columns)}
    repeated = len(known) < len(table.table.columns) or len(set(table.key)) < len(table.key)
    computed = any(table.table.column(name).generated for name in table.key if name in known)
    fits = all(_fits(reference, keyed) for reference in table.references) and documents_fit(table)
    if repeated or computed or not used <= known or not fits:
        raise ArchiveError(f"schema.json of the archive contradicts itself at table {table.name}")


def _fits(reference: Reference, keyed: Keyed) -> bool:
    """Whether the columns of a reference and those that it refers to can be paired."""
    other = keyed.get(reference.table)
    if other is None:
        return False
    if reference.kind is ReferenceKind.POLYMORPHIC:
        return len(reference.columns) == 2
    paired = 0 < len(reference.columns) == len(reference.referred_columns)
    return paired and set(reference.referred_columns) <= set(other.table.column_names)


class LineFormat:
    """How lines of one table are read, and what their key value is."""

    def __init__(self, keyed: Keyed, name: str) -> None:
        if name not in keyed:
            raise ArchiveError(f"schema.json of the archive says nothing of table {name}")
        self.table = keyed[name]
        self.columns: Mapping[str, Kind] = {c.name: c.kind for c in self.table.table.columns if not c.generated}
        self.references = {
            column: self.table.resolving[column] for column in self.columns if column in self.table.resolving
        }
        self.documents = document_columns(self.table.references)
        self._reader = RowReader(name, self.columns, frozenset(self.references))
        self._positions = {column: position for position, column in enumerate(self.columns)}
        self._parent = -1
        self.above: int | None = None
        """Where in the key value of a row of a tree the list of what is above it stands."""
        try:
            self._key = self._key_parts(keyed)
        except BackupError as error:
            raise ArchiveError(f"schema.json of the archive contradicts itself: {error.message}") from error

    def _key_parts(self, keyed: Keyed) -> tuple[tuple[int, int], ...]:
        """For each part of the key: the position in the line, and how many leaves a reference has (0: a value)."""
        parts: list[tuple[int, int]] = []
        used = set()
        for column in self.table.key:
            reference = self.references.get(column)
            if reference is None or self.table.whole_row:
                parts.append((self._positions[column], 0))
            elif reference not in used:
                used.add(reference)
                if reference == self.table.key_parent:
                    self._parent = self._positions[column]
                    self.above = above_place(expand_key(keyed, self.table.name))
                parts.append((self._positions[column], len(expand_key(keyed, reference.table))))
        return tuple(parts)

    def values(self, line: bytes, number: int) -> list[Any]:
        """The values of a line, in the order of `columns`."""
        return self._reader.row(line, number)

    def key_value(self, values: Sequence[Any]) -> list[Any]:
        """The row's own key value."""
        key: list[Any] = []
        for position, leaves in self._key:
            value = values[position]
            if self.above is not None and position == self._parent:
                key.append(above_child(value, self.above))
            elif not leaves:
                key.append(value)
            elif value is None:
                key.extend([None] * leaves)
            elif is_key_value(value):
                key.extend(value)
            else:
                key.append(value)
        return key

    def named(self, column: str, form: Any, own: list[Any]) -> Any:
        """The key value that a reference column holds, where `own` is that of the row: it may be its own parent."""
        return own if form == [] and self.references[column] == self.table.key_parent else form
