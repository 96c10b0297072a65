"""What a generated schema is, and its rows before they have ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

LABELS = ("app.a", "app.b", "app.c")
"""What the rows of the table `kinds` are called."""


class Type(StrEnum):
    """Types that every product has; the others are those of `test_values`."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True)
class Column:
    name: str
    type: Type
    nullable: bool = False
    numbered: bool = False


@dataclass(frozen=True)
class Link:
    """A foreign key. One that `follows` has no choice of its own: its columns are already those of others.

    One that is `hidden` is only meant: the database knows it by the links that follow.
    """

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    optional: bool = False
    follows: bool = False
    hidden: bool = False


@dataclass(frozen=True)
class Points:
    """A polymorphic reference: the row of `kinds` that `link` names says into which of `tables` the column points."""

    column: str
    link: int
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Spec:
    """One table. Without a key its rows are known by all their values."""

    name: str
    columns: tuple[Column, ...]
    primary: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    links: tuple[Link, ...] = ()
    key: tuple[str, ...] = ()
    points: Points | None = None

    @property
    def ways(self) -> list[tuple[str, ...]]:
        """Columns that a foreign key may refer to."""
        single = [unique for unique in self.uniques if unique in (("alt",), ("owner", "id"))]
        return [way for way in (self.primary, *single) if way]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def link_of(self, name: str) -> Link | None:
        """The link that carries a column: that with the fewest columns."""
        found = [link for link in self.links if name in link.columns]
        return min(found, key=lambda link: len(link.columns), default=None)

    @property
    def own(self) -> list[Column]:
        """Columns with values of their own."""
        pointing = self.points.column if self.points else None
        return [c for c in self.columns if not c.numbered and self.link_of(c.name) is None and c.name != pointing]

    @property
    def payload(self) -> list[Column]:
        """Columns of their own that identify nothing."""
        unique = {*self.primary, *self.key, *(c for u in self.uniques for c in u)}
        return [column for column in self.own if column.name not in unique]


Schema = Mapping[str, Spec]


@dataclass
class Row:
    """A row of the world: its values, and for each link of the table the number of the row that it names."""

    values: dict[str, Any]
    named: list[int | None]
    other: dict[str, Any] = field(default_factory=dict)
    """Values that the other side has instead."""
    pointed: int = 0
    """The row that the polymorphic reference points to; it may well be gone."""


Rows = dict[str, dict[int, Row]]
Tables = dict[str, list[dict[str, Any]]]
"""Rows as a database has them."""


@dataclass(frozen=True)
class Side:
    schema: Schema
    rows: Rows
    ids: Mapping[str, Sequence[int]]

    @property
    def tables(self) -> Tables:
        """The rows as a database has them."""
        return {
            name: [{c.name: self.value(name, number, c.name) for c in spec.columns} for number in self.rows[name]]
            for name, spec in self.schema.items()
        }

    def value(self, table: str, number: int, column: str) -> Any:
        spec, row = self.schema[table], self.rows[table][number]
        if spec.column(column).numbered:
            return self.ids[table][number]
        if spec.points is not None and column == spec.points.column:
            return self._pointed(spec, spec.points, row)
        for link, named in zip(spec.links, row.named, strict=True):
            if column in link.columns and not link.follows:
                if named is None:
                    return None
                return self.value(link.table, named, link.referred[link.columns.index(column)])
        return row.values[column]

    def _pointed(self, spec: Spec, points: Points, row: Row) -> Any:
        kind = row.named[points.link]
        if kind is None:
            return None
        table, as_text = points.tables[kind], spec.column(points.column).type is Type.TEXT
        if row.pointed not in self.rows[table]:
            return f"gone {row.pointed}" if as_text else 1000 + row.pointed
        value = self.value(table, row.pointed, self.schema[table].primary[0])
        return str(value) if as_text else value

    def origin(self, table: str, number: int, column: str) -> tuple[str, int, str] | None:
        """The place that a value comes from, whatever its ids; None where it is empty."""
        spec, row = self.schema[table], self.rows[table][number]
        for link, named in zip(spec.links, row.named, strict=True):
            if column in link.columns and not link.follows:
                if named is None or named not in self.rows[link.table]:
                    return None
                return self.origin(link.table, named, link.referred[link.columns.index(column)])
        return table, number, column
