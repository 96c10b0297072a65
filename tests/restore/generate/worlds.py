"""Strategies for rows: two sides of one world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.restore.generate.model import Column, Link, Row, Rows, Schema, Side, Spec
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
