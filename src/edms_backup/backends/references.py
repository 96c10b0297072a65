"""Resolves the references of staged rows: joins from a stage to the ids of the rows they name."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.base import Expression
from edms_backup.backends.extract import points_to, same_id
from edms_backup.backends.workspace import (
    DIGEST,
    ID,
    LABEL,
    Workspace,
    digest_name,
    exported_name,
    is_polymorphic,
    label_name,
    value_name,
)
from edms_backup.model import Reference
from edms_backup.plan.extract import PolymorphicTarget
from edms_backup.plan.restore import RestoreColumn, RestoreTable


class References:
    """The resolved values of some reference columns of a stage, and whether each was found."""

    def __init__(self, workspace: Workspace, table: RestoreTable, columns: Iterable[RestoreColumn]) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self.stage = workspace.stage[table.name].alias("s")
        self.clause: sa.FromClause = self.stage
        self._found: dict[str, tuple[Expression, Expression]] = {}
        self._rows: dict[str, NamedFromClause] = {}
        # Those of one column first: a reference of several must agree with them.
        for column in sorted(columns, key=lambda c: len(c.reference.columns) if c.reference is not None else 0):
            self._found[column.name] = self._join(column)

    def _join(self, column: RestoreColumn) -> tuple[Expression, Expression]:
        """The value that the reference resolves to, and an expression that is NULL where it was not found."""
        assert column.reference is not None
        digest = self.stage.c[digest_name(column)]
        if is_polymorphic(column):
            ids = self._workspace.poly.alias(f"r{column.index}")
            on = sa.and_(ids.c[LABEL] == self.stage.c[label_name(column)], ids.c[DIGEST] == digest)
            self.clause = self.clause.outerjoin(ids, on)
            return self._backend.of_kind(column.column, ids.c[ID]), ids.c[DIGEST]
        name = column.reference.table
        parent = self._workspace.plan.exporting(name)
        if parent is None or name not in self._workspace.ids:
            return sa.null(), sa.null()
        ids = self._workspace.ids[name].alias(f"r{column.index}")
        agreeing: list[Expression] = []
        for ours, theirs in self._pairs(column):
            if ours.reference != column.reference and (ours.reference is None or ours.name in self._found):
                # The row named is another one than the reference as a whole would point to.
                agreeing.append(ids.c[exported_name(parent, theirs)] == self.value(ours))
        self.clause = self.clause.outerjoin(ids, sa.and_(ids.c[DIGEST] == digest, *agreeing))
        self._rows[column.name] = ids
        referred = column.reference.referred_columns[column.reference.columns.index(column.name)]
        return ids.c[exported_name(parent, referred)], ids.c[DIGEST]

    def _pairs(self, column: RestoreColumn) -> list[tuple[RestoreColumn, str]]:
        """The columns of the reference that carries `column`, each with the one that it refers to."""
        assert column.reference is not None
        pairs = dict(zip(column.reference.columns, column.reference.referred_columns, strict=True))
        return [(other, pairs[other.name]) for other in self._table.columns if other.name in pairs]

    def row(self, column: RestoreColumn) -> NamedFromClause:
        """The row of *ids* that a reference of one table resolves to."""
        return self._rows[column.name]

    def value(self, column: RestoreColumn) -> Expression:
        """The value for the target: resolved, or the raw one of a dangling reference, or NULL."""
        staged = self.stage.c[value_name(column)]
        if column.reference is None or column.name not in self._found:
            return staged
        resolved, _ = self._found[column.name]
        return sa.case((self.is_named(column), resolved), else_=staged)

    def is_named(self, column: RestoreColumn) -> Expression:
        """The archive names the row by its key value."""
        return self.stage.c[digest_name(column)].is_not(None)

    def is_missing(self, column: RestoreColumn) -> Expression:
        """The archive names a row that is in neither the archive nor the target."""
        return sa.and_(self.is_named(column), self._found[column.name][1].is_(None))

    def is_dangling(self, column: RestoreColumn) -> Expression:
        """The row that it points to did not exist in the source either."""
        filled: list[Expression] = [self.stage.c[value_name(column)].is_not(None)]
        if not is_polymorphic(column):
            # A reference of several columns is off while one of them is empty.
            filled = [self._is_filled(other) for other, _ in self._pairs(column)]
        return sa.and_(sa.not_(self.is_named(column)), *filled)

    def _is_filled(self, column: RestoreColumn) -> Expression:
        staged = self.stage.c[value_name(column)].is_not(None)
        return staged if column.reference is None else sa.or_(self.is_named(column), staged)

    def is_stranger(self, column: RestoreColumn) -> Expression:
        """The raw value of a dangling reference now is the id of another row, or the target refuses it."""
        refused = [self._is_enforced(r) for r in self._table.table.references if column.name in r.columns]
        return sa.or_(*refused, self._is_taken(column))

    def _is_enforced(self, reference: Reference) -> Expression:
        """A foreign key of the target looks at the row: none of its columns is empty."""
        columns = [column for column in self._table.columns if column.name in reference.columns]
        return sa.and_(*(self._is_filled(column) for column in columns))

    def _is_taken(self, column: RestoreColumn) -> Expression:
        """Whether there is, or will be, a row that has what the reference holds as a whole."""
        if not is_polymorphic(column):
            return self._names_a_row(column)
        raw = self.stage.c[value_name(column)]
        label = self.stage.c[label_name(column)]
        taken: list[Expression] = []
        for target in self._workspace.targets_of(self._table, column):
            row = self._backend.aliased(self._workspace.keyed[target.table].table, f"o{len(taken)}")
            there = sa.exists().where(points_to(self._backend, column.column, raw, row, target))
            coming = self._coming_row(column, raw, target)
            taken.append(sa.and_(label == target.label, sa.or_(there, coming)))
        return sa.or_(*taken) if taken else sa.false()

    def _names_a_row(self, column: RestoreColumn) -> Expression:
        assert column.reference is not None
        name = column.reference.table
        if name not in self._workspace.keyed:
            return sa.false()
        row = self._backend.aliased(self._workspace.keyed[name].table, "o")
        pairs = [(self.value(ours), theirs) for ours, theirs in self._pairs(column)]
        there = sa.exists().where(*(row.c[theirs] == value for value, theirs in pairs))
        coming = self._workspace.plan.filled.get(name)
        if coming is None:
            return there
        ids = self._workspace.ids[name].alias("n")
        return sa.or_(there, sa.exists().where(*(ids.c[exported_name(coming, c)] == value for value, c in pairs)))

    def _coming_row(self, column: RestoreColumn, raw: Expression, target: PolymorphicTarget) -> Expression:
        """Whether a row that the restore inserts gets the id that `raw` holds."""
        coming = self._workspace.plan.filled.get(target.table)
        if coming is None:
            return sa.false()
        ids = self._workspace.ids[target.table].alias("n")
        identity = ids.c[exported_name(coming, target.id_column)]
        return sa.exists().where(same_id(self._backend, column.column, raw, identity, target.id_kind))
