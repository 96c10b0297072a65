"""The complete default backend over SQLAlchemy Core, and the points at which a product differs.

A backend is one connection to one database. It never leaves a transaction open by accident: the connection is in
autocommit mode, and `begin_…`, `commit` and `rollback` are the only places that start or end a transaction.
Statements are built from names of the live catalogue and quoted by SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import TableKey
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.generic import Convert, generic_bound, generic_form, generic_kind
from edms_backup.backends.messages import driver_message, hint_for, is_of_the_data
from edms_backup.backends.reflect import reflect
from edms_backup.errors import BackupError, EnvironmentFailed, RestoreRefused, UsageError
from edms_backup.model import Check, Column, Kind, Schema, Table, UniqueKey, qualified_name
from edms_backup.values import forms
from edms_backup.values.convert import conversion, stray_value

Expression = sa.ColumnElement[Any]

FETCH_ROWS = 2_000
"""Rows held in memory at a time while reading."""


@dataclass(frozen=True)
class Capabilities:
    """What a product can do; plans depend on it."""

    deferrable: bool = False
    """Foreign keys may be checked at commit."""
    defers_all: bool = False
    """Even those that are not declared DEFERRABLE."""
    row_checked: bool = True
    """Foreign keys are checked after each row, not at the end of the statement."""


class Backend:
    """One connection to a database of any product that SQLAlchemy knows."""

    product: ClassVar[str] = "generic"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, url: sa.URL, *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self.engine = self._engine(url)
        self._connection: sa.Connection | None = None

    # --- connection ---------------------------------------------------------------------------------------------

    def _engine(self, url: sa.URL) -> sa.Engine:
        return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool, query_cache_size=0)

    def prepare_session(self) -> None:
        """Make the session's text forms independent of server and role settings."""

    @property
    def connection(self) -> sa.Connection:
        """The open connection."""
        assert self._connection is not None, "use the backend as a context manager"
        return self._connection

    def __enter__(self) -> Self:
        with self.failures("cannot connect to"):
            self._connection = self.engine.connect()
            self.prepare_session()
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except SQLAlchemyError:
                # The connection is gone; the server has rolled back.
                self._connection.invalidate()
        self.engine.dispose()

    @property
    def place(self) -> str:
        """The database's address for messages, without its password."""
        return self.url.set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def failures(self, doing: str) -> Iterator[None]:
        """Turn driver errors into EnvironmentFailed: `doing` is what was tried."""
        try:
            yield
        except BackupError:
            raise
        except DBAPIError as error:
            raise EnvironmentFailed(f"{doing} {self.place}: {driver_message(error)}", hint=hint_for(error)) from error
        except SQLAlchemyError as error:
            raise EnvironmentFailed(f"{doing} {self.place}: {error}") from error

    @contextmanager
    def refusals(self, table: str | None = None) -> Iterator[None]:
        """Turn what the server refuses to write into RestoreRefused; a lost connection stays what it is."""
        try:
            yield
        except DBAPIError as error:
            if not is_of_the_data(error):
                raise
            raise RestoreRefused(
                f"the target refused the restore{f' at table {table}' if table else ''}: {driver_message(error)}",
                hint="a constraint or a trigger that could not be checked beforehand; nothing was kept",
                code="constraint-violated",
                table=table,
            ) from error

    # --- transactions -------------------------------------------------------------------------------------------

    def run(self, statement: str) -> None:
        """Run a fixed statement that has no identifiers in it."""
        self.connection.exec_driver_sql(statement)

    def begin_snapshot(self, tables: Sequence[Table]) -> None:
        """Start a read-only transaction in which all of `tables` are seen at one instant."""
        self.run("BEGIN")

    def begin_rehearsal(self) -> None:
        """Start the transaction of a dry run: the target is read, only temporary tables are written."""
        self.run("BEGIN")

    def begin_restore(self, tables: Sequence[Table]) -> None:
        """Start the transaction of a restore, and keep others from writing to `tables` where the product can."""
        self.run("BEGIN")

    def check_constraints_now(self) -> None:
        """Raise now what a deferred constraint would raise at commit, where the product can be asked."""

    def commit(self) -> None:
        """End the transaction and keep what it did."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """End the transaction and undo what it did."""
        self.run("ROLLBACK")

    # --- schema -------------------------------------------------------------------------------------------------

    @cached_property
    def schema_name(self) -> str | None:
        """The default schema: its tables go by their plain names."""
        return self.connection.dialect.default_schema_name

    @cached_property
    def other_schemas(self) -> tuple[str, ...]:
        """Further schemas of the database, whose tables go by `schema.table`."""
        return ()

    def table_name(self, schema: str | None, table: str) -> str:
        """The name that a table of a schema goes by."""
        return qualified_name(schema, table) if schema in self.other_schemas else table

    def reflect(self) -> Schema:
        """Read the live schema."""
        with self.failures("cannot read the schema of"):
            return reflect(self)

    def columns(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        """The columns of a schema, by table."""
        return inspector.get_multi_columns(schema=schema)

    def primary_keys(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        """The primary keys of a schema, by table."""
        return inspector.get_multi_pk_constraint(schema=schema)

    def foreign_keys(self, inspector: sa.Inspector, schema: str | None) -> Mapping[TableKey, Any]:
        """The foreign keys of a schema, by table, each with the schema that it refers to."""
        return inspector.get_multi_foreign_keys(schema=schema)

    def native_types(self) -> Mapping[tuple[str, str], str]:
        """The product's own name of the type by (table, column), where SQLAlchemy's is not enough."""
        return {}

    def unsafe_tables(self) -> Mapping[str, str]:
        """Tables that a transaction does not hold together, each with the reason."""
        return {}

    def inherited_tables(self) -> Mapping[str, str]:
        """Tables whose rows other tables hold too, each with the reason."""
        return {}

    def left_out_tables(self) -> frozenset[str]:
        """Catalogue entries that hold no rows of their own (partitions are read through their parent)."""
        return frozenset()

    def unique_keys(self) -> Mapping[str, tuple[UniqueKey, ...]] | None:
        """Unique keys by table, where the product's catalogue knows better than SQLAlchemy's inspector."""
        return None

    def checks(self) -> Mapping[str, tuple[Check, ...]] | None:
        """CHECK constraints by table, likewise."""
        return None

    def generated_by(self) -> Mapping[tuple[str, str], str] | None:
        """The expressions of generated columns by (table, column), likewise."""
        return None

    def fraction(self, column: Mapping[str, Any], native: str, kind: Kind) -> int | None:
        """Digits after the point that a reflected column keeps."""
        return getattr(column["type"], "scale", None) if kind is Kind.DECIMAL else None

    def length(self, column: Mapping[str, Any], kind: Kind) -> int | None:
        """Characters that a reflected column takes at most; a CHAR, which pads and cuts blanks, has no such limit."""
        limited = kind is Kind.TEXT and isinstance(column["type"], sa.VARCHAR)
        return column["type"].length if limited else None

    def is_auto_assigned(self, column: Mapping[str, Any], native: str, primary_key: tuple[str, ...]) -> bool:
        """Whether the database hands out the next number for a reflected column."""
        return bool(column.get("identity")) or column.get("autoincrement") is True

    def kind_of(self, column: Mapping[str, Any], native: str, documents: frozenset[str]) -> Kind:
        """The family of a reflected column; `documents` are columns that a CHECK keeps to valid JSON."""
        return generic_kind(column["type"])

    def table_clause(self, table: Table) -> sa.TableClause:
        """A table of the target, named with its schema."""
        schema = table.schema or self.schema_name
        return sa.table(table.name_in_schema, *(sa.column(c.name) for c in table.columns), schema=schema)

    def aliased(self, table: Table, alias: str) -> NamedFromClause:
        """A table of the target under an alias."""
        return self.table_clause(table).alias(alias)

    # --- values -------------------------------------------------------------------------------------------------

    def batches(self, query: sa.Select[Any]) -> Iterator[Sequence[Sequence[Any]]]:
        """The rows of a query, some thousands at a time."""
        streaming = {"stream_results": True, "yield_per": FETCH_ROWS}
        yield from self.connection.execute(query, execution_options=streaming).partitions(FETCH_ROWS)

    def readable(self, column: Column, value: Expression) -> Expression:
        """What to select so that `form` gets something lossless."""
        return value

    def form(self, column: Column) -> Convert | None:
        """From what the driver returns to the archive's form. None: already that form."""
        return generic_form

    def bound(self, column: Column) -> Convert:
        """From the archive's form of the column's own kind to what the driver binds; raises ValueMismatch."""
        return generic_bound(column.kind)

    def converted(self, column: Column, source: Column) -> Convert:
        """From the archive's form of `source` to what the driver binds for `column`; raises ValueMismatch."""
        found, bound = conversion(source, column), self.bound(column)
        digits, length = column.fraction, column.length
        convert = found.convert if found else None

        def bind(form: Any) -> Any:
            if type(form) is dict:
                form = stray_value(form, source, column)
            elif convert is not None:
                form = convert(form)
            if digits is not None:
                forms.check_fraction(form, digits)
            value = bound(form)
            if length is not None and isinstance(value, str):
                forms.check_length(value, length)
            return value

        return bind

    def comparable(self, column: Column, value: Expression) -> Expression:
        """What to compare so that equal means the same archive form."""
        return self.text(value)

    def unfit_for_key(self, column: Column) -> bool:
        """Whether the product cannot tell two values of the column's type apart."""
        return False

    def same(self, left: Expression, right: Expression) -> Expression:
        """Equality under which NULL is the same as NULL, in the form that the product can use an index for."""
        return left.is_not_distinct_from(right)

    def text(self, value: Expression) -> Expression:
        """A value as text."""
        return sa.cast(value, sa.Text)

    def integer_of_text(self, value: Expression) -> Expression:
        """The integer that a text holds; NULL or anything for other texts, but no error."""
        return sa.cast(value, sa.BigInteger)

    def of_kind(self, column: Column, value: Expression) -> Expression:
        """Text as a value for `column`."""
        return sa.cast(value, sa.BigInteger) if column.kind is Kind.INTEGER else value

    def nested(self, column: Column, value: Expression) -> Expression:
        """A value as an element of a JSON array, so that `nested_form` gets something lossless."""
        return value if column.kind in (Kind.INTEGER, Kind.TEXT) else self.text(value)

    def nested_form(self, column: Column) -> Convert | None:
        """From an element of a JSON array to the archive's form. None: already that form."""
        return generic_form

    def json_array(self, values: Sequence[Expression]) -> Expression:
        """The text of a JSON array."""
        return sa.func.json_array(*values)

    def long_text(self, value: Expression) -> Expression:
        """A text with a type that has room for any length."""
        return sa.cast(value, sa.Text)

    def new_uuid(self, column: Column) -> Expression | None:
        """An expression that makes a new uuid for `column`; None where the product or the type has none."""
        return None

    # --- numbers ------------------------------------------------------------------------------------------------

    def last_number(self, table: Table, column: str) -> int:
        """The last number that the database handed out for a column; 0 where it is not known."""
        return 0

    def highest_number(self, column: Column) -> int:
        """The largest number that a column can hold."""
        found = next((limit for word, limit in _LARGEST if word in column.native), 2**31 - 1)
        return 2 * found + 1 if "unsigned" in column.native else found

    def advance_number(self, table: Table, column: str) -> None:
        """See that the application's next insert gets a number above all that are there."""

    # --- staging ------------------------------------------------------------------------------------------------

    def can_be_alias(self, name: str) -> bool:
        """Whether the name of a column can be given to a value in a statement; SQLite has columns without a name."""
        return name != ""

    def as_stored(self, target: sa.FromClause, names: Sequence[str], rows: sa.Select[Any]) -> sa.SelectBase:
        """`rows`, which have the columns `names` of `target` last, so that they compare as those of `target` do."""
        return rows

    def nullable_copy(self, table: sa.FromClause) -> sa.FromClause:
        """A FROM clause that has the columns of `table` with their types, but all nullable."""
        return table

    def emptiable(self, value: Expression) -> Expression:
        """A column with a type that takes NULL, where the product has types that do not."""
        return value

    def empty_number(self) -> Expression:
        """NULL with the type of a 64-bit integer."""
        return sa.cast(sa.null(), sa.BigInteger)

    def empty_text(self) -> Expression:
        """NULL with the type of a text of any length."""
        return sa.cast(sa.null(), sa.Text)

    def load(self, table: sa.TableClause, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows, their values in the order of the table's columns, into a staging table."""
        names = [column.name for column in table.columns]
        self.connection.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])

    def analyse(self, table: sa.TableClause) -> None:
        """Tell the planner how large a staging table is."""

    def insert_from(self, target: sa.TableClause, columns: Sequence[Column], query: sa.Select[Any]) -> sa.Insert:
        """INSERT … SELECT into a table of the target."""
        return sa.insert(target).from_select([c.name for c in columns], query)


_LARGEST = (("smallint", 2**15 - 1), ("tinyint", 2**7 - 1), ("mediumint", 2**23 - 1), ("bigint", 2**63 - 1))
"""The largest signed number of each type of integer; all others have 32 bits."""


def parse_url(text: str) -> sa.URL:
    """Parse a database URL. Raises UsageError without repeating it: it may hold a password."""
    try:
        url = sa.make_url(text)
        url.get_dialect()
    except NoSuchModuleError as error:
        raise UsageError(
            f"--db names an unknown kind of database: {error}", hint="use sqlite, postgresql or mariadb"
        ) from None
    except (SQLAlchemyError, ValueError):
        raise UsageError(
            "--db is no database URL",
            hint="write it as postgresql://user@host/name, mariadb://… or sqlite:///file",
        ) from None
    return url
