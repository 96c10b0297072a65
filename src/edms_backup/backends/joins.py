"""Joins along key paths, shared by reading an archive, finding rows by key value, and naming rows in messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.base import Backend, Expression
from edms_backup.graph.keys import Leaf
from edms_backup.model import Column, Keyed, Reference


class KeyJoins:
    """Grows a FROM clause by outer joins along references; equal paths share a join."""

    def __init__(self, backend: Backend, keyed: Keyed, start: str, alias: str = "t") -> None:
        self._backend = backend
        self._keyed = keyed
        self._start = start
        self._followed: dict[tuple[str, Reference], NamedFromClause] = {}
        self._count = 0
        self.root = backend.aliased(keyed[start].table, alias)
        self.clause: sa.FromClause = self.root

    def join(self, table: str, on: Callable[[NamedFromClause], Expression]) -> NamedFromClause:
        """Outer join a table by the condition that `on` makes of it."""
        self._count += 1
        joined = self._backend.aliased(self._keyed[table].table, f"{self.root.name}{self._count}")
        self.clause = self.clause.outerjoin(joined, on(joined))
        return joined

    def follow(self, start: NamedFromClause, path: Iterable[Reference]) -> NamedFromClause:
        """The table at the end of `path`."""
        here = start
        for reference in path:
            slot = (here.name, reference)
            if slot not in self._followed:
                self._followed[slot] = self.join(reference.table, _condition(here, reference))
            here = self._followed[slot]
        return here

    def leaf(self, start: NamedFromClause, leaf: Leaf) -> Expression:
        """The value of a leaf of the table `start`."""
        return self.follow(start, leaf.path).c[leaf.column]

    def may_be_null(self, leaf: Leaf) -> bool:
        """Whether the leaf, or a reference on the way to it, may be empty."""
        here, tables = self._keyed[self._start].table, []
        for reference in leaf.path:
            tables.append((here, reference.columns))
            here = self._keyed[reference.table].table
        tables.append((here, (leaf.column,)))
        return any(table.column(name).nullable for table, names in tables for name in names)

    def column_of(self, leaf: Leaf) -> Column:
        """The column that a leaf ends in."""
        return self._keyed[leaf.table].table.column(leaf.column)


def _condition(here: NamedFromClause, reference: Reference) -> Callable[[NamedFromClause], Expression]:
    pairs = tuple(zip(reference.columns, reference.referred_columns, strict=True))
    return lambda joined: sa.and_(*(here.c[a] == joined.c[b] for a, b in pairs))
