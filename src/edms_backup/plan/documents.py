"""Columns whose JSON documents have ids of rows inside, at paths that the registry declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from edms_backup.model import KeyedTable, Reference, ReferenceKind
from edms_backup.values.json_paths import NoDocument, Paths, Spot
from edms_backup.values.json_references import TAGS


@dataclass(frozen=True)
class DocumentColumn:
    """One column of documents, and the references inside them."""

    name: str
    references: tuple[Reference, ...]
    """By the number of their paths."""

    @cached_property
    def _paths(self) -> Paths:
        return Paths([reference.path or "" for reference in self.references])

    def spots(self, form: Any) -> list[Spot]:
        """Where a document has ids, or what stands for them. A value that is no document has none."""
        if not isinstance(form, str):
            return []
        try:
            return self._paths.spots(form, TAGS)
        except NoDocument:
            return []


def document_columns(references: Iterable[Reference]) -> dict[str, DocumentColumn]:
    """By name: the columns of a table that have references inside their documents."""
    found: dict[str, list[Reference]] = {}
    for reference in references:
        if reference.kind is ReferenceKind.JSON:
            found.setdefault(reference.columns[0], []).append(reference)
    return {name: DocumentColumn(name, tuple(inside)) for name, inside in found.items()}


def documents_fit(table: KeyedTable) -> bool:
    """Whether references inside documents can be followed, and whether nothing else is made of these columns."""
    inside = [reference for reference in table.references if reference.kind is ReferenceKind.JSON]
    columns = {column for reference in inside for column in reference.columns}
    others = {c for r in table.references if r.kind is not ReferenceKind.JSON for c in r.columns}
    if not inside:
        return True
    if table.whole_row or columns & {*others, *table.key} or any(len(r.columns) != 1 for r in inside):
        return False
    try:
        for column in columns:
            Paths([reference.path or "" for reference in inside if reference.columns == (column,)])
    except ValueError:
        return False
    return True
