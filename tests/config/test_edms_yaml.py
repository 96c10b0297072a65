from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from edms_backup.config.apply import apply_registry
from edms_backup.config.registry_file import read_registry
from edms_backup.model import Column, KeySource, Kind, OnConflict, Reference, Schema, Table, UniqueKey
from tests.edms_data import folder

KINDS = {"UUID": Kind.UUID, "BIGINT": Kind.INTEGER, "INTEGER": Kind.INTEGER, "SMALLINT": Kind.INTEGER,
         "BOOLEAN": Kind.BOOLEAN, "TEXT": Kind.TEXT, "JSONB": Kind.JSON}  # fmt: skip


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder() / "schema.json").read_text())
    return loaded


def as_schema(facts: dict[str, Any]) -> Schema:
    return Schema("postgresql", "15", {name: as_table(name, fact) for name, fact in facts.items()})


def as_table(name: str, fact: dict[str, Any]) -> Table:
    columns = tuple(
        Column(
            column,
            Kind.TEXT if about["type"].startswith("VARCHAR") else KINDS.get(about["type"], Kind.OTHER),
            about["type"],
            nullable=about["nullable"],
            auto_assigned=about.get("identity", False),
        )
        for column, about in fact["columns"].items()
    )
    references = tuple(
        Reference(tuple(r["columns"]), r["references"], tuple(r["referred_columns"])) for r in fact["foreign_keys"]
    )
    uniques = tuple(UniqueKey("_".join(unique), tuple(unique)) for unique in fact.get("unique", ()))
    return Table(name, columns, tuple(fact["primary_key"]), references, uniques)


def test_it_parses_and_says_everything_of_every_table() -> None:
    registry = read_registry("edms")
    assert len(registry.tables) == 82
    assert registry.exclude == ("django_session", "django_migrations")
    for rule in registry.tables.values():
        assert rule.key, rule.name
        assert rule.tier, rule.name
        assert "id" not in rule.key
    assert registry.tables["roles"].policy.on_conflict is OnConflict.KEEP


def test_it_covers_exactly_the_tables_of_the_edms(facts: dict[str, Any]) -> None:
    registry = read_registry("edms")
    assert set(registry.tables) == set(facts)
    applied = apply_registry(registry, as_schema(facts))
    assert applied.excluded == ("django_migrations", "django_session")
    assert len(applied.tables) == 80
    assert applied.warnings == ()
    assert {table.key_source for table in applied.tables.values()} == {KeySource.REGISTRY}


def test_tiers(facts: dict[str, Any]) -> None:
    """The application's plan counts 55 models and 23 system ones; schema.json has 54 of them, so one is not there."""
    rules = read_registry("edms").tables
    assert Counter(rules[n].tier for n, fact in facts.items() if fact["edms_model"]) == {1: 8, 2: 14, 3: 10, 4: 22}
    for name, fact in facts.items():
        for reference in fact["foreign_keys"]:
            assert (rules[reference["references"]].tier or 9) <= (rules[name].tier or 0), (name, reference)


def test_labels_and_polymorphic_references(facts: dict[str, Any]) -> None:
    rules = read_registry("edms").tables
    for name, fact in facts.items():
        if fact["django_model"]:
            assert rules[name].label == fact["django_model"]
        for generic in fact.get("generic_foreign_keys", ()):
            columns = (generic["content_type_column"], generic["object_id_column"])
            assert columns in {r.columns for r in rules[name].references if r.polymorphic}


def test_a_uuid_is_a_key_only_where_nothing_else_is_unique(facts: dict[str, Any]) -> None:
    rules = read_registry("edms").tables
    by_uuid = {name for name, rule in rules.items() if rule.key == ("uuid",)}
    other = {name for name in by_uuid if any(unique != ["uuid"] for unique in facts[name]["unique"])}
    assert other == {"user_sessions_audit"}  # the other one is the session key itself, a secret


def test_inference_alone_agrees_where_the_database_knows(facts: dict[str, Any]) -> None:
    rules = read_registry("edms").tables
    inferred = apply_registry(read_registry(None), as_schema(facts)).tables
    for name, rule in rules.items():
        declared = [set(unique) for unique in facts[name].get("unique", ()) if unique != ["uuid"]]
        if set(rule.key or ()) in declared and name != "user_sessions_audit":
            assert set(inferred[name].key) == set(rule.key or ()), name
    assert [n for n, t in inferred.items() if t.key_source is KeySource.NONE] == [
        name for name in facts if name.startswith("django_celery_beat_") and not facts[name].get("unique")
        and name != "django_celery_beat_periodictasks"
    ]  # fmt: skip
