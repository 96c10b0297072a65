from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edms_backup.errors import ArchiveError
from edms_backup.model import Column, KeyedTable, KeySource, Kind, OnMatch, Policy, Reference, ReferenceKind, Table
from edms_backup.plan.source import LineFormat, SourceSchema, read_schema, write_schema

NAME = Reference(("p",), "users", ("name",))
PAIR = Reference(("p", "q"), "pairs", ("p", "q"))
ID = Column("id", Kind.INTEGER, "int")
NAMED = Column("name", Kind.TEXT, "text")
USERS = KeyedTable(
    Table("users", (ID, NAMED, Column("shown", Kind.TEXT, "text", generated=True)), ("id",)),
    ("name",), KeySource.UNIQUE, tier=2, label="users.user", policy=Policy(OnMatch.KEEP),
)  # fmt: skip
PAIRS = KeyedTable(
    Table("pairs", (Column("p", Kind.TEXT, "text"), Column("q", Kind.INTEGER, "int")), ("p", "q")),
    ("p", "q"), KeySource.PRIMARY_KEY,
)  # fmt: skip
HOMES = KeyedTable(
    Table("homes", tuple(Column(c, Kind.INTEGER, "int") for c in ("id", "n", "p", "q", "r")), ("id",)),
    ("q", "n", "p"), KeySource.REGISTRY, references=(PAIR,),
)  # fmt: skip
TENANTS = replace(HOMES, table=replace(HOMES.table, name="tenants"), references=(PAIR, NAME), key=("p", "q", "n"))
ROWS = replace(HOMES, table=replace(HOMES.table, name="rows"), key=("p", "q", "n"), whole_row=True)
SCHEMA = SourceSchema("sqlite", "3.40", (USERS, PAIRS, HOMES, TENANTS, ROWS))


def test_a_schema_comes_back() -> None:
    content = write_schema(SCHEMA)
    assert content.endswith(b"}\n")
    assert read_schema(content) == SCHEMA
    assert list(read_schema(content).keyed) == ["users", "pairs", "homes", "tenants", "rows"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"product": "x", "version": "1", "tables": [{}]}'],
)
def test_a_schema_that_is_none(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"schema\.json of the archive cannot be read"):
        read_schema(content)


@pytest.mark.parametrize(
    "table",
    [
        replace(USERS, key=("gone",)),
        replace(USERS, table=replace(USERS.table, primary_key=("gone",))),
        replace(USERS, references=(Reference(("gone",), "users", ("id",)),)),
        replace(USERS, references=(Reference(("id",), "gone", ("id",)),)),
        replace(USERS, references=(Reference(("id",), "users", ("gone",)),)),
        replace(USERS, references=(Reference(("id",), "users", ("id", "name")),)),
        replace(USERS, references=(Reference(("id",), "users", ()),)),
        replace(USERS, references=(Reference((), "users", ()),)),
        replace(USERS, references=(Reference(("id",), "users", (), ReferenceKind.POLYMORPHIC),)),
    ],
)
def test_a_schema_that_contradicts_itself(table: KeyedTable) -> None:
    with pytest.raises(ArchiveError, match="contradicts itself"):
        read_schema(write_schema(SourceSchema("sqlite", "3", (table,))))


INSIDE = Reference(("name",), "pairs", ("q",), ReferenceKind.JSON, enforced=False, path="$.a")
EVENTS = replace(USERS, table=replace(USERS.table, name="events"), key=("id",), references=(INSIDE,))


def test_references_inside_documents_come_back() -> None:
    schema = SourceSchema("sqlite", "3", (EVENTS, PAIRS))
    assert read_schema(write_schema(schema)) == schema


@pytest.mark.parametrize(
    "table",
    [
        replace(EVENTS, key=("name",)),
        replace(EVENTS, whole_row=True),
        replace(EVENTS, references=(INSIDE, replace(NAME, columns=("name",)))),
        replace(EVENTS, references=(INSIDE, replace(INSIDE, columns=("name", "id"), referred_columns=("q", "q")))),
        replace(EVENTS, references=(replace(INSIDE, path=None),)),
        replace(EVENTS, references=(replace(INSIDE, path="$.a[7]"),)),
        replace(EVENTS, references=(INSIDE, replace(INSIDE, path="$.a.b"))),
        replace(EVENTS, references=(replace(INSIDE, path='$["' + "[" * 9 + '\\"]'),)),
    ],
)
def test_references_inside_documents_that_cannot_be(table: KeyedTable) -> None:
    with pytest.raises(ArchiveError, match="contradicts itself at table events"):
        read_schema(write_schema(SourceSchema("sqlite", "3", (table, PAIRS, USERS))))


@pytest.mark.parametrize(
    "name, line, key",
    [
        ("users", b'{"id":1,"name":"a"}', ["a"]),
        ("users", b'{"id":1,"name":null}', [None]),
        ("pairs", b'{"p":"a","q":1}', ["a", 1]),
        ("homes", b'{"id":1,"n":5,"p":["a",1],"q":["a",1],"r":0}', ["a", 1, 5]),
        ("homes", b'{"id":1,"n":5,"p":null,"q":null,"r":0}', [None, None, 5]),
        ("homes", b'{"id":1,"n":5,"p":{"$dangling":"a"},"q":{"$dangling":1},"r":0}', [{"$dangling": 1}, 5]),
        ("tenants", b'{"id":1,"n":5,"p":["u"],"q":["a",1],"r":0}', ["u", "a", 1, 5]),
        ("rows", b'{"id":1,"n":5,"p":["a",1],"q":["a",1],"r":0}', [["a", 1], ["a", 1], 5]),
    ],
)
def test_key_values(name: str, line: bytes, key: list[Any]) -> None:
    lines = LineFormat(SCHEMA.keyed, name)
    assert lines.key_value(lines.values(line, 1)) == key


def test_generated_columns_are_in_no_line() -> None:
    lines = LineFormat(SCHEMA.keyed, "users")
    assert list(lines.columns) == ["id", "name"]
    assert lines.references == {}
    with pytest.raises(ArchiveError, match="row 3 of table users"):
        lines.values(b'{"id":1,"name":"a","shown":"A"}', 3)


TREE = KeyedTable(
    Table("tree", tuple(Column(c, Kind.TEXT, "text") for c in ("id", "name", "up", "zone")), ("id",)),
    ("name", "up", "zone"), KeySource.REGISTRY, references=(Reference(("up",), "tree", ("id",)),),
)  # fmt: skip


@pytest.mark.parametrize(
    "parent, key",
    [
        ("null", ["n", [], "z"]),
        ("[]", ["n", [], "z"]),
        ('["a",[],"b"]', ["n", ["a", "b"], "z"]),
        ('["c",["a","b"],null]', ["n", ["a", "b", "c", None], "z"]),
    ],
)
def test_key_values_of_a_tree_list_what_is_above_a_row(parent: str, key: list[Any]) -> None:
    lines = LineFormat({"tree": TREE}, "tree")
    values = lines.values(f'{{"id":"1","name":"n","up":{parent},"zone":"z"}}'.encode(), 1)
    assert lines.key_value(values) == key
    assert lines.named("up", values[2], key) == (key if parent == "[]" else values[2])


@pytest.mark.parametrize("parent", ['["a"]', '["a","b","c"]'])
def test_a_parent_that_is_no_row_of_a_tree(parent: str) -> None:
    lines = LineFormat({"tree": TREE}, "tree")
    with pytest.raises(ArchiveError, match="is no key value of a tree"):
        lines.key_value(lines.values(f'{{"id":"1","name":"n","up":{parent},"zone":"z"}}'.encode(), 1))


def test_a_key_that_cannot_be_expanded() -> None:
    tree = replace(USERS, key=("name",), references=(Reference(("name",), "users", ("id",)),))
    with pytest.raises(ArchiveError, match=r"contradicts itself: .* nothing but the parent"):
        LineFormat({"users": tree}, "users")


def test_polymorphic_references_refer_to_no_column() -> None:
    table = replace(USERS, references=(Reference(("id", "name"), "users", (), ReferenceKind.POLYMORPHIC),))
    assert read_schema(write_schema(SourceSchema("sqlite", "3", (table,)))).tables == (table,)


def test_a_table_that_the_schema_does_not_have() -> None:
    with pytest.raises(ArchiveError, match="says nothing of table gone"):
        LineFormat(SCHEMA.keyed, "gone")
