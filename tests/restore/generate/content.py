"""What a database holds whatever its ids, and what it must hold after a restore."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.restore.generate.model import LABELS, Points, Schema, Spec, Tables

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
        spec = self.schema[name]
        if spec.points is not None and column == spec.points.column:
            return self._pointed(spec, spec.points, row)
        link = spec.link_of(column)
        if link is None or row[column] is None:
            return (type(row[column]).__name__, row[column])
        slot = (link.table, link.referred)
        if slot not in self._index:
            targets = self.tables[link.table]
            self._index[slot] = {tuple(target[c] for c in link.referred): target for target in targets}
        target = self._index[slot].get(tuple(row[c] for c in link.columns))
        return ("nothing", row[column]) if target is None else ("row", self.key(link.table, target))

    def _pointed(self, spec: Spec, points: Points, row: Mapping[str, Any]) -> Any:
        kinds = [
            kind["label"] for kind in self.tables["kinds"] if kind["id"] == row[spec.links[points.link].columns[0]]
        ]
        if kinds:
            other = points.tables[LABELS.index(kinds[0])]
            (identity,) = self.schema[other].primary
            for target in self.tables[other]:
                if str(target[identity]) == str(row[points.column]):
                    return ("row", other, self.key(other, target))
        return ("nothing", row[points.column])
