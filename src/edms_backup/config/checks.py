"""What the registry says of one table, checked against the live one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NoReturn

from edms_backup.config.infer import whole_row
from edms_backup.config.located import Place, did_you_mean, quoted
from edms_backup.config.registry import WHOLE_ROW, ReferenceRule, Registry, TableRule
from edms_backup.model import Kind, Reference, ReferenceKind, Schema, Table, carriers
from edms_backup.values.json_paths import Paths


def _fail(registry: Registry, line: int, message: str, hint: str | None) -> NoReturn:
    Place(registry.path or "registry", line).fail(message, hint)


def _columns_exist(registry: Registry, line: int, table: Table, columns: Iterable[str]) -> None:
    for column in columns:
        if column not in table.by_name:
            listed = ", ".join(table.column_names[:20])
            hint = did_you_mean(column, table.column_names) or f"its columns are {listed}"
            _fail(registry, line, f"table {quoted(table.name)} has no column {quoted(column)}", hint)


def check_columns(registry: Registry, rule: TableRule, table: Table) -> None:
    """Raises RegistryError where a key or a policy names a column that is not there or cannot be used."""
    key_line = rule.lines.get("key", rule.line)
    keep_line = rule.lines.get("keep_columns", rule.line)
    _columns_exist(registry, keep_line, table, rule.policy.keep_columns)
    _columns_exist(registry, rule.lines.get("omit_columns", rule.line), table, rule.policy.omit_columns)
    if rule.key is None or rule.key == (WHOLE_ROW,):
        return
    _columns_exist(registry, key_line, table, rule.key)
    for name in rule.key:
        column = table.column(name)
        if column.auto_assigned and name in table.primary_key:
            _fail(
                registry,
                key_line,
                f"{quoted(name)} is the database's own id of {quoted(table.name)} and cannot be in its key",
                'name columns that mean the same row in another database, or write key: "*"',
            )
        if column.generated:
            _fail(
                registry,
                key_line,
                f"{quoted(name)} of {quoted(table.name)} is computed by the database and cannot be in its key",
                "name the columns that it is computed from",
            )


def declared_key(
    registry: Registry,
    rule: TableRule,
    table: Table,
    references: Sequence[Reference],
    referred_by: tuple[str, Reference] | None,
) -> tuple[str, ...]:
    """The key that the registry declares. Raises RegistryError where it cannot work."""
    line = rule.lines.get("key", rule.line)
    if rule.key == (WHOLE_ROW,):
        if referred_by is not None:
            other, reference = referred_by
            _fail(
                registry,
                line,
                f'the key of {quoted(rule.name)} is "*", but {other}.{", ".join(reference.columns)} refers to it',
                "name the columns of a key: a reference needs one row",
            )
        return whole_row(table)
    key = rule.key or ()
    for reference in references:
        if reference.kind is ReferenceKind.POLYMORPHIC and reference.id_column in key:
            _fail(
                registry,
                line,
                f"{quoted(reference.id_column)} is a polymorphic reference and cannot be in the key of "
                f"{quoted(rule.name)}",
                "choose columns that always mean the same table",
            )
        if reference.kind is ReferenceKind.JSON and reference.columns[0] in key:
            _fail(
                registry,
                line,
                f"{quoted(reference.columns[0])} has references inside its documents and cannot be in the key of "
                f"{quoted(rule.name)}",
                "choose columns that have the same value in every database",
            )
    carried = carriers(table, references)
    if all(name in carried and carried[name].table == table.name for name in key):
        _fail(
            registry,
            line,
            f"the key of {quoted(rule.name)} has nothing but the parent of a row",
            "add a column that tells the rows of one parent apart",
        )
    return key


def declared_references(registry: Registry, rule: TableRule, schema: Schema) -> tuple[Reference, ...]:
    """The references that the registry adds to those of the database."""
    table = schema.tables[rule.name]
    found = list(table.references)
    present = [declared for declared in rule.references if not is_absent(declared, table)]
    for declared in present:
        if declared.polymorphic is None and declared.path is None:
            _add(found, _plain(registry, declared, table, schema))
    for declared in present:
        if declared.polymorphic is not None:
            found.append(_polymorphic(registry, declared, table, found, schema))
    taken = {column for reference in found for column in reference.columns}
    for declared in present:
        if declared.path is not None:
            found.append(_inside(registry, declared, table, taken, schema))
            _check_paths(registry, declared, found)
    return tuple(found[len(table.references) :])


def is_absent(declared: ReferenceRule, table: Table) -> bool:
    """An optional reference whose columns this database does not have."""
    return declared.optional and not set(declared.columns) <= set(table.column_names)


def _add(found: list[Reference], reference: Reference) -> None:
    """A foreign key of the database that the registry repeats is not added again."""
    target = (reference.columns, reference.table, reference.referred_columns)
    if target not in {(r.columns, r.table, r.referred_columns) for r in found}:
        found.append(reference)


def _target(registry: Registry, declared: ReferenceRule, name: str, schema: Schema) -> Table:
    if name not in schema.tables:
        hint = did_you_mean(name, schema.tables) or "name a table of this database"
        _fail(registry, declared.line, f"a reference points to {quoted(name)}, which is not in the database", hint)
    return schema.tables[name]


def _plain(registry: Registry, declared: ReferenceRule, table: Table, schema: Schema) -> Reference:
    _columns_exist(registry, declared.line, table, declared.columns)
    target = _target(registry, declared, declared.table or "", schema)
    _columns_exist(registry, declared.line, target, declared.referred_columns)
    referred = declared.referred_columns or target.primary_key
    if len(referred) != len(declared.columns):
        _fail(
            registry,
            declared.line,
            f"a reference of {len(declared.columns)} columns cannot point to the primary key of "
            f"{quoted(target.name)}, which has {len(referred)}",
            "say which columns it points to: referred_columns: [column, …]",
        )
    return Reference(declared.columns, target.name, referred, ReferenceKind.DECLARED, enforced=False)


def _polymorphic(
    registry: Registry, declared: ReferenceRule, table: Table, found: Sequence[Reference], schema: Schema
) -> Reference:
    _columns_exist(registry, declared.line, table, declared.columns)
    types = _target(registry, declared, declared.polymorphic or "", schema)
    type_column = declared.columns[0]
    if not any(r.columns == (type_column,) and r.table == types.name for r in found):
        _fail(
            registry,
            declared.line,
            f"{table.name}.{type_column} does not refer to {quoted(types.name)}, which names the types",
            f"declare it too: {{columns: [{type_column}], table: {types.name}}}",
        )
    return Reference(declared.columns, types.name, (), ReferenceKind.POLYMORPHIC, enforced=False)


_ID_KINDS = (Kind.INTEGER, Kind.TEXT, Kind.UUID)
"""Kinds whose values stand in a document as the database writes them."""


def _inside(
    registry: Registry, declared: ReferenceRule, table: Table, taken: Collection[str], schema: Schema
) -> Reference:
    """A reference inside the documents of a column."""
    plain = _plain(registry, declared, table, schema)
    column = table.column(plain.columns[0])
    referred = schema.tables[plain.table].column(plain.referred_columns[0])
    where = f"{table.name}.{column.name}"
    if column.name in taken or column.generated or column.kind not in (Kind.JSON, Kind.TEXT):
        what = "refers to a row itself" if column.name in taken else f"is {column.native or column.kind.value}"
        what = "is computed by the database" if column.generated else what
        _fail(registry, declared.line, f"{where} {what}, and has no documents", "name a column of JSON documents")
    if referred.kind not in _ID_KINDS:
        _fail(
            registry,
            declared.line,
            f"documents of {where} cannot refer to {plain.table}.{referred.name}, which is {referred.native}",
            "refer to a column of whole numbers, texts or uuids",
        )
    return replace(plain, kind=ReferenceKind.JSON, path=declared.path)


def _check_paths(registry: Registry, declared: ReferenceRule, found: Sequence[Reference]) -> None:
    """One id cannot be replaced twice."""
    paths = [r.path for r in found if r.columns == declared.columns and r.path is not None]
    try:
        Paths(paths)
    except ValueError as error:
        _fail(
            registry,
            declared.line,
            f"the paths into {declared.columns[0]} meet: {error}",
            "each path must end at values of its own",
        )


def check_whole_row(registry: Registry, rule: TableRule, references: Iterable[Reference]) -> None:
    """Raises RegistryError where a row would be identified by documents that have ids in them."""
    inside = next((r for r in references if r.kind is ReferenceKind.JSON), None)
    if inside is not None:
        _fail(
            registry,
            rule.lines.get("key", rule.line),
            f"the rows of {quoted(rule.name)} are identified by all their values, and the documents of "
            f"{inside.columns[0]} have references inside",
            "name the columns of a key: key: [column, …]",
        )
