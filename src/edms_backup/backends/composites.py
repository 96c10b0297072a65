"""Foreign keys of several columns that are resolved one by one: what arrives must be there as a whole.

A document's tenant and its author are each found by their own key. Where the author belongs to another tenant here, a
foreign key over both would refuse the pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.workspace import DIGEST, ROW, Workspace, exported_name, same_row
from edms_backup.model import Reference
from edms_backup.plan.restore import RestoreTable


def broken_pairs(workspace: Workspace, table: RestoreTable) -> Iterator[tuple[Reference, Expression]]:
    """Foreign keys of `table`, each with what picks the rows of *final* that it would refuse."""
    for reference in table.table.references:
        if _is_pieced_together(table, reference) and _is_known(workspace, table, reference):
            values = [workspace.final_column(table, name) for name in reference.columns]
            filled = [value.is_not(None) for value in values]
            yield reference, sa.and_(*filled, sa.not_(_is_there(workspace, reference, values)))


def _is_pieced_together(table: RestoreTable, reference: Reference) -> bool:
    carrying = {table.keyed.resolving.get(name) for name in reference.columns}
    return len(reference.columns) > 1 and any(r is None or r.columns != reference.columns for r in carrying)


def _is_known(workspace: Workspace, table: RestoreTable, reference: Reference) -> bool:
    """Whether what the restore writes on both sides is known beforehand; else the server has to say."""
    parent = workspace.plan.filled.get(reference.table)
    decided = set(reference.columns) <= set(table.final_columns)
    return decided and (parent is None or set(reference.referred_columns) <= set(parent.exported))


def _is_there(workspace: Workspace, reference: Reference, values: list[Any]) -> Expression:
    """Whether the target has a row with these values when all is done."""
    plan = workspace.plan
    restored = plan.tables.get(reference.table)
    row = workspace.backend.aliased(restored.table if restored else plan.outside_tables[reference.table], "parent")
    pairs = list(zip(reference.referred_columns, values, strict=True))
    there = sa.and_(*(row.c[referred] == value for referred, value in pairs))
    parent = plan.filled.get(reference.table)
    if parent is None:
        return sa.exists().where(there)
    ids = workspace.ids[parent.name].alias("coming")
    staged = sa.and_(ids.c[ROW].is_not(None), ids.c[DIGEST].is_not(None))
    coming = sa.and_(*(ids.c[exported_name(parent, referred)] == value for referred, value in pairs))
    same = same_row(parent, lambda name: ids.c[exported_name(parent, name)], lambda name: row.c[name])
    untouched = sa.not_(sa.exists().where(staged, same))
    return sa.or_(sa.exists().where(staged, coming), sa.exists().where(there, untouched))
