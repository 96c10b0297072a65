"""The temporary tables of a restore, made before its transaction begins: MariaDB commits at some DDL.

For each table of the plan there are three, and one more where rows are looked up by key value:

- *stage*: the rows of the archive, in the target's types; for each reference its key value and that value's digest
- *ids*: for each staged row the target's row or the new ids it gets; children resolve their references here
- *final*: each row as it will be, and its action
- *lookup*: key values that the archive does not have, to be found in the target
- *poly* (one for all): the ids that polymorphic references resolve to, by label and digest

Where documents have references inside, there are:

- *documents* (of a table): the archive's documents that have any, with key values in them
- *finished* (of a table): the same documents with the ids that are right here, and how many there are of each sort
- *mentions* (one for all): the key values that documents name, by the table that they are of; without a digest, the
  numbers that dangling references in them hold
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Backend, Expression
from edms_backup.backends.joins import KeyJoins
from edms_backup.model import Kind, ReferenceKind
from edms_backup.plan.extract import PolymorphicTarget
from edms_backup.plan.restore import ReferredTable, RestoreColumn, RestorePlan, RestoreTable

PREFIX = "edms_backup_"

INDEXED_FROM = 500
"""Rows of the largest table from which staging tables get indexes."""

REMEMBERED = 10_000
"""Rows refused while staging that are remembered per table."""

LONGEST_KEY = 1_000_000
"""Characters of a key value's text; MariaDB makes a TEXT of a length that no VARCHAR has."""

ROW, KEY, DIGEST = "row_no", "key_text", "key_digest"
LEVEL = "level"
"""How far a row of a tree is from its root: the length of the list of what is above it."""
MATCHED, ACTION = "matched", "action"
RESOLVED, HANGING, UNRESOLVED = "resolved", "dangling", "unresolved"
LABEL, ID = "label", "id_text"
USABLE = "usable"
"""Whether a key value to be looked up can be one of the target at all."""

NOT_MATCHED, BY_KEY, BY_UNIQUE = 0, 1, 2
"""How a staged row found its row of the target: `MATCHED`."""


def free_name(word: str, taken: Iterable[str]) -> str:
    """A name of our own that is none of `taken`."""
    names = {name.casefold() for name in taken}
    free = PREFIX + word
    while free in names:
        free += "_"
    return free


def value_name(column: RestoreColumn) -> str:
    """The staged value of a column."""
    return f"c{column.index}"


def digest_name(column: RestoreColumn) -> str:
    """The digest of a reference's key value."""
    return f"d{column.index}"


def text_name(column: RestoreColumn) -> str:
    """The text of a reference's key value."""
    return f"k{column.index}"


def label_name(column: RestoreColumn) -> str:
    """The label of the table that a polymorphic reference points into."""
    return f"l{column.index}"


def count_name(column: RestoreColumn, what: str) -> str:
    """How many references inside a document are resolved, dangling or unresolved."""
    return f"{what}{column.index}"


def trouble_name(column: RestoreColumn) -> str:
    """The first reference inside a document that is unresolved, as JSON."""
    return f"t{column.index}"


def is_polymorphic(column: RestoreColumn) -> bool:
    """Whether each row decides which table the column points into."""
    return column.reference is not None and column.reference.kind is ReferenceKind.POLYMORPHIC


class Workspace:
    """All staging tables of one restore."""

    def __init__(self, backend: Backend, plan: RestorePlan) -> None:
        self.backend = backend
        self.plan = plan
        self.keyed = plan.keyed
        self.stage: dict[str, sa.TableClause] = {}
        self.ids: dict[str, sa.TableClause] = {}
        self.final: dict[str, sa.TableClause] = {}
        self.lookup: dict[str, sa.TableClause] = {}
        self.documents: dict[str, sa.TableClause] = {}
        self.finished: dict[str, sa.TableClause] = {}
        self.labels: dict[tuple[str, str], set[str]] = {}
        """By (table, column): the labels that polymorphic references have; filled while staging."""
        self.refused: dict[str, set[str]] = {}
        """By table: digests of rows that could not be staged."""
        self.ambiguous: dict[str, set[str]] = {}
        """By table: digests of key values that several rows of the target have."""
        self._names = [t.name_in_schema for t in plan.outside_tables.values()]
        self._names += [t.table.name_in_schema for t in plan.tables.values()]
        self.targets = {target.label: target for target in plan.targets}
        # Without a large table every join is small, and an index costs more than it saves.
        self._indexed = max((table.rows for table in plan.tables.values()), default=0) >= INDEXED_FROM
        self.poly = self._create("poly", [_text(LABEL, 255), _text(DIGEST, 32), _text(ID, 255)], index=[DIGEST])
        self.mentions: sa.TableClause | None = None
        if any(table.documents for table in plan.filled.values()):
            names = [_text(LABEL, 255), _text(DIGEST, 32), _text(KEY, None)]
            self.mentions = self._create("mentions", names, index=[DIGEST])
        for number, table in enumerate(plan.filled.values()):
            self._create_restore(number, table)
            if table.documents:
                self._create_documents(number, table)
        for number, name in enumerate(plan.matching):
            exporting = plan.exporting(name)
            if exporting is not None and (name in plan.filled or name in plan.pointed_at):
                looked_up = name in plan.pointed_at and bool(exporting.leaves)
                self._create_ids(number, exporting, looked_up=looked_up)

    def _create_restore(self, number: int, table: RestoreTable) -> None:
        backend = self.backend
        target = backend.aliased(table.table, "t")
        staged: list[sa.ColumnElement[Any]] = [self._number(ROW), _text(KEY, None), _text(DIGEST, 32)]
        index = [ROW, DIGEST]
        if table.keyed.key_parent is not None:
            staged.append(self._number(LEVEL))
            index.append(LEVEL)
        for column in table.columns:
            value: Expression = target.c[column.name]
            # What a reference points to is not known yet, and its own column stays empty.
            value = value if column.reference is None else backend.emptiable(value)
            staged.append(value.label(value_name(column)))
            if column.reference is not None:
                staged += [_text(text_name(column), None), _text(digest_name(column), 32)]
                index.append(digest_name(column))
            if is_polymorphic(column):
                staged.append(_text(label_name(column), 255))
        self.stage[table.name] = self._create(f"stage_{number}", staged, target, index)
        final: list[sa.ColumnElement[Any]] = [self._number(ROW), _text(ACTION, 8)]
        final += [self._number(name) for name in (MATCHED, RESOLVED, HANGING, UNRESOLVED)]
        found = {*table.exported, *(column.name for column in table.columns if column.reference is not None)}
        final += [
            (backend.emptiable(target.c[name]) if name in found else target.c[name]).label(f"f{i}")
            for i, name in enumerate(table.final_columns)
        ]
        self.final[table.name] = self._create(f"final_{number}", final, target, [ROW])

    def _create_documents(self, number: int, table: RestoreTable) -> None:
        backend = self.backend
        target = backend.aliased(table.table, "t")
        columns = [document.column for document in table.documents]
        texts = [backend.empty_text().label(text_name(column)) for column in columns]
        self.documents[table.name] = self._create(f"documents_{number}", [self._number(ROW), *texts], index=[ROW])
        finished: list[sa.ColumnElement[Any]] = [self._number(ROW)]
        for column in columns:
            finished.append(target.c[column.name].label(value_name(column)))
            finished += [self._number(count_name(column, what)) for what in (RESOLVED, HANGING, UNRESOLVED)]
            finished.append(backend.empty_text().label(trouble_name(column)))
        self.finished[table.name] = self._create(f"finished_{number}", finished, target, [ROW])

    def _create_ids(self, number: int, table: ReferredTable, *, looked_up: bool) -> None:
        backend = self.backend
        target = backend.aliased(table.keyed.table, "t")
        columns: list[sa.ColumnElement[Any]] = [self._number(ROW), _text(DIGEST, 32), self._number(MATCHED)]
        columns += [backend.emptiable(target.c[name]).label(exported_name(table, name)) for name in table.exported]
        numbers = [name for name in table.exported if table.keyed.table.column(name).kind is Kind.INTEGER]
        index = [ROW, DIGEST, *(exported_name(table, name) for name in numbers)]
        self.ids[table.name] = self._create(f"ids_{number}", columns, target, index)
        if looked_up:
            joins = KeyJoins(backend, self.keyed, table.name)
            leaves: list[sa.ColumnElement[Any]] = [_text(DIGEST, 32), self._number(USABLE)]
            # A row of a tree is looked up by its parent's digest, and what runs through such a row by that one's.
            leaves += [
                _text(f"v{i}", 32) if leaf.above else backend.emptiable(joins.leaf(joins.root, leaf)).label(f"v{i}")
                for i, leaf in enumerate(table.leaves)
            ]
            if table.keyed.key_parent is not None:
                leaves.append(self._number(LEVEL))
            self.lookup[table.name] = self._create(f"lookup_{number}", leaves, joins.clause, [DIGEST])

    def _create(
        self,
        name: str,
        columns: list[sa.ColumnElement[Any]],
        source: sa.FromClause | None = None,
        index: Iterable[str] = (),
    ) -> sa.TableClause:
        """An empty temporary table with the types of `columns`, which are selected from `source`."""
        query = sa.select(*columns).where(sa.false())
        if source is not None:
            query = query.select_from(self.backend.nullable_copy(source))
        connection = self.backend.connection
        # MariaDB would take a temporary table for the table of the target that has its name.
        name = free_name(name, self._names)
        connection.execute(sa.CreateTableAs(query, name, temporary=True))
        table = sa.table(name, *(sa.column(column.name) for column in columns))
        if self._indexed:
            indexed = sa.Table(name, sa.MetaData(), *(sa.Column(column.name, sa.Text) for column in columns))
            for column in index:
                connection.execute(sa.schema.CreateIndex(sa.Index(f"{name}_{column}", indexed.c[column])))
        return table

    def _number(self, name: str) -> sa.ColumnElement[Any]:
        return self.backend.empty_number().label(name)

    def forget_polymorphic(self) -> None:
        """Polymorphic references are resolved anew: rows that they pointed to may be skipped by now."""
        self.backend.connection.execute(sa.delete(self.poly))

    def remember_refused(self, table: str, digest: str) -> None:
        """Keep the key of a row that could not be staged, so that rows that refer to it can say so."""
        refused = self.refused.setdefault(table, set())
        if len(refused) < REMEMBERED:
            refused.add(digest)

    # --- names in these tables ----------------------------------------------------------------------------------

    def final_column(self, table: RestoreTable, name: str) -> sa.ColumnClause[Any]:
        """The value that column `name` of the target will have."""
        return self.final[table.name].c[f"f{table.final_columns.index(name)}"]

    def targets_of(self, table: RestoreTable, column: RestoreColumn) -> list[PolymorphicTarget]:
        """The tables that a polymorphic reference of the archive does point into."""
        used = self.labels.get((table.name, column.name), ())
        return [target for label, target in self.targets.items() if label in used]

    def analyse(self, *tables: sa.TableClause) -> None:
        """Tell the planner how large staging tables have become."""
        for table in tables:
            self.backend.analyse(table)


def same_row(
    table: RestoreTable, ours: Callable[[str], sa.ColumnElement[Any]], theirs: Callable[[str], sa.ColumnElement[Any]]
) -> sa.ColumnElement[bool]:
    """Whether two rows, each given by the values of its columns, are the same row of the target.

    A table without a primary key is identified by its natural key, where NULL is the same as NULL.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    for name in table.identity:
        left, right = ours(name), theirs(name)
        if table.table.column(name).nullable:
            conditions.append(sa.not_(left.is_distinct_from(right)))
        else:
            conditions.append(left == right)
    return sa.and_(*conditions)


def differs(
    backend: Backend,
    table: RestoreTable,
    ours: Callable[[str], sa.ColumnElement[Any]],
    theirs: Callable[[str], sa.ColumnElement[Any]],
) -> sa.ColumnElement[bool]:
    """Whether one row, given twice by the values of its columns, has any other value. Identity columns do not count."""
    columns = [column.column for column in table.columns if column.name not in table.identity]
    different = [
        backend.comparable(column, theirs(column.name)).is_distinct_from(backend.comparable(column, ours(column.name)))
        for column in columns
    ]
    return sa.or_(*different) if different else sa.false()


def exported_name(table: ReferredTable, name: str) -> str:
    """The name in *ids* of a column that references hold."""
    return f"x{table.exported.index(name)}"


def _text(name: str, length: int | None) -> sa.ColumnElement[Any]:
    return sa.cast(sa.null(), sa.String(length or LONGEST_KEY)).label(name)
