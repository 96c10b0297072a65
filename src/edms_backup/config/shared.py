"""Columns of composite references that hold what one column of another table identifies.

`documents (tenant_id, author_id)` refers to `users (tenant_id, id)`, and `users.tenant_id` to `tenants (id)`: then
`documents.tenant_id` holds the id of a tenant too, also where a row has no author and the composite reference is off.
"""

from __future__ import annotations

from collections.abc import Mapping

from edms_backup.model import Reference, ReferenceKind, Table

References = Mapping[str, tuple[Reference, ...]]
Place = tuple[str, str]
"""A table and a column of it."""


def with_shared(tables: Mapping[str, Table], references: References) -> dict[str, tuple[Reference, ...]]:
    """The references of each table, and those that follow for columns which only composite ones hold."""
    return {name: (*found, *_derived(name, tables, references)) for name, found in references.items()}


def _derived(name: str, tables: Mapping[str, Table], references: References) -> list[Reference]:
    several = [r for r in references[name] if len(r.columns) > 1 and r.kind is not ReferenceKind.POLYMORPHIC]
    alone = {r.columns[0] for r in references[name] if len(r.columns) == 1}
    found = []
    for column in dict.fromkeys(c for r in several for c in r.columns if c not in alone):
        origin = _origin((name, column), tables, references, frozenset({(name, column)}))
        if origin is not None and origin[0] != name:
            found.append(Reference((column,), origin[0], (origin[1],), ReferenceKind.DERIVED, enforced=False))
    return found


def _origin(place: Place, tables: Mapping[str, Table], references: References, seen: frozenset[Place]) -> Place | None:
    """The last column on the way along references that identifies a row by itself."""
    table, column = place
    for reference in sorted(references[table], key=lambda r: len(r.columns)):
        referred = dict(zip(reference.columns, reference.referred_columns, strict=False)).get(column)
        if referred is None or reference.table not in tables or (reference.table, referred) in seen:
            continue
        there = (reference.table, referred)
        deeper = _origin(there, tables, references, seen | {there})
        if deeper is not None:
            return deeper
        if _identifies(tables[there[0]], there[1]):
            return there
    return None


def _identifies(table: Table, column: str) -> bool:
    uniques = [unique.columns for unique in table.uniques if not unique.partial]
    return (column,) in (table.primary_key, *uniques)
