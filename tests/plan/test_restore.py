from __future__ import annotations

from collections.abc import Sequence

import pytest

from edms_backup.config.registry import Registry
from edms_backup.config.registry_file import parse_registry
from edms_backup.errors import RegistryError, RestoreRefused
from edms_backup.model import (
    Column,
    KeyedTable,
    KeySource,
    Kind,
    OnConflict,
    OnMatch,
    Policy,
    Reference,
    ReferenceKind,
    Schema,
    Table,
    UniqueKey,
)
from edms_backup.options import RestoreOptions
from edms_backup.plan.restore import RestorePlan, merge_keyed, plan_restore
from edms_backup.plan.source import SourceSchema


def table(name: str, columns: str, *uniques: str, primary: str = "id") -> Table:
    """`id+ a_id?->a b->c!` in short: + numbered, ? nullable, = computed, * has a default, -> refers, ! deferrable."""
    found, references = [], []
    for text in columns.split():
        word, _, target = text.partition("->")
        column = word.strip("+?=*")
        found.append(
            Column(
                column,
                Kind.INTEGER,
                "int",
                nullable="?" in word,
                auto_assigned="+" in word,
                generated="=" in word,
                has_default="*" in word,
            )
        )
        if target:
            other, _, referred = target.strip("!").partition(".")
            references.append(Reference((column,), other, (referred or "id",), deferrable="!" in target))
    unique = tuple(UniqueKey(u, tuple(u.strip("%").split()), partial="%" in u) for u in uniques)
    return Table(name, tuple(found), tuple(primary.split()), tuple(references), unique)


def keyed(
    live: Table, key: str, *extra: Reference, whole_row: bool = False, policy: Policy | None = None, label: str = ""
) -> KeyedTable:
    source = KeySource.WHOLE_ROW if whole_row else KeySource.REGISTRY
    references = (*live.references, *extra)
    return KeyedTable(
        live, tuple(key.split()), source, whole_row, references, label=label or None, policy=policy or Policy()
    )


def plan(
    tables: Sequence[KeyedTable],
    live: Sequence[Table] | None = None,
    *,
    rows: dict[str, int] | None = None,
    selected: tuple[str, ...] | None = None,
    registry: Registry | None = None,
    deferrable: bool = False,
    row_checked: bool = True,
) -> RestorePlan:
    schema = SourceSchema("sqlite", "3", tuple(tables))
    names = tuple(t.name for t in tables)
    target = Schema("sqlite", "3", {t.name: t for t in (live if live is not None else [t.table for t in tables])})
    counts = dict.fromkeys(names, 1) | (rows or {})
    return plan_restore(
        schema, target, counts, selected or names, RestoreOptions(), registry,
        deferrable=deferrable, row_checked=row_checked,
    )  # fmt: skip


USERS = keyed(table("users", "id+ name boss_id?->users", "name"), "name")
DOCS = keyed(table("docs", "id+ user_id->users n", "user_id n"), "user_id n")
LINKS = keyed(table("links", "user_id->users doc_id->docs", primary="user_id doc_id"), "user_id doc_id")
LOG = keyed(table("log", "x user_id?->users", primary=""), "x user_id", whole_row=True)


def test_tables_come_in_their_order() -> None:
    found = plan([LOG, LINKS, DOCS, USERS])
    assert list(found.tables) == ["users", "docs", "links", "log"]
    assert found.matching == ("users", "docs", "links", "log")
    assert found.referred == {}
    assert found.pointed_at == {"users", "docs"}
    assert found.order.cycles == (("users",),)
    assert found.problems == ()
    assert found.warnings == ()
    assert list(found.filled) == list(found.tables)
    assert found.exporting("users") is found.tables["users"]
    assert found.exporting("gone") is None


@pytest.mark.parametrize(
    "name, exported, early, surrogate, identity",
    [
        ("users", "id", "", "id", "id"),
        ("docs", "id", "user_id", "id", "id"),
        ("links", "user_id doc_id", "user_id doc_id", None, "user_id doc_id"),
        ("log", "x user_id", "user_id", None, "x user_id"),
    ],
)
def test_what_each_table_needs(name: str, exported: str, early: str, surrogate: str | None, identity: str) -> None:
    found = plan([USERS, DOCS, LINKS, LOG]).tables[name]
    assert found.exported == tuple(exported.split())
    assert found.early == set(early.split())
    assert found.surrogate == surrogate
    assert found.identity == tuple(identity.split())
    assert found.named(found.columns[0].name) is found.columns[0]
    assert bool(found.leaves) is (name != "log")


@pytest.mark.parametrize("row_checked, deferred", [(True, {"boss_id"}), (False, set())])
def test_self_references_wait_where_each_row_is_checked(row_checked: bool, deferred: set[str]) -> None:
    assert plan([USERS], row_checked=row_checked).tables["users"].deferred == deferred


def cycle(left: str, right: str) -> list[KeyedTable]:
    return [keyed(table("a", f"id+ c b_id{left}"), "c"), keyed(table("b", f"id+ c a_id{right}"), "c")]


@pytest.mark.parametrize(
    "left, right, deferrable, order, deferred",
    [
        ("?->b", "->a", False, "a b", {"a": {"b_id"}, "b": set()}),
        ("->b", "?->a", False, "b a", {"a": set(), "b": {"a_id"}}),
        ("->b", "->a!", True, "b a", {"a": set(), "b": set()}),
        ("?->b!", "->a", True, "a b", {"a": {"b_id"}, "b": set()}),
    ],
)
def test_cycles(left: str, right: str, deferrable: bool, order: str, deferred: dict[str, set[str]]) -> None:
    found = plan(cycle(left, right), deferrable=deferrable)
    assert " ".join(found.tables) == order
    assert {name: set(t.deferred) for name, t in found.tables.items()} == deferred


@pytest.mark.parametrize("right, deferrable", [("->a", True), ("->a!", False)])
def test_cycles_that_cannot_wait(right: str, deferrable: bool) -> None:
    with pytest.raises(RestoreRefused, match="need each other"):
        plan(cycle("->b", right), deferrable=deferrable)


def test_a_nullable_column_of_a_primary_key_cannot_wait() -> None:
    a = keyed(table("a", "b_id?->b n", primary="b_id n"), "n")
    with pytest.raises(RestoreRefused, match="need each other"):
        plan([a, keyed(table("b", "id+ c a_n->a.n"), "c")])


@pytest.mark.parametrize(
    "live, rows, problems",
    [
        ("id+ name", 1, []),
        ("id+", 1, [("missing-column", "t", "name")]),
        ("id+ name=", 1, [("missing-column", "t", "name")]),
        ("id+ name new", 1, [("new-column", "t", "new")]),
        ("id+ name n? d* g=", 1, []),
        ("id name", 1, []),
        (None, 1, [("missing-table", "t", None)]),
        (None, 0, []),
    ],
)
def test_drift(live: str | None, rows: int, problems: list[tuple[str, str, str | None]]) -> None:
    there = [] if live is None else [table("t", live)]
    found = plan([keyed(table("t", "id+ name"), "name")], there, rows={"t": rows})
    assert [(p.code, p.table, p.column) for p in found.problems] == problems
    assert len(found.warnings) == (live is None and rows == 0)
    assert bool(found.tables) is (live is not None)
    assert list(found.filled) == ["t"] * bool(live and rows)


def test_generated_columns_of_the_source_are_no_columns() -> None:
    found = plan([keyed(table("t", "id+ g= name"), "name")], [table("t", "id+ name g")])
    assert [c.name for c in found.tables["t"].columns] == ["id", "name"]
    assert [p.code for p in found.problems] == ["new-column"]


def test_tables_that_are_not_restored_are_looked_up() -> None:
    found = plan([USERS, DOCS, LINKS, LOG], selected=("docs",))
    assert list(found.tables) == ["docs"]
    assert list(found.referred) == ["users"]
    assert found.matching == ("users", "docs")
    assert found.exporting("users") is found.referred["users"]
    assert found.referred["users"].exported == ("id",)
    assert [leaf.column for leaf in found.referred["users"].leaves] == ["name"]
    assert {name: [n for n, _ in r] for name, r in found.outside.items()} == {"docs": ["links"]}
    assert list(found.outside_tables) == ["users", "links", "log"]


def test_tables_without_rows_refer_to_nothing() -> None:
    found = plan([USERS, DOCS], selected=("docs",), rows={"docs": 0})
    assert found.pointed_at == set()
    assert found.referred == {}


ANY = Reference(("type_id", "object_id"), "types", (), ReferenceKind.POLYMORPHIC, enforced=False)
TYPES = keyed(table("types", "id+ label"), "label")
EVENTS = keyed(table("events", "id+ n type_id->types object_id"), "n", ANY)


@pytest.mark.parametrize("rows, pointed", [({}, {"types", "users", "docs"}), ({"docs": 0}, {"types", "users"})])
def test_polymorphic_references_need_all_that_they_may_name(rows: dict[str, int], pointed: set[str]) -> None:
    users = keyed(USERS.table, "name", label="a.user")
    docs = keyed(DOCS.table, "user_id n", label="a.doc")
    found = plan([TYPES, users, docs, EVENTS], rows=rows)
    assert [target.label for target in found.targets] == ["a.user", "a.doc"]
    assert found.pointed_at == pointed
    assert found.tables["events"].early == set()


def test_a_whole_row_with_a_polymorphic_reference_comes_after_what_it_may_name() -> None:
    first = keyed(table("aa", "type_id->types object_id", primary=""), "type_id object_id", ANY, whole_row=True)
    found = plan([TYPES, keyed(USERS.table, "name", label="a.user"), first])
    assert found.tables["aa"].early == {"type_id", "object_id"}
    assert found.matching == ("types", "users", "aa")


def test_declared_references_order_only_what_is_enforced() -> None:
    declared = Reference(("b_id",), "b", ("id",), ReferenceKind.DECLARED, enforced=False)
    a, b = table("a", "id+ c b_id"), table("b", "id+ c")
    assert list(plan([keyed(a, "c", declared), keyed(b, "c")]).tables) == ["a", "b"]
    enforced = Reference(("b_id",), "b", ("id",), ReferenceKind.DECLARED)
    assert list(plan([keyed(a, "c", enforced), keyed(b, "c")]).tables) == ["b", "a"]


def test_unique_columns_are_early_where_conflicts_are_settled() -> None:
    live = table("t", "id+ name a_id->users b_id->users", "a_id", "b_id%", "name")
    settled = plan([USERS, keyed(live, "name", policy=Policy(on_conflict=OnConflict.KEEP))])
    assert settled.tables["t"].early == {"a_id"}
    assert plan([USERS, keyed(live, "name")]).tables["t"].early == set()


@pytest.mark.parametrize(
    "primary, key, surrogate",
    [
        ("id", "name", "id"),
        ("name", "name", None),
        ("id x", "name", None),
        ("", "name", None),
        ("boss_id", "name", None),
    ],
)
def test_surrogates(primary: str, key: str, surrogate: str | None) -> None:
    live = table("t", "id name x boss_id->users", primary=primary)
    assert plan([USERS, keyed(live, key)]).tables["t"].surrogate == surrogate


def test_columns_that_others_refer_to_are_exported() -> None:
    users = keyed(table("users", "id+ name alt", "name"), "name")
    other = keyed(table("other", "id+ c alt->users.alt"), "c")
    found = plan([users, other])
    assert found.tables["users"].exported == ("id", "alt")


def registry(text: str) -> Registry:
    return parse_registry(f"version: 1\ntables:\n  users: {text}\n".encode(), "reg.yaml")


@pytest.mark.parametrize(
    "text, on_match",
    [
        ("{key: [name], on_match: keep}", OnMatch.KEEP),
        ("{on_match: fail}", OnMatch.FAIL),
        ("{tier: 1}", OnMatch.UPDATE),
    ],
)
def test_the_operators_policy_wins(text: str, on_match: OnMatch) -> None:
    archived = keyed(USERS.table, "name", policy=Policy(OnMatch.KEEP))
    assert plan([archived], registry=registry(text)).tables["users"].policy.on_match is on_match
    assert plan([archived]).tables["users"].policy.on_match is OnMatch.KEEP
    assert plan([archived], registry=Registry()).tables["users"].policy.on_match is OnMatch.KEEP


@pytest.mark.parametrize("text", ["{key: [boss_id]}", '{key: "*"}', "{key: [name, boss_id]}"])
def test_another_key_than_the_archives_is_refused(text: str) -> None:
    with pytest.raises(RegistryError, match=r"reg\.yaml:3: the key of users is .* but the archive was written with"):
        plan([USERS], registry=registry(text))


def test_whole_rows_agree_with_a_star() -> None:
    rows = keyed(table("users", "id+ name"), "name", whole_row=True)
    assert plan([rows], registry=registry('{key: "*"}')).tables["users"].keyed.whole_row


def test_references_to_tables_that_the_target_lacks_are_dropped() -> None:
    merged = merge_keyed(SourceSchema("sqlite", "3", (USERS, DOCS)), Schema("sqlite", "3", {"docs": DOCS.table}))
    assert list(merged) == ["docs"]
    assert merged["docs"].references == ()
