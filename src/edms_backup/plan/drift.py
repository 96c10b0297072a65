"""In what the schema of an archive and that of its target differ, and what becomes of each difference.

Safe: nothing is lost by it, or each value is checked before anything is written. To be mapped: the registry has to
say what becomes of it. Blocking: the target cannot take it as it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property

from edms_backup.model import Column, KeyedTable, Kind, Schema, Table
from edms_backup.plan.mapping import Mapped
from edms_backup.report import Difference, DriftClass
from edms_backup.values.convert import conversion

_CLOSE = 0.4
"""From which likeness on a name is proposed, if the kind of the values is the same too."""

_NUMBERS = frozenset({Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL})
_MOMENTS = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_APART = (
    (_NUMBERS, _MOMENTS | {Kind.UUID}),
    (_MOMENTS, _NUMBERS | {Kind.UUID, Kind.BYTES}),
    (frozenset({Kind.UUID}), _NUMBERS | _MOMENTS | {Kind.INTERVAL}),
    (frozenset({Kind.BYTES}), _MOMENTS),
)
"""Kinds, and those that no value of them can become. An interval may be kept as a number of microseconds."""

_BY_VALUE = ("other-type", "shorter-text", "fewer-digits", "not-null", "no-value")
"""Differences that are safe as long as the values fit."""

WARNED = ("missing-table", "excluded-table")
"""Differences that are said even where they are safe: something of the archive stays out."""


def is_impossible(source: Column, target: Column) -> bool:
    """Whether no value of one column can be one of the other."""
    found = conversion(source, target)
    apart = any(source.kind in ours and target.kind in theirs for ours, theirs in _APART)
    return apart and found is not None and not found.possible


def gets_new_ids(archived: KeyedTable, live: Table, name: str) -> bool:
    """Whether the ids of the archive can be none here (a number, a uuid), so that every new row gets another one."""
    if archived.surrogate_key != (name,) or live.primary_key != (name,):
        return False
    return is_impossible(archived.table.column(name), live.column(name))


def judged(drift: Iterable[Difference], refused: Collection[tuple[str, str]]) -> tuple[Difference, ...]:
    """The differences after the values were seen: those whose columns, by table and name, had to refuse some."""
    return tuple(
        replace(found, level=DriftClass.BLOCKING, message=f"{found.message}; some values do not fit")
        if found.what in _BY_VALUE and found.column is not None and (found.table, found.column) in refused
        else found
        for found in drift
    )


@dataclass(frozen=True)
class Comparison:
    """An archive, in the target's names, and the live schema."""

    mapped: Mapped
    target: Schema
    rows: Mapping[str, int]
    """Rows of the archive, by the target's name of the table."""

    def excluded(self, names: Iterable[str], patterns: Collection[str]) -> Iterator[Difference]:
        """Tables, by the archive's name, that the registry takes out of the restore."""
        for name in names:
            new = self.mapped.tables[name]
            if any(fnmatchcase(called, pattern) for called in (name, new) for pattern in patterns):
                message = f"table {name} of the archive is left out, as the registry says: {self.rows[new]} rows of it"
                yield Difference("excluded-table", message, table=new)

    def tables(self, names: Iterable[str]) -> Iterator[Difference]:
        """The differences of the tables to be restored, and the tables that only the target has."""
        for name in names:
            archived, live = self.mapped.source.keyed[name], self.target.tables.get(name)
            if live is None:
                yield self._missing_table(name)
            else:
                yield from self._renames(name)
                yield from self._columns(archived, live)
        for name in self.target.tables:
            if name not in self.mapped.source.keyed:
                yield Difference("new-table", f"table {name} is not in the archive: it stays as it is", table=name)

    def referred(self, name: str, held: Collection[str]) -> Iterator[Difference]:
        """Columns that a table must have that is only looked up: its key, and what references to it hold."""
        live = self.target.tables[name]
        archived = self.mapped.source.keyed[name]
        for column in dict.fromkeys([*archived.key, *sorted(held)]):
            if column not in live.by_name:
                message = f"column {name}.{column} is not in the target, but references of the archive are found by it"
                advice = self._renaming(archived.table.column(column), archived.table, live)
                yield Difference("missing-column", f"{message}; {advice}", DriftClass.MAP, name, column)

    # --- tables -------------------------------------------------------------------------------------------------

    def _missing_table(self, name: str) -> Difference:
        if not self.rows.get(name):
            message = f"table {name} is not in the target; the archive has no rows of it"
            return Difference("missing-table", message, table=name)
        there = [other for other in self.target.tables if other not in self.mapped.source.keyed]
        new = _closest(name, there) or "its_name_here"
        message = (
            f"table {name} is not in the target, but the archive has rows of it; the registry can say what it is "
            f"called there, renames: {{{name}: {new}}}, or leave it out, exclude: [{name}]"
        )
        return Difference("missing-table", message, DriftClass.MAP, name)

    def _renames(self, name: str) -> Iterator[Difference]:
        old = self.mapped.archived(name)
        if old != name:
            yield Difference("renamed-table", f"table {old} of the archive is {name} in the target", table=name)
        for new, was in self.mapped.columns[name].items():
            message = f"column {name}.{was} of the archive is {new} in the target"
            yield Difference("renamed-column", message, table=name, column=new)
        for column in self.mapped.omitted[name]:
            message = f"column {name}.{column} of the archive is left out, as the registry says"
            yield Difference("omitted-column", message, table=name, column=column)

    # --- columns ------------------------------------------------------------------------------------------------

    def _columns(self, archived: KeyedTable, live: Table) -> Iterator[Difference]:
        held = [column for column in archived.table.columns if not column.generated]
        for column in held:
            there = live.by_name.get(column.name)
            if there is None or there.generated:
                yield self._missing_column(archived, column, live)
            else:
                yield from self._type(archived, column, there)
        names = {column.name for column in held}
        for column in live.columns:
            if column.name not in names and not column.generated:
                yield self._new_column(archived, column)

    def _missing_column(self, archived: KeyedTable, column: Column, live: Table) -> Difference:
        name = live.name
        what = "computed by" if column.name in live.by_name else "not in"
        message = f"column {name}.{column.name} is {what} the target"
        needed = column.name in self._needed[name]
        if not self.rows.get(name) and not needed:
            message += "; the archive has no rows of this table"
            return Difference("missing-column", message, table=name, column=column.name)
        advice = self._renaming(column, archived.table, live)
        if not needed:
            advice += f", or leave it out, omit_columns: [{self._old(name, column.name)}]"
        return Difference("missing-column", f"{message}; {advice}", DriftClass.MAP, name, column.name)

    def _renaming(self, column: Column, archived: Table, live: Table) -> str:
        """What to write in the registry, with the closest new name of the same kind where there is one."""
        there = [c.name for c in live.columns if c.name not in archived.by_name and c.kind is column.kind]
        new = _closest(column.name, there) or "its_name_here"
        return f"the registry can say what it is called there, renames: {{{self._old(live.name, column.name)}: {new}}}"

    def _old(self, table: str, column: str) -> str:
        return self.mapped.columns[table].get(column, column)

    @cached_property
    def _needed(self) -> dict[str, set[str]]:
        """Columns by which rows are found: those of keys, and those that references hold."""
        needed = {name: {*t.key, *t.table.primary_key} for name, t in self.mapped.source.keyed.items()}
        for table in self.mapped.source.keyed.values():
            for reference in table.references:
                needed[reference.table].update(reference.referred_columns)
        return needed

    def _new_column(self, archived: KeyedTable, column: Column) -> Difference:
        name, policy = archived.name, archived.policy
        shown = f"column {name}.{column.name}"
        if column.must_be_given and policy.column_defaults.get(column.name, "") is None:
            message = (
                f"{shown} is left out and NOT NULL without a default: a new row will be refused, unless the registry "
                f"gives it a value, column_defaults: {{{column.name}: value}}"
            )
            return Difference("no-value", message, table=name, column=column.name)
        if column.name in policy.column_defaults:
            message = f"{shown} gets nothing from the archive: new rows get what column_defaults say"
        elif not column.must_be_given:
            message = f"{shown} gets nothing from the archive: new rows get the target's default, or leave it empty"
        elif not self.rows.get(name):
            message = f"{shown} gets nothing from the archive, which has no rows of this table"
        else:
            message = (
                f"{shown} of the target is NOT NULL without a default, and not in the archive; the registry can give "
                f"one to new rows, column_defaults: {{{column.name}: value}}"
            )
            return Difference("new-column", message, DriftClass.BLOCKING, name, column.name)
        return Difference("new-column", message, table=name, column=column.name)

    def _type(self, archived: KeyedTable, ours: Column, theirs: Column) -> Iterator[Difference]:
        name = archived.name
        shown = f"column {name}.{ours.name}"
        if ours.nullable and not theirs.nullable and ours.name not in archived.table.primary_key:
            message = f"{shown} may not be empty in the target: a row in which it is will be refused"
            yield Difference("not-null", message, table=name, column=ours.name)
        if ours.name in archived.resolving:
            # Whatever its type, it gets the id that the row has in the target.
            return
        if gets_new_ids(archived, self.target.tables[name], ours.name):
            message = f"{shown} is {_type_of(ours)} in the archive and {_type_of(theirs)} in the target: "
            message += "every new row gets another id"
            yield Difference("other-ids", message, table=name, column=ours.name)
            return
        found = self._other_type(name, ours, theirs)
        if found is not None:
            what, why = found
            level = DriftClass.SAFE
            if self.rows.get(name) and is_impossible(ours, theirs):
                level = DriftClass.BLOCKING
                why = "no value of the one can be one of the other"
                if ours.name not in self._needed[name]:
                    why += f"; the registry can leave it out, omit_columns: [{self._old(name, ours.name)}]"
            message = f"{shown} is {_type_of(ours)} in the archive and {_type_of(theirs)} in the target: {why}"
            yield Difference(what, message, level, name, ours.name)

    def _other_type(self, name: str, ours: Column, theirs: Column) -> tuple[str, str] | None:
        found = conversion(ours, theirs)
        if found is not None:
            return "other-type", f"values are converted, {found.source} → {found.target}, and each must fit"
        if _is_less(theirs.length, ours.length):
            return "shorter-text", "each value must fit"
        if _is_less(theirs.fraction, ours.fraction):
            return "fewer-digits", "each value must fit"
        if _is_less(ours.length, theirs.length) and (theirs.length is not None or "(" not in theirs.native):
            return "longer-text", "it takes more there"
        if self.mapped.source.product == self.target.product and ours.native != theirs.native:
            return "other-type", "each value must fit"
        return None


def _is_less(limit: int | None, other: int | None) -> bool:
    """Whether a limit is tighter than another; None is no limit."""
    return limit is not None and (other is None or limit < other)


def _type_of(column: Column) -> str:
    return column.native if str(column.kind) in column.native else f"{column.native} ({column.kind})"


def _closest(name: str, others: Iterable[str]) -> str | None:
    found = difflib.get_close_matches(name, list(others), n=1, cutoff=_CLOSE)
    return found[0] if found else None
