from __future__ import annotations

import pytest

from edms_backup.errors import RegistryError
from edms_backup.graph.keys import expand_key
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, ReferenceKind, Table


def keyed(name: str, columns: str, key: str, *references: Reference, primary: str = "id") -> KeyedTable:
    table = Table(name, tuple(Column(c, Kind.INTEGER, "int") for c in columns.split()), tuple(primary.split()))
    return KeyedTable(table, tuple(key.split()), KeySource.REGISTRY, references=references)


def to(columns: str, table: str, referred: str = "id", kind: ReferenceKind = ReferenceKind.FOREIGN_KEY) -> Reference:
    return Reference(tuple(columns.split()), table, tuple(referred.split()), kind)


USER = to("user_id", "users")
DOCUMENT = to("document_id", "documents")
PAIR = to("p q", "pairs", "p q")
P = to("p", "users", "name")
ANY = to("type_id object_id", "users", "", ReferenceKind.POLYMORPHIC)
TABLES = {
    t.name: t
    for t in (
        keyed("users", "id name", "name"),
        keyed("documents", "id user_id number", "user_id number", USER),
        keyed("versions", "id document_id major", "document_id major", DOCUMENT),
        keyed("pairs", "p q", "p q", primary="p q"),
        keyed("homes", "id n p q", "q n p", PAIR),
        keyed("tenants", "id n p q", "p q n", PAIR, P),
        keyed("nothing", "id x", ""),
        keyed("on_sand", "id nothing_id", "nothing_id", to("nothing_id", "nothing")),
        keyed("a", "id b_id", "b_id", to("b_id", "b")),
        keyed("b", "id a_id", "a_id", to("a_id", "a")),
        keyed("into_circle", "id a_id", "a_id", to("a_id", "a")),
        keyed("tree", "id parent_id n", "parent_id n", to("parent_id", "tree")),
        keyed("log", "id type_id object_id", "type_id object_id", ANY),
    )
}  # fmt: skip


@pytest.mark.parametrize(
    "name, leaves",
    [
        ("users", ["users.name"]),
        ("documents", ["user_id>users.name", "documents.number"]),
        ("versions", ["document_id>user_id>users.name", "document_id>documents.number", "versions.major"]),
        ("pairs", ["pairs.p", "pairs.q"]),
        ("homes", ["p,q>pairs.p", "p,q>pairs.q", "homes.n"]),
        ("tenants", ["p>users.name", "p,q>pairs.p", "p,q>pairs.q", "tenants.n"]),
    ],
)
def test_leaves(name: str, leaves: list[str]) -> None:
    found = expand_key(TABLES, name)
    shown = [">".join([*(",".join(r.columns) for r in leaf.path), f"{leaf.table}.{leaf.column}"]) for leaf in found]
    assert shown == leaves


@pytest.mark.parametrize(
    "name, message",
    [
        ("nothing", "table nothing has no natural key"),
        ("on_sand", "table nothing has no natural key"),
        ("a", "a → b → a"),
        ("b", "b → a → b"),
        ("into_circle", "the natural key of a runs through itself: a → b → a"),
        ("tree", "tree → tree"),
        ("log", "uses the polymorphic reference object_id"),
    ],
)
def test_keys_that_cannot_be_expanded(name: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message) as caught:
        expand_key(TABLES, name)
    assert caught.value.hint
