"""Columns that are left out: of a backup, and of what a restore writes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from edms_backup.config.located import Place, quoted
from edms_backup.config.registry import Registry, TableRule
from edms_backup.model import Reference, ReferenceKind, Table


def without_columns(table: Table, gone: Collection[str]) -> Table:
    """A table as if it had never had the columns `gone`: no key and no condition speaks of them either."""
    if not gone:
        return table
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name not in gone),
        references=remaining(table.references, gone),
        uniques=tuple(u for u in table.uniques if not set(u.columns) & set(gone)),
        checks=tuple(c for c in table.checks if not any(re.search(rf"\b{re.escape(n)}\b", c.condition) for n in gone)),
    )


def remaining(references: Collection[Reference], gone: Collection[str]) -> tuple[Reference, ...]:
    """The references that use none of the columns `gone`."""
    return tuple(r for r in references if not set(r.columns) & set(gone))


def check_omitted(
    registry: Registry, rule: TableRule, table: Table, references: Mapping[str, tuple[Reference, ...]]
) -> None:
    """Raises RegistryError where rows, or references of any table, could not be found again without a column."""
    gone = rule.policy.omit_columns
    for column in gone:
        why = _needed(column, gone, table, references)
        if why is not None:
            line = rule.lines.get("omit_columns", rule.line)
            Place(registry.path or "registry", line).fail(
                f"{quoted(column)} of {quoted(rule.name)} cannot be in omit_columns: {why}", "remove it from there"
            )


def _needed(
    column: str, gone: Collection[str], table: Table, references: Mapping[str, tuple[Reference, ...]]
) -> str | None:
    if column in table.primary_key:
        return "it is in the primary key"
    for name, found in references.items():
        if any(r.table == table.name and column in r.referred_columns for r in found):
            return f"{quoted(name)} refers to it"
    own = references[table.name]
    for reference in own:
        if column not in reference.columns:
            continue
        carried = {c for r in remaining(own, gone) for c in _carried(r)}
        left = [c for c in _carried(reference) if c not in gone and c not in carried]
        if left:
            # The rest would be an id without the row that it means.
            return f"it is half of a reference; leave out {quoted(left[0])} too"
    return None


def _carried(reference: Reference) -> tuple[str, ...]:
    """The columns of a reference that hold no more than an id."""
    return (reference.id_column,) if reference.kind is ReferenceKind.POLYMORPHIC else reference.columns
