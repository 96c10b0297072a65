"""Decided rows under the target's own names, so that texts of its catalogue can be evaluated over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.catalog_text import mentions
from edms_backup.backends.workspace import ACTION, MATCHED, PREFIX, ROW, Workspace
from edms_backup.model import Column
from edms_backup.plan.restore import RestoreTable

# The table may well have columns that are called like ours.
DECIDED_ROW, DECIDED_ACTION, DECIDED_MATCHED = f"{PREFIX}row", f"{PREFIX}action", f"{PREFIX}matched"


def decided_rows(
    workspace: Workspace, table: RestoreTable, texts: Sequence[str], names: Iterable[str] = ()
) -> NamedFromClause | None:
    """The rows of *final* with all columns that `texts` and `names` are about, what is generated computed.

    None where one of these columns has no value yet: the server alone knows what it will be.
    """
    generated = _generated(table, texts, frozenset(names))
    if generated is None:
        return None
    final, known = workspace.final[table.name], table.final_columns
    own = [
        final.c[column].label(name)
        for column, name in ((ROW, DECIDED_ROW), (ACTION, DECIDED_ACTION), (MATCHED, DECIDED_MATCHED))
    ]
    values = [workspace.final_column(table, name).label(name) for name in known]
    target = workspace.backend.table_clause(table.table)
    stored = workspace.backend.as_stored(target, known, sa.select(*own, *values))
    rows: NamedFromClause = stored.subquery(table.table.name_in_schema)
    for column in generated:
        value = catalogue_text(column.computed or "").label(column.name)
        rows = sa.select(*rows.columns, value).subquery(table.table.name_in_schema)
    return rows


def _generated(
    table: RestoreTable, texts: Sequence[str], names: Iterable[str], pending: frozenset[str] = frozenset()
) -> list[Column] | None:
    """The generated columns that are needed, each after those that it is computed from."""
    others = [c for c in table.table.columns if c.name not in pending and c.name not in table.final_columns]
    ordered: list[Column] = []
    for column in others:
        if column.name not in names and not any(mentions(text, column.name) for text in texts):
            continue
        if column.computed is None:
            return None
        # What looks like its own name is that of a function.
        before = _generated(table, [column.computed], (), pending | {column.name})
        if before is None:
            return None
        ordered += [c for c in (*before, column) if c not in ordered]
    return ordered


def catalogue_text(text: str) -> sa.ColumnClause[Any]:
    """A text of the catalogue as part of a statement; it is about the one table of its FROM clause."""
    return sa.literal_column(f"({text})")
