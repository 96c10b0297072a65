"""Reading a registry: YAML in, `Registry` out; every mistake with its line and what to write instead."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from ruamel.yaml.nodes import SequenceNode

from edms_backup.config.located import Located, did_you_mean, load, quoted
from edms_backup.config.registry import WHOLE_ROW, ReferenceRule, Registry, TableRule, Unlisted
from edms_backup.errors import RegistryError
from edms_backup.model import OnConflict, OnMatch, Policy, Scalar
from edms_backup.values.json_paths import parse_path

Word = TypeVar("Word", bound=StrEnum)

VERSION = 1
SHIPPED = "edms"
TOP_FIELDS = ("version", "defaults", "exclude", "renames", "tables")
DEFAULT_FIELDS = ("unlisted",)
TABLE_FIELDS = (
    "label",
    "tier",
    "key",
    "references",
    "on_match",
    "on_conflict",
    "keep_columns",
    "omit_columns",
    "renames",
    "column_defaults",
)
ENTRIES = {"renames": "write {old_column: new_column}", "column_defaults": "write {column: value}"}
"""Fields of a table that are mappings with an entry a column, and what one looks like."""
REFERENCE_FIELDS = ("columns", "table", "referred_columns", "path", "polymorphic", "optional")
TIERS = (1, 2, 3, 4)

_KEY_HINT = 'write a list of columns, [username], or "*" for the whole row'
_PATH_HINT = 'write "$.author_id", "$.reviewers[*]", or "$.items[*].document" of one column that holds JSON documents'
_LIST_HINT = "write a list of columns: [first_column, second_column]"


def read_registry(source: str | None) -> Registry:
    """The registry in the file `source`; the shipped one for `edms`, one that infers everything for None."""
    if source is None:
        return Registry()
    if source == SHIPPED:
        shipped = resources.files("edms_backup.config").joinpath("shipped", "edms.yaml")
        return parse_registry(shipped.read_bytes(), "edms.yaml")
    try:
        text = Path(source).read_bytes()
    except OSError as error:
        raise RegistryError(
            f"the registry {quoted(source)} cannot be read: {error.strerror or error}",
            hint=f"give a file, or `{SHIPPED}` for the shipped one",
        ) from None
    return parse_registry(text, source)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a registry, for editors."""
    text = resources.files("edms_backup.config").joinpath("schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def parse_registry(text: bytes, path: str) -> Registry:
    """The registry in `text`; `path` is for messages. Raises RegistryError. `text` may come from an attacker."""
    document = load(text, path)
    fields = _fields(document, TOP_FIELDS, "a registry begins with: version: 1")
    if "version" not in fields:
        document.fail("the version is missing", f"begin with: version: {VERSION}")
    if fields["version"].integer() != str(VERSION):
        fields["version"].fail(
            f"this version of the registry is not known; this tool reads version {VERSION}", f"write version: {VERSION}"
        )
    unlisted = Unlisted.INFER
    if "defaults" in fields:
        defaults = _fields(fields["defaults"], DEFAULT_FIELDS, "write {unlisted: infer}")
        if "unlisted" in defaults:
            unlisted = Unlisted(defaults["unlisted"].one_of(Unlisted))
    exclude: tuple[str, ...] = ()
    if "exclude" in fields and not _is_empty_list(fields["exclude"]):
        exclude = fields["exclude"].names("write a list of names or globs: [django_session, tmp_*]")
    renames: dict[str, str] = {}
    lines: dict[str, int] = {}
    if "renames" in fields:
        renames = _renames(fields["renames"], "write {old_table: new_table}")
        lines = {old: value.place.line for old, value in fields["renames"].mapping().items()}
    tables: dict[str, TableRule] = {}
    if "tables" in fields:
        listed = fields["tables"].mapping("write one table a line: users: {key: [username]}")
        tables = {name: _table(name, node) for name, node in listed.items()}
        _check_labels(tables, fields["tables"])
    return Registry(
        tables=tables, exclude=exclude, unlisted=unlisted, renames=renames, lines=lines, path=path, text=text
    )


def _is_empty_list(node: Located) -> bool:
    return isinstance(node.node, SequenceNode) and not node.node.value


def _fields(node: Located, known: Iterable[str], hint: str) -> dict[str, Located]:
    names = tuple(known)
    fields = node.mapping(hint)
    for name, value in fields.items():
        if name not in names:
            value.fail(
                f"{node.what} has no field {quoted(name)}",
                did_you_mean(name, names) or f"the fields are {', '.join(names)}",
            )
    return fields


def _table(name: str, node: Located) -> TableRule:
    fields = _fields(node, TABLE_FIELDS, "write {key: [column, …]}, or {} to infer everything")
    key = _key(fields["key"]) if "key" in fields else None
    lines = {field: value.place.line for field, value in fields.items()}
    for field, hint in ENTRIES.items():
        if field in fields:
            lines |= {f"{field}.{entry}": value.place.line for entry, value in fields[field].entries(hint).items()}
    references = fields["references"].items("write a list of mappings") if "references" in fields else []
    return TableRule(
        name=name,
        label=fields["label"].text() if "label" in fields else None,
        tier=_tier(fields["tier"]) if "tier" in fields else None,
        key=key,
        references=tuple(_reference(item) for item in references),
        policy=_policy(name, fields, key),
        line=node.place.line,
        lines=lines,
    )


def _policy(name: str, fields: Mapping[str, Located], key: tuple[str, ...] | None) -> Policy:
    keep_columns, omit_columns = (
        fields[field].names(_LIST_HINT) if field in fields else () for field in ("keep_columns", "omit_columns")
    )
    if keep_columns and key == (WHOLE_ROW,):
        fields["keep_columns"].fail(
            f'keep_columns of {quoted(name)} cannot work where the key is "*": all columns are the key',
            "remove keep_columns, or name the columns of a key",
        )
    for field, columns, why in (
        ("keep_columns", keep_columns, "the key of a matched row is the same on both sides"),
        ("omit_columns", omit_columns, "without its key no row is found again"),
    ):
        for column in columns:
            if column in (key or ()):
                fields[field].fail(
                    f"{quoted(column)} is in the key of {quoted(name)}, and also in {field}",
                    f"remove it from {field}: {why}",
                )
    renames = _renames(fields["renames"], ENTRIES["renames"]) if "renames" in fields else {}
    for column in omit_columns:
        if column in renames:
            fields["omit_columns"].fail(
                f"{quoted(column)} of {quoted(name)} is renamed, and also in omit_columns", "remove one of them"
            )
    defaults: dict[str, Scalar] = {}
    if "column_defaults" in fields:
        defaults = {column: value.value() for column, value in fields["column_defaults"].mapping().items()}
    return Policy(
        on_match=_word(fields, "on_match", OnMatch.UPDATE),
        on_conflict=_word(fields, "on_conflict", OnConflict.FAIL),
        keep_columns=keep_columns,
        omit_columns=omit_columns,
        renames=renames,
        column_defaults=defaults,
    )


def _renames(node: Located, hint: str) -> dict[str, str]:
    """New names by old ones."""
    return {old: value.text(hint) for old, value in node.entries(hint).items()}


def _word(fields: Mapping[str, Located], name: str, default: Word) -> Word:
    if name not in fields:
        return default
    kind = type(default)
    return kind(fields[name].one_of([word.value for word in kind]))


def _key(node: Located) -> tuple[str, ...]:
    value = node.scalar()
    if value == WHOLE_ROW:
        return (WHOLE_ROW,)
    if value:
        node.fail(f"{node.what} must be a list of columns, not {quoted(value)}", f"write [{value}]")
    names = node.names(_KEY_HINT)
    if WHOLE_ROW in names:
        node.fail(f'{node.what} has "*" in a list', 'write key: "*" for the whole row')
    return names


def _tier(node: Located) -> int:
    value = node.integer()
    if value is None or value not in {str(tier) for tier in TIERS}:
        node.fail(f"{node.what} must be a number from 1 to 4", "1 is critical, 2 important, 3 standard, 4 system")
    return int(value)


def _reference(node: Located) -> ReferenceRule:
    hint = "write {columns: [author_id], table: users} or {columns: [type_id, id], polymorphic: type_table}"
    fields = _fields(node, REFERENCE_FIELDS, hint)
    if "columns" not in fields:
        node.fail("a reference has no columns", hint)
    columns = fields["columns"].names(_LIST_HINT)
    optional = "optional" in fields and fields["optional"].boolean()
    if "polymorphic" in fields:
        for other in ("table", "referred_columns", "path"):
            if other in fields:
                fields[other].fail(f"a polymorphic reference has no {other}: each row says where it points", hint)
        if len(columns) != 2:
            fields["columns"].fail(
                f"a polymorphic reference has two columns, not {len(columns)}",
                "write the type column first, then the id column: [content_type_id, object_id]",
            )
        polymorphic = fields["polymorphic"].text()
        return ReferenceRule(columns, polymorphic=polymorphic, optional=optional, line=node.place.line)
    if "table" not in fields:
        node.fail("a reference says neither table nor polymorphic", hint)
    referred: tuple[str, ...] = ()
    if "referred_columns" in fields:
        referred = fields["referred_columns"].names(_LIST_HINT)
        if len(referred) != len(columns):
            fields["referred_columns"].fail(
                f"a reference of {len(columns)} columns cannot point to {len(referred)}", "give as many of each"
            )
    path = _path(fields["path"], columns) if "path" in fields else None
    return ReferenceRule(columns, fields["table"].text(), referred, path=path, optional=optional, line=node.place.line)


def _path(node: Located, columns: tuple[str, ...]) -> str:
    """Where ids are inside the documents of the one column."""
    path = node.text(_PATH_HINT)
    if len(columns) != 1:
        node.fail(f"a reference inside documents has one column, which holds them, not {len(columns)}", _PATH_HINT)
    try:
        parse_path(path)
    except ValueError as error:
        node.fail(f"{node.what} cannot be {quoted(path)}: {error}", _PATH_HINT)
    return path


def _check_labels(tables: Mapping[str, TableRule], node: Located) -> None:
    """A polymorphic reference finds its table by label: two tables with one label would be a guess."""
    seen: dict[str, str] = {}
    for rule in tables.values():
        if rule.label is None:
            continue
        if rule.label in seen:
            raise RegistryError(
                f"{node.path}:{rule.lines['label']}: tables {quoted(seen[rule.label])} and {quoted(rule.name)} "
                f"have the same label {quoted(rule.label)}",
                hint="give each table a label of its own",
            )
        seen[rule.label] = rule.name
