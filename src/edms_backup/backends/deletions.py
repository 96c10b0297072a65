"""What a mirror deletes: the rows of the target that the archive does not have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.staging import shown_row, shown_rows
from edms_backup.backends.workspace import MATCHED, NOT_MATCHED, ROW, Workspace, exported_name
from edms_backup.model import Reference
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
        same = []
        for name in self._table.identity:
            ours, theirs = ids.c[exported_name(self._table, name)], target.c[name]
            same.append(sa.not_(ours.is_distinct_from(theirs)) if self._is_nullable(name) else ours == theirs)
        return sa.not_(sa.exists().where(*same))

    def _is_nullable(self, name: str) -> bool:
        return self._table.table.column(name).nullable

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
            self._check_outside(name, reference, found)

    def _check_outside(self, name: str, reference: Reference, found: Found) -> None:
        """Rows of a table that is not restored, and that refer to a row that would go."""
        joins = KeyJoins(self._backend, self._workspace.keyed, self._table.name)
        target = joins.root
        leaves = [self._backend.text(joins.leaf(target, leaf)) for leaf in self._table.leaves]
        child = self._backend.aliased(self._workspace.plan.outside_tables[name], "child")
        pairs = zip(reference.columns, reference.referred_columns, strict=True)
        on = sa.and_(*(child.c[ours] == target.c[theirs] for ours, theirs in pairs))
        clause = joins.clause.join(child, on)
        rows = sa.select(*(leaves or [sa.literal(None)])).select_from(clause).where(self.condition(target))
        rows = rows.distinct()
        shown = self._backend.connection.execute(rows.limit(_SHOWN)).all()
        if shown:
            counted = sa.select(sa.func.count()).select_from(rows.subquery("counted"))
            found(self._number(counted), [self._problem(name, reference, row) for row in shown])

    def _problem(self, name: str, reference: Reference, row: Sequence[Any]) -> Problem:
        key = [value for value in row if value is not None]
        what = f"{name} refers to it ({', '.join(reference.columns)}), and is not part of this restore"
        message = f"{shown_row(self._table.name, key)} is not in the archive and would be deleted, but {what}"
        return Problem("still-referenced", message, self._table.name, key, reference.columns[0])
