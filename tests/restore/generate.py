"""Schemas and data made by hypothesis, and what a restore must make of them, worked out in plain Python.

A *world* is a schema and the rows that its tables may have. A *side* is a part of the world's rows that is closed
under references; it becomes a database under ids of its own. Two sides of one world share natural keys, and differ in
ids, in which rows they have, and in some values.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql

from tests.servers import Database


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
    """A foreign key. One that `follows` has no choice of its own: its columns are already those of another."""

    columns: tuple[str, ...]
    table: str
    referred: tuple[str, ...]
    optional: bool = False
    follows: bool = False


@dataclass(frozen=True)
class Spec:
    """One table. Without a key its rows are known by all their values."""

    name: str
    columns: tuple[Column, ...]
    primary: tuple[str, ...] = ()
    uniques: tuple[tuple[str, ...], ...] = ()
    links: tuple[Link, ...] = ()
    key: tuple[str, ...] = ()

    @property
    def ways(self) -> list[tuple[str, ...]]:
        """Columns that a foreign key may refer to."""
        single = [unique for unique in self.uniques if unique == ("alt",)]
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
        return [c for c in self.columns if not c.numbered and self.link_of(c.name) is None]

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
        for link, named in zip(spec.links, row.named, strict=True):
            if column in link.columns and not link.follows:
                if named is None:
                    return None
                return self.value(link.table, named, link.referred[link.columns.index(column)])
        return row.values[column]


# --- content --------------------------------------------------------------------------------------------------------

Content = dict[str, Counter[Any]]


def content(schema: Schema, tables: Tables) -> Content:
    """By table: how often there is which row, without ids, references as key values."""
    view = _View(schema, tables)
    return {name: Counter(view.canonical(name, row) for row in tables[name]) for name in schema}


def merged(schema: Schema, ours: Tables, theirs: Tables) -> tuple[Content, dict[str, dict[str, int]]]:
    """What is there after `ours` is restored into `theirs`, and the books of that."""
    result: Content = {}
    books = {}
    for name, spec in schema.items():
        mine, other = content(schema, ours)[name], content(schema, theirs)[name]
        count = {"read": len(ours[name]), "inserted": 0, "updated": 0, "unchanged": 0}
        if spec.key:
            by_key, before = _by_key(schema, ours, name), _by_key(schema, theirs, name)
            count["inserted"] = len(by_key.keys() - before.keys())
            count["unchanged"] = sum(1 for key, row in by_key.items() if before.get(key) == row)
            count["updated"] = count["read"] - count["inserted"] - count["unchanged"]
            result[name] = Counter({**before, **by_key}.values())
        else:
            result[name] = mine | other
            count["unchanged"] = (mine & other).total()
            count["inserted"] = count["read"] - count["unchanged"]
        books[name] = count
    return result, books


def _by_key(schema: Schema, tables: Tables, name: str) -> dict[Any, Any]:
    view = _View(schema, tables)
    found = {view.key(name, row): view.canonical(name, row) for row in tables[name]}
    assert len(found) == len(tables[name]), f"{name}: the generator made two rows with one key"
    return found


@dataclass
class _View:
    schema: Schema
    tables: Tables
    _index: dict[tuple[str, tuple[str, ...]], dict[Any, dict[str, Any]]] = field(default_factory=dict)

    def canonical(self, name: str, row: Mapping[str, Any]) -> Any:
        columns = [c.name for c in self.schema[name].columns if not c.numbered]
        return tuple((column, self._meaning(name, row, column)) for column in columns)

    def key(self, name: str, row: Mapping[str, Any]) -> Any:
        return tuple(self._meaning(name, row, column) for column in self.schema[name].key)

    def _meaning(self, name: str, row: Mapping[str, Any], column: str) -> Any:
        link = self.schema[name].link_of(column)
        if link is None or row[column] is None:
            return (type(row[column]).__name__, row[column])
        slot = (link.table, link.referred)
        if slot not in self._index:
            targets = self.tables[link.table]
            self._index[slot] = {tuple(target[c] for c in link.referred): target for target in targets}
        target = self._index[slot].get(tuple(row[c] for c in link.columns))
        return ("nothing", row[column]) if target is None else ("row", self.key(link.table, target))


# --- databases ------------------------------------------------------------------------------------------------------


def build(database: Database, schema: Schema, tables: Tables | None = None) -> None:
    """Make the database afresh, with these tables and rows."""
    wipe(database)
    metadata = _metadata(database.product, schema)
    engine = database.engine()
    with engine.begin() as connection:
        if database.product == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        elif database.product == "mariadb":
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        metadata.create_all(connection)
        for name, rows in (tables or {}).items():
            if rows:
                connection.execute(sa.insert(metadata.tables[name]), rows)
    engine.dispose()


def wipe(database: Database) -> None:
    """Leave nothing in it."""
    engine = database.engine()
    if database.product == "sqlite":
        path = Path(str(engine.url.database))
        path.unlink(missing_ok=True)
        path.touch()
        return
    with engine.begin() as connection:
        if database.product == "postgresql":
            connection.exec_driver_sql("DROP SCHEMA public CASCADE")
            connection.exec_driver_sql("CREATE SCHEMA public")
        else:
            name = engine.url.database
            connection.exec_driver_sql(f"DROP DATABASE {name}")
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    engine.dispose()


def read(database: Database, schema: Schema) -> Tables:
    """All rows, by plain SELECT."""
    metadata = _metadata(database.product, schema)
    engine = database.engine()
    with engine.connect() as connection:
        tables = {
            name: [dict(row) for row in connection.execute(sa.select(metadata.tables[name])).mappings()]
            for name in schema
        }
        if database.product == "sqlite":
            assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    engine.dispose()
    return tables


def _metadata(product: str, schema: Schema) -> sa.MetaData:
    metadata = sa.MetaData()
    # The server's usual collation takes "a", "A" and "a " for one value.
    text = mysql.VARCHAR(60, collation="utf8mb4_nopad_bin") if product == "mariadb" else sa.String(60)
    types: dict[Type, Any] = {Type.TEXT: text, Type.INTEGER: sa.Integer(), Type.BOOLEAN: sa.Boolean()}
    for number, spec in enumerate(schema.values()):
        columns: list[sa.Column[Any]] = [
            sa.Column(
                c.name,
                types[c.type],
                nullable=c.nullable,
                autoincrement=c.numbered,
            )
            for c in spec.columns
        ]
        # Also where the columns of the table have another order.
        primary = [sa.PrimaryKeyConstraint(*spec.primary)] if spec.primary else []
        constraints: list[sa.Constraint] = [*primary]
        constraints += [sa.UniqueConstraint(*u, name=f"unique_{number}_{i}") for i, u in enumerate(spec.uniques)]
        for i, link in enumerate(spec.links):
            # SQLAlchemy's notation: names in worlds have no dots.
            referred = [f"{link.table}.{column}" for column in link.referred]
            constraints.append(
                sa.ForeignKeyConstraint(link.columns, referred, name=f"link_{number}_{i}", use_alter=True)
            )
        sa.Table(spec.name, metadata, *columns, *constraints)
    return metadata


def registry(schema: Schema, path: Path) -> str:
    """A registry that declares every key."""
    tables = {name: {"key": list(spec.key) or "*"} for name, spec in schema.items()}
    path.write_text(json.dumps({"version": 1, "tables": tables}, ensure_ascii=False), encoding="utf-8")
    return str(path)


# --- strategies -----------------------------------------------------------------------------------------------------

TABLES = ("t", "order", "Users", "a b", "x%y", "weiß", "q'q", 'd"d', "c:c", "row_no")
WORDS = ("note", "select", "Value", "key_text", "b%s", "c:x", "ä ö", "f0", "t")
TEXTS = st.text(st.sampled_from("abAB é😀'\"\\%_:\n\u2028ß"), max_size=4)
NUMBERS = st.integers(-3, 3) | st.sampled_from([-(2**31), 2**31 - 1])
VALUES = {Type.TEXT: TEXTS, Type.INTEGER: NUMBERS, Type.BOOLEAN: st.booleans()}


@st.composite
def schemas(draw: st.DrawFn, shapes: Sequence[str]) -> dict[str, Spec]:
    """Some tables of every shape, each referring to earlier ones, some to later ones and to themselves."""
    schema: dict[str, Spec] = {}
    names = draw(st.permutations(TABLES))[: draw(st.sampled_from((1, 2, 3, 4, 5, 6)))]
    for name in names:
        known = [spec for spec in schema.values() if spec.ways and spec.key]
        schema[name] = draw(_spec(name, known, shapes))
    for name in names:
        spec = schema[name]
        targets = [other for other in schema.values() if other.ways and other.key]
        if targets and draw(st.integers(0, 2)) == 0:
            # To itself or to a later table: a cycle that may be empty.
            target = draw(st.sampled_from(targets))
            schema[name] = draw(_linked(spec, target, prefix="later", optional=True))
    return schema


SHAPES = ("tenant", "numbered", "natural", "composite", "child", "link", "bare link", "extension", "tenant", "keyless")


@st.composite
def _spec(draw: st.DrawFn, name: str, known: list[Spec], shapes: Sequence[str]) -> Spec:  # noqa: PLR0912
    shape = draw(st.sampled_from(shapes if known else ("numbered", "natural", "composite", "keyless")))
    payload = [
        Column(word, draw(st.sampled_from(list(Type))), nullable=draw(st.booleans()))
        for word in draw(st.permutations(WORDS))[: draw(st.integers(0, 2))]
    ]
    identity = Column("id", Type.INTEGER, numbered=True)
    spec = Spec(name, tuple(payload))
    if shape == "natural":
        spec = _key(spec, (Column("code", Type.TEXT),), primary=True)
    elif shape == "composite":
        spec = _key(spec, (Column("p", Type.TEXT), Column("q", Type.INTEGER)), primary=True)
    elif shape == "extension":
        # A row of the parent's identity: the primary key is the foreign key (one to one).
        parent = draw(st.sampled_from(known))
        spec = draw(_linked(spec, parent, prefix="base"))
        spec = replace(spec, primary=spec.links[0].columns, key=spec.links[0].columns)
    elif shape in ("link", "bare link"):
        first = draw(_linked(spec, draw(st.sampled_from(known)), prefix="l"))
        spec = draw(_linked(first, draw(st.sampled_from(known)), prefix="r"))
        columns = tuple(c for link in spec.links for c in link.columns)
        if shape == "link":
            spec = replace(_numbered(spec, identity), uniques=(columns,), key=columns)
        else:
            spec = replace(spec, primary=columns, key=columns)
    elif shape == "tenant":
        # Two foreign keys share a column: the row belongs to what its parent belongs to.
        parents = [o for o in known if o.primary[1:] == ("q",)]
        if parents:
            parent = draw(st.sampled_from(parents))
            spec = draw(_linked(spec, parent, prefix="home", way=parent.primary))
            above = parent.link_of("p")
            if above is not None:
                follows = Link(("home_p",), above.table, above.referred, follows=True)
                spec = replace(spec, links=(*spec.links, follows))
            spec = _key(_numbered(spec, identity), (Column("n", Type.INTEGER),), also=spec.links[0].columns)
        else:
            spec = draw(_tenant_parent(spec, known))
    elif shape == "keyless":
        spec = replace(spec, columns=(*spec.columns, Column("what", Type.TEXT, nullable=draw(st.booleans()))))
        if draw(st.booleans()):
            spec = _numbered(spec, identity)
    elif shape == "child":
        parent = draw(st.sampled_from(known))
        spec = draw(_linked(spec, parent, prefix="parent", optional=draw(st.booleans())))
        spec = _key(_numbered(spec, identity), (Column("n", Type.INTEGER),), also=spec.links[0].columns)
    else:
        keys: tuple[Column, ...] = (Column("code", Type.TEXT),)
        if draw(st.booleans()):
            keys = (Column("code", Type.TEXT, nullable=True), Column("n", Type.INTEGER))
        spec = _key(_numbered(spec, identity), keys)
    if spec.key and draw(st.integers(0, 2)) == 0:
        spec = replace(spec, columns=(*spec.columns, Column("alt", Type.TEXT)), uniques=(*spec.uniques, ("alt",)))
    for number in range(draw(st.integers(0, 2)) if known else 0):
        target = draw(st.sampled_from(known))
        spec = draw(_linked(spec, target, prefix=f"to{number}", optional=draw(st.booleans())))
    return replace(spec, columns=tuple(draw(st.permutations(spec.columns))))


@st.composite
def _tenant_parent(draw: st.DrawFn, spec: Spec, known: list[Spec]) -> Spec:
    """A composite key whose first part refers to another table."""
    single = [other for other in known if any(len(way) == 1 for way in other.ways)]
    if not single:
        return _key(spec, (Column("p", Type.TEXT), Column("q", Type.INTEGER)), primary=True)
    target = draw(st.sampled_from(single))
    way = draw(st.sampled_from([way for way in target.ways if len(way) == 1]))
    link = Link(("p",), target.name, way)
    parent = Column("p", target.column(way[0]).type)
    spec = replace(spec, columns=(*spec.columns, parent), links=(link,))
    return _key(spec, (Column("q", Type.INTEGER),), also=("p",), primary=True)


def _numbered(spec: Spec, identity: Column) -> Spec:
    return replace(spec, columns=(identity, *spec.columns), primary=("id",))


def _key(spec: Spec, columns: tuple[Column, ...], *, also: tuple[str, ...] = (), primary: bool = False) -> Spec:
    names = (*also, *(column.name for column in columns))
    spec = replace(spec, columns=(*spec.columns, *columns), key=names)
    return replace(spec, primary=names) if primary else replace(spec, uniques=(*spec.uniques, names))


@st.composite
def _linked(
    draw: st.DrawFn,
    spec: Spec,
    target: Spec,
    *,
    prefix: str,
    optional: bool = False,
    way: tuple[str, ...] | None = None,
) -> Spec:
    """With one more foreign key."""
    way = way or draw(st.sampled_from(target.ways))
    columns = [Column(f"{prefix}_{name}", target.column(name).type, nullable=optional) for name in way]
    link = Link(tuple(c.name for c in columns), target.name, way, optional)
    return replace(spec, columns=(*spec.columns, *columns), links=(*spec.links, link))


@dataclass(frozen=True)
class World:
    """A schema, and two sides of its rows."""

    schema: Schema
    source: Side
    renumbered: Side
    target: Side

    def __repr__(self) -> str:
        """What a failing example shows."""
        lines = []
        for name, spec in self.schema.items():
            links = "".join(f", {link.columns} -> {link.table}{link.referred}" for link in spec.links)
            columns = " ".join(f"{c.name}:{c.type}{'?' * c.nullable}{'+' * c.numbered}" for c in spec.columns)
            lines.append(f"{name!r}({columns}; primary {spec.primary}, unique {spec.uniques}, key {spec.key}{links})")
        for side in ("source", "target"):
            for name, rows in getattr(self, side).tables.items():
                lines += [f"    {side} {name!r}: {row}" for row in rows]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@st.composite
def worlds(draw: st.DrawFn, shapes: Sequence[str] = SHAPES) -> World:
    """A schema with rows."""
    schema = draw(schemas(shapes))
    rows: Rows = {name: {} for name in schema}
    counts = {name: draw(st.sampled_from((0, 1, 3, 4, 5, 6))) for name in schema}
    for name, spec in schema.items():
        for number in range(counts[name]):
            named = [draw(_row_of(link, counts, list(rows[link.table]))) for link in spec.links]
            values = {c.name: draw(_value(c)) for c in spec.own}
            if "alt" in values:
                values["alt"] = f"{values['alt']}#{number}"
            other = {c.name: draw(_value(c)) for c in spec.payload} if draw(st.booleans()) else {}
            rows[name][number] = Row(values, named, other)
    rows = _unique(schema, _closed(schema, rows))
    whole = draw(st.booleans())
    ours, theirs = (
        {
            name: {n: row for n, row in found.items() if (whole and side == 0) or draw(st.integers(0, 3))}
            for name, found in rows.items()
        }
        for side in (0, 1)
    )
    changed = {
        name: {n: replace(row, values={**row.values, **row.other}) for n, row in found.items()}
        for name, found in theirs.items()
    }
    source = _closed(schema, ours)
    return World(
        schema,
        Side(schema, source, draw(_ids(counts))),
        Side(schema, source, draw(_ids(counts))),
        Side(schema, _closed(schema, changed), draw(_ids(counts))),
    )


def _row_of(link: Link, counts: Mapping[str, int], there: list[int]) -> st.SearchStrategy[int | None]:
    if link.follows:
        return st.none()
    if link.optional:
        return st.none() | st.integers(0, counts[link.table] - 1) if counts[link.table] else st.none()
    return st.sampled_from(there) if there else st.none()


def _value(column: Column) -> st.SearchStrategy[Any]:
    values = VALUES[column.type]
    return st.none() | values if column.nullable else values


@st.composite
def _ids(draw: st.DrawFn, counts: Mapping[str, int]) -> dict[str, list[int]]:
    return {
        name: draw(st.lists(st.integers(1, 12), min_size=count, max_size=count, unique=True))
        for name, count in counts.items()
    }


def _closed(schema: Schema, rows: Rows) -> Rows:
    """Only rows whose references are there; what may be empty is emptied, unless it is part of the key."""
    while True:
        kept = {name: dict(_with_references(spec, rows)) for name, spec in schema.items()}
        if {name: set(found) for name, found in kept.items()} == {name: set(found) for name, found in rows.items()}:
            return kept
        rows = kept


def _with_references(spec: Spec, rows: Rows) -> Iterator[tuple[int, Row]]:
    for number, row in rows[spec.name].items():
        named = list(row.named)
        whole = True
        for position, (link, target) in enumerate(zip(spec.links, row.named, strict=True)):
            if target is None:
                whole = whole and (link.optional or link.follows)
            elif target not in rows[link.table]:
                named[position] = None
                whole = whole and link.optional and not set(link.columns) & set(spec.key)
        if whole:
            yield number, replace(row, named=named)


def _unique(schema: Schema, rows: Rows) -> Rows:
    """Without rows that repeat a key or a unique value (NULL counts as a value), and without what named those."""
    for name, spec in schema.items():
        for columns in {spec.primary, spec.key, *spec.uniques} - {()}:
            side = Side(schema, rows, {table: range(100) for table in schema})
            seen: dict[Any, int] = {}
            for number in rows[name]:
                seen.setdefault(tuple(side.value(name, number, column) for column in columns), number)
            kept = set(seen.values())
            only = {number: row for number, row in rows[name].items() if number in kept}
            rows = _closed(schema, {**rows, name: only})
    return rows
