"""Matching: which row of the target each staged row is, and which ids the new ones get."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.base import Backend, Expression
from edms_backup.backends.dangling import free_from
from edms_backup.backends.levels import ROOTS, highest_preserved, point_to_themselves, same_parent, staged_levels
from edms_backup.backends.references import References
from edms_backup.backends.workspace import (
    BY_KEY,
    BY_UNIQUE,
    DIGEST,
    ID,
    LABEL,
    LEVEL,
    MATCHED,
    NOT_MATCHED,
    ROW,
    Workspace,
    digest_name,
    exported_name,
    free_name,
    is_polymorphic,
    label_name,
    same_row,
    value_name,
)
from edms_backup.model import Kind, OnConflict, OnMatch, UniqueKey
from edms_backup.options import Ids, Mode
from edms_backup.plan.restore import RestoreColumn, RestoreTable

BOUND_VALUES = 500
"""Values bound in one statement; SQLite has a limit."""


def match_rows(workspace: Workspace, table: RestoreTable) -> Iterator[None]:
    """Fill *ids* of a table: each staged row with its row of the target, or with the ids it will have.

    The rows of a tree are matched level by level. After each level the caller may take out rows that match several
    of the target; those of another table are one level.
    """
    fill_polymorphic(workspace, table, [column for column in table.columns if column.name in table.early])
    for level in staged_levels(workspace, table):
        _match_by_key(workspace, table, level)
        if table.policy.on_conflict is not OnConflict.FAIL:
            _match_by_unique(workspace, table, level)
        if table.surrogate is not None:
            _assign_ids(workspace, table, table.surrogate)
        if level == ROOTS:
            names = (name for name in table.exported if name not in table.identity)
            point_to_themselves(workspace, table, [n for n in names if follows_archive(workspace, table, n)])
        workspace.analyse(workspace.ids[table.name])
        yield


def _early(table: RestoreTable, level: int | None) -> list[RestoreColumn]:
    """References to resolve before matching; the roots of a tree have no parent."""
    columns = [column for column in table.columns if column.name in table.early]
    return [column for column in columns if column not in table.parent_columns] if level == ROOTS else columns


def _match_by_key(workspace: Workspace, table: RestoreTable, level: int | None) -> None:
    backend = workspace.backend
    references = References(workspace, table, _early(table, level))
    stage = references.stage
    target = _target_rows(backend, table)
    parents = {column.name for column in table.parent_columns}
    same = [_same(backend, table, references, name, target) for name in table.keyed.key if name not in parents]
    if level is not None:
        same.append(same_parent(table, references, target, level))
    if table.keyed.whole_row:
        # Equal rows are told apart by counting them on both sides.
        number = _occurrence(_whole_row(backend, table, stage)).label("occurrence")
        counted = sa.select(stage.c[ROW], number).subquery("counted")
        references.clause = references.clause.join(counted, counted.c[ROW] == stage.c[ROW])
        same.append(target.c[free_name("occurrence", table.table.column_names)] == counted.c.occurrence)
    clause: sa.FromClause = references.clause.outerjoin(target, sa.and_(*same))
    present = target.c[free_name("present", table.table.column_names)].is_not(None)
    values: list[Expression] = []
    for name in table.exported:
        fresh: Expression
        if name == table.surrogate:
            fresh, clause = _free_id(workspace, table, name, stage, clause)
        else:
            column = _column(table, name)
            fresh = references.value(column) if column else sa.null()
        stays = name in table.identity or not follows_archive(workspace, table, name)
        # Whole rows that match are the same to the last byte.
        stays = stays and not (table.keyed.whole_row and name in table.keyed.key)
        values.append(sa.case((present, target.c[name]), else_=fresh) if stays else fresh)
    query = sa.select(stage.c[ROW], stage.c[DIGEST], sa.case((present, BY_KEY), else_=NOT_MATCHED), *values)
    if level is not None:
        query = query.where(stage.c[LEVEL] == level)
    ids = workspace.ids[table.name]
    filled = sa.insert(ids).from_select([column.name for column in ids.columns], query.select_from(clause))
    with backend.refusals(table.name):
        backend.connection.execute(filled)


def follows_archive(workspace: Workspace, table: RestoreTable, name: str) -> bool:
    """Whether a row that is there gets the archive's value of a column, so that references must hold that one."""
    if workspace.plan.options.mode is Mode.INSERT or table.policy.on_match is not OnMatch.UPDATE:
        return False
    return name not in table.policy.keep_columns and _column(table, name) is not None


def _column(table: RestoreTable, name: str) -> RestoreColumn | None:
    return next((column for column in table.columns if column.name == name), None)


def _target_rows(backend: Backend, table: RestoreTable) -> NamedFromClause:
    """The target's rows with a marker that they are there, and their occurrence where whole rows are matched."""
    rows = backend.aliased(table.table, "t")
    parent = table.keyed.key_parent
    wanted = dict.fromkeys([*table.keyed.key, *table.exported, *(parent.columns if parent else ())])
    columns: list[Any] = [rows.c[name] for name in wanted]
    columns.append(sa.literal_column("1").label(free_name("present", table.table.column_names)))
    if table.keyed.whole_row:
        key = [backend.comparable(table.table.column(name), rows.c[name]) for name in table.keyed.key]
        columns.append(_occurrence(key).label(free_name("occurrence", table.table.column_names)))
    return sa.select(*columns).subquery("present")


def _whole_row(backend: Backend, table: RestoreTable, stage: sa.FromClause) -> list[Any]:
    """What equal rows of a stage have in common. The target may take for equal what the archive tells apart."""
    columns = [table.named(name) for name in table.keyed.key]
    if all(column.column.native == column.source.native for column in columns):
        return [stage.c[DIGEST]]
    named = [stage.c[digest_name(column)] for column in columns if column.reference is not None]
    return [*named, *(backend.comparable(column.column, stage.c[value_name(column)]) for column in columns)]


def _occurrence(partition: list[Any]) -> sa.Over[int]:
    return sa.func.row_number().over(partition_by=partition, order_by=partition[0])


def _same(
    backend: Backend, table: RestoreTable, references: References, name: str, target: sa.FromClause
) -> Expression:
    """Whether a key column has the same value on both sides; NULL is the same as NULL."""
    column = table.named(name)
    theirs: Expression = target.c[name]
    ours = references.value(column)
    if table.keyed.whole_row:
        theirs, ours = backend.comparable(column.column, theirs), backend.comparable(column.column, ours)
    if not column.column.nullable:
        return theirs == ours
    same = backend.same(theirs, ours)
    # A reference that could not be resolved is not the same as none.
    return sa.and_(same, sa.not_(references.is_missing(column))) if column.name in table.early else same


def _free_id(
    workspace: Workspace, table: RestoreTable, name: str, stage: sa.FromClause, clause: sa.FromClause
) -> tuple[Expression, sa.FromClause]:
    """The archive's id where it is free and ids are to be preserved; else NULL: one is assigned later."""
    column = _column(table, name)
    if column is None or (workspace.plan.options.ids is Ids.ASSIGN and _assignable(workspace, table, name)):
        return sa.null(), clause
    taken = workspace.backend.aliased(table.table, "taken")
    staged = stage.c[value_name(column)]
    clause = clause.outerjoin(taken, taken.c[name] == staged)
    return sa.case((taken.c[name].is_(None), staged)), clause


def _assignable(workspace: Workspace, table: RestoreTable, name: str) -> bool:
    column = table.table.column(name)
    return column.kind is Kind.INTEGER or workspace.backend.new_uuid(column) is not None


def _match_by_unique(workspace: Workspace, table: RestoreTable, level: int | None) -> None:
    """Take a row of the target that holds another unique value of a new row for that row, as the policy says.

    A row with several candidates stays new: taking one of them would be a guess, and the check of unique values
    names them all.
    """
    if table.policy.on_conflict is OnConflict.UPDATE and set(table.keyed.key) & set(table.identity):
        # The row could not get the archive's key: that is what identifies it here.
        return
    ids = workspace.ids[table.name]
    slots = [exported_name(table, name) for name in table.exported]
    uniques = [u for u in table.table.uniques if not u.partial and set(u.columns) != set(table.keyed.key)]
    searched = (_candidates(workspace, table, unique, level) for unique in uniques)
    candidates = [found for found in searched if found is not None]
    if not candidates:
        return
    either = sa.union(*candidates).subquery("either")
    number = sa.func.count().over(partition_by=either.c[ROW]).label("candidates")
    counted = sa.select(*either.columns, number).subquery("counted")
    single = sa.select(*counted.columns).where(counted.c.candidates == 1).subquery("single")
    taken = {slot: single.c[slot] for slot in slots}
    update = sa.update(ids).values({MATCHED: BY_UNIQUE, **taken}).where(ids.c[ROW] == single.c[ROW])
    workspace.backend.connection.execute(update)


def _candidates(
    workspace: Workspace, table: RestoreTable, unique: UniqueKey, level: int | None
) -> sa.Select[Any] | None:
    """New rows, each with the row of the target that holds their value of `unique` and is not matched by its key."""
    columns = [_column(table, name) for name in unique.columns]
    references = References(workspace, table, _early(table, level))
    stage, target = references.stage, workspace.backend.aliased(table.table, "t")
    same = [target.c[c.name] == references.value(c) for c in columns if c is not None]
    if not same or len(same) < len(columns):
        return None
    ids = workspace.ids[table.name]
    pending, other = ids.alias("i"), ids.alias("o")
    clause = references.clause.join(pending, pending.c[ROW] == stage.c[ROW]).join(target, sa.and_(*same))
    theirs = same_row(table, lambda name: other.c[exported_name(table, name)], lambda name: target.c[name])
    free = sa.not_(sa.exists().where(other.c[MATCHED] != NOT_MATCHED, theirs))
    taken: list[Any] = []
    for name in table.exported:
        ours = name not in table.identity and table.policy.on_conflict is OnConflict.UPDATE
        ours = ours and follows_archive(workspace, table, name)
        slot = exported_name(table, name)
        taken.append((pending.c[slot] if ours else target.c[name]).label(slot))
    found = sa.select(stage.c[ROW], *taken)
    if level is not None:
        found = found.where(stage.c[LEVEL] == level)
    return found.select_from(clause).where(pending.c[MATCHED] == NOT_MATCHED, free)


def _assign_ids(workspace: Workspace, table: RestoreTable, name: str) -> None:
    """Give a new id to each new row that has none yet, above all that are or were in use, and none that is missed."""
    backend, ids = workspace.backend, workspace.ids[table.name]
    slot = exported_name(table, name)
    column = table.table.column(name)
    waiting = sa.and_(ids.c[slot].is_(None), ids.c[MATCHED] == NOT_MATCHED)
    if column.kind is not Kind.INTEGER:
        fresh = backend.new_uuid(column)
        if fresh is not None:
            backend.connection.execute(sa.update(ids).values({slot: fresh}).where(waiting))
        return
    target = backend.table_clause(table.table)
    highest = [
        backend.last_number(table.table, name),
        backend.connection.execute(sa.select(sa.func.max(target.c[name]))).scalar() or 0,
        backend.connection.execute(sa.select(sa.func.max(ids.c[slot]))).scalar() or 0,
        highest_preserved(workspace, table, name),
    ]
    count = backend.connection.execute(sa.select(sa.func.count()).where(waiting)).scalar() or 0
    above = free_from(workspace, table, name, max(highest), count)
    if above + count > backend.highest_number(column):
        # They stay without an id, and are refused as such.
        return
    number = sa.func.row_number().over(order_by=ids.c[ROW])
    numbered = sa.select(ids.c[ROW], number.label("number")).where(waiting).subquery("numbered")
    backend.connection.execute(
        sa.update(ids).values({slot: numbered.c.number + above}).where(ids.c[ROW] == numbered.c[ROW])
    )


def fill_polymorphic(workspace: Workspace, table: RestoreTable, columns: list[RestoreColumn]) -> None:
    """Add to *poly* the ids that polymorphic references of `columns` name."""
    backend, stage, poly = workspace.backend, workspace.stage[table.name], workspace.poly
    for column in columns:
        if not is_polymorphic(column):
            continue
        for target in workspace.targets_of(table, column):
            exporting = workspace.plan.exporting(target.table)
            if exporting is None or target.table not in workspace.ids:
                continue
            ids = workspace.ids[target.table]
            label, digest = stage.c[label_name(column)], stage.c[digest_name(column)]
            known = sa.exists().where(poly.c[LABEL] == target.label, poly.c[DIGEST] == digest)
            query = (
                sa.select(
                    sa.literal(target.label),
                    digest,
                    backend.text(ids.c[exported_name(exporting, target.id_column)]),
                )
                .select_from(stage.join(ids, ids.c[DIGEST] == digest))
                .where(label == target.label, sa.not_(known))
                .distinct()
            )
            backend.connection.execute(sa.insert(poly).from_select([LABEL, DIGEST, ID], query))
