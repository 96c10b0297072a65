"""Joins along key paths, shared by reading an archive, finding rows by key value, and naming rows in messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.base import Backend, Expression
from edms_backup.backends.generic import Convert
from edms_backup.backends.trees import is_child, is_root, read_levels
from edms_backup.graph.keys import Leaf, own_leaves
from edms_backup.model import Column, Keyed, KeyedTable, Kind, Reference

_ABOVE, _OWN = "above", "own"

_LEVELS = Column("levels", Kind.TEXT, "text")
"""The column that the levels above a row of a tree seem to come from."""


class KeyJoins:
    """Grows a FROM clause by outer joins along references; equal paths share a join."""

    def __init__(self, backend: Backend, keyed: Keyed, start: str, alias: str = "t") -> None:
        self._backend = backend
        self._keyed = keyed
        self._start = start
        self._followed: dict[tuple[str, Reference], NamedFromClause] = {}
        self._climbed: dict[str, NamedFromClause] = {}
        self._trees: dict[str, sa.CTE] = {}
        self._count = 0
        self.root = backend.aliased(keyed[start].table, alias)
        self.clause: sa.FromClause = self.root

    def join(self, table: str, on: Callable[[NamedFromClause], Expression]) -> NamedFromClause:
        """Outer join a table by the condition that `on` makes of it."""
        return self._join(self._backend.aliased(self._keyed[table].table, self._alias()), on)

    def _join(self, joined: NamedFromClause, on: Callable[[NamedFromClause], Expression]) -> NamedFromClause:
        self.clause = self.clause.outerjoin(joined, on(joined))
        return joined

    def _alias(self) -> str:
        self._count += 1
        return f"{self.root.name}{self._count}"

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
        """The value of a leaf of the table `start`; the levels above a row of a tree are a text, see `levels_form`."""
        here = self.follow(start, leaf.path)
        return self._climb(here, self._keyed[leaf.table]) if leaf.above else here.c[leaf.column]

    def may_be_null(self, leaf: Leaf) -> bool:
        """Whether the leaf, or a reference on the way to it, may be empty."""
        here, tables = self._keyed[self._start].table, []
        for reference in leaf.path:
            tables.append((here, reference.columns))
            here = self._keyed[reference.table].table
        if not leaf.above:
            tables.append((here, (leaf.column,)))
        return any(table.column(name).nullable for table, names in tables for name in names)

    def column_of(self, leaf: Leaf) -> Column:
        """The column that a leaf ends in."""
        return _LEVELS if leaf.above else self._keyed[leaf.table].table.column(leaf.column)

    def levels_form(self, leaf: Leaf) -> Convert:
        """From the text of the levels above a row of a tree to the archive's form."""
        forms = [
            self.levels_form(own) if own.above else self._backend.nested_form(self.column_of(own))
            for own in own_leaves(self._keyed, leaf.table)
        ]
        return lambda text: read_levels(text, forms)

    # --- messages -----------------------------------------------------------------------------------------------

    def texts(self, leaves: Iterable[Leaf]) -> list[Expression]:
        """What to select of the key value of the start, so that `shown` can name the row."""
        return [self._backend.text(self.leaf(self.root, leaf)) for leaf in leaves]

    def shown(self, leaves: Iterable[Leaf], texts: Sequence[Any]) -> list[Any]:
        """The key value of a message, from what `texts` selected."""
        forms = [self.levels_form(leaf) if leaf.above else None for leaf in leaves]
        pairs = zip(forms, texts, strict=True)
        return [form(text) if form is not None and text is not None else text for form, text in pairs]

    # --- trees --------------------------------------------------------------------------------------------------

    def tree(self, name: str) -> sa.CTE:
        """The rows of a tree, by the columns that the reference to their own table points to.

        A row that has no root above it, in a ring or below a parent that does not exist, is not among them.
        """
        if name not in self._trees:
            self._trees[name] = self._grow(name)
        return self._trees[name]

    def _grow(self, name: str) -> sa.CTE:
        reference = self._keyed[name].key_parent
        assert reference is not None
        names = _held(reference)
        above = KeyJoins(self._backend, self._keyed, name, "a")
        held = [above.root.c[column].label(r) for column, r in zip(reference.referred_columns, names, strict=True)]
        nothing = self._backend.long_text(sa.literal(""))
        roots = sa.select(*held, nothing.label(_ABOVE), above._own().label(_OWN))
        tree = roots.select_from(above.clause).where(is_root(above.root, reference)).cte(recursive=True)
        below = KeyJoins(self._backend, self._keyed, name, "b")
        rows = sa.select(
            *(below.root.c[column] for column in reference.referred_columns),
            tree.c[_ABOVE] + tree.c[_OWN] + sa.literal(","),
            below._own(),
        )
        on = is_child(below.root, tree, reference, names)
        return tree.union_all(rows.select_from(below.clause.join(tree, on)))

    def _own(self) -> Expression:
        """By what the start, a row of a tree, appears in the key values of the rows below it."""
        values = []
        for leaf in own_leaves(self._keyed, self._start):
            value = self.leaf(self.root, leaf)
            values.append(value if leaf.above else self._backend.nested(self.column_of(leaf), value))
        return self._backend.long_text(self._backend.json_array(values))

    def _climb(self, here: NamedFromClause, tree: KeyedTable) -> Expression:
        """What is above the row `here` of a tree; NULL where there is no row, or no root above it."""
        reference = tree.key_parent
        assert reference is not None
        if here.name not in self._climbed:
            pairs = tuple(zip(reference.referred_columns, _held(reference), strict=True))
            self._climbed[here.name] = self._join(
                self.tree(tree.name).alias(self._alias()),
                lambda joined: sa.and_(*(here.c[column] == joined.c[name] for column, name in pairs)),
            )
        return self._climbed[here.name].c[_ABOVE]


def _held(reference: Reference) -> list[str]:
    return [f"r{i}" for i in range(len(reference.referred_columns))]


def _condition(here: NamedFromClause, reference: Reference) -> Callable[[NamedFromClause], Expression]:
    pairs = tuple(zip(reference.columns, reference.referred_columns, strict=True))
    # In this order: where two collations meet, SQLite takes that of the left side, and a foreign key the parent's.
    return lambda joined: sa.and_(*(joined.c[b] == here.c[a] for a, b in pairs))
