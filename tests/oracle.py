"""An independent view of a database's content: every row in Python, references as key values.

It shares nothing with the tool but the registry's keys: plain SELECTs, plain dictionaries. For small databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from tests.servers import Database

Key = tuple[Any, ...]
Rows = Mapping[Key, Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """What a table's rows mean: its key, its own id, and for each reference column (table, referred column)."""

    key: tuple[str, ...]
    surrogate: str | None = None
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def read_tables(database: Database, names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """All rows of some tables, as the driver returns them."""
    engine = database.engine()
    with engine.connect() as connection:
        preparer = engine.dialect.identifier_preparer
        tables = {}
        for name in names:
            result = connection.exec_driver_sql(f"SELECT * FROM {preparer.quote(name)}")
            tables[name] = [dict(row) for row in result.mappings()]
    engine.dispose()
    return tables


def content(database: Database, facts: Mapping[str, Facts]) -> dict[str, Rows]:
    """By table and key value: the row without its id, references replaced by key values."""
    tables = read_tables(database, sorted(facts))
    by_value: dict[tuple[str, str], dict[Any, dict[str, Any]]] = {}
    for fact in facts.values():
        for target, column in fact.references.values():
            by_value.setdefault((target, column), {row[column]: row for row in tables[target]})

    def refer(table: str, column: str, value: Any) -> Any:
        if value is None or column not in facts[table].references:
            return _plain(value)
        target, referred = facts[table].references[column]
        row = by_value[target, referred].get(value)
        return ("dangling", value) if row is None else key_of(target, row)

    def key_of(table: str, row: Mapping[str, Any]) -> Key:
        return tuple(refer(table, column, row[column]) for column in facts[table].key)

    found: dict[str, Rows] = {}
    for name, fact in facts.items():
        rows = {}
        for row in tables[name]:
            key = key_of(name, row)
            assert key not in rows, f"{name} has {key} twice"
            rows[key] = {c: refer(name, c, v) for c, v in row.items() if c != fact.surrogate}
        found[name] = rows
    return found


def _plain(value: Any) -> Any:
    """A value that can be compared and hashed."""
    if isinstance(value, list | dict):
        return repr(value)
    return value


def everything(database: Database) -> dict[str, Counter[str]]:
    """Every row of every table as it is, ids included, and what the next ids are."""
    engine = database.engine()
    names = sa.inspect(engine).get_table_names()
    dump = {name: Counter(repr(row) for row in rows) for name, rows in read_tables(database, names).items()}
    queries = {
        "postgresql": "SELECT sequencename, last_value FROM pg_sequences ORDER BY 1",
        "mariadb": "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = DATABASE()",
        "sqlite": "SELECT name, seq FROM sqlite_sequence",
    }
    with engine.connect() as connection:
        if database.product != "sqlite" or "sqlite_sequence" in _sqlite_names(connection):
            rows = connection.exec_driver_sql(queries[database.product]).all()
            dump["next ids"] = Counter(repr(tuple(row)) for row in rows)
    engine.dispose()
    return dump


def _sqlite_names(connection: sa.Connection) -> set[str]:
    return set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
