"""Finding in the target the rows that references name by key value and the archive does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.levels import ROOTS
from edms_backup.backends.match import BOUND_VALUES
from edms_backup.backends.staging import try_load
from edms_backup.backends.trees import is_child, is_root
from edms_backup.backends.workspace import (
    BY_KEY,
    DIGEST,
    KEY,
    LABEL,
    LEVEL,
    MATCHED,
    NOT_MATCHED,
    ROW,
    USABLE,
    Workspace,
    digest_name,
    exported_name,
    is_polymorphic,
    label_name,
    text_name,
)
from edms_backup.graph.keys import Leaf, above_place
from edms_backup.model import Reference
from edms_backup.plan.restore import ReferredTable
from edms_backup.values.forms import ValueMismatch
from edms_backup.values.rows import key_digest, key_text

LOOKUP_ROWS = 5_000
"""Key values looked up in the target at a time."""

Keys = dict[str, list[Any]]
"""Key values by their digests."""


def look_up_missing(workspace: Workspace, table: ReferredTable) -> None:
    """Find in the target the rows that references name and the archive does not hold; add them to *ids*."""
    if table.name not in workspace.lookup:
        return
    found = False
    for keys in _missing_keys(workspace, table):
        _Lookup(workspace, table).load(keys)
        found = True
    if found:
        _Lookup(workspace, table).find()


def _missing_keys(workspace: Workspace, table: ReferredTable) -> Iterator[Keys]:
    ids, lookup = workspace.ids[table.name], workspace.lookup[table.name]
    for digest, text, conditions in _named_keys(workspace, table):
        query = (
            sa.select(digest, sa.func.min(text))
            .where(digest.is_not(None), *conditions)
            .where(sa.not_(sa.exists().where(ids.c[DIGEST] == digest)))
            .where(sa.not_(sa.exists().where(lookup.c[DIGEST] == digest)))
            .group_by(digest)
            .limit(LOOKUP_ROWS)
        )
        while rows := workspace.backend.connection.execute(query).all():
            yield {row[0]: orjson.loads(row[1]) for row in rows}


def _named_keys(
    workspace: Workspace, table: ReferredTable
) -> Iterator[tuple[Expression, Expression, list[Expression]]]:
    """Where rows of a table are named: the digest and the text of their keys, and which rows to look at."""
    for child in workspace.plan.filled.values():
        stage = workspace.stage[child.name]
        for column in child.columns:
            if column.reference is None or (column.reference.table != table.name and not is_polymorphic(column)):
                continue
            conditions: list[Expression] = []
            if is_polymorphic(column):
                labels = [target.label for target in workspace.targets_of(child, column) if target.table == table.name]
                if not labels:
                    continue
                conditions.append(stage.c[label_name(column)].in_(labels))
            yield stage.c[digest_name(column)], stage.c[text_name(column)], conditions
    mentions = workspace.mentions
    if mentions is not None:
        yield mentions.c[DIGEST], mentions.c[KEY], [mentions.c[LABEL] == table.name]


class _Lookup:
    """Key values of one table that are looked up, and before them the rows of the trees that its key runs through."""

    def __init__(self, workspace: Workspace, table: ReferredTable) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self.table = table
        self._lookup = workspace.lookup[table.name]
        self.ids = workspace.ids[table.name]
        self._joins = KeyJoins(workspace.backend, workspace.keyed, table.name)
        self._columns = [self._joins.column_of(leaf) for leaf in table.leaves]
        self._place = above_place(table.leaves)
        self._trees: dict[int, _Lookup] = {}
        """By place in the key value."""
        for place, leaf in enumerate(table.leaves):
            exporting = workspace.plan.exporting(leaf.table)
            if leaf.above and leaf.path and exporting is not None:
                self._trees[place] = _Lookup(workspace, exporting)

    # --- what to look for ---------------------------------------------------------------------------------------

    def load(self, keys: Keys) -> None:
        """Note key values, and those that must be found before them."""
        keys = self._with_above(keys)
        rows: list[list[Any]] = []
        for digest, key in keys.items():
            bound = self._bound(key)
            level = [] if self._place is None else [len(key[self._place]) if bound else 0]
            rows.append([digest, int(bound is not None), *(bound or [None] * len(self._columns)), *level])
        if rows and try_load(self._backend, self._lookup, rows) is not None:
            # One of them is none that the target's types can hold: it is looked up by nothing, and not found.
            for row in rows:
                if try_load(self._backend, self._lookup, [row]) is not None:
                    empty: list[Any] = [None] * len(self._columns)
                    self._backend.load(self._lookup, [[row[0], 0, *empty, *row[len(empty) + 2 :]]])
        for place, tree in self._trees.items():
            found = (self._row_of_tree(key, place) for key in keys.values() if self._is_usable(key))
            tree.load({_digest(row): row for row in found if row is not None})

    def _is_usable(self, key: list[Any]) -> bool:
        """Whether a key value has the shape of one of this table."""
        if len(key) != len(self._columns):
            return False
        lists = [form for leaf, form in zip(self.table.leaves, key, strict=True) if leaf.above]
        own = len(self._columns) - 1
        return all(isinstance(form, list) or form is None for form in lists) and (
            self._place is None or (isinstance(key[self._place], list) and len(key[self._place]) % own == 0)
        )

    def _bound(self, key: list[Any]) -> list[Any] | None:
        """A key value as the target stores it, the row of a tree by its digest; None where it cannot be one here."""
        if not self._is_usable(key):
            return None
        bound: list[Any] = []
        try:
            for place, (column, source) in enumerate(zip(self._columns, self.table.leaf_sources, strict=True)):
                if self.table.leaves[place].above:
                    row = self._parent(key) if place == self._place else self._row_of_tree(key, place)
                    bound.append(None if row is None else _digest(row))
                else:
                    bound.append(None if key[place] is None else self._backend.converted(column, source)(key[place]))
        except ValueMismatch:
            return None
        return bound

    def _parent(self, key: list[Any]) -> list[Any] | None:
        """The key value of the parent of a row of a tree."""
        assert self._place is not None
        above, own = key[self._place], len(key) - 1
        parent = above[len(above) - own :]
        return [*parent[: self._place], above[:-own], *parent[self._place :]] if above else None

    def _row_of_tree(self, key: list[Any], place: int) -> list[Any] | None:
        """The key value of the row of a tree that a key value runs through."""
        way = self.table.leaves[place].path
        pairs = zip(self.table.leaves, key, strict=True)
        return None if key[place] is None else [form for leaf, form in pairs if leaf.path[: len(way)] == way]

    def _with_above(self, keys: Keys) -> Keys:
        """Of a tree also the rows above, but for those that are noted already."""
        if self._place is None:
            return keys
        wanted = dict(keys)
        for key in keys.values():
            parent = self._parent(key) if self._is_usable(key) else None
            while parent is not None and (digest := _digest(parent)) not in wanted:
                wanted[digest] = parent
                parent = self._parent(parent)
        digests, noted = list(wanted), set[str]()
        for start in range(0, len(digests), BOUND_VALUES):
            some = self._lookup.c[DIGEST].in_(digests[start : start + BOUND_VALUES])
            noted.update(self._backend.connection.execute(sa.select(self._lookup.c[DIGEST]).where(some)).scalars())
        return {digest: key for digest, key in wanted.items() if digest not in noted}

    # --- looking for it -----------------------------------------------------------------------------------------

    def find(self) -> None:
        """Add to *ids* what the target has of the noted key values."""
        for tree in self._trees.values():
            tree.find()
        self._workspace.analyse(self._lookup)
        for level in self._levels():
            self._add_found(level)
            self._drop_ambiguous()
            self._workspace.analyse(self.ids)

    def _levels(self) -> list[int | None]:
        if self._place is None:
            return [None]
        level = self._lookup.c[LEVEL]
        query = sa.select(level).where(self._lookup.c[USABLE] == 1).distinct().order_by(level)
        return list(self._backend.connection.execute(query).scalars())

    def _add_found(self, level: int | None) -> None:
        joins, lookup = self._joins, self._lookup
        same = [
            self._same(leaf, joins.leaf(joins.root, leaf), lookup.c[f"v{place}"])
            for place, leaf in enumerate(self.table.leaves)
            if not leaf.above
        ]
        values = [joins.root.c[name] for name in self.table.exported]
        query = sa.select(sa.null(), lookup.c[DIGEST], sa.literal_column(str(BY_KEY)), *values)
        clause: sa.FromClause = joins.clause.join(lookup, sa.and_(lookup.c[USABLE] == 1, *same))
        for place, tree in self._trees.items():
            held = lookup.c[f"v{place}"]
            rows = tree.ids.alias(f"n{place}")
            clause = clause.outerjoin(rows, rows.c[DIGEST] == held)
            query = query.where(self._runs_through(self.table.leaves[place], tree.table, held, rows))
        if level is not None:
            found = self.ids.alias("f")
            query = query.where(lookup.c[LEVEL] == level)
            query = query.where(sa.not_(sa.exists().where(found.c[DIGEST] == lookup.c[DIGEST])))
            if level == ROOTS:
                query = query.where(is_root(joins.root, _parent(self.table)))
            else:
                clause = self._below(clause)
        insert = sa.insert(self.ids).from_select(
            [column.name for column in self.ids.columns], query.select_from(clause)
        )
        self._backend.connection.execute(insert)

    def _same(self, leaf: Leaf, theirs: Expression, ours: Expression) -> Expression:
        return self._backend.same(theirs, ours) if self._joins.may_be_null(leaf) else theirs == ours

    def _runs_through(self, leaf: Leaf, tree: ReferredTable, held: Expression, rows: sa.FromClause) -> Expression:
        """Whether the key of a row of the target runs through the row of `tree` in `rows`, or both have none."""
        here = self._joins.follow(self._joins.root, leaf.path)
        names = {name: exported_name(tree, name) for name in _parent(tree).referred_columns}
        same = sa.and_(*(here.c[name] == rows.c[slot] for name, slot in names.items()))
        if not self._joins.may_be_null(leaf):
            return same
        return sa.or_(same, sa.and_(held.is_(None), *(here.c[name].is_(None) for name in names)))

    def _below(self, clause: sa.FromClause) -> sa.FromClause:
        """Joined so that a row of a tree is below the row that was found for its parent."""
        root, parent = self._joins.root, _parent(self.table)
        above = self.ids.alias("above")
        names = [exported_name(self.table, name) for name in parent.referred_columns]
        known = sa.and_(above.c[DIGEST] == self._lookup.c[f"v{self._place}"], above.c[MATCHED] != NOT_MATCHED)
        return clause.join(above, sa.and_(known, is_child(root, above, parent, names)))

    def _drop_ambiguous(self) -> None:
        """A key value that several rows of the target have resolves to none of them."""
        ids, connection = self.ids, self._backend.connection
        found = sa.select(ids.c[DIGEST]).where(ids.c[ROW].is_(None), ids.c[DIGEST].is_not(None))
        several = found.group_by(ids.c[DIGEST]).having(sa.func.count() > 1)
        digests = list(connection.execute(several).scalars())
        for start in range(0, len(digests), BOUND_VALUES):
            connection.execute(sa.delete(ids).where(ids.c[DIGEST].in_(digests[start : start + BOUND_VALUES])))
        self._workspace.ambiguous.setdefault(self.table.name, set()).update(digests)


def _parent(table: ReferredTable) -> Reference:
    parent = table.keyed.key_parent
    assert parent is not None
    return parent


def _digest(key: list[Any]) -> str:
    return key_digest(key_text(key))
