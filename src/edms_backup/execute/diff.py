"""`diff`: the rows that are different between two sides, by natural key, in bounded memory.

Each side is read once. Two digests of every row, of its key value and of its content, go to a temporary file on disk,
and equal ones cancel out there; where the hashes of all rows of a table have the same sum on both sides, not even
that is needed. Only tables that differ are read once more, in the same snapshot, to give the first of the differing
rows their names. So no rows are held in memory but those that are named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from edms_backup.execute.catalog import expect_every_row
from edms_backup.execute.digests import LEFT, RIGHT, Digests, Surplus, open_digests
from edms_backup.execute.rows import CanonicalRow, ContentSum, content_columns
from edms_backup.execute.sides import Side, expect_same_keys, is_keyless, open_sides
from edms_backup.model import Reference
from edms_backup.options import DiffOptions, Source
from edms_backup.plan.extract import select_tables
from edms_backup.progress import Progress
from edms_backup.report import ChangedRow, DiffReport, KeyValue, Problem, TableDiff
from edms_backup.values.rows import key_digest, key_text

_EXCERPT = 60
_BEFORE = 15

SIDES = ("on the left", "on the right")


def diff(left: Source | Path, right: Source | Path, options: DiffOptions, progress: Progress) -> DiffReport:
    """Compare two sides. Raises UsageError, RegistryError, ArchiveError, EnvironmentFailed."""
    progress.stage("reading the schema")
    with open_sides(left, right) as (first, second):
        known = {**second.keyed, **first.keyed}
        held = {name: known[name] for name in sorted({*first.names, *second.names})}
        names = select_tables(held, include=options.tables) if held else ()
        return compare(first, second, names, options.limit, progress)


def compare(
    left: Side,
    right: Side,
    names: Sequence[str],
    limit: int,
    progress: Progress,
    where: tuple[str, str] = SIDES,
) -> DiffReport:
    """Compare the tables `names`; `where` calls the sides by their names in messages."""
    expect_same_keys(left, right, names)
    pairs = {name: _halves(left, right, name) for name in names}
    problems = [problem for name in names for problem in _drift(left, right, name, where)]
    with open_digests() as digests:
        progress.stage("comparing", sum(half.rows for pair in pairs.values() for half in pair))
        found = {name: _compared(pair, digests, limit, progress) for name, pair in pairs.items()}
    naming = [table for table in found.values() if table.surplus]
    if naming:
        progress.stage("naming rows", sum(half.rows for table in naming for half in table.halves))
    tables = {name: table.named(limit, progress) for name, table in found.items()}
    for name, table in found.items():
        problems.extend(_unclear(left, right, name, table, where))
    order = {name: place for place, name in enumerate(names)}
    problems.sort(key=lambda problem: order[str(problem.table)])
    return DiffReport(left.place, right.place, tables, tuple(problems))


@dataclass(frozen=True)
class _Half:
    """One table of one side."""

    side: Side
    sign: int
    name: str
    columns: tuple[str, ...]
    """Those that are compared: what both sides have."""
    rows: int

    def read(self, progress: Progress) -> Iterator[list[CanonicalRow]]:
        """All rows, a batch at a time."""
        for batch in self.side.rows(self.name, self.columns):
            yield batch
            progress.advance(len(batch), self.name)

    def key(self, row: CanonicalRow) -> bytes:
        """The digest of what a row is known by: its key value, or without a key all that it says."""
        if is_keyless(self.side.keyed[self.name]):
            return row.digest
        return bytes.fromhex(key_digest(key_text(row.key_value)))


@dataclass(frozen=True)
class _Compared:
    """One table after the first reading."""

    halves: tuple[_Half, ...]
    counts: Mapping[str, int]
    changed: Sequence[tuple[Surplus, Surplus]] = ()
    only_left: Sequence[Surplus] = ()
    only_right: Sequence[Surplus] = ()
    shared_keys: int = 0

    @property
    def different(self) -> bool:
        """Not all rows are the same."""
        return self.counts["same"] < sum(self.counts.values())

    @property
    def surplus(self) -> list[Surplus]:
        """All rows that are to be named."""
        return [*(row for pair in self.changed for row in pair), *self.only_left, *self.only_right]

    def named(self, limit: int, progress: Progress) -> TableDiff:
        """Read the table once more, for the rows that are to be named."""
        rows = self._rows(progress)
        changed = [_changed(rows[old], rows[new]) for old, new in self.changed if old in rows and new in rows]
        return TableDiff(
            self.counts,
            tuple(_names(self.only_left, rows)[:limit]),
            tuple(_names(self.only_right, rows)[:limit]),
            tuple(sorted(changed, key=lambda row: key_text(row.key))),
        )

    def _rows(self, progress: Progress) -> dict[Surplus, CanonicalRow]:
        found: dict[Surplus, CanonicalRow] = {}
        for half in self.halves:
            wanted = {(row.key, row.content): row for row in self.surplus if row.extra * half.sign > 0}
            keys = {key for key, _ in wanted}
            for batch in half.read(progress) if keys else ():
                for row in batch:
                    if (key := half.key(row)) in keys and (surplus := wanted.get((key, row.digest))):
                        found[surplus] = row
        return found


def _halves(left: Side, right: Side, name: str) -> tuple[_Half, ...]:
    sides = [(side, sign) for side, sign in ((left, LEFT), (right, RIGHT)) if name in side.names]
    columns = [content_columns(side.keyed[name]) for side, _ in sides]
    common = tuple(column for column in columns[0] if all(column in others for others in columns))
    return tuple(_Half(side, sign, name, common, side.count(name)) for side, sign in sides)


def _compared(halves: tuple[_Half, ...], digests: Digests, limit: int, progress: Progress) -> _Compared:
    """Read a table on both sides, and cancel out what is the same."""
    digests.clear()
    sums = {sign: ContentSum() for sign in (LEFT, RIGHT)}
    for half in halves:
        for batch in half.read(progress):
            rows = [(half.key(row), row.digest) for row in batch]
            for _, content in rows:
                sums[half.sign].add(content)
            digests.add(half.sign, rows)
        expect_every_row(half.name, half.rows, sums[half.sign].rows)
    if sums[LEFT].hexdigest() == sums[RIGHT].hexdigest():
        return _Compared(halves, {"only_left": 0, "only_right": 0, "changed": 0, "same": sums[LEFT].rows})
    digests.settle()
    only_left, only_right, changed = digests.counts()
    same = sums[LEFT].rows - only_left - changed
    return _Compared(
        halves,
        {"only_left": only_left, "only_right": only_right, "changed": changed, "same": same},
        digests.changed(limit),
        digests.only(LEFT, limit),
        digests.only(RIGHT, limit),
        0 if is_keyless(halves[0].side.keyed[halves[0].name]) else digests.shared_keys(),
    )


def _names(surplus: Sequence[Surplus], rows: Mapping[Surplus, CanonicalRow]) -> list[KeyValue]:
    """What rows are called, each as often as it is there too often."""
    found = [(row.key_value or list(row.members.values()), abs(s.extra)) for s in surplus if (row := rows.get(s))]
    return [name for name, times in sorted(found, key=lambda pair: key_text(pair[0])) for _ in range(times)]


def _changed(old: CanonicalRow, new: CanonicalRow) -> ChangedRow:
    texts = {column: (_text(value), _text(new.members[column])) for column, value in old.members.items()}
    different = {column: pair for column, pair in texts.items() if pair[0] != pair[1]}
    return ChangedRow(old.key_value, tuple(different), tuple(_excerpts(*pair) for pair in different.values()))


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _excerpts(left: str, right: str) -> tuple[str, str]:
    """Both texts, cut to what is around their first difference."""
    same = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    start = max(0, same - _BEFORE) if max(len(left), len(right)) > _EXCERPT else 0
    return _cut(left, start), _cut(right, start)


def _cut(text: str, start: int) -> str:
    end = start + _EXCERPT
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"


def _drift(left: Side, right: Side, name: str, where: tuple[str, str]) -> Iterator[Problem]:
    """Tables and columns that only one side has."""
    if name not in left.names or name not in right.names:
        there = where[0] if name in left.names else where[1]
        yield Problem("missing-table", f"table {name} is only {there}", name)
        return
    for ours, theirs, there in ((left, right, where[0]), (right, left, where[1])):
        for column in content_columns(ours.keyed[name]):
            if column not in theirs.keyed[name].table.by_name:
                yield Problem("missing-column", f"column {column} of {name} is only {there}", name, None, column)
            elif column not in content_columns(theirs.keyed[name]):
                message = (
                    f"column {column} of {name} says something only {there}; on the other side it is an id or computed"
                )
                yield Problem("missing-column", message, name, None, column)


def _unclear(left: Side, right: Side, name: str, table: _Compared, where: tuple[str, str]) -> Iterator[Problem]:
    """Why rows that differ may not be what they seem."""
    if table.shared_keys:
        message = (
            f"{table.shared_keys:,} of the keys of {name} are each the key of several rows of one side: "
            "which of these has become which cannot be said"
        )
        yield Problem("duplicate-key", message, name)
    if len(table.halves) < 2 or not table.different:
        return
    for column in table.halves[0].columns:
        old, new = (_meaning(side.keyed[name].resolving.get(column)) for side in (left, right))
        if old != new:
            message = f"column {column} of {name} {old} {where[0]}, and {new} {where[1]}"
            yield Problem("other-reference", message, name, None, column)


def _meaning(reference: Reference | None) -> str:
    return f"refers to {reference.table}" if reference else "refers to nothing"
