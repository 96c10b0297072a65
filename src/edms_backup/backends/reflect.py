"""Reads a live schema through SQLAlchemy's inspector into the model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import TableKey
from sqlalchemy.exc import SAWarning

from edms_backup.backends.catalog_text import json_columns
from edms_backup.errors import RegistryError
from edms_backup.model import Check, Column, Reference, Schema, Table, UniqueKey

if TYPE_CHECKING:
    from edms_backup.backends.base import Backend


def reflect(backend: Backend) -> Schema:
    """All tables of the database. Raises RegistryError where two would go by one name."""
    inspector = sa.inspect(backend.connection)
    native, hidden = backend.native_types(), backend.left_out_tables()
    own_uniques, own_checks, expressions = backend.unique_keys(), backend.checks(), backend.generated_by()
    tables: dict[str, Table] = {}
    for schema in (None, *backend.other_schemas):
        found = _inspect(backend, inspector, schema or backend.schema_name)
        for key in sorted(found.columns, key=lambda k: k[1]):
            name = backend.table_name(schema, key[1])
            if name in hidden:
                continue
            if name in tables:
                raise RegistryError(
                    f"two tables go by the name {name}: one of schema {schema}, and one whose own name has a dot",
                    hint="rename one of them: an archive cannot tell them apart",
                )
            checks = _checks(found.checks.get(key, ())) if own_checks is None else own_checks.get(name, ())
            uniques = _uniques(found.constraints.get(key, ()), found.indexes.get(key, ()))
            if own_uniques is not None:
                uniques = own_uniques.get(name, ())
            foreign = found.foreign.get(key, ())
            referring = frozenset(c for reference in foreign for c in reference["constrained_columns"])
            primary_key = tuple(found.primary[key]["constrained_columns"]) if key in found.primary else ()
            tables[name] = Table(
                name=name,
                columns=_columns(
                    backend, found.columns[key], name, native, checks, primary_key, referring, expressions
                ),
                primary_key=primary_key,
                references=_references(backend, foreign, found),
                uniques=tuple(sorted(uniques, key=lambda u: (u.partial, u.columns, u.name))),
                checks=checks,
                schema=schema,
                local_name=None if schema is None else key[1],
            )
    version = ".".join(str(part) for part in backend.connection.dialect.server_version_info or ())
    return Schema(backend.product, version, tables)


@dataclass(frozen=True)
class _Inspected:
    """What SQLAlchemy's inspector says of one schema, by table."""

    schema: str | None
    columns: Mapping[TableKey, Any]
    primary: Mapping[TableKey, Any]
    foreign: Mapping[TableKey, Any]
    constraints: Mapping[TableKey, Any]
    indexes: Mapping[TableKey, Any]
    checks: Mapping[TableKey, Any]


def _inspect(backend: Backend, inspector: sa.Inspector, schema: str | None) -> _Inspected:
    with warnings.catch_warnings():
        # Types and expression indexes that SQLAlchemy has no class for: `native_types` and `partial` cover them.
        warnings.simplefilter("ignore", SAWarning)
        return _Inspected(
            schema,
            columns=backend.columns(inspector, schema),
            primary=backend.primary_keys(inspector, schema),
            foreign=backend.foreign_keys(inspector, schema),
            constraints=inspector.get_multi_unique_constraints(schema=schema),
            indexes=inspector.get_multi_indexes(schema=schema),
            checks=inspector.get_multi_check_constraints(schema=schema),
        )


def _columns(
    backend: Backend,
    columns: Any,
    table: str,
    native: Mapping[tuple[str, str], str],
    checks: tuple[Check, ...],
    primary_key: tuple[str, ...],
    referring: frozenset[str],
    own: Mapping[tuple[str, str], str] | None,
) -> tuple[Column, ...]:
    documents = frozenset(name for check in checks for name in json_columns(check.condition))
    result = []
    for column in columns:
        name = column["name"]
        type_name = native.get((table, name)) or _type_name(column["type"], backend)
        identity = column.get("identity") or {}
        kind = backend.kind_of(column, type_name, documents)
        result.append(
            Column(
                name=name,
                kind=kind,
                fraction=backend.fraction(column, type_name, kind),
                length=backend.length(column, kind),
                native=type_name,
                # SQLite alone lets a primary key be empty; of one with several columns that is a row like any other.
                nullable=bool(column["nullable"]) and primary_key != (name,),
                has_default=column.get("default") is not None or bool(identity),
                generated=column.get("computed") is not None,
                computed=(column.get("computed") or {}).get("sqltext") if own is None else own.get((table, name)),
                identity_always=bool(identity.get("always")),
                auto_assigned=name not in referring and backend.is_auto_assigned(column, type_name, primary_key),
            )
        )
    return tuple(result)


def _type_name(type_: Any, backend: Backend) -> str:
    try:
        return str(type_.compile(dialect=backend.engine.dialect)).lower()
    except sa.exc.CompileError:
        return "unknown"


def _checks(checks: Any) -> tuple[Check, ...]:
    return tuple(Check(check.get("name") or "", check["sqltext"]) for check in checks if check.get("sqltext"))


def _references(backend: Backend, foreign: Any, found: _Inspected) -> tuple[Reference, ...]:
    known = {None, backend.schema_name, *backend.other_schemas}
    result = []
    for key in foreign:
        schema = key.get("referred_schema")
        if schema not in known:
            # A table of another database, which MariaDB allows: the value stays as it is.
            continue
        columns = tuple(key["constrained_columns"])
        referred = tuple(key["referred_columns"])
        if not referred:
            # SQLite's `REFERENCES parent` means its primary key.
            parent = (found.schema, key["referred_table"])
            referred = tuple(found.primary[parent]["constrained_columns"]) if parent in found.primary else ()
        options = key.get("options") or {}
        deferrable = bool(options.get("deferrable")) or backend.capabilities.defers_all
        name = backend.table_name(schema, key["referred_table"])
        result.append(Reference(columns, name, referred, deferrable=deferrable))
    return tuple(sorted(result, key=lambda r: (r.columns, r.table)))


def _uniques(constraints: Any, indexes: Any) -> tuple[UniqueKey, ...]:
    """Unique constraints and indexes over whole columns; the inspector does not say enough of others."""
    found: dict[tuple[str, ...], UniqueKey] = {}
    for key in (*constraints, *(index for index in indexes if index["unique"] and not index.get("dialect_options"))):
        columns = tuple(key["column_names"])
        if None not in columns:
            found.setdefault(columns, UniqueKey(key.get("name") or "", columns))
    return tuple(found.values())
