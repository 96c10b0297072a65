"""What a mirror deletes: the rows of the target that the archive does not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.decide import Action
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.staging import shown_row, shown_rows
from edms_backup.backends.workspace import ACTION, MATCHED, NOT_MATCHED, ROW, Workspace, exported_name, same_row
from edms_backup.model import Reference, Table
from edms_backup.plan.restore import RestoreTable
from edms_backup.report import Problem

_SHOWN = 10

Found = Callable[[int, list[Problem]], None]


class Deletions:
    """The rows of one table that a mirror deletes."""

    def __init__(self, workspace: Workspace, table: RestoreTable) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self._countable = table.keyed.whole_row and not table.table.primary_key
        """Rows without a key can be counted, but no single one of equal rows can be named."""

    def condition(self, target: sa.FromClause) -> Expression:
        """Picks the rows of `target`, the table under any name, that the archive does not have."""
        ids = self._workspace.ids.get(self._table.name)
        if ids is None:
            return sa.true()
        same = same_row(self._table, lambda name: ids.c[exported_name(self._table, name)], lambda name: target.c[name])
        return sa.not_(sa.exists().where(same))

    def count(self) -> int:
        """How many there are."""
        target = self._backend.table_clause(self._table.table)
        query = sa.select(sa.func.count()).select_from(target)
        if not self._countable:
            return self._number(query.where(self.condition(target)))
        ids = self._workspace.ids.get(self._table.name)
        if ids is None:
            return self._number(query)
        matched = sa.select(sa.func.count()).where(ids.c[MATCHED] != NOT_MATCHED, ids.c[ROW].is_not(None))
        return self._number(query) - self._number(matched)

    def _number(self, query: sa.Select[Any]) -> int:
        return int(self._backend.connection.execute(query).scalar() or 0)

    def check(self, found: Found) -> None:
        """Tell `found` of deletions that cannot be done, or that would reach tables outside the restore."""
        if self._countable and self._table.rows:
            rows = shown_rows(self.count())
            what = f"{self._table.name} has {rows} more than the archive, and no key that names a single one"
            found(1, [Problem("cannot-delete", f"{what}; empty the table first, or leave it out", self._table.name)])
            return
        for name, reference in self._workspace.plan.outside.get(self._table.name, ()):
            self._check_child(self._workspace.plan.outside_tables[name], reference, found)
        for child in self._workspace.plan.tables.values():
            for reference in child.table.references:
                if reference.table == self._table.name:
                    self._check_child(child.table, reference, found, child)

    def _check_child(
        self, table: Table, reference: Reference, found: Found, restored: RestoreTable | None = None
    ) -> None:
        """Rows that stay as they are and refer to a row that would go: all of a table that is not restored."""
        joins = KeyJoins(self._backend, self._workspace.keyed, self._table.name)
        target = joins.root
        leaves = joins.texts(self._table.leaves)
        child = self._backend.aliased(table, "child")
        pairs = zip(reference.columns, reference.referred_columns, strict=True)
        on = sa.and_(*(child.c[ours] == target.c[theirs] for ours, theirs in pairs))
        clause = joins.clause.join(child, on)
        rows = sa.select(*(leaves or [sa.literal(None)])).select_from(clause).where(self.condition(target))
        if restored is not None:
            rows = rows.where(self._stays(restored, reference, child))
        rows = rows.distinct()
        shown = self._backend.connection.execute(rows.limit(_SHOWN)).all()
        if shown:
            counted = sa.select(sa.func.count()).select_from(rows.subquery("counted"))
            keys = [joins.shown(self._table.leaves, row) if leaves else row for row in shown]
            found(self._number(counted), [self._problem(table.name, reference, key, restored) for key in keys])

    def _stays(self, child: RestoreTable, reference: Reference, row: sa.FromClause) -> Expression:
        """Rows of a restored table that keep what they refer to, by policy or because they are skipped."""
        final = self._workspace.final.get(child.name)
        if final is None:
            return sa.false()
        kept = final.c[MATCHED] != NOT_MATCHED
        if not set(reference.columns) & set(child.policy.keep_columns):
            kept = sa.and_(kept, final.c[ACTION].in_((Action.KEEP, Action.SKIP)))
        same = same_row(child, lambda name: row.c[name], lambda name: self._workspace.final_column(child, name))
        return sa.exists().where(kept, same)

    def _problem(self, name: str, reference: Reference, row: Sequence[Any], restored: RestoreTable | None) -> Problem:
        key = [value for value in row if value is not None]
        why = "is not part of this restore" if restored is None else "keeps that by policy, or is skipped"
        what = f"{name} refers to it ({', '.join(reference.columns)}), and {why}"
        message = f"{shown_row(self._table.name, key)} is not in the archive and would be deleted, but {what}"
        return Problem("still-referenced", message, self._table.name, key, reference.columns[0])
