"""Brings the rows of an archive into the target's temporary tables, in the target's types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from edms_backup.backends.base import Backend
from edms_backup.backends.extract import label_of
from edms_backup.backends.messages import driver_message
from edms_backup.backends.staged_documents import StagedDocuments
from edms_backup.backends.workspace import (
    DIGEST,
    KEY,
    LEVEL,
    ROW,
    Workspace,
    digest_name,
    is_polymorphic,
    label_name,
    text_name,
    value_name,
)
from edms_backup.errors import ArchiveError, RegistryError
from edms_backup.plan.restore import RestoreColumn, RestoreTable
from edms_backup.plan.source import LineFormat
from edms_backup.report import Problem
from edms_backup.values.forms import ValueMismatch
from edms_backup.values.rows import dangling_value, is_key_value, key_digest, key_text

BATCH_ROWS = 2_000

Refuse = Callable[[Problem], None]


class _Slots(NamedTuple):
    """Where a column's parts stand in a staged row, and how its values get there."""

    column: RestoreColumn
    position: int
    """In the values of a line; of a column that the archive lacks, none."""
    value: int
    digest: int
    text: int
    label: int
    bound: Callable[[Any], Any]


class StageWriter:
    """Stages the lines of one table. `refuse` is told of each row that the target's types cannot hold."""

    def __init__(self, workspace: Workspace, table: RestoreTable, lines: LineFormat, refuse: Refuse) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self._lines = lines
        self._refuse = refuse
        self._stage = workspace.stage[table.name]
        positions = {name: position for position, name in enumerate(lines.columns)}
        self._positions = {c.name: -1 if c.archived is None else positions[c.archived] for c in table.columns}
        self._places = {column.name: place for place, column in enumerate(self._stage.columns)}
        slots = [self._slots(column) for column in table.columns]
        self._defaults = [slot for slot in slots if slot.column.archived is None]
        self._plain = [slot for slot in slots if slot.column.reference is None and slot.column.archived is not None]
        self._documents = StagedDocuments(workspace, table) if table.documents else None
        self._referring = [slot for slot in slots if slot.column.reference is not None]
        self._blank: list[Any] = [None] * len(self._places)
        for slot in self._defaults:
            self._blank[slot.value] = self._default(slot)
        self._rows: list[list[Any]] = []
        self.read = 0
        """Rows of the archive seen so far."""

    def _slots(self, column: RestoreColumn) -> _Slots:
        return _Slots(
            column,
            self._positions[column.name],
            value=self._places[value_name(column)],
            digest=self._places.get(digest_name(column), -1),
            text=self._places.get(text_name(column), -1),
            label=self._places.get(label_name(column), -1),
            bound=self._backend.converted(column.column, column.source),
        )

    def _default(self, slot: _Slots) -> Any:
        """The value of new rows in a column that the archive lacks. Raises RegistryError where it cannot be one."""
        value = slot.column.default
        if value is None:
            return None
        try:
            return slot.bound(value)
        except ValueMismatch as error:
            name = f"{self._table.name}.{slot.column.name}"
            raise RegistryError(
                f"the registry's column_defaults give {name} the value {shown_value(value)}, which is {error}",
                hint=f"write a value of the type {slot.column.column.native}, as an archive would hold it",
            ) from None

    def add(self, lines: Sequence[bytes]) -> None:
        """Stage some lines. Raises ArchiveError for a line that cannot be read."""
        for line in lines:
            self.read += 1
            row = self._row(self._lines.values(line, self.read))
            if row is not None:
                self._rows.append(row)
        if self._documents is not None:
            self._documents.flush()
        if len(self._rows) >= BATCH_ROWS:
            self._flush()

    def finish(self) -> None:
        """Stage what is left."""
        self._flush()
        self._workspace.analyse(self._stage)

    def _row(self, values: Sequence[Any]) -> list[Any] | None:
        key = self._lines.key_value(values)
        text = key_text(key)
        row = list(self._blank)
        row[self._places[ROW]] = self.read
        row[self._places[DIGEST]] = key_digest(text)
        if not self._table.keyed.whole_row:
            row[self._places[KEY]] = text.decode()
        if self._lines.above is not None:
            row[self._places[LEVEL]] = len(key[self._lines.above])
        slot = None
        apart = self._set_apart(values)
        try:
            for slot in self._plain:
                form = None if slot.column.name in apart else values[slot.position]
                if form is not None:
                    row[slot.value] = slot.bound(form)
            for slot in self._referring:
                if values[slot.position] is not None:
                    self._refer(row, slot, values, key)
        except (ValueMismatch, OverflowError) as error:
            assert slot is not None
            name, form = slot.column.name, values[slot.position]
            what = f"{name} = {shown_value(form)} is {error}"
            if slot.column.reference is None and is_key_value(form) and slot.column.archived in self._lines.references:
                other = self._lines.references[slot.column.archived].table
                what = f"{name} refers to {shown_row(other, form)}, a table that the target lacks"
            self._report(f"{self._shown(key)}: {what}", key, name, form)
            return None
        return row

    def _set_apart(self, values: Sequence[Any]) -> Collection[str]:
        """Keep the documents that have references inside; returns the columns that are staged without them."""
        if self._documents is None:
            return ()
        forms = [values[self._positions[name]] for name in self._documents.names]
        try:
            return self._documents.keep(self.read, forms)
        except ValueError as error:
            raise ArchiveError(
                f"row {self.read} of table {self._table.name} cannot be read: {error}",
                hint="the archive was changed after it was written; use another one",
            ) from error

    def _refer(self, row: list[Any], slot: _Slots, values: Sequence[Any], key: list[Any]) -> None:
        column = slot.column
        form = self._lines.named(column.archived or column.name, values[slot.position], key)
        if is_polymorphic(column):
            assert column.reference is not None
            type_key = values[self._positions[column.reference.type_column]]
            label = label_of(type_key) if is_key_value(type_key) else None
            row[slot.label] = label
            if label in self._workspace.targets:
                self._workspace.labels.setdefault((self._table.name, column.name), set()).add(label)
        if is_key_value(form):
            row[slot.text], row[slot.digest] = _text_and_digest(key_text(form))
            return
        try:
            row[slot.value] = slot.bound(dangling_value(form))
        except ValueError as error:
            if isinstance(error, ValueMismatch):
                raise
            raise ArchiveError(
                f"row {self.read} of table {self._table.name} cannot be read: {column.name} is {error}",
                hint="the archive was changed after it was written; use another one",
            ) from error

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        if try_load(self._backend, self._stage, rows) is not None:
            # One of them does not fit the target's types: find it, and name it.
            for row in rows:
                if try_load(self._backend, self._stage, [row]) is not None:
                    self._name_culprit(row)

    def _name_culprit(self, row: list[Any]) -> None:
        """Report the column that the target cannot hold, found by staging each alone."""
        text = row[self._places[KEY]]
        key = json.loads(text) if text else None
        for slot in (*self._plain, *self._referring, *self._defaults):
            value = row[slot.value]
            alone = [value if place == slot.value else None for place in range(len(row))]
            message = None if value is None else try_load(self._backend, self._stage, [alone], keep=False)
            if message is not None:
                name = slot.column.name
                what = f"the target cannot hold {name} = {shown_value(value)}: {message}"
                self._report(f"{self._shown(key)}: {what}", key, name, value)
                return
        self._report(f"{self._shown(key)}: the target cannot hold the row", key, None, None)

    def _shown(self, key: Sequence[Any] | None) -> str:
        return shown_row(self._table.name, None if self._table.keyed.whole_row else key)

    def _report(self, message: str, key: Sequence[Any] | None, column: str | None, value: Any) -> None:
        if key:
            self._workspace.remember_refused(self._table.name, key_digest(key_text(key)))
        self._refuse(Problem("value-does-not-fit", message, self._table.name, list(key or ()), column, value))


def try_load(
    backend: Backend, table: sa.TableClause, rows: Sequence[Sequence[Any]], *, keep: bool = True
) -> str | None:
    """Load rows; returns what the server said against it, after which it is as before."""
    backend.run("SAVEPOINT staging")
    try:
        backend.load(table, rows)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        backend.run("ROLLBACK TO SAVEPOINT staging")
        # The staging column's name means nothing to anybody.
        return re.sub(r" for column [\w'`.]+ at row \d+", "", driver_message(error))
    except OverflowError as error:
        backend.run("ROLLBACK TO SAVEPOINT staging")
        return str(error)
    if not keep:
        backend.run("ROLLBACK TO SAVEPOINT staging")
    backend.run("RELEASE SAVEPOINT staging")
    return None


@lru_cache(maxsize=100_000)
def _text_and_digest(text: bytes) -> tuple[str, str]:
    """A key value's text and digest; many rows refer to the same few."""
    return text.decode(), key_digest(text)


def shown_row(table: str, key: Sequence[Any] | None) -> str:
    """A row as messages name it: `users ["author01"]`."""
    return f"{table} {shown_value(list(key))}" if key else f"a row of {table}"


def shown_rows(count: int) -> str:
    """A number of rows in words: `1 row`, `2 rows`."""
    return f"{count:,} row{'' if count == 1 else 's'}"


def shown_pairs(names: Sequence[str], values: Sequence[Any]) -> str:
    """Columns and their values as messages show them: `module = O1, level = NULL`."""
    pairs = zip(names, values, strict=False)
    return ", ".join(f"{name} = {'NULL' if value is None else value}" for name, value in pairs)


def shown_value(value: Any) -> str:
    """A value as messages show it: JSON, cut when long."""
    text = value if isinstance(value, orjson.Fragment) else json.dumps(value, ensure_ascii=False, default=str)
    return str(text) if len(str(text)) <= 120 else f"{str(text)[:117]}…"
