"""What MariaDB's catalogue says of names, keys and references.

SQLAlchemy reads them from SHOW CREATE TABLE by patterns that miss backticks, brackets and commas inside names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from edms_backup.model import KeyPart, UniqueKey

_COLUMNS = sa.text(
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE() "
    "ORDER BY table_name, ordinal_position"
)
_KEYS = sa.text(
    "SELECT table_name, index_name, column_name, sub_part FROM information_schema.statistics "
    "WHERE table_schema = DATABASE() AND NOT non_unique ORDER BY table_name, index_name, seq_in_index"
)
_REFERENCES = sa.text(
    "SELECT table_name, constraint_name, column_name, referenced_table_schema, referenced_table_name, "
    "referenced_column_name FROM information_schema.key_column_usage "
    "WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL "
    "ORDER BY table_name, constraint_name, ordinal_position"
)
_PRIMARY = "PRIMARY"


def column_names(connection: sa.Connection) -> Mapping[str, list[str]]:
    """The names of all columns, by table and in its order."""
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(_COLUMNS):
        found.setdefault(table, []).append(column)
    return found


def primary_keys(connection: sa.Connection) -> Mapping[str, list[str]]:
    """The columns of primary keys, by table."""
    return {table: [c for c, _ in parts] for (table, index), parts in _keys(connection).items() if index == _PRIMARY}


def unique_keys(connection: sa.Connection) -> Mapping[str, tuple[UniqueKey, ...]]:
    """Unique constraints and indexes, by table. An expression (which MySQL has) has no column, and is left out."""
    found: dict[str, tuple[UniqueKey, ...]] = {}
    for (table, index), parts in _keys(connection).items():
        if index != _PRIMARY and all(column is not None for column, _ in parts):
            columns = tuple(column for column, _ in parts)
            # Unique first letters of a column do not make the column unique over the whole table.
            partial = any(letters is not None for _, letters in parts)
            own = tuple(KeyPart(column, letters=letters) for column, letters in parts) if partial else ()
            found[table] = (*found.get(table, ()), UniqueKey(index, columns, partial, parts=own))
    return found


def _keys(connection: sa.Connection) -> dict[tuple[str, str], list[Any]]:
    grouped: dict[tuple[str, str], list[Any]] = {}
    for table, index, *part in connection.execute(_KEYS):
        grouped.setdefault((table, index), []).append(part)
    return grouped


def foreign_keys(connection: sa.Connection) -> Mapping[str, list[Any]]:
    """Foreign keys by table, in the form that SQLAlchemy's inspector has."""
    grouped: dict[str, dict[str, dict[str, Any]]] = {}
    for table, name, column, schema, referred, referred_column in connection.execute(_REFERENCES):
        empty = {
            "referred_schema": schema,
            "referred_table": referred,
            "constrained_columns": [],
            "referred_columns": [],
        }
        key = grouped.setdefault(table, {}).setdefault(name, empty)
        key["constrained_columns"].append(column)
        key["referred_columns"].append(referred_column)
    return {table: list(keys.values()) for table, keys in grouped.items()}
