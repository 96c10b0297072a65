"""The JSON Schema for editors and the parser agree. The validator here knows just the words that the schema uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ruamel.yaml import YAML

from edms_backup.config import registry_file
from edms_backup.config.registry import Unlisted
from edms_backup.config.registry_file import json_schema, parse_registry, read_registry
from edms_backup.errors import RegistryError
from edms_backup.model import OnConflict, OnMatch
from tests.config.test_registry_file import FULL, MISTAKES

TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
NOTES = {"$schema", "$defs", "title", "description", "default"}
BEYOND_A_SCHEMA = ("occurs twice in tables", '"version" occurs twice', "same label", "in keep_columns", "all columns",
                   "cannot point to", "control characters", "anchors", "is in the key", "not YAML", "is renamed",
                   "or null, not a number")  # fmt: skip


def valid(value: Any, schema: Mapping[str, Any]) -> bool:
    return all(_holds(word, rule, value, schema) for word, rule in schema.items() if word not in NOTES)


def _holds(word: str, rule: Any, value: Any, schema: Mapping[str, Any]) -> bool:
    is_map, is_list, is_text = isinstance(value, dict), isinstance(value, list), isinstance(value, str)
    known = schema.get("properties", {})
    checks: dict[str, Callable[[], bool]] = {
        "$ref": lambda: valid(value, json_schema()["$defs"][rule.rsplit("/", 1)[-1]]),
        "type": lambda: any(_is(value, name) for name in ([rule] if isinstance(rule, str) else rule)),
        "const": lambda: type(value) is type(rule) and value == rule,
        "enum": lambda: any(type(value) is type(one) and value == one for one in rule),
        "not": lambda: not valid(value, rule),
        "oneOf": lambda: sum(valid(value, one) for one in rule) == 1,
        "required": lambda: not is_map or all(name in value for name in rule),
        "properties": lambda: not is_map or all(valid(v, rule[k]) for k, v in value.items() if k in rule),
        "propertyNames": lambda: not is_map or all(valid(name, rule) for name in value),
        "additionalProperties": lambda: (
            not is_map or all(rule is not False and valid(v, rule) for k, v in value.items() if k not in known)
        ),
        "items": lambda: not is_list or all(valid(item, rule) for item in value),
        "minProperties": lambda: not is_map or len(value) >= rule,
        "minItems": lambda: not is_list or len(value) >= rule,
        "maxItems": lambda: not is_list or len(value) <= rule,
        "uniqueItems": lambda: not is_list or len({repr(item) for item in value}) == len(value),
        "minLength": lambda: not is_text or len(value) >= rule,
        "maxLength": lambda: not is_text or len(value) <= rule,
        "pattern": lambda: not is_text or re.search(rule, value) is not None,
    }
    return bool(checks[word]())


def _is(value: Any, name: str) -> bool:
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fields(definition: str) -> tuple[str, ...]:
    return tuple(json_schema()["$defs"][definition]["properties"])


def test_the_same_fields_and_words() -> None:
    schema = json_schema()
    assert tuple(schema["properties"]) == registry_file.TOP_FIELDS
    assert tuple(schema["properties"]["defaults"]["properties"]) == registry_file.DEFAULT_FIELDS
    assert fields("table") == registry_file.TABLE_FIELDS
    variants = schema["$defs"]["reference"]["oneOf"]
    assert {name for one in variants for name in one["properties"]} == set(registry_file.REFERENCE_FIELDS)
    properties = schema["$defs"]["table"]["properties"]
    assert properties["tier"]["enum"] == list(registry_file.TIERS)
    assert properties["on_match"]["enum"] == list(OnMatch)
    assert properties["on_conflict"]["enum"] == list(OnConflict)
    assert schema["properties"]["defaults"]["properties"]["unlisted"]["enum"] == list(Unlisted)


@pytest.mark.parametrize("text", [FULL, read_registry("edms").text, b"version: 1", b"version: 1\ntables: {a: {}}"])
def test_what_the_parser_takes_the_schema_takes(text: bytes) -> None:
    parse_registry(text, "reg.yaml")
    assert valid(YAML(typ="safe").load(text), json_schema())


@pytest.mark.parametrize("text,message", [(m[0], m[2]) for m in MISTAKES])
def test_what_the_schema_refuses_the_parser_refuses(text: str, message: str) -> None:
    with pytest.raises(RegistryError):
        parse_registry(text.encode(), "reg.yaml")
    if any(words in message for words in (*BEYOND_A_SCHEMA, "nested", "tags", "must be text, not a list")):
        return
    assert not valid(YAML(typ="safe").load(text), json_schema())
