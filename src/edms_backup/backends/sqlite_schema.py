"""What SQLite's catalogue says of unique keys and checks: PRAGMAs for keys, CREATE statements for expressions.

SQLAlchemy reads both from the CREATE statement by patterns that miss `varchar(50) NOT NULL UNIQUE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from edms_backup.backends.catalog_text import unquoted, words
from edms_backup.model import Check, KeyPart, UniqueKey

_UNIQUES = sa.text(
    "SELECT m.name, l.name, l.partial, i.cid, i.name, i.coll, x.sql FROM sqlite_master m, pragma_index_list(m.name) l, "
    "pragma_index_xinfo(l.name) i LEFT JOIN sqlite_master x ON x.type = 'index' AND x.name = l.name "
    "WHERE m.type = 'table' AND l.\"unique\" AND l.origin <> 'pk' AND i.key ORDER BY m.name, l.seq, i.seqno"
)
_TABLES = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL")

_EXPRESSION = -2
"""The position of a part of an index that is no column."""


def unique_keys(connection: sa.Connection) -> Mapping[str, tuple[UniqueKey, ...]]:
    """Unique constraints and indexes by table."""
    grouped: dict[tuple[str, str], list[tuple[bool, int, str | None, str, str | None]]] = {}
    for table, index, *part in connection.execute(_UNIQUES):
        grouped.setdefault((table, index), []).append(tuple(part))
    found: dict[str, list[UniqueKey]] = {}
    for (table, index), rows in grouped.items():
        # A constraint has no statement of its own, and neither expressions nor a condition.
        statement = rows[0][-1]
        texts, condition = _index_parts(statement) if statement else ([], None)
        parts = []
        for number, (_, position, column, collation, _) in enumerate(rows):
            text = texts[number] if position == _EXPRESSION else None
            parts.append(KeyPart(column, text, collation=collation))
        columns = tuple(part.column for part in parts if part.column is not None)
        partial = condition is not None or len(columns) < len(parts)
        key = UniqueKey(index, columns, partial, parts=tuple(parts), condition=condition)
        found.setdefault(table, []).append(key)
    return {table: tuple(keys) for table, keys in found.items()}


def _index_parts(sql: str) -> tuple[list[str], str | None]:
    """The parts of a CREATE INDEX statement without their order, and its WHERE clause."""
    parts = [""]
    depth = 0
    rest = words(sql)
    for word in rest:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == ")" and not depth:
            break
        if depth == 1 and word == ",":
            parts.append("")
        elif depth > 1 or (depth == 1 and word != "("):
            parts[-1] += word
    condition = "".join(rest).strip()
    condition = re.sub(r"^where\b", "", condition, flags=re.IGNORECASE).strip()
    return [re.sub(r"\s+(asc|desc)$", "", part.strip(), flags=re.IGNORECASE) for part in parts], condition or None


def checks(connection: sa.Connection) -> Mapping[str, tuple[Check, ...]]:
    """CHECK constraints by table."""
    return {table: tuple(_conditions(sql)) for table, sql in connection.execute(_TABLES)}


def _conditions(sql: str) -> Iterator[Check]:
    """The text between the brackets of each CHECK, with the name of its constraint where it has one."""
    for before, text in _enclosed(sql, "CHECK"):
        named = len(before) > 1 and before[-2].upper() == "CONSTRAINT"
        yield Check(unquoted(before[-1]) if named else "", text)


def generated(connection: sa.Connection) -> Mapping[tuple[str, str], str]:
    """The expressions of generated columns, by table and column."""
    return {
        (table, unquoted(before[0])): text
        for table, sql in connection.execute(_TABLES)
        for before, text in _enclosed(sql, "AS")
        if before
    }


def _enclosed(sql: str, keyword: str) -> Iterator[tuple[list[str], str]]:
    """What stands in brackets after each `keyword`, with the words before that in the same definition."""
    before: list[str] = []
    depth = 0
    rest = words(sql)
    for word in rest:
        if word == "(" and before and before[-1].upper() == keyword:
            yield before[:-1], _until_closed(rest)
            continue
        depth += {"(": 1, ")": -1}.get(word, 0)
        if depth == 1 and word in ("(", ","):
            before = []
        elif not word.isspace():
            before.append(word)


def _until_closed(rest: Iterator[str]) -> str:
    text, depth = "", 1
    for word in rest:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if not depth:
            break
        text += word
    return text.strip()
