"""A live database as the commands see it: its schema, met with the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from edms_backup.backends.base import Backend
from edms_backup.config.apply import apply_registry
from edms_backup.config.registry import Registry
from edms_backup.errors import EnvironmentFailed, RegistryError
from edms_backup.model import Keyed, KeyedTable, Schema


@dataclass(frozen=True)
class Catalog:
    """What takes part, and what is said about the rest."""

    schema: Schema
    keyed: Keyed
    excluded: tuple[str, ...]
    warnings: tuple[str, ...]


def load_catalog(backend: Backend, registry: Registry) -> Catalog:
    """Reflect the live schema and apply the registry. Raises RegistryError where they do not fit."""
    schema = backend.reflect()
    applied = apply_registry(registry, schema)
    return Catalog(schema, _without_excluded(applied.tables), applied.excluded, applied.warnings)


def expect_same_schema(backend: Backend, known: Schema) -> None:
    """Raise EnvironmentFailed where the schema has changed since it was read, before the transaction began."""
    if backend.reflect() != known:
        raise EnvironmentFailed(
            "the schema changed while the run began (a migration?)", hint="run it again when the change is done"
        )


def expect_every_row(name: str, counted: int, read: int) -> None:
    """Raise RegistryError where a table was not read row by row."""
    if counted != read:
        raise RegistryError(
            f"table {name} has {counted} rows, but {read} were read",
            hint=f"a reference of {name} points to a column that is not unique; look at its declared references",
        )


def _without_excluded(tables: Mapping[str, KeyedTable]) -> Keyed:
    """References into tables that take no part are carried as the values that they are."""
    return {
        name: replace(table, references=tuple(r for r in table.references if r.table in tables))
        for name, table in tables.items()
    }
