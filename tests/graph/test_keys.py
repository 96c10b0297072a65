from __future__ import annotations

import pytest

from edms_backup.errors import RegistryError
from edms_backup.graph.keys import above_place, expand_key, own_leaves
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
        keyed("files", "id tree_id n", "n tree_id", to("tree_id", "tree")),
        keyed("sites", "id user_id p n", "user_id p n", USER, to("user_id p", "sites", "user_id id")),
        keyed("zones", "id area p n", "area p n", to("area p", "zones", "area id")),
        keyed("pedigree", "id a b n", "a b n", to("a", "pedigree"), to("b", "pedigree")),
        keyed("chain", "id before", "before", to("before", "chain")),
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
        ("tree", ["above tree.parent_id", "tree.n"]),
        ("files", ["files.n", "above tree_id>tree.parent_id", "tree_id>tree.n"]),
        ("sites", ["user_id>users.name", "above sites.p", "sites.n"]),
        ("zones", ["zones.area", "above zones.p", "zones.n"]),
        ("tenants", ["p>users.name", "p,q>pairs.p", "p,q>pairs.q", "tenants.n"]),
    ],
)
def test_leaves(name: str, leaves: list[str]) -> None:
    found = expand_key(TABLES, name)
    shown = [">".join([*(",".join(r.columns) for r in leaf.path), f"{leaf.table}.{leaf.column}"]) for leaf in found]
    above = ["above " if leaf.above else "" for leaf in found]
    assert [a + s for a, s in zip(above, shown, strict=True)] == leaves


def test_where_a_tree_lists_what_is_above_a_row() -> None:
    assert [above_place(expand_key(TABLES, name)) for name in ("tree", "sites", "files", "users")] == [0, 1, None, None]
    assert [leaf.column for leaf in own_leaves(TABLES, "sites")] == ["name", "n"]


@pytest.mark.parametrize(
    "name, message",
    [
        ("nothing", "table nothing has no natural key"),
        ("on_sand", "table nothing has no natural key"),
        ("a", "a → b → a"),
        ("b", "b → a → b"),
        ("into_circle", "the natural key of a runs through itself: a → b → a"),
        ("pedigree", "the natural key of pedigree runs through itself: pedigree → pedigree"),
        ("chain", "nothing but the parent"),
        ("log", "uses the polymorphic reference object_id"),
    ],
)
def test_keys_that_cannot_be_expanded(name: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message) as caught:
        expand_key(TABLES, name)
    assert caught.value.hint
