"""Matching the rows of a tree: roots first, then the rows below rows that are matched or new by then."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.references import References
from edms_backup.backends.trees import is_child, is_root
from edms_backup.backends.workspace import (
    DIGEST,
    LEVEL,
    MATCHED,
    NOT_MATCHED,
    ROW,
    Workspace,
    digest_name,
    exported_name,
    value_name,
)
from edms_backup.options import Ids
from edms_backup.plan.restore import RestoreTable

ROOTS = 0
"""The level of rows that have no parent but themselves."""


def staged_levels(workspace: Workspace, table: RestoreTable) -> Iterator[int | None]:
    """The levels of a tree that have staged rows, roots first; one that is None for any other table."""
    if table.keyed.key_parent is None:
        yield None
        return
    level = workspace.stage[table.name].c[LEVEL]
    yield from list(workspace.backend.connection.execute(sa.select(level).distinct().order_by(level)).scalars())


def same_parent(table: RestoreTable, references: References, target: sa.FromClause, level: int) -> Expression:
    """Whether a row of the target has the parent of a staged row. What is below a new row is new."""
    parent = table.keyed.key_parent
    assert parent is not None
    if level == ROOTS:
        return is_root(target, parent)
    above = references.row(table.parent_columns[0])
    names = [exported_name(table, name) for name in parent.referred_columns]
    return sa.and_(above.c[MATCHED] != NOT_MATCHED, is_child(target, above, parent, names))


def point_to_themselves(workspace: Workspace, table: RestoreTable, written: Collection[str]) -> None:
    """Let roots that are their own parents hold their own ids, where other tables refer to the column of the parent.

    A row that is there gets that only in columns of `written`.
    """
    parent, ids, stage = table.keyed.key_parent, workspace.ids[table.name], workspace.stage[table.name]
    assert parent is not None
    rows = sa.select(stage.c[ROW]).where(stage.c[digest_name(table.parent_columns[0])] == stage.c[DIGEST])
    for column, referred in zip(parent.columns, parent.referred_columns, strict=True):
        if column not in table.exported or column == referred:
            continue
        update = sa.update(ids).values({exported_name(table, column): ids.c[exported_name(table, referred)]})
        update = update.where(ids.c[ROW].in_(rows))
        if column not in written:
            update = update.where(ids.c[MATCHED] == NOT_MATCHED)
        workspace.backend.connection.execute(update)


def highest_preserved(workspace: Workspace, table: RestoreTable, name: str) -> int:
    """The highest id that a row of a level below may want to keep."""
    if table.keyed.key_parent is None or workspace.plan.options.ids is Ids.ASSIGN:
        return 0
    staged = workspace.stage[table.name].c[value_name(table.named(name))]
    return int(workspace.backend.connection.execute(sa.select(sa.func.max(staged))).scalar() or 0)
