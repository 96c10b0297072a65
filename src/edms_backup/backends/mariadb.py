"""MariaDB (and MySQL): a strict session, binary comparison, and consistent reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine.interfaces import TableKey

from edms_backup.backends import mariadb_schema
from edms_backup.backends.base import Backend, Capabilities, Expression
from edms_backup.backends.generic import Convert, generic_kind
from edms_backup.errors import RegistryError
from edms_backup.model import Check, Column, Kind, Table, UniqueKey
from edms_backup.values import fit, forms

_SESSION = (
    "SET NAMES utf8mb4",
    "SET time_zone = '+00:00'",
    # Strict, so that nothing is cut or rounded; zero dates, 31 February and an id of 0 are data like any other.
    "SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES'",
    "SET foreign_key_checks = 1",
    "SET unique_checks = 1",
    "SET innodb_lock_wait_timeout = 60",
    "SET lock_wait_timeout = 60",
    "SET group_concat_max_len = 1048576",
)

_BINARY = ("blob", "binary", "geometry", "point", "linestring", "polygon")
"""Types that hold bytes; a geometry comes and goes in the server's own binary form."""

_PLAIN = {Kind.BOOLEAN, Kind.INTEGER, Kind.TEXT, Kind.BYTES, Kind.JSON}


_LONGEST_TEXT = 1_000_000
"""Characters; a CAST to more than a VARCHAR has makes a MEDIUMTEXT, which then takes 16 times as many."""


class MariaDB(Backend):
    """MariaDB through PyMySQL."""

    product: ClassVar[str] = "mariadb"
    capabilities: ClassVar[Capabilities] = Capabilities(deferrable=False, row_checked=True)

    def _engine(self, url: sa.URL) -> sa.Engine:
        return sa.create_engine(
            url.set(drivername=f"{url.get_backend_name()}+pymysql"),
            isolation_level="AUTOCOMMIT",
            poolclass=sa.NullPool,
            query_cache_size=0,
            connect_args={"connect_timeout": 15, "charset": "utf8mb4", "program_name": "edms-backup"},
        )

    def prepare_session(self) -> None:
        for statement in _SESSION:
            self.run(statement)
        if getattr(self.connection.dialect, "is_mariadb", False):
            # It would leave out what is deeper, with nothing but a warning.
            self.run("SET max_recursive_iterations = 4294967295")

    # --- transactions -------------------------------------------------------------------------------------------

    def begin_snapshot(self, tables: Sequence[Table]) -> None:
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")

    def begin_rehearsal(self) -> None:
        # In READ COMMITTED an INSERT … SELECT into a temporary table locks no row that it reads.
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        self.run("START TRANSACTION READ ONLY")

    def begin_restore(self, tables: Sequence[Table]) -> None:
        # In REPEATABLE READ the same statements keep others from changing what the restore has matched.
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.run("START TRANSACTION")

    # --- schema -------------------------------------------------------------------------------------------------

    def native_types(self) -> Mapping[tuple[str, str], str]:
        query = sa.text(
            "SELECT table_name, column_name, column_type "
            "FROM information_schema.columns WHERE table_schema = DATABASE()"
        )
        return {(table, column): type_ for table, column, type_ in self.connection.execute(query)}

    def unsafe_tables(self) -> Mapping[str, str]:
        query = sa.text(
            "SELECT t.table_name, t.engine FROM information_schema.tables t "
            "JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' AND e.transactions <> 'YES'"
        )
        found = self.connection.execute(query)
        return {table: f"its engine {engine} has no transactions" for table, engine in found}

    def checks(self) -> Mapping[str, tuple[Check, ...]] | None:
        if not getattr(self.connection.dialect, "is_mariadb", False):
            return None
        query = sa.text(
            "SELECT table_name, constraint_name, check_clause FROM information_schema.check_constraints "
            "WHERE constraint_schema = DATABASE()"
        )
        found: dict[str, list[Check]] = {}
        for table, name, condition in self.connection.execute(query):
            found.setdefault(table, []).append(Check(name, condition))
        return {table: tuple(checks) for table, checks in found.items()}

    def columns(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        found = inspector.get_multi_columns(schema=schema)
        names = mariadb_schema.column_names(self.connection)
        for (_, table), columns in found.items():
            # As SHOW CREATE TABLE quotes them, and as they are.
            real = {name.replace("`", "``"): name for name in names.get(table, ())}
            for column in columns:
                column["name"] = real.pop(column["name"], column["name"])
            if real:
                raise RegistryError(
                    f"table {table} has a column whose name has a line break: {next(iter(real.values()))!r}",
                    hint="rename the column; the catalogue of the server cannot be read with it",
                )
        return found

    def primary_keys(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        found = mariadb_schema.primary_keys(self.connection)
        return {(schema, table): {"constrained_columns": columns} for table, columns in found.items()}

    def foreign_keys(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        return {(schema, table): keys for table, keys in mariadb_schema.foreign_keys(self.connection).items()}

    def unique_keys(self) -> Mapping[str, tuple[UniqueKey, ...]]:
        return mariadb_schema.unique_keys(self.connection)

    def generated_by(self) -> Mapping[tuple[str, str], str]:
        query = sa.text(
            "SELECT table_name, column_name, CASE WHEN collation_name IS NULL THEN generation_expression ELSE "
            "concat('convert((', generation_expression, ') using ', character_set_name, ') collate ', collation_name) "
            "END FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND generation_expression IS NOT NULL"
        )
        return {(table, column): text for table, column, text in self.connection.execute(query)}

    def fraction(self, column: Mapping[str, Any], native: str, kind: Kind) -> int | None:
        if kind in (Kind.TIMESTAMP, Kind.TIME):
            return getattr(column["type"], "fsp", None) or 0
        return super().fraction(column, native, kind)

    def kind_of(self, column: Mapping[str, Any], native: str, documents: frozenset[str]) -> Kind:
        if column["name"] in documents:
            return Kind.JSON
        if native == "tinyint(1)":
            return Kind.BOOLEAN
        if any(word in native for word in _BINARY):
            return Kind.BYTES
        if native == "uuid":
            return Kind.UUID
        if isinstance(column["type"], mysql.BIT | mysql.SET | mysql.YEAR):
            return Kind.OTHER
        return generic_kind(column["type"])

    # --- values -------------------------------------------------------------------------------------------------

    def readable(self, column: Column, value: Expression) -> Expression:
        if column.native.startswith("float"):
            # A float prints six digits; as a double it has all of them.
            return sa.cast(value, mysql.DOUBLE(asdecimal=False))
        if column.native.startswith("bit"):
            return sa.cast(value, mysql.INTEGER(unsigned=True))
        if _is_enum(column):
            return sa.case((sa.cast(value, mysql.INTEGER(unsigned=True)) == 0, ""), else_=sa.func.concat("=", value))
        return value if column.kind in _PLAIN or column.kind is Kind.FLOAT else self.text(value)

    def form(self, column: Column) -> Convert | None:
        if _is_enum(column):
            return _enum_form
        return forms.single_float_form if column.native.startswith("float") else _FORMS.get(column.kind)

    def bound(self, column: Column) -> Convert:
        if _is_enum(column):
            return _enum_value
        if column.native.startswith("binary("):
            return fit.whole_bytes(column.native)
        own = next((bound for start, bound in _BOUND_BY_NATIVE if column.native.startswith(start)), None)
        return own or _BOUND.get(column.kind) or super().bound(column)

    def converted(self, column: Column, source: Column) -> Convert:
        if _is_enum(column) and _is_enum(source):
            return self.bound(column)
        return super().converted(column, source)

    def comparable(self, column: Column, value: Expression) -> Expression:
        # Collations call texts equal that differ in case, accents or trailing blanks.
        if column.kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.TIMESTAMP, Kind.DATE, Kind.FLOAT, Kind.BYTES):
            return value
        if column.native.startswith(("bit", "year")):
            # An expression of them has another text than the column.
            return sa.cast(value, mysql.INTEGER(unsigned=True))
        return sa.cast(value, mysql.BINARY())

    def text(self, value: Expression) -> Expression:
        return sa.cast(value, mysql.CHAR(charset="utf8mb4"))

    def integer_of_text(self, value: Expression) -> Expression:
        # While rows are written, a cast of any other text is an error.
        longest = sa.and_(value.op("REGEXP")("^[0-9]{19}$"), value <= sa.literal_column("'9223372036854775807'"))
        number = sa.or_(value.op("REGEXP")("^-?[0-9]{1,18}$"), longest)
        return sa.case((number, sa.cast(value, mysql.INTEGER())))

    def of_kind(self, column: Column, value: Expression) -> Expression:
        return sa.cast(value, mysql.INTEGER()) if column.kind is Kind.INTEGER else value

    def nested(self, column: Column, value: Expression) -> Expression:
        if column.kind is Kind.BYTES:
            return sa.func.hex(value)
        readable = self.readable(column, value)
        if column.kind in (Kind.INTEGER, Kind.BOOLEAN, Kind.FLOAT) or column.native.startswith("bit"):
            return readable
        # Texts of several collations would not go into one array.
        return self.text(readable)

    def nested_form(self, column: Column) -> Convert | None:
        if column.kind is Kind.BYTES:
            return lambda element: forms.bytes_form(bytes.fromhex(element))
        return self.form(column)

    def long_text(self, value: Expression) -> Expression:
        return sa.cast(value, mysql.CHAR(_LONGEST_TEXT, charset="utf8mb4"))

    def new_uuid(self, column: Column) -> Expression | None:
        return sa.func.uuid() if column.kind is Kind.UUID else None

    # --- numbers ------------------------------------------------------------------------------------------------

    def last_number(self, table: Table, column: str) -> int:
        query = sa.text(
            "SELECT auto_increment - 1 FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name = :name"
        )
        return int(self.connection.execute(query, {"name": table.name}).scalar() or 0)

    # --- staging ------------------------------------------------------------------------------------------------

    def can_be_alias(self, name: str) -> bool:
        # The server takes leading blanks off an alias, but not off the name of a column.
        return not name.startswith(" ")

    def nullable_copy(self, table: sa.FromClause) -> sa.FromClause:
        # A plain SELECT would hand on NOT NULL; the inner side of an outer join cannot.
        one = sa.select(sa.literal(1).label("one")).subquery("nothing")
        return one.outerjoin(table, sa.false())

    def load(self, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        super().load(table, [[None if value is NO_MEMBER else value for value in row] for row in rows])
        names = [column.name for column in table.columns]
        for row in rows:
            if NO_MEMBER in row:
                # A strict session takes the number 0 for a mistake; what else is in the row it has checked by now.
                empty = {name: 0 for name, value in zip(names, row, strict=True) if value is NO_MEMBER}
                same = table.c[names[0]] == row[0]
                self.connection.execute(sa.update(table).values(empty).where(same).prefix_with("IGNORE"))

    def empty_text(self) -> Expression:
        # A CAST makes no LONGTEXT that max_allowed_packet does not allow; this one is as long as can be.
        return sa.func.repeat(sa.cast(sa.null(), mysql.CHAR(1_000_000)), sa.literal_column("100"))

    def empty_number(self) -> Expression:
        # CAST(NULL AS SIGNED) would make a column of two digits.
        return sa.func.nullif(sa.literal_column("9223372036854775807"), 0)


class _NoMember:
    """What an ENUM holds that a server without strict mode once refused a text for: the number 0, shown as empty."""


NO_MEMBER = _NoMember()


def _is_enum(column: Column) -> bool:
    return column.native.startswith("enum")


def _enum_form(text: str) -> Any:
    """From a member with `=` before it, which tells an empty one from none."""
    return text[1:] if text else {forms.RAW: 0}


def _enum_value(form: Any) -> Any:
    return NO_MEMBER if form == {forms.RAW: 0} else forms.plain_text(form)


_BOUND: dict[Kind, Convert] = {
    Kind.BOOLEAN: forms.integer_value,
    Kind.FLOAT: fit.finite,
    Kind.DATE: fit.only("date", r"\d{4}-\d\d-\d\d"),
    Kind.TIME: fit.only("time", r"-?\d{2,3}:\d\d:\d\d(\.\d+)?"),
}


def _single_float(form: Any) -> float:
    return forms.single_float_value(fit.finite(form))


_BOUND_BY_NATIVE: tuple[tuple[str, Convert], ...] = (
    ("bit", fit.bit_number),
    ("char(", fit.unpadded_text),
    ("float", _single_float),
)
"""By the begin of a type's name, where the kind does not say enough."""


def _boolean_form(value: Any) -> Any:
    return bool(value) if value in (0, 1) else value


_FORMS: dict[Kind, Convert] = {
    Kind.BOOLEAN: _boolean_form,
    Kind.FLOAT: forms.float_form,
    Kind.BYTES: forms.bytes_form,
    Kind.TIME: forms.time_form,
    Kind.TIMESTAMP: forms.timestamp_form,
    Kind.JSON: forms.checked_json_form,
}
