"""Reads a table as lines of an archive: one SELECT, joined along the key paths.

A table with a polymorphic reference is read once for each table that its rows point into, so that no statement
joins more than it needs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from edms_backup.backends.base import Backend, Expression
from edms_backup.backends.document_keys import DocumentKeys
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.selection import Selection
from edms_backup.backends.trees import points_to_itself
from edms_backup.errors import RegistryError
from edms_backup.graph.keys import Leaf, expand_key
from edms_backup.model import Column, Keyed, KeyedTable, Kind, ReferenceKind, Table
from edms_backup.plan.extract import ExtractPlan, PolymorphicTarget, ReferenceColumn
from edms_backup.values.rows import Field, ReferenceField, RowWriter, ValueField

Condition = Callable[[NamedFromClause], Expression]
"""Picks rows of the table, given under its alias."""


@dataclass(frozen=True)
class _Variant:
    """Rows whose polymorphic references point into these tables (by column; None: into no known one)."""

    targets: Mapping[str, PolymorphicTarget | None]
    conditions: tuple[Condition, ...] = ()


def extract_lines(backend: Backend, keyed: Keyed, plan: ExtractPlan) -> Iterator[list[bytes]]:
    """The lines of a table, in batches. The caller holds the snapshot."""
    with backend.failures(f"cannot read table {plan.name} of"), ExitStack() as stack:
        documents = stack.enter_context(closing(DocumentKeys(backend, keyed, plan))) if plan.documents else None
        _expect_roots(backend, keyed, plan.keyed)
        for variant in _variants(backend, keyed, plan):
            query, writer = _select(backend, keyed, plan, variant, documents)
            for rows in backend.batches(query):
                yield writer.lines(rows)


def _select(
    backend: Backend, keyed: Keyed, plan: ExtractPlan, variant: _Variant, documents: DocumentKeys | None
) -> tuple[sa.Select[Any], RowWriter]:
    joins = KeyJoins(backend, keyed, plan.name)
    selection = Selection(backend)
    fields: list[Field] = []
    for column in plan.columns:
        reference = plan.references.get(column.name)
        inside = documents.replacing(column.name) if documents and column.name in plan.documents else None
        raw = selection.add(column, joins.root.c[column.name], inside)
        if reference is None:
            fields.append(ValueField(column.name, raw))
            continue
        if reference.reference.kind is ReferenceKind.POLYMORPHIC:
            target = variant.targets[column.name]
            found, leaves = _join_polymorphic(backend, joins, column, target)
        else:
            found, leaves = _join_reference(joins, reference)
        marker = selection.add_marker(found)
        positions = tuple(selection.add_leaf(joins, leaf, value) for leaf, value in leaves)
        itself = None
        if reference.reference == plan.keyed.key_parent:
            itself = selection.add_marker(sa.case((points_to_itself(joins.root, reference.reference), 1)))
        fields.append(ReferenceField(column.name, raw, marker, positions, itself))
    conditions = [condition(joins.root) for condition in variant.conditions]
    query = sa.select(*selection.expressions).select_from(joins.clause).where(*conditions)
    return query, RowWriter(fields, selection.conversions)


def _join_reference(joins: KeyJoins, reference: ReferenceColumn) -> tuple[Expression, list[tuple[Leaf, Expression]]]:
    parent = joins.follow(joins.root, (reference.reference,))
    found = parent.c[reference.reference.referred_columns[0]]
    return found, [(leaf, joins.leaf(parent, leaf)) for leaf in reference.leaves]


def _join_polymorphic(
    backend: Backend, joins: KeyJoins, column: Column, target: PolymorphicTarget | None
) -> tuple[Expression, list[tuple[Leaf, Expression]]]:
    if target is None:
        return sa.null(), []
    raw = joins.root.c[column.name]
    parent = joins.join(target.table, lambda row: points_to(backend, column, raw, row, target))
    return parent.c[target.id_column], [(leaf, joins.leaf(parent, leaf)) for leaf in target.leaves]


def points_to(
    backend: Backend, column: Column, raw: Expression, row: sa.FromClause, target: PolymorphicTarget
) -> Expression:
    """Whether the id in `raw`, a value of `column`, is that of `row`."""
    return same_id(backend, column, raw, row.c[target.id_column], target.id_kind)


def same_id(backend: Backend, column: Column, raw: Expression, identity: Expression, kind: Kind) -> Expression:
    """Whether `raw`, a value of `column`, holds the id `identity`. An id in text must match to the digit."""
    if column.kind is Kind.INTEGER:
        return identity == raw
    same_text = backend.text(identity) == backend.text(raw)
    # Compared as numbers first: that is what an index is made of.
    return sa.and_(identity == backend.integer_of_text(raw), same_text) if kind is Kind.INTEGER else same_text


def _variants(backend: Backend, keyed: Keyed, plan: ExtractPlan) -> Iterator[_Variant]:
    polymorphic = plan.polymorphic
    choices = [_choices(backend, keyed, plan, reference) for reference in polymorphic]
    for combination in itertools.product(*choices):
        targets = {reference.column: target for reference, (target, _) in zip(polymorphic, combination, strict=True)}
        yield _Variant(targets, tuple(condition for _, condition in combination))


def _choices(
    backend: Backend, keyed: Keyed, plan: ExtractPlan, reference: ReferenceColumn
) -> list[tuple[PolymorphicTarget | None, Condition]]:
    """For each table that the column's rows point into: the condition that picks those rows; last, the rest."""
    by_label = {target.label: target for target in reference.targets}
    name = reference.reference.type_column
    found: list[tuple[PolymorphicTarget | None, Condition]] = []
    known: list[Any] = []
    for type_id, label in _labels(backend, keyed, plan, reference):
        if label in by_label:
            found.append((by_label[label], partial(_has_value, name, [type_id])))
            known.append(type_id)
    return [*found, (None, partial(_has_other_value, name, known))]


def _has_value(name: str, values: list[Any], row: NamedFromClause) -> Expression:
    return row.c[name].in_(values)


def _has_other_value(name: str, values: list[Any], row: NamedFromClause) -> Expression:
    return sa.or_(row.c[name].is_(None), row.c[name].not_in(values))


def _labels(backend: Backend, keyed: Keyed, plan: ExtractPlan, reference: ReferenceColumn) -> Sequence[tuple[Any, str]]:
    """The type values that occur, each with its label: the key value of the type's row, joined by dots."""
    type_reference = plan.keyed.resolving[reference.reference.type_column]
    joins = KeyJoins(backend, keyed, plan.name)
    parent = joins.follow(joins.root, (type_reference,))
    leaves = [backend.text(joins.leaf(parent, leaf)) for leaf in reference.leaves]
    type_column = joins.root.c[reference.reference.type_column]
    query = sa.select(type_column, *leaves).select_from(joins.clause).where(type_column.is_not(None)).distinct()
    rows = backend.connection.execute(query).all()
    return [(row[0], label_of(row[1:])) for row in rows if None not in row[1:]]


def unlabelled_types(backend: Backend, keyed: Keyed, plan: ExtractPlan) -> list[str]:
    """Types that polymorphic references of a table use and no table has as its label: their ids stay as they are."""
    unknown: set[str] = set()
    for reference in plan.polymorphic:
        labels = {label for _, label in _labels(backend, keyed, plan, reference)}
        unknown |= labels - {target.label for target in reference.targets}
    return sorted(unknown)


def label_of(key_value: Sequence[Any]) -> str:
    """The label that a type's key value stands for: `documents.document`."""
    return ".".join(str(part) for part in key_value)


def duplicate_keys(backend: Backend, keyed: Keyed, plan: ExtractPlan, limit: int = 5) -> list[tuple[int, list[Any]]]:
    """Key values that several rows of the source share: how many rows, and the key value as text."""
    joins = KeyJoins(backend, keyed, plan.name)
    columns = [plan.keyed.table.column(name) for name in plan.keyed.key]
    leaves = expand_key(keyed, plan.name)
    parts = [backend.comparable(column, joins.root.c[column.name]) for column in columns]
    if plan.keyed.key_parent is not None or _may_be_null(keyed, plan.keyed):
        # No parent and a parent whose own key is empty are two rows here, and one key value in an archive.
        parts = [backend.comparable(joins.column_of(leaf), joins.leaf(joins.root, leaf)) for leaf in leaves]
    shown = [sa.func.min(text) for text in joins.texts(leaves)]
    query = sa.select(sa.func.count(), *shown).select_from(joins.clause)
    query = query.group_by(*parts).having(sa.func.count() > 1).limit(limit)
    return [(row[0], joins.shown(leaves, row[1:])) for row in backend.connection.execute(query)]


def rootless_rows(backend: Backend, keyed: Keyed, table: KeyedTable, limit: int = 3) -> list[dict[str, Any]]:
    """Rows of a tree that no root is above: a ring, or a parent that does not exist. Each by its key columns."""
    if table.key_parent is None:
        return []
    joins = KeyJoins(backend, keyed, table.name)
    names = dict.fromkeys([*table.surrogate_key, *table.key])
    above = joins.leaf(joins.root, next(leaf for leaf in expand_key(keyed, table.name) if leaf.above and not leaf.path))
    query = sa.select(*(backend.text(joins.root.c[name]) for name in names)).select_from(joins.clause)
    rows = backend.connection.execute(query.where(above.is_(None)).limit(limit))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _expect_roots(backend: Backend, keyed: Keyed, table: KeyedTable) -> None:
    rows = rootless_rows(backend, keyed, table)
    if rows:
        shown = "; ".join(", ".join(f"{name} = {value}" for name, value in row.items()) for row in rows)
        raise RegistryError(
            f"rows of table {table.name} have no root above them and so no natural key ({shown})",
            hint="they are each other's parents, or a parent does not exist: mend it, or declare another key",
        )


def _may_be_null(keyed: Keyed, table: KeyedTable) -> bool:
    """Whether any part of the natural key, here or in the tables that it runs through, may be NULL."""
    own = any(table.table.column(name).nullable for name in table.key)
    leaves = (leaf for leaf in expand_key(keyed, table.name) if not leaf.above)
    return own or any(keyed[leaf.table].table.column(leaf.column).nullable for leaf in leaves)


def is_declared_unique(keyed: Keyed, plan: ExtractPlan) -> bool:
    """Whether the database itself keeps the natural key unique, so that no query has to look."""
    table, key = plan.keyed.table, frozenset(plan.keyed.key)
    if not key or plan.keyed.key_parent is not None or _may_be_null(keyed, plan.keyed):
        # Of a tree the database cannot know that rows which are their own parents are roots.
        return False
    uniques = [frozenset(unique.columns) for unique in table.uniques if not unique.partial]
    return any(unique <= key for unique in [*uniques, frozenset(table.primary_key)] if unique)


def count_rows(backend: Backend, table: Table) -> int:
    """How many rows a table has."""
    query = sa.select(sa.func.count()).select_from(backend.table_clause(table))
    return int(backend.connection.execute(query).scalar() or 0)
