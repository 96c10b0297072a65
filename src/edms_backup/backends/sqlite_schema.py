"""What SQLite's catalogue says of unique keys and checks: PRAGMAs for keys, the CREATE statement for checks.

SQLAlchemy reads both from the CREATE statement by patterns that miss `varchar(50) NOT NULL UNIQUE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from edms_backup.model import Check, UniqueKey

_UNIQUES = sa.text(
    "SELECT m.name, l.name, l.partial, i.name, i.cid, i.coll FROM sqlite_master m, pragma_index_list(m.name) l, "
    "pragma_index_xinfo(l.name) i WHERE m.type = 'table' AND l.\"unique\" AND l.origin <> 'pk' AND i.key "
    "ORDER BY m.name, l.seq, i.seqno"
)
_TABLES = sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL")

_PART = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[()]|\w+|\s+|.""", re.DOTALL
)


def unique_keys(connection: sa.Connection) -> Mapping[str, tuple[UniqueKey, ...]]:
    """Unique constraints and indexes by table."""
    grouped: dict[tuple[str, str], list[tuple[str | None, bool, str | None]]] = {}
    for table, index, partial, column, position, collation in connection.execute(_UNIQUES):
        # Position -2 is an expression.
        own = None if collation == "BINARY" else collation
        grouped.setdefault((table, index), []).append((column, bool(partial) or position == -2, own))
    found: dict[str, list[UniqueKey]] = {}
    for (table, index), columns in grouped.items():
        names = tuple(name for name, _, _ in columns if name is not None)
        collations = tuple(collation for name, _, collation in columns if name is not None)
        partial = any(partial for _, partial, _ in columns)
        found.setdefault(table, []).append(UniqueKey(index, names, partial, collations=collations))
    return {table: tuple(keys) for table, keys in found.items()}


def checks(connection: sa.Connection) -> Mapping[str, tuple[Check, ...]]:
    """CHECK constraints by table."""
    return {table: tuple(_conditions(sql)) for table, sql in connection.execute(_TABLES)}


def _conditions(sql: str) -> Iterator[Check]:
    """The text between the brackets of each CHECK, with the name of its constraint where it has one."""
    words: list[str] = []
    depth = 0
    condition = ""
    for part in _PART.findall(sql):
        if depth:
            depth += {"(": 1, ")": -1}.get(part, 0)
            condition += part if depth else ""
            if not depth:
                named = len(words) > 2 and words[-3].upper() == "CONSTRAINT"
                yield Check(words[-2].strip('"`[]') if named else "", condition.strip())
        elif part == "(" and words and words[-1].upper() == "CHECK":
            depth, condition = 1, ""
        elif not part.isspace():
            words.append(part)
