"""Columns that are left out: of a backup, and of what a restore writes."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from edms_backup.config.located import Place, quoted
from edms_backup.config.registry import Registry, TableRule
from edms_backup.model import Reference, Table, UniqueKey, carriers


def without_columns(table: Table, gone: Collection[str]) -> Table:
    """A table as if it had never had the columns `gone`: no key and no condition speaks of them either."""
    if not gone:
        return table
    return replace(
        table,
        columns=tuple(c for c in table.columns if c.name not in gone),
        references=remaining(table.references, gone),
        uniques=tuple(u for u in table.uniques if not _speaks_of(u, gone)),
        checks=tuple(c for c in table.checks if not _names(c.condition, gone)),
    )


def _speaks_of(unique: UniqueKey, gone: Collection[str]) -> bool:
    columns = {part.column for part in unique.all_parts}
    return bool(columns & set(gone)) or any(_names(text, gone) for text in unique.texts)


def _names(text: str, gone: Collection[str]) -> bool:
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in gone)


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
    before, after = carriers(table, own), carriers(table, remaining(own, gone))
    # What is left of a reference would be an id without the row that it means.
    left = [
        other
        for reference in own
        if column in reference.columns
        for other in reference.columns
        if other in before and other not in after and other not in gone
    ]
    return f"it is half of a reference; leave out {quoted(left[0])} too" if left else None
