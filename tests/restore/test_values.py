"""Values that databases hold: what comes back is what was there, digit for digit, as value and as key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.options import CreateOptions, RestoreOptions, Source
from tests.restore.helpers import WORDS
from tests.restore.types import mariadb, postgresql, sqlite
from tests.servers import Database

Values = Mapping[str, tuple[str, ...]]
Shown = dict[str, list[tuple[str, ...]]]


@dataclass(frozen=True)
class Types:
    """What a product is tried with."""

    values: Values
    keys: Values
    prepare: str = ""
    session: str = ""
    nullable: str = ""
    """What a column says that may be empty; MariaDB's first timestamp may not unless it does."""
    shown: tuple[str, ...] = ("{}",)
    """How the server itself shows a value."""
    strict: Values = field(default_factory=dict)


ALL = {
    "postgresql": Types(postgresql.TYPES, postgresql.KEYS, prepare=postgresql.PREPARE, shown=("{}::text",)),
    "mariadb": Types(mariadb.TYPES, mariadb.KEYS, session=mariadb.SESSION, nullable=" NULL", shown=("{}", "HEX({})")),
    "sqlite": Types(
        sqlite.TYPES,
        sqlite.KEYS,
        session=sqlite.SESSION,
        shown=("typeof({})", "hex({})", "CASE WHEN typeof({0}) <> 'text' THEN quote({0}) END"),
        strict=sqlite.STRICT,
    ),
}
EMPTY = "NULL"


def two_at_least(values: tuple[str, ...]) -> tuple[str, ...]:
    """The values of a type, so that each can take another's place; fewer rows than staging tables get indexes for."""
    return values if len(values) > 1 else (EMPTY, *values)


def name_of(kind: int, value: int) -> str:
    """The key of the row that holds one value of one type."""
    return f"{kind:03}-{value:03}"


class Tables:
    """The schema and rows that hold all values of a product.

    In *own* and *strict* each row holds one value and is empty else, so that one comparison shows in one row. *whole*
    holds them twice without any key. Each type of the keys has a table *key* with a unique column of it and a
    table *ref* that refers to rows of that, once by their id and once by the value.
    """

    def __init__(self, product: str) -> None:
        self.product = product
        self.types = ALL[product]

    def schema(self) -> str:
        """All CREATE statements."""
        types = self.types
        own = ", ".join(f"c{kind} {type_}{types.nullable}" for kind, type_ in enumerate(types.values))
        parts = [
            types.prepare or types.session,
            f"CREATE TABLE own (n varchar(9) PRIMARY KEY, {own})",
            f"CREATE TABLE whole ({own})",
        ]
        if types.strict:
            strict = ", ".join(f"c{kind} {type_}" for kind, type_ in enumerate(types.strict))
            parts.append(f"CREATE TABLE strict (n text PRIMARY KEY, {strict}) STRICT, WITHOUT ROWID")
        for kind, type_ in enumerate(types.keys):
            words = WORDS[self.product]
            parts.append(
                f"CREATE TABLE key{kind} (id {words['id']}, v {type_} NOT NULL, note varchar(9), UNIQUE (v));"
                f"CREATE TABLE ref{kind} (n varchar(9) PRIMARY KEY, by_id {words['ref']}, by_value {type_} NULL, "
                f"FOREIGN KEY (by_id) REFERENCES key{kind} (id), FOREIGN KEY (by_value) REFERENCES key{kind} (v))"
            )
        return ";".join(part.rstrip(";\n") for part in parts if part)

    def rows(self) -> str:
        """All rows."""
        parts = [self.types.session]
        for table, values in (("own", self.types.values), ("strict", self.types.strict)):
            for kind, every in enumerate(values.values()):
                for number, value in enumerate(two_at_least(every)):
                    parts.append(f"INSERT INTO {table} (n, c{kind}) VALUES ('{name_of(kind, number)}', {value})")
                if table == "own":
                    parts.append(f"INSERT INTO whole (c{kind}) VALUES ({every[0]}), ({every[0]}), ({every[-1]})")
        for kind, every in enumerate(self.types.keys.values()):
            for number, value in enumerate(every, 1):
                parts.append(f"INSERT INTO key{kind} (id, v, note) VALUES ({number}, {value}, 'new')")
                parts.append(f"INSERT INTO ref{kind} VALUES ('{number}', {number}, {value})")
            parts.append(f"INSERT INTO ref{kind} VALUES ('0', NULL, NULL)")
        return ";".join(part.rstrip(";\n") for part in parts if part)

    def some_keys(self) -> str:
        """Every second row of the tables *key*, under other ids."""
        parts = [self.types.session]
        for kind, every in enumerate(self.types.keys.values()):
            for number, value in enumerate(every[::2]):
                parts.append(f"INSERT INTO key{kind} (id, v, note) VALUES ({50 - number}, {value}, 'old')")
        return ";".join(part.rstrip(";\n") for part in parts if part)

    def turn(self) -> str:
        """Give each row of *own* and *strict* the value of the one before it."""
        parts = [self.types.session]
        for table, values in (("own", self.types.values), ("strict", self.types.strict)):
            if values:
                parts.append(f"UPDATE {table} SET n = REPLACE(n, '-', '+')")
            for kind, every in enumerate(values.values()):
                count = len(two_at_least(every))
                for number in range(count):
                    turned = (number + 1) % count
                    old = name_of(kind, number).replace("-", "+")
                    parts.append(f"UPDATE {table} SET n = '{name_of(kind, turned)}' WHERE n = '{old}'")
        return ";".join(part.rstrip(";\n") for part in parts if part)

    def shown(self, database: Database) -> Shown:
        """All values, by table and type, as the server itself writes them, and as it stores them."""
        found: Shown = {}
        engine = database.engine()
        with engine.connect() as connection:
            if self.types.session:
                for statement in self.types.session.rstrip(";").split(";"):
                    connection.exec_driver_sql(statement)

            def read(name: str, columns: str, rest: str) -> None:
                rows = connection.exec_driver_sql(f"SELECT {columns} FROM {rest}").all()
                found[name] = [tuple(map(repr, row)) for row in rows]

            def value(column: str, type_: str) -> str:
                numbers = [f"{column} + 0"] if type_.startswith("enum") else []
                return ", ".join([*(form.format(column) for form in self.types.shown), *numbers])

            for table, values in (("own", self.types.values), ("strict", self.types.strict)):
                for kind, type_ in enumerate(values):
                    read(
                        f"{table} {type_}",
                        f"n, {value(f'c{kind}', type_)}",
                        f"{table} WHERE n LIKE '{kind:03}-%%' ORDER BY n",
                    )
            for kind, type_ in enumerate(self.types.values):
                read(f"whole {type_}", value(f"c{kind}", type_), f"whole WHERE c{kind} IS NOT NULL")
                found[f"whole {type_}"].sort()
            for kind, type_ in enumerate(self.types.keys):
                columns = f"n, {value('a.v', type_)}, {value('by_value', type_)}, note"
                read(f"key {type_}", columns, f"ref{kind} LEFT JOIN key{kind} a ON a.id = by_id ORDER BY n")
        engine.dispose()
        return found


def different(one: Shown, other: Shown) -> Shown:
    """What is not the same, by table and type."""
    return {name: list(set(one[name]) ^ set(other[name])) for name in one if one[name] != other[name]}


@pytest.fixture
def tables(product: str) -> Tables:
    return Tables(product)


def test_every_value_comes_back(tables: Tables, database_factory: Callable[[], Database], tmp_path: Path) -> None:
    source, target = database_factory(), database_factory()
    for database, rows in ((source, tables.rows()), (target, tables.some_keys())):
        database.execute_script(tables.schema())
        database.execute_script(rows)
    there = tables.shown(source)
    archive = tmp_path / "archive"
    created = api.create(Source(source.url), CreateOptions(output=archive))
    verified = api.verify(archive)
    assert not verified.problems
    seeded = sum(len(values[::2]) for values in tables.types.keys.values())

    first = api.restore(Source(target.url), archive, RestoreOptions())
    assert not first.problems
    assert not different(there, tables.shown(target))
    assert (first.totals()["inserted"], first.totals()["updated"]) == (created.rows - seeded, seeded)

    # What the target holds is what the archive holds: nothing is written again.
    second = api.restore(Source(target.url), archive, RestoreOptions())
    assert {name: books.rows_json() for name, books in second.tables.items() if books.unchanged != books.read} == {}
    prints = {api.fingerprint(place).fingerprint for place in (Source(source.url), archive, Source(target.url))}
    assert len(prints) == 1

    # What it holds differs, be it by one digit or one byte: that is seen, and set right.
    target.execute_script(tables.turn())
    turned = different(there, tables.shown(target))
    assert len(turned) == len(tables.types.values) + len(tables.types.strict)
    third = api.restore(Source(target.url), archive, RestoreOptions())
    assert third.totals()["updated"] == sum(len(values) for values in turned.values()) // 2
    assert not different(there, tables.shown(target))

    # References to rows that the archive may not restore are looked up by their key values.
    target.execute_script(";".join(f"DELETE FROM ref{kind}" for kind in range(len(tables.types.keys))))
    fourth = api.restore(Source(target.url), archive, RestoreOptions(tables=("ref*",)))
    assert not fourth.problems
    assert not different(there, tables.shown(target))
