"""Natural keys for tables of which the registry says nothing: every candidate, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edms_backup.model import KeySource, Kind, Reference, ReferenceKind, Table, UniqueKey, carriers

_UUID_NAMES = ("uuid", "guid")
_SURROGATE_NAMES = ("id", "pk", "oid", "rowid")
_BUSINESS_ENDINGS = ("code", "number", "key", "slug", "username", "identifier", "name")


@dataclass(frozen=True)
class Candidate:
    """One possible natural key."""

    columns: tuple[str, ...]
    source: KeySource


def candidates(table: Table, references: Sequence[Reference]) -> tuple[Candidate, ...]:
    """Possible keys of `table`, best first; empty where nothing makes its rows distinct."""
    ranked: list[tuple[tuple[object, ...], Candidate]] = []
    referring = {column for r in references for column in _key_columns(r)}
    if _usable(table, references, table.primary_key):
        source = KeySource.LINK_TABLE if _is_link(table.primary_key, references) else KeySource.PRIMARY_KEY
        rank = 0
        if _only_uuids(table, table.primary_key):
            rank = 5
        elif _looks_like_surrogate(table, referring):
            rank = 4
        ranked.append(((rank,), Candidate(table.primary_key, source)))
    for unique in table.uniques:
        if unique.partial or unique.columns == table.primary_key:
            continue
        if _usable(table, references, unique.columns):
            ranked.append(_rank(table, references, unique))
    ranked = [(_after_others(table, references, rank, found), found) for rank, found in ranked]
    bare = _bare_link(table, references)
    if bare:
        ranked.append(((3.5,), Candidate(bare, KeySource.LINK_TABLE)))
    ordered = [candidate for _, candidate in sorted(ranked, key=lambda pair: pair[0])]
    return tuple({candidate.columns: candidate for candidate in reversed(ordered)}.values())[::-1]


def whole_row(table: Table) -> tuple[str, ...]:
    """The columns by which a row without a key is identified: what is neither numbered nor computed for it."""
    return tuple(c.name for c in table.columns if not c.auto_assigned and not c.generated)


def surrogate(table: Table) -> bool:
    """Whether the primary key is the database's own numbering."""
    return any(table.column(name).auto_assigned for name in table.primary_key)


def _rank(table: Table, references: Sequence[Reference], unique: UniqueKey) -> tuple[tuple[object, ...], Candidate]:
    nullable = not unique.nulls_equal and any(table.column(name).nullable for name in unique.columns)
    link = _is_link(unique.columns, references)
    if _only_uuids(table, unique.columns):
        rank = 6 if nullable else 5
    elif nullable:
        rank = 3
    else:
        rank = 1 if link else 2
    texts = sum(table.column(name).kind is Kind.TEXT for name in unique.columns)
    position = tuple(table.column_names.index(name) for name in unique.columns)
    order = (rank, len(unique.columns), len(unique.columns) - texts, _unlike_business(unique.columns), position)
    return order, Candidate(unique.columns, KeySource.LINK_TABLE if link else KeySource.UNIQUE)


def _usable(table: Table, references: Sequence[Reference], columns: tuple[str, ...]) -> bool:
    """No numbered or computed column, no ids into several tables or in documents, at most one parent in the table."""
    if not columns:
        return False
    carried = carriers(table, references)
    parents = _parents(table, references, columns)
    if len(parents) > 1 or all(carried.get(name) in parents for name in columns):
        return False
    barred = {name for name, reference in carried.items() if reference.kind is ReferenceKind.POLYMORPHIC}
    barred |= {r.columns[0] for r in references if r.kind is ReferenceKind.JSON}
    return not any(
        table.column(name).auto_assigned or table.column(name).generated or name in barred for name in columns
    )


def _parents(table: Table, references: Sequence[Reference], columns: tuple[str, ...]) -> set[Reference]:
    """The references to the table itself that a key of `columns` would run through."""
    carried = carriers(table, references)
    return {carried[name] for name in columns if name in carried and carried[name].table == table.name}


def _after_others(
    table: Table, references: Sequence[Reference], rank: tuple[object, ...], candidate: Candidate
) -> tuple[object, ...]:
    """A key that runs through the table itself waits for those that do not, but for a lone number and for a uuid."""
    return (3.7, *rank) if _parents(table, references, candidate.columns) else rank


def _key_columns(reference: Reference) -> tuple[str, ...]:
    without = (ReferenceKind.POLYMORPHIC, ReferenceKind.DERIVED, ReferenceKind.JSON)
    return () if reference.kind in without else reference.columns


def _is_link(columns: tuple[str, ...], references: Sequence[Reference]) -> bool:
    """Whether `columns` are exactly those of two or more references."""
    inside = [r for r in references if (own := _key_columns(r)) and set(own) <= set(columns)]
    distinct = {reference.columns for reference in inside}
    return len(distinct) >= 2 and {c for own in distinct for c in own} == set(columns)


def _bare_link(table: Table, references: Sequence[Reference]) -> tuple[str, ...]:
    """The reference columns of a table that has nothing else but a surrogate key."""
    rest = tuple(c.name for c in table.columns if c.name not in table.primary_key)
    if not (surrogate(table) or not table.primary_key):
        return ()
    return rest if _is_link(rest, references) and _usable(table, references, rest) else ()


def _only_uuids(table: Table, columns: tuple[str, ...]) -> bool:
    return all(
        table.column(name).kind is Kind.UUID or name.lower().rsplit("_", 1)[-1] in _UUID_NAMES for name in columns
    )


def _looks_like_surrogate(table: Table, referring: set[str]) -> bool:
    """A lone number called `id` that the application hands out itself: anything that people know is better."""
    if len(table.primary_key) != 1 or table.primary_key[0] in referring:
        return False
    column = table.column(table.primary_key[0])
    return column.kind is Kind.INTEGER and column.name.lower() in _SURROGATE_NAMES


def _unlike_business(columns: tuple[str, ...]) -> int:
    """How far the last part of the names is from what people call a key."""
    endings = [name.lower().rsplit("_", 1)[-1] for name in columns]
    best = [_BUSINESS_ENDINGS.index(e) for e in endings if e in _BUSINESS_ENDINGS]
    return min(best, default=len(_BUSINESS_ENDINGS))
