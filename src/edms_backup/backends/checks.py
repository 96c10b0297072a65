"""Finding what would go wrong, before anything is written. Each check fails the rows that it names."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.composites import broken_pairs
from edms_backup.backends.decide import WRITTEN, Action
from edms_backup.backends.decided import catalogue_text, decided_rows
from edms_backup.backends.held import held_values
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.match import BOUND_VALUES
from edms_backup.backends.references import References
from edms_backup.backends.staging import shown_row
from edms_backup.backends.uniqueness import Uniqueness
from edms_backup.backends.workspace import (
    ACTION,
    BY_UNIQUE,
    DIGEST,
    KEY,
    MATCHED,
    NOT_MATCHED,
    ROW,
    UNRESOLVED,
    Workspace,
    count_name,
    exported_name,
    is_polymorphic,
    text_name,
    trouble_name,
    value_name,
)
from edms_backup.graph.keys import expand_key
from edms_backup.model import OnConflict, OnMatch, Reference, Table
from edms_backup.options import OnUnresolved
from edms_backup.plan.restore import RestoreColumn, RestoreTable
from edms_backup.report import Problem
from edms_backup.values.rows import key_digest, key_text

SHOWN = 10
"""Problems named per table and kind; the rest is counted."""

Found = Callable[[int, list[Problem]], None]
"""Told how many rows a check found, and some of them as problems."""


class Checks:
    """The checks of one table, reported to `found`."""

    def __init__(self, workspace: Workspace, table: RestoreTable, found: Found) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self._found = found
        self._stage = workspace.stage[table.name]
        self._ids = workspace.ids[table.name]
        self._final = workspace.final[table.name]
        self._failing: list[sa.Select[Any]] = []

    # --- before matching ----------------------------------------------------------------------------------------

    def duplicate_keys(self) -> int:
        """Rows of the archive that share a key value; they leave the stage. Returns how many."""
        if self._table.keyed.whole_row:
            return 0
        shared = sa.select(self._stage.c[DIGEST]).group_by(self._stage.c[DIGEST]).having(sa.func.count() > 1)
        rows = sa.select(self._stage.c[ROW], self._stage.c[KEY]).where(self._stage.c[DIGEST].in_(shared))
        return self._leave_stage(rows, "duplicate-key", "the archive has several rows with this key")

    # --- after matching -----------------------------------------------------------------------------------------

    def ambiguous_matches(self) -> int:
        """Rows that match several rows of the target, or share one; they leave the stage. Returns how many."""
        ids = self._ids
        several = sa.select(ids.c[ROW]).where(ids.c[ROW].is_not(None)).group_by(ids.c[ROW]).having(sa.func.count() > 1)
        count = self._leave_stage(self._staged(several), "ambiguous-key", "the target has several rows with this key")
        if self._table.keyed.whole_row:
            # Equal rows have been told apart by counting.
            return count
        identity = [ids.c[exported_name(self._table, name)] for name in self._table.identity]
        shared = sa.select(*identity).where(ids.c[MATCHED] != NOT_MATCHED, ids.c[ROW].is_not(None))
        shared = shared.group_by(*identity).having(sa.func.count() > 1)
        same = shared.subquery("same")
        pairs = zip(identity, same.columns, strict=True)
        rows = sa.select(ids.c[ROW]).where(ids.c[ROW].is_not(None), ids.c[MATCHED] != NOT_MATCHED)
        rows = rows.where(sa.exists().where(*(ours == theirs for ours, theirs in pairs)))
        message = "another row of the archive is the same row for the target (collation, or a second unique key)"
        return count + self._leave_stage(self._staged(rows), "ambiguous-key", message)

    def _staged(self, rows: sa.Select[Any]) -> sa.Select[Any]:
        return sa.select(self._stage.c[ROW], self._stage.c[KEY]).where(self._stage.c[ROW].in_(rows))

    def _leave_stage(self, rows: sa.Select[Any], code: str, what: str) -> int:
        shown = self._backend.connection.execute(rows.order_by(self._stage.c[ROW]).limit(SHOWN)).all()
        if not shown:
            return 0
        gone = sa.select(rows.subquery("gone").c[ROW])
        # Through a table of its own: MariaDB does not delete from what it reads.
        numbers = [row[0] for row in self._backend.connection.execute(gone)]
        for start in range(0, len(numbers), BOUND_VALUES):
            some = numbers[start : start + BOUND_VALUES]
            for table in (self._stage, self._ids):
                self._backend.connection.execute(sa.delete(table).where(table.c[ROW].in_(some)))
        self._found(len(numbers), [self._problem(code, row[1], what) for row in shown])
        return len(numbers)

    def adopted(self) -> list[str]:
        """Rows that stand for a row of the target with another key, as the policy on_conflict says: both named."""
        if self._table.policy.on_conflict is OnConflict.FAIL:
            return []
        joins = KeyJoins(self._backend, self._workspace.keyed, self._table.name)
        leaves = expand_key(self._workspace.keyed, self._table.name)
        key = joins.texts(leaves)
        ids, stage, target = self._ids, self._stage, joins.root
        same = [target.c[name] == ids.c[exported_name(self._table, name)] for name in self._table.identity]
        clause = joins.clause.join(ids, sa.and_(*same)).join(stage, stage.c[ROW] == ids.c[ROW])
        query = sa.select(stage.c[KEY], *key).select_from(clause).where(ids.c[MATCHED] == BY_UNIQUE).limit(SHOWN)
        policy = self._table.policy.on_conflict.value
        return [
            f"{shown_row(self._table.name, joins.shown(leaves, theirs))} of the target stands for "
            f"{shown_row(self._table.name, json.loads(ours))}, whose other unique value it has (on_conflict: {policy})"
            for ours, *theirs in self._backend.connection.execute(query)
        ]

    # --- after deciding -----------------------------------------------------------------------------------------

    def run(self) -> None:
        """All checks of decided rows."""
        self._unresolved()
        if self._table.policy.on_match is OnMatch.FAIL:
            self._existing()
        self._empty()
        for reference, broken in broken_pairs(self._workspace, self._table):
            rows = self._rows(self._final.c[ACTION].in_(WRITTEN), broken)
            self._fail(rows, partial(self._broken_problem, reference))
        for child, reference, held in held_values(self._workspace, self._table):
            rows = self._rows(self._final.c[ACTION] == Action.UPDATE, held)
            self._fail(rows, partial(self._held_problem, child, reference))
        Uniqueness(self._workspace, self._table, self._fail, self._problem).run()
        for check in self._table.table.checks:
            self._violated(check.name, check.condition)
        self._set_failed()

    def _unresolved(self) -> None:
        policy = self._workspace.plan.options.on_unresolved
        if policy is OnUnresolved.SKIP or not self._any_unresolved():
            return
        for column in self._table.columns:
            if column.reference is None or (policy is OnUnresolved.NULL and column.name not in self._table.keyed.key):
                continue
            together = [c for c in self._table.columns if c.reference and c.name in column.reference.columns]
            references = References(self._workspace, self._table, together)
            stage = references.stage
            final = self._final
            missing = references.is_missing(column)
            stranger = sa.and_(references.is_dangling(column), references.is_stranger(column))
            raw = self._backend.text(stage.c[value_name(column)])
            rows = (
                sa.select(stage.c[ROW], stage.c[KEY], stage.c[text_name(column)], raw)
                .select_from(references.clause.join(final, final.c[ROW] == stage.c[ROW]))
                .where(final.c[ACTION] == Action.FAIL, sa.or_(missing, stranger))
            )
            if column.name in self._table.policy.keep_columns:
                rows = rows.where(final.c[MATCHED] == NOT_MATCHED)
            self._report(rows, partial(self._unresolved_problem, column))
        if policy is OnUnresolved.FAIL:
            for document in self._table.documents:
                self._unresolved_inside(document.column)

    def _unresolved_inside(self, column: RestoreColumn) -> None:
        """References inside documents; the first of each document is named."""
        final, finished = self._final, self._workspace.finished[self._table.name]
        rows = (
            sa.select(final.c[ROW], self._stage.c[KEY], finished.c[trouble_name(column)])
            .select_from(
                final.join(self._stage, self._stage.c[ROW] == final.c[ROW]).join(
                    finished, finished.c[ROW] == final.c[ROW]
                )
            )
            .where(final.c[ACTION] == Action.FAIL, finished.c[count_name(column, UNRESOLVED)] > 0)
        )
        if column.name in self._table.policy.keep_columns:
            rows = rows.where(final.c[MATCHED] == NOT_MATCHED)
        self._report(rows, partial(self._inside_problem, column.name))

    def _inside_problem(self, column: str, row: Sequence[Any]) -> Problem:
        path, table, named, raw = json.loads(row[2])
        place = f"{column} {path}"
        if named is not None:
            why = "which is in neither the archive nor the target"
            return self._named_problem(column, table, row[1], named, f"{place} refers to", why)
        what = f"{place} pointed at nothing in the source; here {raw} is the id of another row of {table}"
        return self._problem("dangling-reference", row[1], what, column, raw)

    def _any_unresolved(self) -> bool:
        query = sa.select(self._final.c[ROW]).where(self._final.c[UNRESOLVED] > 0).limit(1)
        return self._backend.connection.execute(query).first() is not None

    def _unresolved_problem(self, referring: RestoreColumn, row: Sequence[Any]) -> Problem:
        assert referring.reference is not None
        column, table = referring.name, referring.reference.table
        _, key, named, raw = row
        if named is None:
            what = f"pointed at nothing in the source; here the value {raw} would point at another row, or is refused"
            return self._problem("dangling-reference", key, f"{column} {what}", column, raw)
        why = "which is in neither the archive nor the target"
        if len(referring.reference.columns) > 1 and not is_polymorphic(referring):
            others = [name for name in referring.reference.columns if name != column]
            why = f"{why} with the same {', '.join(others)}"
        return self._named_problem(column, table, key, json.loads(named), f"{column} refers to", why)

    def _named_problem(self, column: str, table: str, key: str | None, value: Any, what: str, why: str) -> Problem:
        """A row that the archive names, and the target does not have."""
        digest = key_digest(key_text(value))
        code = "unresolved-reference"
        if digest in self._workspace.refused.get(table, ()):
            why = "which is refused itself, see there"
        elif digest in self._workspace.ambiguous.get(table, ()):
            code, why = "ambiguous-key", "which several rows of the target have"
        return self._problem(code, key, f"{what} {shown_row(table, value)}, {why}", column, value)

    def _broken_problem(self, reference: Reference, row: Sequence[Any]) -> Problem:
        columns = ", ".join(reference.columns)
        what = f"{columns} refer to one row of {reference.table}, but in the target no row has them together"
        return self._problem("unresolved-reference", row[1], what, reference.columns[0])

    def _held_problem(self, child: Table, reference: Reference, row: Sequence[Any]) -> Problem:
        columns = ", ".join(reference.referred_columns)
        what = f"{columns} would change, but {child.name} refers to the old value ({', '.join(reference.columns)})"
        hint = "the registry's keep_columns can leave the target's value"
        return self._problem("still-referenced", row[1], f"{what}; {hint}", reference.referred_columns[0])

    def _existing(self) -> None:
        rows = self._rows(self._final.c[ACTION] == Action.FAIL, self._final.c[MATCHED] != NOT_MATCHED)
        what = "the target has this row with other values, and the registry says on_match: fail"
        self._report(rows, lambda row: self._problem("row-exists", row[1], what))

    def _empty(self) -> None:
        """Values that may not be empty, and are."""
        columns = [column for column in self._table.columns if not column.column.nullable]
        for column in self._having(columns, lambda column: self._final_value(column.name).is_(None)):
            rows = self._rows(self._final.c[ACTION].in_(WRITTEN), self._final_value(column.name).is_(None))
            if column.name == self._table.surrogate:
                code, what = "id-taken", f"its {column.name} is taken in the target, and no other can be assigned"
            else:
                code, what = "null-value", f"{column.name} may not be empty in the target"
            self._fail(rows, partial(self._empty_problem, code, what, column.name))

    def _having(
        self, columns: list[RestoreColumn], wrong: Callable[[RestoreColumn], Expression]
    ) -> list[RestoreColumn]:
        """The columns for which something is wrong in any written row; one statement for all of them."""
        if not columns:
            return []
        counts = [sa.func.count(sa.case((wrong(column), 1))) for column in columns]
        query = sa.select(*counts).where(self._final.c[ACTION].in_(WRITTEN))
        found = self._backend.connection.execute(query).one()
        return [column for column, count in zip(columns, found, strict=True) if count]

    def _empty_problem(self, code: str, what: str, column: str, row: Sequence[Any]) -> Problem:
        return self._problem(code, row[1], what, column)

    def _violated(self, name: str, condition: str) -> None:
        """Rows that a CHECK constraint of the target refuses; the condition is the server's own text of it."""
        decided = decided_rows(self._workspace, self._table, [condition])
        if decided is None:
            # It is about a column that the archive does not have; the server will say.
            return
        wrong = sa.select(decided.row).where(decided.action.in_(WRITTEN), sa.not_(catalogue_text(condition)))
        rows = self._staged(wrong)
        self._fail(
            rows,
            lambda found: self._problem("check-violated", found[1], f"violates the check {name}: {condition}"),
        )

    # --- shared -------------------------------------------------------------------------------------------------

    def _final_value(self, name: str) -> sa.ColumnClause[Any]:
        return self._workspace.final_column(self._table, name)

    def _rows(self, *where: Expression) -> sa.Select[Any]:
        final = self._final
        joined = final.join(self._stage, self._stage.c[ROW] == final.c[ROW])
        return sa.select(final.c[ROW], self._stage.c[KEY]).select_from(joined).where(*where)

    def _report(self, rows: sa.Select[Any], describe: Callable[[Sequence[Any]], Problem]) -> bool:
        shown = self._backend.connection.execute(rows.limit(SHOWN)).all()
        if not shown:
            return False
        counted = rows.subquery("counted")
        count = self._backend.connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar() or 0
        self._found(count, [describe(row) for row in shown])
        return True

    def _fail(self, rows: sa.Select[Any], describe: Callable[[Sequence[Any]], Problem]) -> None:
        """Report rows; their action becomes fail when all checks are done, so that each says what it finds."""
        if self._report(rows, describe):
            self._failing.append(sa.select(rows.subquery("failing").c[ROW]))

    def _set_failed(self) -> None:
        for numbers in self._failing:
            found = [row[0] for row in self._backend.connection.execute(numbers.distinct())]
            for start in range(0, len(found), BOUND_VALUES):
                some = found[start : start + BOUND_VALUES]
                update = sa.update(self._final).values({ACTION: str(Action.FAIL)})
                self._backend.connection.execute(update.where(self._final.c[ROW].in_(some)))

    def _problem(self, code: str, key: str | None, what: str, column: str | None = None, value: Any = None) -> Problem:
        key_value = json.loads(key) if key else None
        row = shown_row(self._table.name, key_value)
        return Problem(code, f"{row}: {what}", self._table.name, key_value, column, value)
