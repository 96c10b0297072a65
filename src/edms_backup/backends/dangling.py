"""Numbers that dangling references hold: no new row gets one, or it would be the stranger that they point at."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.workspace import (
    DIGEST,
    KEY,
    LABEL,
    Workspace,
    digest_name,
    is_polymorphic,
    label_name,
    value_name,
)
from edms_backup.model import Kind
from edms_backup.plan.restore import RestoreColumn, RestoreTable


def free_from(workspace: Workspace, table: RestoreTable, name: str, above: int, count: int) -> int:
    """The least number from `above` on after which the next `count` are held by no dangling reference to `table`."""
    held = list(_held(workspace, table, name))
    while True:
        within = [sa.select(sa.func.max(n)).where(where, n > above, n <= above + count) for n, where in held]
        found = [n for query in within if (n := workspace.backend.connection.execute(query).scalar()) is not None]
        if not found:
            return above
        above = max(found)


def _held(workspace: Workspace, table: RestoreTable, name: str) -> Iterator[tuple[Expression, Expression]]:
    """Columns of staging tables that hold such numbers, each with the rows of which it does."""
    for child in workspace.plan.filled.values():
        for column in child.columns:
            stage = workspace.stage[child.name]
            if column.reference is None:
                continue
            dangling = stage.c[digest_name(column)].is_(None)
            number: Expression = stage.c[value_name(column)]
            if column.column.kind is not Kind.INTEGER:
                number = workspace.backend.integer_of_text(workspace.backend.text(number))
            if is_polymorphic(column):
                targets = [
                    t for t in workspace.targets_of(child, column) if (t.table, t.id_column) == (table.name, name)
                ]
                for target in targets:
                    yield number, sa.and_(dangling, stage.c[label_name(column)] == target.label)
            elif (column.reference.table, _referred(column)) == (table.name, name):
                yield number, dangling
    mentions = workspace.mentions
    if mentions is not None:
        inside = sa.and_(mentions.c[DIGEST].is_(None), mentions.c[LABEL] == table.name)
        yield workspace.backend.integer_of_text(mentions.c[KEY]), inside


def _referred(column: RestoreColumn) -> str:
    assert column.reference is not None
    return column.reference.referred_columns[column.reference.columns.index(column.name)]
