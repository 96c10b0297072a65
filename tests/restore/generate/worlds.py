"""Strategies for rows: two sides of one world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.restore.generate.model import LABELS, Column, Link, Row, Rows, Schema, Side, Spec
from tests.restore.generate.schemas import SHAPES, VALUES, schemas


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
    counts = {name: draw(st.sampled_from((3, 4, 5, 6, 1, 0))) for name in schema}
    for spec in schema.values():
        # Of many tenants few would have a member to refer to.
        counts.update({link.table: 2 for link in spec.links if link.columns == ("whose",)})
    pointing = [spec.points for spec in schema.values() if spec.points is not None]
    if pointing:
        counts["kinds"] = len(pointing[0].tables)
    for name, spec in schema.items():
        for number in range(counts[name]):
            values = {c.name: draw(_value(c)) for c in spec.own}
            if name == "kinds":
                values = {"label": LABELS[number]}
            if values.get("alt") is not None:
                values["alt"] = f"{values['alt']}#{number}"
            other = {c.name: draw(_value(c)) for c in spec.payload} if draw(st.booleans()) else {}
            row = rows[name][number] = Row(values, [], other, draw(st.integers(0, 5)))
            for link in spec.links:
                there = _choices(Side(schema, rows, {}), spec, number, link)
                row.named.append(draw(_row_of(link, counts, there)))
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


def _choices(side: Side, spec: Spec, number: int, link: Link) -> list[int]:
    """The rows that a link may name as far as there are rows: the tenant must be the same."""
    there = list(side.rows[link.table])
    if link.table == spec.name and not link.optional:
        # As a root, or below what is there; never one below the other.
        return there
    row = side.rows[spec.name][number]
    wanted = side.schema[spec.name].links
    padded = replace(row, named=[*row.named, *[None] * (len(wanted) - len(row.named))])
    alone = Side(side.schema, {**side.rows, spec.name: {**side.rows[spec.name], number: padded}}, {})
    return [other for other in there if _agrees(alone, spec, number, link, other)]


def _agrees(side: Side, spec: Spec, number: int, link: Link, named: int) -> bool:
    """Whether every foreign key that follows the link finds a row, were `named` named; empty columns turn it off."""
    for follower in spec.links:
        if not (follower.follows and link.hidden and link.table == follower.table):
            continue
        if not set(link.columns) < set(follower.columns):
            continue
        for column, referred in zip(follower.columns, follower.referred, strict=True):
            ours = side.origin(spec.name, number, column) if column not in link.columns else None
            if ours is not None and ours != side.origin(link.table, named, referred):
                return False
    return True


def _row_of(link: Link, counts: Mapping[str, int], there: list[int]) -> st.SearchStrategy[int | None]:
    if link.follows:
        return st.none()
    if link.optional and link.hidden and there:
        return st.none() | st.sampled_from(there)
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
        kept = {name: dict(_with_references(schema, spec, rows)) for name, spec in schema.items()}
        if kept == rows:
            return kept
        rows = kept


def _with_references(schema: Schema, spec: Spec, rows: Rows) -> Iterator[tuple[int, Row]]:
    side = Side(schema, rows, {})
    for number, row in rows[spec.name].items():
        named = list(row.named)
        whole = True
        for position, (link, target) in enumerate(zip(spec.links, row.named, strict=True)):
            if target is None:
                whole = whole and (link.optional or link.follows)
            elif not _is_there(side, spec, number, link, target):
                named[position] = None
                whole = whole and link.optional and not set(link.columns) & set(spec.key)
        if whole:
            yield number, replace(row, named=named)


def _is_there(side: Side, spec: Spec, number: int, link: Link, target: int) -> bool:
    if target not in side.rows[link.table]:
        return False
    # No foreign key refers to what is empty.
    filled = all(side.rows[link.table][target].values.get(column, 0) is not None for column in link.referred)
    return filled and _agrees(side, spec, number, link, target)


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
