"""Deciding: each row as it will be, and the one action that it gets."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.documents import DocumentCounts
from edms_backup.backends.match import fill_polymorphic
from edms_backup.backends.references import References
from edms_backup.backends.workspace import (
    ACTION,
    BY_UNIQUE,
    DIGEST,
    HANGING,
    MATCHED,
    NOT_MATCHED,
    RESOLVED,
    ROW,
    UNRESOLVED,
    Workspace,
    differs,
    exported_name,
    same_row,
)
from edms_backup.model import OnConflict, OnMatch
from edms_backup.options import Mode, OnUnresolved, RestoreOptions
from edms_backup.plan.restore import RestoreTable
from edms_backup.report import Books


class Action(StrEnum):
    """What happens to a row of the archive."""

    INSERT = "insert"
    UPDATE = "update"
    SAME = "same"
    KEEP = "keep"
    SKIP = "skip"
    FAIL = "fail"


WRITTEN = (Action.INSERT, Action.UPDATE)


def decide_rows(workspace: Workspace, table: RestoreTable) -> None:
    """Fill *final* of a table. All tables must have been matched."""
    backend, plan = workspace.backend, workspace.plan
    final, ids = workspace.final[table.name], workspace.ids[table.name].alias("i")
    backend.connection.execute(sa.delete(final))
    referring = [column for column in table.columns if column.reference is not None]
    fill_polymorphic(workspace, table, referring)
    references = References(workspace, table, referring)
    stage = references.stage
    target = backend.aliased(table.table, "t")
    matched = ids.c[MATCHED] != NOT_MATCHED
    found = same_row(table, lambda name: target.c[name], lambda name: ids.c[exported_name(table, name)])
    clause: sa.FromClause = references.clause.join(ids, ids.c[ROW] == stage.c[ROW])
    inside = DocumentCounts(workspace, table)
    clause = inside.joined(clause, stage)
    values = _values(table, references, ids, target, inside)
    missing: list[Expression] = []
    in_key: list[Expression] = []
    dangling: list[Expression] = []
    for column in referring:
        stranger = sa.and_(references.is_dangling(column), references.is_stranger(column))
        dangling.append(sa.and_(references.is_dangling(column), sa.not_(references.is_stranger(column))))
        wrong = [references.is_missing(column), stranger]
        if column.name in table.policy.keep_columns:
            # The target's own value stays on a row that is there, whatever the archive refers to.
            wrong = [sa.and_(ids.c[MATCHED] == NOT_MATCHED, condition) for condition in wrong]
        elif column.name in table.keyed.key:
            # A row with an emptied key would be another row, and inserted again by every restore.
            in_key += wrong
        elif plan.options.on_unresolved is OnUnresolved.NULL:
            values[column.name] = sa.case((stranger, sa.null()), else_=values[column.name])
        missing += wrong
    changed: Expression = sa.false()
    if not table.keyed.whole_row or table.policy.keep_columns:
        clause = clause.outerjoin(target, sa.and_(matched, found))
    if not table.keyed.whole_row:
        changed = differs(backend, table, values.__getitem__, lambda name: target.c[name])
    resolved = [sa.and_(references.is_named(c), sa.not_(references.is_missing(c))) for c in referring]
    unresolved = _count(missing) + inside.unresolved(matched)
    stops = unresolved if plan.options.on_unresolved is not OnUnresolved.NULL else _count(in_key)
    action = _action(table, plan.options, ids, stops, changed)
    query = sa.select(
        stage.c[ROW],
        action,
        ids.c[MATCHED],
        _count(resolved) + inside.number(RESOLVED),
        _count(dangling) + inside.number(HANGING),
        unresolved,
        *values.values(),
    ).select_from(clause)
    backend.connection.execute(sa.insert(final).from_select([column.name for column in final.columns], query))
    workspace.analyse(final)


def _values(
    table: RestoreTable, references: References, ids: sa.FromClause, target: sa.FromClause, inside: DocumentCounts
) -> dict[str, Expression]:
    """The value that each column of the target will have, in the order of *final*."""
    values: dict[str, Expression] = {}
    matched = ids.c[MATCHED] != NOT_MATCHED
    for column in table.columns:
        if column.name in table.exported:
            value: Expression = ids.c[exported_name(table, column.name)]
        else:
            value = inside.value(column, references.value(column))
            # The server does not let anybody change what it always generates.
            if column.name in table.policy.keep_columns or column.column.identity_always:
                value = sa.case((matched, target.c[column.name]), else_=value)
        values[column.name] = value
    for name in table.identity:
        values.setdefault(name, ids.c[exported_name(table, name)])
    return values


def _count(conditions: list[Expression]) -> Any:
    """How many conditions hold."""
    total: Any = sa.literal_column("0")
    for condition in conditions:
        total = total + sa.case((condition, 1), else_=0)
    return total


def _action(
    table: RestoreTable, options: RestoreOptions, ids: sa.FromClause, unresolved: Any, changed: Expression
) -> Expression:
    matched = ids.c[MATCHED] != NOT_MATCHED
    stays = _staying(table, options.mode)
    cases: list[tuple[Expression, str]] = []
    if stays is not None and not table.keyed.whole_row:
        # What is not written need not resolve.
        cases += [(sa.and_(matched, sa.not_(changed)), Action.SAME), (matched, stays)]
    cases.append((unresolved > 0, Action.SKIP if options.on_unresolved is OnUnresolved.SKIP else Action.FAIL))
    cases.append((sa.not_(matched), Action.INSERT))
    if table.keyed.whole_row:
        # All values are the key: what matches is the same.
        return _cases(cases, Action.SAME)
    cases.append((sa.not_(changed), Action.SAME))
    if table.policy.on_conflict is OnConflict.KEEP:
        cases.append((ids.c[MATCHED] == BY_UNIQUE, Action.KEEP))
    return _cases(cases, Action.FAIL if table.policy.on_match is OnMatch.FAIL else Action.UPDATE)


def _staying(table: RestoreTable, mode: Mode) -> Action | None:
    """What a row that is there with other values gets where nothing is ever written on it."""
    if table.policy.on_match is OnMatch.KEEP:
        return Action.KEEP
    return Action.SKIP if mode is Mode.INSERT else None


def _cases(cases: list[tuple[Expression, str]], otherwise: str) -> Expression:
    return sa.case(
        *((condition, sa.literal(str(value))) for condition, value in cases), else_=sa.literal(str(otherwise))
    )


def drop_skipped(workspace: Workspace, table: RestoreTable) -> int:
    """Take rows that are skipped and will not exist out of *ids*, so that references to them are unresolved too.

    Returns how many there were; the decision then has to be made again.
    """
    final, ids = workspace.final[table.name], workspace.ids[table.name]
    gone = sa.select(final.c[ROW]).where(final.c[ACTION] == Action.SKIP, final.c[MATCHED] == NOT_MATCHED)
    result = workspace.backend.connection.execute(
        sa.update(ids).values({DIGEST: None}).where(ids.c[ROW].in_(gone), ids.c[DIGEST].is_not(None))
    )
    return result.rowcount


_COUNTED = {
    Action.INSERT: "inserted",
    Action.UPDATE: "updated",
    Action.SAME: "unchanged",
    Action.KEEP: "kept",
    Action.SKIP: "skipped",
    Action.FAIL: "failed",
}


def count_actions(workspace: Workspace, table: RestoreTable, books: Books) -> None:
    """Enter the actions and references of *final* into the books."""
    final = workspace.final[table.name]
    sums = [sa.func.coalesce(sa.func.sum(final.c[name]), 0) for name in (RESOLVED, HANGING, UNRESOLVED)]
    query = sa.select(final.c[ACTION], sa.func.count(), *sums).group_by(final.c[ACTION])
    for action, rows, resolved, dangling, unresolved in workspace.backend.connection.execute(query):
        name = _COUNTED[Action(action)]
        setattr(books, name, getattr(books, name) + int(rows))
        books.resolved += int(resolved)
        books.dangling += int(dangling)
        books.unresolved += int(unresolved)
