"""PostgreSQL: the server writes the text of all but the simplest types, and locks keep a snapshot whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import TableKey
from sqlalchemy.exc import DBAPIError

from edms_backup.backends.base import Backend, Capabilities, Expression
from edms_backup.backends.generic import Convert, generic_kind
from edms_backup.backends.postgresql_catalog import EXTENSIONS, NATIVE, SEQUENCE, UNIQUES, unique_key
from edms_backup.backends.postgresql_statements import LockTables, OverridingInsert
from edms_backup.model import Column, Kind, Table, UniqueKey
from edms_backup.values import fit, forms

_SESSION = (
    "SET TIME ZONE 'UTC'",
    "SET datestyle = 'ISO, YMD'",
    "SET intervalstyle = 'postgres'",
    "SET extra_float_digits = 3",
    "SET lc_monetary = 'C'",
    "SET bytea_output = 'hex'",
    "SET xmloption = 'content'",
    "SET client_encoding = 'UTF8'",
    "SET row_security = off",
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
    "SET lock_timeout = '60s'",
    # To compile a statement costs half a second; ours run once, and most over few rows.
    "SET jit = off",
)

_PLAIN = {Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.TEXT, Kind.BYTES}
"""Kinds that psycopg returns without loss; all others leave as the server's own text."""

_EXACT = {Kind.BOOLEAN, Kind.INTEGER, Kind.BYTES, Kind.UUID, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}
"""Kinds whose equality means the same text."""

_MOMENT = r"\d{4,6}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?"

_FORMS: dict[Kind, Convert] = {
    Kind.FLOAT: forms.float_form,
    Kind.BYTES: forms.bytes_form,
    Kind.TIMESTAMP: forms.timestamp_form,
    Kind.TIMESTAMP_TZ: forms.timestamptz_form,
    Kind.JSON: forms.json_form,
}


_NESTED: dict[Kind, Convert] = {Kind.BYTES: bytes.fromhex, Kind.FLOAT: float}
"""From an element of a JSON array to what the driver returns, where that is not the same."""

_WITHOUT_EQUALITY = frozenset(
    (
        "json",
        "xml",
        "jsonpath",
        "point",
        "polygon",
        "box",
        "path",
        "circle",
        "pg_snapshot",
        "txid_snapshot",
        "refcursor",
    )
)
"""Types that have no equality at all, or one of areas and lengths."""

_BOUND: dict[Kind, Convert] = {
    # The server reads its own text again, infinity and BC included; of any other it might make today's date.
    Kind.DATE: fit.only("date", r"\d{4,7}-\d\d-\d\d( BC)?|-?infinity"),
    Kind.TIME: fit.only("time of day", r"\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d){0,2})?"),
    Kind.TIMESTAMP: fit.only("timestamp", rf"{_MOMENT}( BC)?|-?infinity"),
    Kind.TIMESTAMP_TZ: fit.only("timestamp", rf"{_MOMENT}(\+00:00)?( BC)?|-?infinity"),
}


def _without_padding(text: str) -> str:
    return text.rstrip(" ")


def _without_domain(type_: Any) -> Any:
    """The type that a domain is over; any other type itself."""
    while isinstance(type_, postgresql.DOMAIN):
        type_ = type_.data_type
    return type_


class PostgreSQL(Backend):
    """PostgreSQL through psycopg 3."""

    product: ClassVar[str] = "postgresql"
    capabilities: ClassVar[Capabilities] = Capabilities(deferrable=True, row_checked=False)

    def _engine(self, url: sa.URL) -> sa.Engine:
        return sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            query_cache_size=0,
            connect_args={"connect_timeout": 15, "application_name": "edms-backup"},
        )

    def prepare_session(self) -> None:
        for statement in _SESSION:
            self.run(statement)
        # Every table is named with its schema; the path only finds operators of types that live there.
        self._search(*self._path)

    @cached_property
    def _path(self) -> tuple[str, ...]:
        """Schemas of tables, and those that extensions put their types in."""
        return (str(self.schema_name), *self.other_schemas, *self.connection.execute(EXTENSIONS).scalars())

    def _search(self, *schemas: str) -> None:
        """Set the search path."""
        quote = self.connection.dialect.identifier_preparer.quote_identifier
        path = ", ".join(["pg_catalog", *map(quote, schemas)])
        self.connection.execute(sa.select(sa.func.set_config("search_path", path, False)))

    # --- transactions -------------------------------------------------------------------------------------------

    def begin_snapshot(self, tables: Sequence[Table]) -> None:
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        # TRUNCATE and ALTER of others are seen as an empty table unless the snapshot follows the locks.
        self._lock(tables, "ACCESS SHARE")

    def begin_rehearsal(self) -> None:
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def begin_restore(self, tables: Sequence[Table]) -> None:
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
        self._lock(tables, "SHARE ROW EXCLUSIVE")
        self.run("SET CONSTRAINTS ALL DEFERRED")

    def _lock(self, tables: Sequence[Table], mode: str) -> None:
        if tables:
            self.connection.execute(LockTables([self.table_clause(table) for table in tables], mode))

    def check_constraints_now(self) -> None:
        self.run("SET CONSTRAINTS ALL IMMEDIATE")

    # --- schema -------------------------------------------------------------------------------------------------

    @cached_property
    def other_schemas(self) -> tuple[str, ...]:
        query = sa.text(
            "SELECT nspname FROM pg_catalog.pg_namespace n "
            "WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', coalesce(:schema, '')) "
            "AND EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid) ORDER BY nspname"
        )
        return tuple(self.connection.execute(query, {"schema": self.schema_name}).scalars())

    def foreign_keys(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        # The catalogue names the schema of a table only where the search path does not find it.
        self._search()
        try:
            return inspector.get_multi_foreign_keys(schema=schema)
        finally:
            self._search(*self._path)

    def inherited_tables(self) -> Mapping[str, str]:
        query = sa.text(
            "SELECT n.nspname, parent.relname, child.relname FROM pg_catalog.pg_inherits i "
            "JOIN pg_catalog.pg_class parent ON parent.oid = i.inhparent "
            "JOIN pg_catalog.pg_class child ON child.oid = i.inhrelid "
            "JOIN pg_catalog.pg_namespace n ON n.oid = parent.relnamespace WHERE parent.relkind = 'r'"
        )
        return {
            self.table_name(schema, parent): f"table {child} inherits from it, and its rows are read twice"
            for schema, parent, child in self.connection.execute(query)
            if schema in (self.schema_name, *self.other_schemas)
        }

    def left_out_tables(self) -> frozenset[str]:
        query = sa.text(
            "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relispartition"
        )
        known = (self.schema_name, *self.other_schemas)
        found = self.connection.execute(query)
        return frozenset(self.table_name(schema, name) for schema, name in found if schema in known)

    def unique_keys(self) -> Mapping[str, tuple[UniqueKey, ...]]:
        known = (self.schema_name, *self.other_schemas)
        grouped: dict[tuple[str, str], list[Any]] = {}
        for schema, table, *index in self.connection.execute(UNIQUES):
            if schema in known:
                grouped.setdefault((self.table_name(schema, table), index[0]), []).append(index[1:])
        found: dict[str, list[UniqueKey]] = {}
        for (table, name), rows in grouped.items():
            found.setdefault(table, []).append(unique_key(name, rows))
        return {table: tuple(keys) for table, keys in found.items()}

    def native_types(self) -> Mapping[tuple[str, str], str]:
        found = self.connection.execute(NATIVE)
        known = (self.schema_name, *self.other_schemas)
        return {(self.table_name(s, table), column): native for s, table, column, native in found if s in known}

    def is_auto_assigned(self, column: Mapping[str, Any], native: str, primary_key: tuple[str, ...]) -> bool:
        return bool(column.get("identity")) or str(column.get("default") or "").startswith("nextval(")

    def fraction(self, column: Mapping[str, Any], native: str, kind: Kind) -> int | None:
        # By the catalogue's own words, which are those of the type that a domain is over.
        if native == "money":
            return 2
        if kind is Kind.DECIMAL:
            return int(found[1]) if (found := re.search(r",(-?\d+)\)", native)) else None
        if kind in (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.TIME, Kind.INTERVAL):
            return int(found[1]) if (found := re.search(r"\((\d)\)", native)) else None
        return None

    def length(self, column: Mapping[str, Any], kind: Kind) -> int | None:
        return super().length({"type": _without_domain(column["type"])}, kind)

    def kind_of(self, column: Mapping[str, Any], native: str, documents: frozenset[str]) -> Kind:
        type_ = _without_domain(column["type"])
        if isinstance(type_, sa.DateTime):
            return Kind.TIMESTAMP_TZ if native.endswith("with time zone") else Kind.TIMESTAMP
        if isinstance(type_, postgresql.MONEY):
            return Kind.DECIMAL
        if isinstance(type_, postgresql.INTERVAL):
            return Kind.INTERVAL
        odd = isinstance(type_, postgresql.BIT | postgresql.CITEXT | postgresql.OID)
        return Kind.OTHER if odd else generic_kind(type_)

    # --- values -------------------------------------------------------------------------------------------------

    def readable(self, column: Column, value: Expression) -> Expression:
        if column.native == "money":
            # Without currency and thousands; the server reads it again.
            return self.text(sa.cast(value, sa.Numeric))
        return value if column.kind in _PLAIN else self.text(value)

    def form(self, column: Column) -> Convert | None:
        # The blanks with which the server fills a char(n) up are no part of the value, and come back by themselves.
        return _without_padding if column.native.startswith("character(") else _FORMS.get(column.kind)

    def bound(self, column: Column) -> Convert:
        if column.native == "real":
            return forms.single_float_value
        if column.native.startswith("bit("):
            return fit.bit_text(column.native)
        if column.native.startswith("character("):
            return fit.unpadded_text
        return _BOUND.get(column.kind) or super().bound(column)

    def comparable(self, column: Column, value: Expression) -> Expression:
        # Some collations call texts equal that differ; "C" compares bytes.
        return value if column.kind in _EXACT else sa.collate(self.text(value), "C")

    def unfit_for_key(self, column: Column) -> bool:
        return column.native in _WITHOUT_EQUALITY

    def same(self, left: Expression, right: Expression) -> Expression:
        # IS NOT DISTINCT FROM can use neither an index nor a hash here.
        return sa.or_(left == right, sa.and_(left.is_(None), right.is_(None)))

    def integer_of_text(self, value: Expression) -> Expression:
        text = self.text(value)
        longest = sa.and_(text.regexp_match(r"^[0-9]{19}$"), sa.collate(text, "C") <= "9223372036854775807")
        number = sa.or_(text.regexp_match(r"^-?[0-9]{1,18}$"), longest)
        return sa.case((number, sa.cast(text, sa.BigInteger)))

    def of_kind(self, column: Column, value: Expression) -> Expression:
        if column.kind is Kind.UUID:
            return sa.cast(value, sa.Uuid)
        return super().of_kind(column, value)

    def nested(self, column: Column, value: Expression) -> Expression:
        return sa.func.encode(value, "hex") if column.kind is Kind.BYTES else self.readable(column, value)

    def nested_form(self, column: Column) -> Convert | None:
        form = self.form(column)
        read = _NESTED.get(column.kind)
        return form if read is None or form is None else lambda element: form(read(element))

    def json_array(self, values: Sequence[Expression]) -> Expression:
        return sa.func.json_build_array(*values)

    def new_uuid(self, column: Column) -> Expression | None:
        return sa.func.gen_random_uuid() if column.kind is Kind.UUID else None

    # --- numbers ------------------------------------------------------------------------------------------------

    def _sequence(self, table: Table, column: str) -> str | None:
        """The name of the sequence behind a column, ready to be cast to regclass."""
        schema = table.schema or self.schema_name
        names = {"schema": schema, "table": table.name_in_schema, "column": column}
        return self.connection.execute(SEQUENCE, names).scalar()

    def last_number(self, table: Table, column: str) -> int:
        sequence = self._sequence(table, column)
        if sequence is None:
            return 0
        regclass = sa.cast(sa.literal(sequence), postgresql.REGCLASS)
        return self.connection.execute(sa.select(sa.func.pg_sequence_last_value(regclass))).scalar() or 0

    def advance_number(self, table: Table, column: str) -> None:
        sequence = self._sequence(table, column)
        if sequence is None:
            return
        highest = self.connection.execute(sa.select(sa.func.max(self.table_clause(table).c[column]))).scalar()
        if highest is not None and highest > self.last_number(table, column):
            self.connection.execute(
                sa.select(sa.func.setval(sa.cast(sa.literal(sequence), postgresql.REGCLASS), highest))
            )

    # --- staging ------------------------------------------------------------------------------------------------

    def load(self, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        # COPY takes the text of every type, without a cast and without a round trip a row.
        names = [column.name for column in table.columns]
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier("pg_temp", table.name), sql.SQL(", ").join(sql.Identifier(name) for name in names)
        )
        driver = self.connection.connection.driver_connection
        assert driver is not None
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.Error as error:
            raise DBAPIError(None, None, error) from error

    def emptiable(self, value: Expression) -> Expression:
        # The value of a CASE has the type that a domain is over.
        return sa.case((sa.true(), value))

    def analyse(self, table: sa.TableClause) -> None:
        self.connection.exec_driver_sql(f"ANALYZE {self.connection.dialect.identifier_preparer.format_table(table)}")

    def insert_from(self, target: sa.TableClause, columns: Sequence[Column], query: sa.Select[Any]) -> sa.Insert:
        kind = OverridingInsert if any(column.identity_always for column in columns) else sa.Insert
        return kind(target).from_select([column.name for column in columns], query)
