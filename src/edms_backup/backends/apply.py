"""Writing what has been decided. Each statement must touch as many rows as the books say."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.decide import Action
from edms_backup.backends.deletions import Deletions
from edms_backup.backends.held import is_moving, released_column
from edms_backup.backends.staging import shown_rows
from edms_backup.backends.workspace import ACTION, ROW, Workspace, differs, same_row
from edms_backup.errors import RestoreRefused
from edms_backup.plan.restore import RestoreColumn, RestoreTable
from edms_backup.report import Books


class Writer:
    """Writes one table of the target from its *final* rows."""

    def __init__(self, workspace: Workspace, table: RestoreTable) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self._target = workspace.backend.table_clause(table.table)

    @property
    def waits(self) -> bool:
        """Rows of the table refer to rows that are written after them."""
        return bool(self._table.deferred)

    @property
    def _final(self) -> sa.TableClause:
        """The decided rows; there are none of a table that only a mirror deletes from."""
        return self._workspace.final[self._table.name]

    def release(self, books: Books) -> None:
        """Empty references of rows that will point elsewhere: the value that they hold may change before they do."""
        if not books.updated:
            return
        for reference in self._table.table.references:
            parent = self._workspace.plan.filled.get(reference.table)
            name = released_column(self._table, reference)
            if parent is None or not name or set(reference.referred_columns) <= set(parent.identity):
                continue
            conditions = [self._final.c[ACTION] == Action.UPDATE, self._same()]
            conditions.append(self._target.c[name].is_distinct_from(self._value(name)))
            if parent.name != self._table.name:
                conditions.append(is_moving(self._workspace, parent, reference, self._target))
            elif not self._backend.capabilities.row_checked:
                # One statement changes both ends.
                continue
            self._backend.connection.execute(sa.update(self._target).values({name: sa.null()}).where(*conditions))

    def insert(self, books: Books) -> None:
        """Insert new rows; deferred references stay empty."""
        if not books.inserted:
            return
        columns = [self._table.table.column(name) for name in self._table.final_columns]
        values = [sa.null() if column.name in self._table.deferred else self._value(column.name) for column in columns]
        final = self._final
        query = sa.select(*values).where(final.c[ACTION] == Action.INSERT).order_by(final.c[ROW])
        parents = self._needed_parents()
        if parents is None:
            self._execute(self._backend.insert_from(self._target, columns, query), books.inserted, "inserted")
            return
        inserted = 0
        while wave := self._run(self._backend.insert_from(self._target, columns, query.where(parents))):
            inserted += wave
        self._expect(inserted, books.inserted, "inserted")

    def _needed_parents(self) -> Expression | None:
        """Where each row is checked at once and must have a parent: picks rows whose parents are there by now."""
        selves = [r for r in self._table.table.references if r.table == self._table.name]
        strict = [r for r in selves if not set(r.columns) & self._table.deferred]
        if not strict or not self._backend.capabilities.row_checked:
            return None
        own = self._backend.aliased(self._table.table, "own")
        there = same_row(self._table, lambda name: own.c[name], self._value)
        conditions = [sa.not_(sa.exists().where(there))]
        for number, reference in enumerate(strict):
            parent = self._backend.aliased(self._table.table, f"parent{number}")
            pairs = list(zip(reference.columns, reference.referred_columns, strict=True))
            itself = sa.and_(*(self._value(column) == self._value(referred) for column, referred in pairs))
            found = sa.exists().where(*(parent.c[referred] == self._value(column) for column, referred in pairs))
            conditions.append(sa.or_(itself, found))
        return sa.and_(*conditions)

    def patch(self, books: Books) -> None:
        """Fill in the deferred references of inserted rows."""
        if not books.inserted:
            return
        final = self._final
        waiting = sa.or_(*(self._value(name).is_not(None) for name in sorted(self._table.deferred)))
        # All columns: one that the server stamps on every UPDATE keeps its value only by being set.
        values = {c.name: self._value(c.name) for c in self._table.columns if self._is_changeable(c)}
        update = sa.update(self._target).values(values).where(final.c[ACTION] == Action.INSERT, waiting, self._same())
        count = sa.select(sa.func.count()).select_from(final).where(final.c[ACTION] == Action.INSERT, waiting)
        self._execute(update, self._backend.connection.execute(count).scalar() or 0, "completed")

    def update(self, books: Books) -> None:
        """Change rows that are there with other values."""
        if not books.updated:
            return
        values = {c.name: self._value(c.name) for c in self._table.columns if self._is_changeable(c)}
        update = sa.update(self._target).values(values).where(self._final.c[ACTION] == Action.UPDATE, self._same())
        self._execute(update, books.updated, "updated")

    def let_go(self, books: Books) -> None:
        """Empty the deferred references of rows that will be deleted: what they point to may be deleted first."""
        if not books.deleted or not self._table.deferred:
            return
        gone = Deletions(self._workspace, self._table).condition(self._target)
        empty = dict.fromkeys(sorted(self._table.deferred), sa.null())
        self._backend.connection.execute(sa.update(self._target).values(empty).where(gone))

    def delete(self, books: Books) -> None:
        """Delete the rows that the archive does not have."""
        if books.deleted:
            gone = Deletions(self._workspace, self._table).condition(self._target)
            self._execute(sa.delete(self._target).where(gone), books.deleted, "deleted")

    def count_rows(self) -> int:
        """How many rows the target has."""
        query = sa.select(sa.func.count()).select_from(self._target)
        return int(self._backend.connection.execute(query).scalar() or 0)

    def check_written(self, books: Books, before: int) -> None:
        """See that the target now holds what was decided: a trigger may have had other ideas."""
        expected = before + books.inserted - books.deleted
        if (rows := self.count_rows()) != expected:
            raise RestoreRefused(
                f"table {self._table.name} should have {shown_rows(expected)} now, but has {rows:,}",
                hint="a trigger or a cascading foreign key of the target did more; nothing was kept",
                code="not-as-planned",
                table=self._table.name,
            )
        if not self._table.rows or (self._table.keyed.whole_row and not self._table.table.primary_key):
            # Rows that nothing tells apart have been counted; there is no one row to compare.
            return
        final = self._final
        changed = differs(self._backend, self._table, self._value, lambda name: self._target.c[name])
        there = sa.exists().where(self._same(), sa.not_(changed))
        done = final.c[ACTION].in_((Action.INSERT, Action.UPDATE, Action.SAME))
        query = sa.select(sa.func.count()).select_from(final).where(done, sa.not_(there))
        wrong = self._backend.connection.execute(query).scalar()
        if wrong:
            raise RestoreRefused(
                f"{shown_rows(wrong)} of table {self._table.name} not in the target as written",
                hint="a trigger of the target may change them: disable it, or restore without the table",
                code="not-as-planned",
                table=self._table.name,
            )

    def advance_numbers(self) -> None:
        """Let the application's next insert get a free id."""
        for column in self._table.table.columns:
            if column.auto_assigned:
                self._backend.advance_number(self._table.table, column.name)

    def _is_changeable(self, column: RestoreColumn) -> bool:
        return column.name not in self._table.identity and not column.column.identity_always

    def _same(self) -> sa.ColumnElement[bool]:
        return same_row(self._table, lambda name: self._target.c[name], self._value)

    def _value(self, name: str) -> sa.ColumnClause[Any]:
        return self._workspace.final_column(self._table, name)

    def _run(self, statement: sa.Executable) -> int:
        """Run a statement; returns how many rows the server says that it touched."""
        options = {"preserve_rowcount": True}
        return self._backend.connection.execute(statement, execution_options=options).rowcount

    def _execute(self, statement: sa.Executable, expected: int, done: str) -> None:
        """Run a statement that must touch `expected` rows."""
        self._expect(self._run(statement), expected, done)

    def _expect(self, rows: int, expected: int, done: str) -> None:
        if rows != expected:
            raise RestoreRefused(
                f"{shown_rows(expected)} of table {self._table.name} should have been {done}, "
                f"but the server did so with {rows}",
                hint="a trigger or a rule of the target may be the reason; nothing was kept",
                code="not-as-planned",
                table=self._table.name,
            )
