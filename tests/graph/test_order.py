from __future__ import annotations

import pytest

from edms_backup.errors import RegistryError, RestoreRefused
from edms_backup.graph.order import (
    find_cycles,
    hard_references,
    identity_order,
    restore_levels,
    table_graph,
    write_order,
)
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, ReferenceKind, Table

Graph = dict[str, tuple[Reference, ...]]


def graph(text: str) -> Graph:
    """`b>a` b refers to a; `b>a?` and may wait."""
    found: Graph = {}
    for word in text.split():
        name, _, target = word.partition(">")
        found.setdefault(name, ())
        if target:
            target_name = target.rstrip("?")
            found.setdefault(target_name, ())
            column = f"{target_name}_{len(found[name])}{'?' * target.endswith('?')}"
            found[name] += (Reference((column,), target_name, ("id",)),)
    return found


def tables(found: Graph) -> dict[str, Table]:
    return {name: Table(name, (Column("id", Kind.INTEGER, "int"),), ("id",)) for name in found}


def waits(_: Table, reference: Reference) -> bool:
    return reference.columns[0].endswith("?")


@pytest.mark.parametrize(
    "text, order, deferred, cycles",
    [
        ("", "", "", ""),
        ("b a", "a b", "", ""),
        ("a>b b>c", "c b a", "", ""),
        ("a>b a>b b", "b a", "", ""),
        ("a>a", "a", "a>a", "a"),
        ("a>a? b>a", "a b", "a>a", "a"),
        ("a>b? b>a", "a b", "a>b", "a,b"),
        ("a>b b>a?", "b a", "b>a", "a,b"),
        ("a>b? a>b? b>a", "a b", "a>b a>b", "a,b"),
        ("a>b? a>b b>a?", "b a", "b>a", "a,b"),
        ("a>b b>c c>a? d>a", "c b a d", "c>a", "a,b,c"),
        ("a>b? b>a c>d? d>c", "a b c d", "a>b c>d", "a,b c,d"),
    ],
)
def test_order(text: str, order: str, deferred: str, cycles: str) -> None:
    references = graph(text)
    result = write_order(tables(references), references, waits)
    assert " ".join(result.tables) == order
    waiting = [f"{name}>{r.table}" for name in sorted(result.deferred) for r in result.deferred[name]]
    assert " ".join(waiting) == deferred
    assert " ".join(",".join(cycle) for cycle in result.cycles) == cycles


def test_references_to_tables_that_take_no_part_order_nothing() -> None:
    references = graph("a>gone b")
    del references["gone"]
    assert write_order(tables(references), references, waits).tables == ("a", "b")


@pytest.mark.parametrize("text", ["a>b b>a", "a>b? a>b b>a", "a>b b>c c>a"])
def test_a_cycle_that_cannot_wait_is_refused_by_name(text: str) -> None:
    references = graph(text)
    with pytest.raises(RestoreRefused, match=r"the tables .*a → .*need each other") as caught:
        write_order(tables(references), references, waits)
    assert caught.value.hint


def test_cycles() -> None:
    references = graph("a>b b>a c>c d>a")
    assert find_cycles(table_graph(tables(references).values(), references)) == (("a", "b"), ("c",))


@pytest.mark.parametrize(
    "names, needs, order",
    [
        ("b a", {}, "a b"),
        ("a b c", {"a": "b", "b": "c"}, "c b a"),
        ("a b", {"a": "gone"}, "a b"),
    ],
)
def test_identity_order(names: str, needs: dict[str, str], order: str) -> None:
    wanted = {name: frozenset(text.split()) for name, text in needs.items()}
    assert identity_order(names.split(), wanted) == tuple(order.split())


@pytest.mark.parametrize("needs", [{"a": "b", "b": "a"}, {"a": "a"}])
def test_identities_that_need_each_other(needs: dict[str, str]) -> None:
    with pytest.raises(RegistryError, match=r"the keys of .*a.* need each other"):
        identity_order("ab", {name: frozenset(text) for name, text in needs.items()})


def test_levels() -> None:
    references = graph("a>a b>a c>b c>a x>y y>x z>x lonely")
    keyed = {
        name: KeyedTable(table, ("id",), KeySource.REGISTRY, references=references[name])
        for name, table in tables(references).items()
    }
    assert restore_levels(keyed) == {"a": 0, "b": 1, "c": 2, "x": 0, "y": 0, "z": 1, "lonely": 0}


def test_polymorphic_references_order_nothing() -> None:
    hard = Reference(("a",), "t", ("id",))
    soft = Reference(("a", "b"), "t", (), ReferenceKind.POLYMORPHIC)
    assert hard_references([hard, soft]) == (hard,)
