from __future__ import annotations

import pytest

from edms_backup.errors import RegistryError, UsageError
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, ReferenceKind, Table
from edms_backup.plan.extract import plan_extract, polymorphic_targets, select_tables

USER = Reference(("user_id",), "users", ("id",))
ANY = Reference(("type_id", "object_id"), "types", (), ReferenceKind.POLYMORPHIC)
TYPE = Reference(("type_id",), "types", ("id",))


def table(name: str, columns: str, key: str, *references: Reference, **options: object) -> KeyedTable:
    """`name=` is computed."""
    found = tuple(Column(c.rstrip("="), Kind.INTEGER, "int", generated=c.endswith("=")) for c in columns.split())
    primary = tuple(str(options.pop("primary", "id")).split())
    live = Table(name, found, primary)
    return KeyedTable(live, tuple(key.split()), KeySource.REGISTRY, references=references, **options)  # type: ignore[arg-type]


KEYED = {
    t.name: t
    for t in (
        table("users", "id name shown=", "name", label="users.user", tier=1),
        table("types", "id app model", "app model", tier=4),
        table("docs", "id user_id n", "user_id n", USER, label="docs.doc", tier=1),
        table("log", "id type_id object_id user_id", "type_id object_id", ANY, TYPE, USER, whole_row=True, tier=4),
        table("links", "a b", "a b", label="x.link", primary="a b"),
        table("rows", "id x", "x", label="x.row", whole_row=True),
        table("keyless", "id x", "", label="x.none"),
        table("child", "id keyless_id", "id", Reference(("keyless_id",), "keyless", ("id",))),
    )
}  # fmt: skip


def test_a_plain_table() -> None:
    plan = plan_extract(KEYED, "users")
    assert plan.name == "users"
    assert [column.name for column in plan.columns] == ["id", "name"]
    assert plan.references == {}
    assert plan.polymorphic == ()


def test_references() -> None:
    plan = plan_extract(KEYED, "docs")
    (found,) = plan.references.values()
    assert (found.column, found.reference, found.targets) == ("user_id", USER, ())
    assert [(leaf.table, leaf.column) for leaf in found.leaves] == [("users", "name")]


def test_polymorphic_references() -> None:
    plan = plan_extract(KEYED, "log")
    assert set(plan.references) == {"type_id", "object_id", "user_id"}
    assert plan.references["type_id"].reference is TYPE
    (found,) = plan.polymorphic
    assert found.column == "object_id"
    assert [leaf.column for leaf in found.leaves] == ["app", "model"]
    assert [(t.label, t.table, t.id_column, t.id_kind) for t in found.targets] == [
        ("users.user", "users", "id", Kind.INTEGER),
        ("docs.doc", "docs", "id", Kind.INTEGER),
    ]


def test_targets_need_a_label_a_key_and_one_id() -> None:
    assert [target.table for target in polymorphic_targets(KEYED)] == ["users", "docs"]
    assert polymorphic_targets({"types": KEYED["types"]}) == ()


def test_a_reference_to_a_table_without_key() -> None:
    with pytest.raises(RegistryError, match="keyless has no natural key"):
        plan_extract(KEYED, "child")


@pytest.mark.parametrize(
    "include, exclude, tiers, chosen",
    [
        ((), (), (), list(KEYED)),
        (("users",), (), (), ["users"]),
        (("*s",), (), (), ["users", "types", "docs", "links", "rows", "keyless"]),
        (("users", "l*"), ("log",), (), ["users", "links"]),
        ((), ("*s", "child"), (), ["log"]),
        ((), (), (4,), ["types", "log"]),
        ((), ("log",), (1, 4), ["users", "types", "docs"]),
    ],
)
def test_selection(
    include: tuple[str, ...], exclude: tuple[str, ...], tiers: tuple[int, ...], chosen: list[str]
) -> None:
    assert list(select_tables(KEYED, include=include, exclude=exclude, tiers=tiers)) == chosen


@pytest.mark.parametrize(
    "include, exclude, tiers, message",
    [
        (("user",), (), (), "no table is called 'user'"),
        ((), ("Users",), (), "no table is called 'Users'"),
        ((), ("*",), (), "no table is left"),
        ((), (), (3,), "no table is left"),
        (("users",), (), (4,), "no table is left"),
    ],
)
def test_nothing_selected(
    include: tuple[str, ...], exclude: tuple[str, ...], tiers: tuple[int, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        select_tables(KEYED, include=include, exclude=exclude, tiers=tiers)
