"""Decided rows under the target's own names, so that texts of its catalogue can be evaluated over them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.catalog_text import mentions
from edms_backup.backends.workspace import ACTION, MATCHED, ROW, Workspace, free_name
from edms_backup.model import Column
from edms_backup.plan.restore import RestoreTable


@dataclass(frozen=True)
class Decided:
    """Decided rows: `rows` has the columns of the target, and beside them what else is known of each row."""

    rows: NamedFromClause
    row: sa.ColumnElement[int]
    action: sa.ColumnElement[str]
    matched: sa.ColumnElement[int]


def decided_rows(
    workspace: Workspace, table: RestoreTable, texts: Sequence[str], names: Iterable[str] = ()
) -> Decided | None:
    """The rows of *final* with all columns that `texts` and `names` are about, what is generated computed.

    None where one of these columns has no value yet: the server alone knows what it will be.
    """
    known = tuple(name for name in table.final_columns if workspace.backend.can_be_alias(name))
    generated = _generated(table, known, texts, frozenset(names))
    if generated is None:
        return None
    final = workspace.final[table.name]
    # The table may well have columns that are called like ours.
    own = {name: free_name(name, table.table.column_names) for name in (ROW, ACTION, MATCHED)}
    values = [workspace.final_column(table, name).label(name) for name in known]
    target = workspace.backend.table_clause(table.table)
    query = sa.select(*(final.c[name].label(label) for name, label in own.items()), *values)
    rows: NamedFromClause = workspace.backend.as_stored(target, known, query).subquery(table.table.name_in_schema)
    for column in generated:
        value = catalogue_text(column.computed or "").label(column.name)
        rows = sa.select(*rows.columns, value).subquery(table.table.name_in_schema)
    return Decided(rows, *(rows.c[label] for label in own.values()))


def _generated(
    table: RestoreTable,
    known: Sequence[str],
    texts: Sequence[str],
    names: Iterable[str],
    pending: frozenset[str] = frozenset(),
) -> list[Column] | None:
    """The generated columns that are needed, each after those that it is computed from."""
    others = [c for c in table.table.columns if c.name not in pending and c.name not in known]
    ordered: list[Column] = []
    for column in others:
        if column.name not in names and not any(mentions(text, column.name) for text in texts):
            continue
        if column.computed is None:
            return None
        # What looks like its own name is that of a function.
        before = _generated(table, known, [column.computed], (), pending | {column.name})
        if before is None:
            return None
        ordered += [c for c in (*before, column) if c not in ordered]
    return ordered


def catalogue_text(text: str) -> sa.ColumnClause[Any]:
    """A text of the catalogue as part of a statement; it is about the one table of its FROM clause."""
    return sa.literal_column(f"({text})")
