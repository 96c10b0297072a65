"""SQLite: any column can hold any value, so each value decides how it is written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from edms_backup.backends import sqlite_schema
from edms_backup.backends.base import Backend, Capabilities, Expression
from edms_backup.backends.generic import Convert
from edms_backup.errors import EnvironmentFailed
from edms_backup.model import Check, Column, Kind, Table, UniqueKey
from edms_backup.values import fit, forms

_DECLARED: tuple[tuple[str, Kind], ...] = (
    ("bool", Kind.BOOLEAN),
    ("json", Kind.JSON),
    ("datetime", Kind.TIMESTAMP),
    ("timestamp", Kind.TIMESTAMP),
    ("date", Kind.DATE),
    ("time", Kind.TIME),
    ("int", Kind.INTEGER),
    ("char", Kind.TEXT),
    ("clob", Kind.TEXT),
    ("text", Kind.TEXT),
    ("uuid", Kind.TEXT),
    ("blob", Kind.BYTES),
    ("real", Kind.FLOAT),
    ("floa", Kind.FLOAT),
    ("doub", Kind.FLOAT),
    ("dec", Kind.DECIMAL),
    ("num", Kind.DECIMAL),
)
"""What a word in the declared type says, the first that is found."""

_DJANGO_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.(?!000000)\d{6})?")


class SQLite(Backend):
    """SQLite through Python's own driver."""

    product: ClassVar[str] = "sqlite"
    capabilities: ClassVar[Capabilities] = Capabilities(deferrable=True, defers_all=True, row_checked=False)

    def _engine(self, url: sa.URL) -> sa.Engine:
        path = url.database
        if not path or path == ":memory:":
            raise EnvironmentFailed(
                "an SQLite database in memory has nothing to back up", hint="name a file: sqlite:///file"
            )
        if not Path(path).is_file():
            raise EnvironmentFailed(f"there is no database file {path}", hint="check the path after sqlite:///")
        mode = "ro" if self.read_only else "rw"
        uri = sa.URL.create("sqlite", database=f"{Path(path).absolute().as_uri()}", query={"mode": mode, "uri": "true"})
        return sa.create_engine(
            uri,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            query_cache_size=0,
            connect_args={"timeout": 60, "check_same_thread": False},
        )

    @property
    def _driver(self) -> Any:
        return self.connection.connection.driver_connection

    @property
    def place(self) -> str:
        return f"sqlite:///{self.url.database}"

    def prepare_session(self) -> None:
        self.run("PRAGMA foreign_keys = ON")
        self.run("PRAGMA temp_store = FILE")
        # The driver's own way takes nothing that is no UTF-8, not even in a message.
        self._driver.text_factory = _shown_text
        self.run("SELECT count(*) FROM sqlite_master")

    # --- transactions -------------------------------------------------------------------------------------------

    def begin_snapshot(self, tables: Sequence[Table]) -> None:
        self.run("BEGIN")
        # The snapshot starts with the first read, not with BEGIN.
        self.run("SELECT count(*) FROM sqlite_master")

    def begin_restore(self, tables: Sequence[Table]) -> None:
        self.run("BEGIN IMMEDIATE")
        self.run("PRAGMA defer_foreign_keys = ON")

    # --- schema -------------------------------------------------------------------------------------------------

    def native_types(self) -> Mapping[tuple[str, str], str]:
        query = sa.text(
            "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
        )
        return {(table, column): type_.lower() for table, column, type_ in self.connection.execute(query)}

    def unique_keys(self) -> Mapping[str, tuple[UniqueKey, ...]]:
        return sqlite_schema.unique_keys(self.connection)

    def checks(self) -> Mapping[str, tuple[Check, ...]]:
        return sqlite_schema.checks(self.connection)

    def generated_by(self) -> Mapping[tuple[str, str], str]:
        return sqlite_schema.generated(self.connection)

    def fraction(self, column: Mapping[str, Any], native: str, kind: Kind) -> int | None:
        return None

    def length(self, column: Mapping[str, Any], kind: Kind) -> int | None:
        return None

    def is_auto_assigned(self, column: Mapping[str, Any], native: str, primary_key: tuple[str, ...]) -> bool:
        return native == "integer" and primary_key == (column["name"],)

    def kind_of(self, column: Mapping[str, Any], native: str, documents: frozenset[str]) -> Kind:
        if column["name"] in documents:
            return Kind.JSON
        return next((kind for word, kind in _DECLARED if word in native), Kind.OTHER)

    # --- values -------------------------------------------------------------------------------------------------

    def batches(self, query: sa.Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
        done, driver = 0, self._driver
        driver.text_factory = str
        try:
            for rows in super().batches(query):
                yield rows
                done += len(rows)
        except OperationalError as error:
            if "decode" not in str(error.orig):
                raise
            # Once more, and slower: in one snapshot a statement gives its rows in the same order each time.
            driver.text_factory = _any_text
            for rows in super().batches(query):
                if done < len(rows):
                    yield rows[done:]
                done = max(0, done - len(rows))
        finally:
            driver.text_factory = _shown_text

    def form(self, column: Column) -> Convert | None:
        return _FORMS[column.kind]

    def bound(self, column: Column) -> Convert:
        if column.kind is Kind.JSON:
            return fit.document_or_number if _makes_numbers(column) else forms.plain_text
        if column.kind is Kind.OTHER:
            return _any_value if _makes_numbers(column) else lambda form: form
        return _BOUND.get(column.kind) or super().bound(column)

    def converted(self, column: Column, source: Column) -> Convert:
        # A value that was stored against its column's type comes back as it is.
        convert = super().converted(column, source)
        untagged = _untagged if self._keeps_bytes else _only_text(_untagged)
        return lambda form: untagged(form) if type(form) is dict else convert(form)

    def load(self, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        plain = []
        for row in rows:
            if any(isinstance(value, BrokenText) for value in row):
                values = dict(zip((column.name for column in table.columns), map(_expression, row), strict=True))
                self.connection.execute(sa.insert(table).values(values))
            else:
                plain.append(row)
        if plain:
            super().load(table, plain)

    def comparable(self, column: Column, value: Expression) -> Expression:
        # NOCASE and RTRIM columns would hide a change; a blob never equals a text.
        return sa.collate(sa.type_coerce(value, sa.Text), "BINARY")

    def integer_of_text(self, value: Expression) -> Expression:
        return sa.cast(value, sa.Integer)

    def nested(self, column: Column, value: Expression) -> Expression:
        # JSON would round a real, has no blob, and is no text any more with a text in it that is no UTF-8.
        storage = sa.func.typeof(value)
        bytes_ = storage.in_(["blob", "text"] if self._keeps_bytes else ["blob"])
        written = sa.case((bytes_, sa.func.hex(value)), (storage == "real", sa.func.quote(value)), else_=value)
        return sa.func.json_array(storage, written)

    def nested_form(self, column: Column) -> Convert | None:
        form, read = _FORMS[column.kind], dict(_STORED)
        if self._keeps_bytes:
            read["text"] = lambda digits: _any_text(bytes.fromhex(digits))
        return lambda element: _nested_form(form, read, *element)

    @cached_property
    def _keeps_bytes(self) -> bool:
        """Whether a text can be no UTF-8: a database in UTF-16 converts it."""
        return self.connection.exec_driver_sql("PRAGMA encoding").scalar() == "UTF-8"

    def new_uuid(self, column: Column) -> Expression | None:
        return None

    # --- numbers ------------------------------------------------------------------------------------------------

    def highest_number(self, column: Column) -> int:
        return 2**63 - 1

    def as_stored(self, target: sa.FromClause, names: Sequence[str], rows: sa.Select[Any]) -> sa.SelectBase:
        # A temporary table has no collations; of a compound SELECT those of its first part count.
        own = [sa.null().label(column.name) for column in list(rows.selected_columns)[: -len(names)]]
        return sa.select(*own, *(target.c[name] for name in names)).where(sa.false()).union_all(rows)

    def last_number(self, table: Table, column: str) -> int:
        has_sequence = sa.text("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'")
        if self.connection.execute(has_sequence).scalar() is None:
            return 0
        query = sa.text("SELECT seq FROM main.sqlite_sequence WHERE name = :name")
        return int(self.connection.execute(query, {"name": table.name}).scalar() or 0)


class BrokenText(bytes):
    """A text whose bytes are no UTF-8; SQLite keeps them as it gets them."""


def _shown_text(value: bytes) -> str:
    """A text for a message."""
    return value.decode(errors="replace")


def _any_text(value: bytes) -> str | BrokenText:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return BrokenText(value)


def _only_text(bound: Convert) -> Convert:
    def checked(form: Any) -> Any:
        value = bound(form)
        if isinstance(value, BrokenText):
            raise forms.ValueMismatch("text that is no UTF-8, which a database in UTF-16 cannot hold")
        return value

    return checked


def _expression(value: Any) -> Any:
    """What to bind for a value: the driver has no text for bytes that are none."""
    return sa.cast(sa.literal(bytes(value)), sa.Text) if isinstance(value, BrokenText) else value


def _boolean(value: Any) -> Any:
    return bool(value) if type(value) is int and value in (0, 1) else _tagged(value)


def _number(value: Any) -> Any:
    if type(value) is int:
        return value
    return _tagged(value)


def _float(value: Any) -> Any:
    return forms.float_form(value) if type(value) is float else _tagged(value)


def _decimal(value: Any) -> Any:
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)
    return _tagged(value)


def _text(value: Any) -> Any:
    return value if type(value) is str else _tagged(value)


def _bytes(value: Any) -> Any:
    return forms.bytes_form(value) if type(value) is bytes else _tagged(value)


def _timestamp(value: Any) -> Any:
    if type(value) is str and _DJANGO_TIMESTAMP.fullmatch(value):
        return forms.timestamp_form(value)
    return _tagged(value)


def _json(value: Any) -> Any:
    return forms.checked_json_form(value) if type(value) is str else {forms.JSON_TEXT: _tagged(value)}


def _any(value: Any) -> Any:
    if type(value) in (int, str) or (type(value) is float and math.isfinite(value)):
        return value
    return _tagged(value)


def _tagged(value: Any) -> dict[str, Any]:
    """A value that its column's kind does not expect, marked so that it comes back as it is."""
    if isinstance(value, BrokenText):
        return {forms.BROKEN: forms.bytes_form(value)}
    if type(value) is bytes:
        return {forms.BYTES: forms.bytes_form(value)}
    if type(value) is float and not math.isfinite(value):
        return {forms.FLOAT: forms.float_form(value)}
    return {forms.RAW: value}


_STORED: Mapping[str, Convert] = {"blob": bytes.fromhex, "real": float}


def _nested_form(form: Convert, read: Mapping[str, Convert], storage: str, written: Any) -> Any:
    if written is None:
        return None
    return form(read[storage](written) if storage in read else written)


_FORMS: dict[Kind, Convert] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _number,
    Kind.FLOAT: _float,
    Kind.DECIMAL: _decimal,
    Kind.TEXT: _text,
    Kind.BYTES: _bytes,
    Kind.DATE: _text,
    Kind.TIME: _text,
    Kind.TIMESTAMP: _timestamp,
    Kind.JSON: _json,
    Kind.OTHER: _any,
}


_BOUND: dict[Kind, Convert] = {
    Kind.DATE: forms.plain_text,
    Kind.DECIMAL: fit.stored_number,
    Kind.FLOAT: fit.no_nan,
}


def _makes_numbers(column: Column) -> bool:
    """Whether SQLite turns text that looks like a number into one in a column of this type."""
    # Without a type, or in a STRICT table as `any`, a column keeps what it is given.
    untyped = column.native in ("", "unknown", "any")
    return not untyped and not any(word in column.native for word in ("char", "clob", "text", "blob"))


def _any_value(form: Any) -> Any:
    return fit.unlike_number(form) if type(form) is str else form


def _untagged(form: dict[str, Any]) -> Any:
    if len(form) == 1:
        ((tag, value),) = form.items()
        if tag == forms.BYTES:
            return forms.bytes_value(value)
        if tag == forms.BROKEN:
            return BrokenText(forms.bytes_value(value))
        if tag == forms.FLOAT:
            return forms.float_value(value)
        if tag == forms.RAW and (value is None or isinstance(value, int | float | str)):
            return value
    raise forms.ValueMismatch("not a value")
