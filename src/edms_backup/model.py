"""What a schema is: frozen tables, columns, keys and references. Knows no database driver and no file.

Words are those of the design: a *reference* is a foreign key or one that the registry declares, a *natural key*
the columns that identify a row to people, a *surrogate key* the database's own id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    """The family of a column's values; it decides how a value is written in an archive."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamptz"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    OTHER = "other"
    """Carried as the text that the server itself writes and reads (inet, ranges, enums, …)."""


@dataclass(frozen=True)
class Column:
    """One column of a live table."""

    name: str
    kind: Kind
    native: str
    """The product's own name of the type, as its catalogue gives it (`character varying(50)`)."""
    nullable: bool = True
    has_default: bool = False
    generated: bool = False
    """Computed by the database from other columns; never written."""
    identity_always: bool = False
    """`GENERATED ALWAYS AS IDENTITY`: writing a value needs the statement to say so."""
    fraction: int | None = None
    """Digits after the point that the type keeps: of a decimal, or of the seconds of a time. None: no limit."""
    length: int | None = None
    """Characters that the type takes at most; None: no limit that counts characters."""
    auto_assigned: bool = False
    """The database hands out the next number (sequence, identity, AUTO_INCREMENT, rowid)."""

    @property
    def must_be_given(self) -> bool:
        """Whether a new row needs a value from outside."""
        return not (self.nullable or self.has_default or self.generated or self.auto_assigned)


class ReferenceKind(StrEnum):
    """Where a reference comes from."""

    FOREIGN_KEY = "foreign-key"
    DECLARED = "declared"
    POLYMORPHIC = "polymorphic"
    DERIVED = "derived"
    """Follows from composite references that share the column."""


@dataclass(frozen=True)
class Reference:
    """Columns of one table that hold the identity of a row of another.

    For a polymorphic reference `columns` is (type column, id column), `table` is the table that names the types
    (Django's `django_content_type`), and `referred_columns` is empty: the row decides which table it points to.
    """

    columns: tuple[str, ...]
    table: str
    referred_columns: tuple[str, ...]
    kind: ReferenceKind = ReferenceKind.FOREIGN_KEY
    deferrable: bool = False
    enforced: bool = True
    """The database itself refuses a value without a row."""

    @property
    def type_column(self) -> str:
        """The column that says which table a polymorphic reference points into."""
        return self.columns[0]

    @property
    def id_column(self) -> str:
        """The column that holds the id of a polymorphic reference."""
        return self.columns[1]


@dataclass(frozen=True)
class UniqueKey:
    """A unique constraint or unique index."""

    name: str
    columns: tuple[str, ...]
    """Empty where the index is over expressions only."""
    partial: bool = False
    """Has a WHERE clause or expressions: it does not make `columns` unique over the whole table."""
    nulls_equal: bool = False
    collations: tuple[str | None, ...] = ()
    """Of each column, where the product does not hand it on to a staging table."""


@dataclass(frozen=True)
class Check:
    """A CHECK constraint, its condition in the words of the server's own catalogue."""

    name: str
    condition: str


@dataclass(frozen=True)
class Table:
    """One live table."""

    name: str
    """Unique in the database; `schema.table` outside of the default schema (`qualified_name`)."""
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    uniques: tuple[UniqueKey, ...] = ()
    checks: tuple[Check, ...] = ()
    schema: str | None = None
    """None: the default schema, whatever it is called in this database."""
    local_name: str | None = None
    """The name inside `schema`; None where that is `name`."""

    @property
    def name_in_schema(self) -> str:
        """The name that the database knows it by, to be used together with its schema."""
        return self.local_name or self.name

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """Column by name."""
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> Column:
        """The column called `name`; raises KeyError."""
        return self.by_name[name]

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """Names in the table's order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class Schema:
    """All tables of one database, as reflected."""

    product: str
    """`postgresql`, `mariadb`, `sqlite`, or SQLAlchemy's name of another dialect."""
    version: str
    tables: Mapping[str, Table] = field(default_factory=dict)


def qualified_name(schema: str, table: str) -> str:
    """The name of a table outside of the default schema: `sales.orders`; `"a.b".c` where a part has a dot itself."""
    return ".".join(
        '"{}"'.format(part.replace('"', '""')) if set(part) & {".", '"'} else part for part in (schema, table)
    )


def carriers(table: Table, references: Iterable[Reference]) -> Mapping[str, Reference]:
    """For each column of `table` that refers: the one reference that its value is carried by.

    A column may be part of several references; the one with the fewest columns carries it. A column that a reference
    to the table itself has on both sides (the tenant of a node and of its parent) is the row's own.
    """
    chosen: dict[str, Reference] = {}
    for reference in sorted(references, key=lambda r: len(r.columns)):
        if reference.kind is ReferenceKind.POLYMORPHIC:
            chosen.setdefault(reference.id_column, reference)
            continue
        for column, referred in zip(reference.columns, reference.referred_columns, strict=False):
            if (reference.table, referred) != (table.name, column):
                chosen.setdefault(column, reference)
    return {name: chosen[name] for name in table.column_names if name in chosen}


class KeySource(StrEnum):
    """Who says what the natural key of a table is."""

    REGISTRY = "registry"
    UNIQUE = "unique constraint"
    LINK_TABLE = "link table"
    PRIMARY_KEY = "primary key"
    WHOLE_ROW = "whole row"
    NONE = "none"


class OnMatch(StrEnum):
    """What a restore does to a row of the target that has the natural key of a row in the archive."""

    UPDATE = "update"
    KEEP = "keep"
    FAIL = "fail"


class OnConflict(StrEnum):
    """What a restore does where a new row has a second unique value of another row of the target."""

    FAIL = "fail"
    KEEP = "keep"
    UPDATE = "update"


Scalar = str | int | float | bool | None
"""A value that a registry can give to a column."""


@dataclass(frozen=True)
class Policy:
    """What a backup takes of one table, and how a restore treats its columns and the rows that are already there."""

    on_match: OnMatch = OnMatch.UPDATE
    on_conflict: OnConflict = OnConflict.FAIL
    keep_columns: tuple[str, ...] = ()
    """Never written on a row that is already there (`last_login`)."""
    omit_columns: tuple[str, ...] = ()
    """In no archive; a restore leaves them to the target, also where an archive has them."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """Columns of the archive that have another name in the target."""
    column_defaults: Mapping[str, Scalar] = field(default_factory=dict)
    """What new rows get in columns of the target that the archive lacks, as an archive would hold it."""


@dataclass(frozen=True)
class KeyedTable:
    """A live table together with what the registry, or inference, says of it."""

    table: Table
    key: tuple[str, ...]
    """Columns of the natural key, in order. All columns but the surrogate key where `whole_row`. Empty: no key."""
    key_source: KeySource
    whole_row: bool = False
    """No key: a row is identified by all its values, and counted with its multiplicity."""
    references: tuple[Reference, ...] = ()
    """The foreign keys of `table`, then what the registry declares."""
    tier: int | None = None
    label: str | None = None
    policy: Policy = Policy()

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @cached_property
    def surrogate_key(self) -> tuple[str, ...]:
        """Columns of the primary key that are no part of the natural key and refer to nothing."""
        referring = {c for r in self.references for c in r.columns}
        if self.whole_row:
            return tuple(c for c in self.table.primary_key if c not in self.key)
        return tuple(c for c in self.table.primary_key if c not in self.key and c not in referring)

    @cached_property
    def resolving(self) -> Mapping[str, Reference]:
        """For each column that refers: the one reference that its value is carried by."""
        return carriers(self.table, self.references)


Keyed = Mapping[str, KeyedTable]
"""All tables that take part in a backup or restore, by name."""
