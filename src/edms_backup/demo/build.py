"""Builds the demo's databases: gives every row an id, turns names into ids, and writes SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Hashable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class To:
    """A reference by name; becomes the id that this row has in the database being built."""

    table: str
    name: Hashable
    as_text: bool = False
    """Polymorphic references hold the id as text."""


@dataclass(frozen=True)
class Row:
    """One row without its id."""

    name: Hashable
    """What other rows call it by: the same in every database, whatever its id."""
    values: Mapping[str, Any]


Rows = Mapping[str, Sequence[Row]]
"""Table by table; the position in the list decides the id."""


def schema_sql() -> str:
    """The demo's schema."""
    return files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")


def registry_yaml() -> str:
    """The demo's registry."""
    return files(__package__).joinpath("registry.yaml").read_text(encoding="utf-8")


def build(path: Path, rows: Rows, first_id: Mapping[str, int]) -> int:
    """Write a new database and return its number of rows; tables in `first_id` count their ids from there."""
    ids = {
        (table, row.name): first_id[table] + position
        for table, its_rows in rows.items()
        if table in first_id
        for position, row in enumerate(its_rows)
    }
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        database.executescript(schema_sql())
        # Documents and their current versions refer to each other; the check waits for the commit.
        database.execute("BEGIN")
        database.execute("PRAGMA defer_foreign_keys = ON")
        for table, its_rows in rows.items():
            for row in its_rows:
                _insert(database, table, _with_ids(table, row, ids))
        database.commit()
    return sum(len(its_rows) for its_rows in rows.values())


def _with_ids(table: str, row: Row, ids: Mapping[tuple[str, Hashable], int]) -> dict[str, Any]:
    written: dict[str, Any] = {"id": ids[table, row.name]} if (table, row.name) in ids else {}
    for column, value in row.values.items():
        written[column] = _id(value, ids) if isinstance(value, To) else value
    return written


def _id(to: To, ids: Mapping[tuple[str, Hashable], int]) -> int | str:
    found = ids[to.table, to.name]
    return str(found) if to.as_text else found


def _insert(database: sqlite3.Connection, table: str, values: Mapping[str, Any]) -> None:
    columns = ", ".join(values)
    marks = ", ".join("?" for _ in values)
    # Every name here is a constant of this package.
    database.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(values.values()))
