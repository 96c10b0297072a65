"""What a dump that copies ids as they are would have done to the references of the demo's data."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

# The tables that the new installation has already filled, and what their rows are called.
NAMES = {
    "users": "username",
    "roles": "name",
    "auth_group": "name",
    "document_types": "code",
    "django_content_type": "app_label || '.' || model",
}


@dataclass(frozen=True)
class PlainCopy:
    """How many references into those tables would be right, and how many not."""

    right: int
    wrong: int
    """They would point at another row, and nothing would complain."""
    lost: int
    """They would point at nothing: the row itself collides with one that is there under another id."""


def plain_copy(live: Path, fresh: Path) -> PlainCopy:
    """Count what would become of each reference if the rows were copied with their ids."""
    right = wrong = lost = 0
    with closing(sqlite3.connect(live)) as database:
        database.execute("ATTACH ? AS fresh", (str(fresh),))
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            for key in database.execute(f"PRAGMA foreign_key_list({table})").fetchall():
                parent, column = key[2], key[3]
                if parent not in NAMES:
                    continue
                good, other, none = _fate(database, table, column, parent)
                right, wrong, lost = right + good, wrong + other, lost + none
    return PlainCopy(right, wrong, lost)


def _fate(database: sqlite3.Connection, table: str, column: str, parent: str) -> tuple[int, int, int]:
    # Every name here is the demo's own. In the new installation `holder` has the id, `namesake` the name.
    named = f"SELECT id, {NAMES[parent]} AS name FROM"
    row: tuple[int, int, int] = database.execute(
        f"""
        SELECT count(*) FILTER (WHERE holder.name = meant.name OR coalesce(holder.id, namesake.id) IS NULL),
               count(*) FILTER (WHERE holder.name <> meant.name),
               count(*) FILTER (WHERE holder.id IS NULL AND namesake.id IS NOT NULL)
        FROM main.{table} AS child
        JOIN ({named} main.{parent}) AS meant ON meant.id = child.{column}
        LEFT JOIN ({named} fresh.{parent}) AS holder ON holder.id = meant.id
        LEFT JOIN ({named} fresh.{parent}) AS namesake ON namesake.name = meant.name
        """
    ).fetchone()
    return row
