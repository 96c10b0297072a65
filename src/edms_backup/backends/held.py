"""Values that foreign keys hold and that an update changes: a unique column, not the id, that others refer to.

A row that the restore points elsewhere anyway lets go of the old value first. Any other row that holds it stands in
the way, whatever the foreign key would do about it: what the archive does not have is not changed.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.decide import Action
from edms_backup.backends.workspace import ACTION, Workspace, same_row
from edms_backup.model import Reference, Table
from edms_backup.plan.restore import RestoreTable


def held_values(workspace: Workspace, table: RestoreTable) -> Iterator[tuple[Table, Reference, Expression]]:
    """Foreign keys to `table`, each with what picks its *final* rows whose old value would still be referred to."""
    for child, reference in _referring(workspace, table.name):
        held = set(reference.referred_columns)
        if not held <= set(table.identity) and held <= set(table.final_columns):
            yield child, reference, _is_held(workspace, table, child, reference)


def _is_held(workspace: Workspace, table: RestoreTable, child: Table, reference: Reference) -> Expression:
    old, row = workspace.backend.aliased(table.table, "old"), workspace.backend.aliased(child, "child")
    moves = _moves(table, reference, workspace.final[table.name], old, row)
    return sa.exists().where(moves, sa.not_(_lets_go(workspace, child, reference, row)))


def is_moving(workspace: Workspace, table: RestoreTable, reference: Reference, row: sa.FromClause) -> Expression:
    """Whether what `row` refers to is a row of `table` that gets another value there."""
    old, final = workspace.backend.aliased(table.table, "old"), workspace.final[table.name].alias("moving")
    return sa.exists().where(final.c[ACTION] == Action.UPDATE, _moves(table, reference, final, old, row))


def _moves(
    table: RestoreTable, reference: Reference, final: sa.FromClause, old: sa.FromClause, row: sa.FromClause
) -> Expression:
    """Whether `row` refers to `old`, a row of `table` as it is, which `final` gives another value there."""
    new = {name: final.c[f"f{position}"] for position, name in enumerate(table.final_columns)}
    changed = sa.or_(*(old.c[name].is_distinct_from(new[name]) for name in reference.referred_columns))
    pairs = zip(reference.columns, reference.referred_columns, strict=True)
    refers = [row.c[ours] == old.c[theirs] for ours, theirs in pairs]
    return sa.and_(same_row(table, old.c.__getitem__, new.__getitem__), changed, *refers)


def _referring(workspace: Workspace, name: str) -> Iterator[tuple[Table, Reference]]:
    plan = workspace.plan
    for child in (*(restored.table for restored in plan.tables.values()), *plan.outside_tables.values()):
        for reference in child.references:
            if reference.table == name:
                yield child, reference


def _lets_go(workspace: Workspace, child: Table, reference: Reference, row: sa.FromClause) -> Expression:
    """The restore gives the row another value, and can do so before the old one is gone or after."""
    restored = workspace.plan.filled.get(child.name)
    late = reference.deferrable and workspace.backend.capabilities.deferrable
    if restored is None or not (late or released_column(restored, reference)):
        return sa.false()
    final = workspace.final[restored.name].alias("pointing")
    slot = {name: f"f{position}" for position, name in enumerate(restored.final_columns)}
    same = same_row(restored, lambda name: row.c[name], lambda name: final.c[slot[name]])
    moves = [row.c[name].is_distinct_from(final.c[slot[name]]) for name in reference.columns if name in slot]
    return sa.exists().where(final.c[ACTION] == Action.UPDATE, same, sa.or_(*moves))


def released_column(table: RestoreTable, reference: Reference) -> str | None:
    """The column that can be emptied to let go of what the reference holds."""
    free = [
        column.name
        for column in table.columns
        if column.name in reference.columns and column.column.nullable and column.name not in table.identity
    ]
    return free[0] if free else None
