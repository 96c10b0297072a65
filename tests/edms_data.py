"""The real EDMS's schema and data (`../shared/edms`, or the folder in EDMS_TEST_DATA), loaded into any product.

PostgreSQL gets the dump as it is. MariaDB and SQLite get tables made from `schema.json`, as Django would make them
there, and the dump's rows converted to that product's way of storing them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Database

DEFAULT_FOLDER = Path(__file__).parents[2] / "shared" / "edms"

Convert = Callable[[str], Any]


def folder() -> Path:
    """The folder with `schema.json` and `data/`; skips the test where there is none."""
    path = Path(os.environ.get("EDMS_TEST_DATA", DEFAULT_FOLDER))
    if not (path / "schema.json").exists():
        pytest.skip(f"no real EDMS data: {path} is missing (set EDMS_TEST_DATA)")
    return path


def load_live(database: Database) -> None:
    """Fill an empty database with the populated EDMS: 7 users, `author01` is 822."""
    _load(database, "live.pg.sql")


def load_reinit(database: Database) -> None:
    """Fill an empty database with the re-initialised EDMS: 15 users, `author01` is 4."""
    _load(database, "reinit.pg.sql")


def tables() -> Mapping[str, Any]:
    """`schema.json`: all 82 tables."""
    return _schema(folder())


@cache
def _schema(where: Path) -> Mapping[str, Any]:
    schema: dict[str, Any] = json.loads((where / "schema.json").read_text())
    return schema


@dataclass(frozen=True)
class CopyBlock:
    """The rows of one table in a dump."""

    statement: str
    table: str
    columns: tuple[str, ...]
    lines: tuple[str, ...]

    def rows(self) -> Iterator[list[str | None]]:
        """Each row's values as PostgreSQL wrote them, None for NULL."""
        for line in self.lines:
            yield [None if value == r"\N" else ESCAPE.sub(_unescape, value) for value in line.split("\t")]


COPY = re.compile(r"COPY public\.(\w+) \((.*)\) FROM stdin;")
ESCAPE = re.compile(r"\\(.)")
SETVAL = re.compile(r"SELECT pg_catalog\.setval\('public\.(\w+)_id_seq', (\d+), (true|false)\);")
LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def _unescape(match: re.Match[str]) -> str:
    return LETTERS.get(match[1], match[1])


@cache
def parse_dump(path: Path) -> tuple[str | CopyBlock, ...]:
    """The dump's SQL and blocks of rows in order, without what only psql understands."""
    parts: list[str | CopyBlock] = []
    sql: list[str] = []
    lines = iter(path.read_text(encoding="utf-8").split("\n"))
    for line in lines:
        copy = COPY.fullmatch(line)
        if copy:
            parts.append("\n".join(sql))
            sql = []
            columns = tuple(name.strip('"') for name in copy[2].split(", "))
            parts.append(CopyBlock(line, copy[1], columns, tuple(iter(lambda: next(lines), r"\."))))
        elif not line.startswith("\\"):
            sql.append(line)
    return (*parts, "\n".join(sql))


def next_ids(path: Path) -> Mapping[str, int]:
    """The id that each table's sequence hands out next."""
    sql = "\n".join(part for part in parse_dump(path) if isinstance(part, str))
    return {m[1]: int(m[2]) + (m[3] == "true") for m in SETVAL.finditer(sql)}


def _load(database: Database, name: str) -> None:
    path = folder() / "data" / name
    if database.product == "postgresql":
        _load_dump(database, path)
    else:
        _load_translated(database, path)


def _load_dump(database: Database, path: Path) -> None:
    with database.raw_connection() as connection:
        for part in parse_dump(path):
            if isinstance(part, str):
                connection.execute(part)
                continue
            with connection.cursor().copy(part.statement.rstrip(";")) as copy:
                copy.write("".join(f"{line}\n" for line in part.lines))
        connection.commit()


def _load_translated(database: Database, path: Path) -> None:
    dialect = DIALECTS[database.product]
    database.execute_script(dialect.script(tables(), next_ids(path)))
    with database.raw_connection() as connection:
        cursor = connection.cursor()
        cursor.execute(dialect.without_foreign_keys)
        for part in parse_dump(path):
            if isinstance(part, CopyBlock) and part.lines:
                statement = dialect.insert(part.table, part.columns)
                cursor.executemany(statement, list(dialect.rows(part)))
        connection.commit()
    if database.product == "sqlite":
        _set_sqlite_sequences(database, next_ids(path))


def _set_sqlite_sequences(database: Database, following: Mapping[str, int]) -> None:
    values = ", ".join(f"('{table}', {number - 1})" for table, number in following.items() if number > 1)
    database.execute_script(f"DELETE FROM sqlite_sequence; INSERT INTO sqlite_sequence (name, seq) VALUES {values}")


@dataclass(frozen=True)
class Dialect:
    """How one product other than PostgreSQL spells tables and stores values."""

    quote: str
    placeholder: str
    types: Mapping[str, str]
    """By PostgreSQL's name of the type, without its arguments; `{0}` stands for the arguments."""
    converters: Mapping[str, Convert]
    identity: str
    foreign_key: str
    without_foreign_keys: str
    unique_index: str = ""
    """The partial unique index of the schema, where the product has such."""
    json_check: str = ""
    sets_next_id: bool = False

    def name(self, identifier: str) -> str:
        """The identifier, quoted."""
        return f"{self.quote}{identifier}{self.quote}"

    def names(self, identifiers: list[str] | tuple[str, ...]) -> str:
        """A list of identifiers, quoted."""
        return ", ".join(self.name(identifier) for identifier in identifiers)

    def script(self, schema: Mapping[str, Any], following: Mapping[str, int]) -> str:
        """CREATE statements for all tables."""
        created = [self.table(name, table, following.get(name)) for name, table in schema.items()]
        return ";\n".join([self.without_foreign_keys, *created, self.unique_index])

    def table(self, name: str, table: Mapping[str, Any], next_id: int | None) -> str:
        """CREATE TABLE for one table."""
        lines = [self.column(column, facts) for column, facts in table["columns"].items()]
        if not any(facts.get("identity") for facts in table["columns"].values()):
            lines.append(f"PRIMARY KEY ({self.names(table['primary_key'])})")
        lines += [f"UNIQUE ({self.names(columns)})" for columns in table["unique"]]
        lines += [
            f"FOREIGN KEY ({self.names(key['columns'])}) REFERENCES {self.name(key['references'])}"
            f" ({self.names(key['referred_columns'])}){self.foreign_key}"
            for key in table["foreign_keys"]
        ]
        after = f" AUTO_INCREMENT={next_id}" if self.sets_next_id and next_id else ""
        body = ",\n  ".join(lines)
        return f"CREATE TABLE {self.name(name)} (\n  {body}\n){after}"

    def column(self, name: str, facts: Mapping[str, Any]) -> str:
        """One column's line."""
        family, arguments = _split_type(facts["type"])
        line = f"{self.name(name)} {self.types[family].format(arguments)}"
        if facts.get("identity"):
            return f"{self.name(name)} {self.identity.format(self.types[family])}"
        line += "" if facts["nullable"] else " NOT NULL"
        if family == "JSONB":
            line += self.json_check.format(self.name(name))
        return line

    def insert(self, table: str, columns: tuple[str, ...]) -> str:
        """INSERT of one row with placeholders."""
        placeholders = ", ".join([self.placeholder] * len(columns))
        return f"INSERT INTO {self.name(table)} ({self.names(columns)}) VALUES ({placeholders})"

    def rows(self, block: CopyBlock) -> Iterator[list[Any]]:
        """The rows of a block as this product stores them."""
        facts = tables()[block.table]["columns"]
        converters = [self.converters.get(_split_type(facts[column]["type"])[0], str) for column in block.columns]
        for row in block.rows():
            yield [None if value is None else convert(value) for value, convert in zip(row, converters, strict=True)]


def _split_type(native: str) -> tuple[str, str]:
    """`VARCHAR(50)` as (`VARCHAR`, `(50)`)."""
    family, bracket, arguments = native.partition("(")
    return family, bracket + arguments


def _boolean(value: str) -> int:
    return {"t": 1, "f": 0}[value]


def _utc(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)


INTERVAL = re.compile(r"(?:(-?\d+) days? ?)?(?:(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?))?")


def microseconds(interval: str) -> int:
    """PostgreSQL's text of an interval without months, as Django stores it elsewhere."""
    match = INTERVAL.fullmatch(interval)
    if not interval or not match:
        raise ValueError(f"interval {interval!r}")
    days, sign, hours, minutes, seconds = match.groups(default="0")
    time = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    return (timedelta(days=int(days)) + (-time if sign == "-" else time)) // timedelta(microseconds=1)


MARIADB = Dialect(
    quote="`",
    placeholder="%s",
    types={
        "BIGINT": "BIGINT",
        "BOOLEAN": "BOOLEAN",
        "DATE": "DATE",
        "DOUBLE PRECISION": "DOUBLE",
        "INET": "VARCHAR(39)",
        "INTEGER": "INTEGER",
        "INTERVAL": "BIGINT",
        "JSONB": "JSON",
        "NUMERIC": "NUMERIC{0}",
        "SMALLINT": "SMALLINT",
        "TEXT": "LONGTEXT",
        "TIME WITHOUT TIME ZONE": "TIME(6)",
        "TIMESTAMP WITH TIME ZONE": "DATETIME(6)",
        "UUID": "CHAR(36) CHARACTER SET ascii",
        "VARCHAR": "VARCHAR{0}",
    },
    converters={
        "BOOLEAN": _boolean,
        "DOUBLE PRECISION": float,
        "INTERVAL": microseconds,
        "TIMESTAMP WITH TIME ZONE": _utc,
    },
    identity="{0} NOT NULL AUTO_INCREMENT PRIMARY KEY",
    foreign_key="",
    without_foreign_keys="SET SESSION foreign_key_checks = 0",
    sets_next_id=True,
)

SQLITE = Dialect(
    quote='"',
    placeholder="?",
    types={
        "BIGINT": "bigint",
        "BOOLEAN": "bool",
        "DATE": "date",
        "DOUBLE PRECISION": "real",
        "INET": "char(39)",
        "INTEGER": "integer",
        "INTERVAL": "bigint",
        "JSONB": "text",
        "NUMERIC": "decimal",
        "SMALLINT": "smallint",
        "TEXT": "text",
        "TIME WITHOUT TIME ZONE": "time",
        "TIMESTAMP WITH TIME ZONE": "datetime",
        "UUID": "char(32)",
        "VARCHAR": "varchar{0}",
    },
    converters={
        "BOOLEAN": _boolean,
        "DOUBLE PRECISION": float,
        "INTERVAL": microseconds,
        "TIMESTAMP WITH TIME ZONE": lambda value: str(_utc(value)),
        "UUID": lambda value: value.replace("-", ""),
    },
    identity="integer NOT NULL PRIMARY KEY AUTOINCREMENT",
    foreign_key=" DEFERRABLE INITIALLY DEFERRED",
    without_foreign_keys="PRAGMA foreign_keys = OFF",
    unique_index='CREATE UNIQUE INDEX "unique_default_template" ON "notification_templates"'
    ' ("template_type", "event_type", "is_default") WHERE "is_default"',
    json_check=" CHECK ((JSON_VALID({0}) OR {0} IS NULL))",
)

DIALECTS = {"mariadb": MARIADB, "sqlite": SQLITE}
