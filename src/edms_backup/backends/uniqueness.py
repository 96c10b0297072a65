"""Unique values that two rows would have: both are named before anything is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.base import Expression
from edms_backup.backends.decide import WRITTEN, Action
from edms_backup.backends.decided import catalogue_text, decided_rows
from edms_backup.backends.deletions import Deletions
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.staging import shown_pairs, shown_row
from edms_backup.backends.workspace import ACTION, KEY, MATCHED, NOT_MATCHED, ROW, Workspace, same_row
from edms_backup.graph.keys import expand_key
from edms_backup.model import KeyPart, Kind, OnConflict, UniqueKey
from edms_backup.options import Mode
from edms_backup.plan.restore import RestoreTable
from edms_backup.report import Problem

Describe = Callable[[str, str | None, str, str | None, Any], Problem]
"""Makes a problem of a row: its code, the row's key, what is wrong, the column and its value."""

Fail = Callable[[sa.Select[Any], Callable[[Sequence[Any]], Problem]], None]
"""Fails the rows of a query, which has their number first; each becomes a problem."""


class Uniqueness:
    """Checks the unique keys of one table: decided rows against those of the target, and among each other."""

    def __init__(self, workspace: Workspace, table: RestoreTable, fail: Fail, problem: Describe) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self._fail = fail
        self._problem = problem
        self._stage = workspace.stage[table.name]

    def run(self) -> None:
        """All keys whose values are known beforehand."""
        table = self._table.table
        primary = [UniqueKey("primary key", table.primary_key)] if table.primary_key else []
        others = [u for u in table.uniques if u.partial or set(u.columns) != set(table.primary_key)]
        for unique in (*primary, *others):
            claims = self._claims(unique)
            if claims is None:
                # It is about a column that the archive does not have; the server will say.
                continue
            self._taken(unique, claims)
            if any(part.operator for part in unique.parts):
                if not all(part.operator for part in unique.parts):
                    # Without any equality each row would have to be compared with each.
                    self._excluded(unique, claims)
            elif not self._is_own_number(unique):
                self._shared(unique, claims)

    def _is_own_number(self, unique: UniqueKey) -> bool:
        """The row's own id, which no two rows of the archive have where nothing can make two values one."""
        name = self._table.surrogate
        if name is None or unique.columns != (name,) or unique.partial:
            return False
        return self._table.table.column(name).kind in (Kind.INTEGER, Kind.UUID)

    # --- values of a key ----------------------------------------------------------------------------------------

    def _claims(self, unique: UniqueKey) -> NamedFromClause | None:
        """Rows that are written, each with its values of the key; without those that it is not about."""
        names = (*unique.columns, *self._table.identity)
        decided = decided_rows(self._workspace, self._table, unique.texts, names)
        if decided is None:
            return None
        rows = decided.rows
        identity = [rows.c[name].label(f"i{n}") for n, name in enumerate(self._table.identity)]
        query = sa.select(
            decided.row.label(ROW), decided.matched.label(MATCHED), *identity, *self._values(unique, rows)
        )
        query = query.where(decided.action.in_(WRITTEN), *self._about(unique, rows))
        if not _is_plain(unique):
            # No row goes by this; but a derived table that stands for itself gets a hash that it is joined by.
            query = query.distinct()
        return query.subquery("claims")

    def _holders(self, unique: UniqueKey) -> NamedFromClause:
        """Rows of the target with their values of the key."""
        rows = self._backend.aliased(self._table.table, "held")
        identity = [rows.c[name].label(f"i{n}") for n, name in enumerate(self._table.identity)]
        query = sa.select(*identity, *self._values(unique, rows)).where(*self._about(unique, rows))
        if unique.deferrable:
            query = query.where(*self._staying(rows))
        return query.subquery("holders")

    def _staying(self, rows: NamedFromClause) -> list[Expression]:
        """Rows of the target that still have their value at commit, when a deferrable key is checked."""
        final = self._workspace.final[self._table.name]
        same = same_row(self._table, lambda name: rows.c[name], self._final_value)
        staying = [sa.not_(sa.exists().where(final.c[ACTION] == Action.UPDATE, same))]
        if self._workspace.plan.options.mode is Mode.MIRROR:
            staying.append(sa.not_(Deletions(self._workspace, self._table).condition(rows)))
        return staying

    def _values(self, unique: UniqueKey, rows: NamedFromClause) -> list[sa.Label[Any]]:
        return [_value(part, rows).label(f"u{n}") for n, part in enumerate(unique.all_parts)]

    def _about(self, unique: UniqueKey, rows: NamedFromClause) -> list[Expression]:
        """What rows must be like for the key to be about them."""
        about: list[Expression] = [] if unique.condition is None else [catalogue_text(unique.condition)]
        if not unique.nulls_equal:
            about += [_value(part, rows).is_not(None) for part in unique.all_parts]
        return about

    def _equal(self, unique: UniqueKey, ours: NamedFromClause, theirs: NamedFromClause) -> sa.ColumnElement[bool]:
        conditions: list[Expression] = []
        for n, part in enumerate(unique.all_parts):
            left, right = theirs.c[f"u{n}"], _collated(part, ours.c[f"u{n}"])
            same = left.op(part.operator, is_comparison=True)(right) if part.operator else left == right
            if unique.nulls_equal and self._may_be_null(part):
                same = sa.or_(same, sa.and_(left.is_(None), right.is_(None)))
            conditions.append(same)
        return sa.and_(*conditions)

    def _may_be_null(self, part: KeyPart) -> bool:
        return part.column is None or self._table.table.column(part.column).nullable

    # --- rows of the target -------------------------------------------------------------------------------------

    def _taken(self, unique: UniqueKey, claims: NamedFromClause) -> None:
        """New values of a unique key that another row of the target has."""
        joins = KeyJoins(self._backend, self._workspace.keyed, self._table.name)
        target, holders = joins.root, self._holders(unique)
        leaves = () if self._table.keyed.whole_row else expand_key(self._workspace.keyed, self._table.name)
        key, count = joins.texts(leaves), len(unique.all_parts)
        held = same_row(self._table, lambda name: target.c[name], self._identity_of(holders))
        own = sa.and_(
            claims.c[MATCHED] != NOT_MATCHED,
            same_row(self._table, self._identity_of(holders), self._identity_of(claims)),
        )
        values = [self._backend.text(claims.c[f"u{n}"]) for n, _ in enumerate(unique.all_parts)]
        clause = joins.clause.join(holders, held).join(claims, self._equal(unique, claims, holders))
        rows = (
            sa.select(claims.c[ROW], self._stage.c[KEY], claims.c[MATCHED], *values, *key)
            .select_from(clause.join(self._stage, self._stage.c[ROW] == claims.c[ROW]))
            .where(sa.not_(own))
        )
        self._fail(rows, lambda row: self._taken_problem(unique, row, joins.shown(leaves, row[3 + count :])))

    def _taken_problem(self, unique: UniqueKey, row: Sequence[Any], theirs: list[Any]) -> Problem:
        _, key, matched, *rest = row
        values = rest[: len(unique.all_parts)]
        other = shown_row(self._table.name, theirs)
        what = f"{_shown(unique, values)} is taken in the target by {other} ({_shown_key(unique)})"
        hint = "; the registry's keep_columns can leave the target's value"
        if matched == NOT_MATCHED:
            adoptable = not unique.partial and set(unique.columns) <= set(self._table.final_columns)
            hint = "; the registry's on_conflict can take that row for this one" if adoptable else ""
            if hint and self._table.policy.on_conflict is not OnConflict.FAIL:
                hint = "; on_conflict cannot decide it: several rows could be meant, or the key would change"
        return self._conflict(unique, key, values, what + hint)

    # --- rows of the archive ------------------------------------------------------------------------------------

    def _shared(self, unique: UniqueKey, claims: NamedFromClause) -> None:
        """New values of a unique key that two rows of the archive want."""
        parts = unique.all_parts
        compared = [_collated(part, claims.c[f"u{n}"]) for n, part in enumerate(parts)]
        number = claims.c[ROW]
        first, last = (of(number).over(partition_by=compared) for of in (sa.func.min, sa.func.max))
        values = [self._backend.text(claims.c[f"u{n}"]).label(f"u{n}") for n, _ in enumerate(parts)]
        wanted = sa.select(number, first.label("first"), last.label("last"), *values).subquery("wanted")
        other = sa.case((wanted.c[ROW] == wanted.c.first, wanted.c.last), else_=wanted.c.first)
        self._wanted_by(unique, wanted, other, wanted.c.first != wanted.c.last)

    def _excluded(self, unique: UniqueKey, claims: NamedFromClause) -> None:
        """Rows of the archive that exclude each other by another operator than equality."""
        others = claims.alias("others")
        number = others.c[ROW].label("other")
        values = [self._backend.text(claims.c[f"u{n}"]).label(f"u{n}") for n, _ in enumerate(unique.all_parts)]
        both = claims.join(others, self._equal(unique, claims, others))
        pairs = sa.select(claims.c[ROW], number, *values).select_from(both)
        wanted = pairs.where(claims.c[ROW] != others.c[ROW]).subquery("wanted")
        self._wanted_by(unique, wanted, wanted.c.other, sa.true())

    def _wanted_by(self, unique: UniqueKey, wanted: NamedFromClause, other: Expression, where: Expression) -> None:
        theirs = self._stage.alias("theirs")
        values = [wanted.c[f"u{n}"] for n, _ in enumerate(unique.all_parts)]
        rows = (
            sa.select(wanted.c[ROW], self._stage.c[KEY], theirs.c[KEY].label("their_key"), *values)
            .select_from(
                wanted.join(self._stage, self._stage.c[ROW] == wanted.c[ROW]).join(theirs, theirs.c[ROW] == other)
            )
            .where(where)
        )
        self._fail(rows, lambda row: self._shared_problem(unique, row))

    def _shared_problem(self, unique: UniqueKey, row: Sequence[Any]) -> Problem:
        _, key, their_key, *values = row
        other = shown_row(self._table.name, json.loads(their_key) if their_key else None)
        what = f"{_shown(unique, values)} is wanted by another row of the archive too: {other} ({_shown_key(unique)})"
        return self._conflict(unique, key, values, what)

    # --- shared -------------------------------------------------------------------------------------------------

    def _conflict(self, unique: UniqueKey, key: str | None, values: list[Any], what: str) -> Problem:
        column = unique.columns[0] if unique.columns else None
        return self._problem("unique-conflict", key, what, column, values)

    def _final_value(self, name: str) -> sa.ColumnClause[Any]:
        return self._workspace.final_column(self._table, name)

    def _identity_of(self, rows: NamedFromClause) -> Callable[[str], sa.ColumnElement[Any]]:
        return lambda name: rows.c[f"i{self._table.identity.index(name)}"]


def _is_plain(unique: UniqueKey) -> bool:
    """Whether it is about columns as they are, so that indexes of both sides can be used."""
    return unique.condition is None and all(p.expression is None and p.letters is None for p in unique.all_parts)


def _value(part: KeyPart, rows: NamedFromClause) -> Expression:
    if part.expression is not None:
        return catalogue_text(part.expression)
    assert part.column is not None
    value = rows.c[part.column]
    return value if part.letters is None else sa.func.left(value, part.letters)


def _collated(part: KeyPart, value: Expression) -> Expression:
    return value if part.collation is None else sa.collate(value, part.collation)


def _shown(unique: UniqueKey, values: Sequence[Any]) -> str:
    return shown_pairs([part.shown for part in unique.all_parts], values)


def _shown_key(unique: UniqueKey) -> str:
    return unique.name if unique.condition is None else f"{unique.name}, where {unique.condition}"
