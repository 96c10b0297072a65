"""The comparison of two schemas, without a database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edms_backup.config.registry_file import parse_registry
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, Schema, Table
from edms_backup.plan.drift import Comparison, is_impossible, judged
from edms_backup.plan.mapping import map_source
from edms_backup.plan.source import SourceSchema
from edms_backup.report import Difference, DriftClass

ID = Column("id", Kind.INTEGER, "bigint", nullable=False, auto_assigned=True)
NAME = Column("name", Kind.TEXT, "text", nullable=False)
TEXT = Column("c", Kind.TEXT, "varchar(50)", length=50)
DECIMAL = Column("c", Kind.DECIMAL, "numeric(8,2)", fraction=2)
NUMBER = Column("c", Kind.INTEGER, "integer")
MOMENT = Column("c", Kind.TIMESTAMP, "timestamp")
UUID = Column("id", Kind.UUID, "uuid", nullable=False)


def table(name: str, *columns: Column, references: tuple[Reference, ...] = ()) -> Table:
    return Table(name, columns, ("id",), references)


def keyed(live: Table) -> KeyedTable:
    return KeyedTable(live, ("name",), KeySource.REGISTRY, references=live.references)


def compare(
    archived: list[Table], live: list[Table], *, rows: int = 1, registry: str = "", other_product: bool = False
) -> list[Difference]:
    source = SourceSchema("sqlite" if other_product else "postgresql", "1", tuple(map(keyed, archived)))
    target = Schema("postgresql", "1", {t.name: t for t in live})
    mapped = map_source(source, target, parse_registry(f"version: 1\n{registry}".encode(), "reg.yaml"))
    comparison = Comparison(mapped, target, {t.name: rows for t in mapped.source.tables})
    return list(comparison.tables([t.name for t in mapped.source.tables]))


COLUMNS = [
    (TEXT, TEXT, None, None),
    (TEXT, replace(TEXT, length=9, native="varchar(9)"), "shorter-text", "safe"),
    (replace(TEXT, length=None, native="text"), TEXT, "shorter-text", "safe"),
    (TEXT, replace(TEXT, length=99, native="varchar(99)"), "longer-text", "safe"),
    (TEXT, replace(TEXT, length=None, native="text"), "longer-text", "safe"),
    (TEXT, replace(TEXT, length=None, native="char(9)"), "other-type", "safe"),
    (DECIMAL, replace(DECIMAL, fraction=1, native="numeric(8,1)"), "fewer-digits", "safe"),
    (DECIMAL, replace(DECIMAL, fraction=4, native="numeric(8,4)"), "other-type", "safe"),
    (NUMBER, replace(NUMBER, native="bigint"), "other-type", "safe"),
    (NUMBER, replace(NUMBER, nullable=False), "not-null", "safe"),
    (NUMBER, replace(TEXT, nullable=True), "other-type", "safe"),
    (MOMENT, NUMBER, "other-type", "blocking"),
    (None, NUMBER, "new-column", "safe"),
    (None, replace(NUMBER, nullable=False, has_default=True), "new-column", "safe"),
    (None, replace(NUMBER, nullable=False), "new-column", "blocking"),
    (None, replace(NUMBER, generated=True, nullable=False), None, None),
    (NUMBER, None, "missing-column", "map"),
    (NUMBER, replace(NUMBER, generated=True), "missing-column", "map"),
    (replace(NUMBER, generated=True), None, None, None),
]


@pytest.mark.parametrize("ours, theirs, what, level", COLUMNS)
def test_columns(ours: Column | None, theirs: Column | None, what: str | None, level: str | None) -> None:
    archived = table("t", ID, NAME, *([ours] if ours else []))
    live = table("t", ID, NAME, *([theirs] if theirs else []))
    found = compare([archived], [live])
    assert [(d.what, d.level.value, d.table, d.column) for d in found] == ([(what, level, "t", "c")] if what else [])
    # Where there are no rows, nothing can be lost.
    assert {d.level for d in compare([archived], [live], rows=0)} <= {DriftClass.SAFE}


def test_how_products_spell_a_type_is_no_difference() -> None:
    archived, live = table("t", ID, NAME, NUMBER), table("t", ID, NAME, replace(NUMBER, native="int(11)"))
    assert compare([archived], [live], other_product=True) == []
    assert len(compare([archived], [live])) == 1


def test_what_rows_are_found_by_is_needed_without_rows_too() -> None:
    (found,) = compare([table("t", ID, NAME)], [table("t", ID, replace(NAME, name="title"))], rows=0)[:1]
    assert found.level is DriftClass.MAP
    assert "omit_columns" not in found.message
    assert "renames: {name: its_name_here}" in found.message


def test_the_closest_name_of_the_same_kind_is_proposed() -> None:
    archived = table("people", ID, NAME, replace(TEXT, name="mail"))
    there = (replace(NUMBER, name="mails"), replace(TEXT, name="e_mail"), replace(TEXT, name="title"))
    found = compare([archived], [table("people", ID, NAME, *there)])
    message = next(d.message for d in found if d.level is DriftClass.MAP)
    assert "renames: {mail: e_mail}, or leave it out, omit_columns: [mail]" in message
    found = compare([archived], [table("persons", ID, NAME), table("peoples", ID, NAME)])
    assert [(d.what, d.level.value) for d in found] == [
        ("missing-table", "map"), ("new-table", "safe"), ("new-table", "safe"),
    ]  # fmt: skip
    assert "renames: {people: peoples}" in found[0].message
    assert "exclude: [people]" in found[0].message


def test_what_the_registry_says_is_safe() -> None:
    archived = table("people", ID, NAME, replace(TEXT, name="mail"), replace(MOMENT, name="seen"))
    live = table("users", ID, NAME, replace(TEXT, name="email"), replace(NUMBER, name="level", nullable=False))
    registry = (
        "renames: {people: users}\n"
        "tables:\n  users: {renames: {mail: email}, omit_columns: [seen], column_defaults: {level: 3}}\n"
    )
    found = compare([archived], [live], registry=registry)
    assert {d.level for d in found} == {DriftClass.SAFE}
    assert [d.what for d in found] == ["renamed-table", "renamed-column", "omitted-column", "new-column"]
    assert found[1].as_json() == {
        "table": "users",
        "column": "email",
        "class": "safe",
        "what": "renamed-column",
        "message": "column users.mail of the archive is email in the target",
    }


def test_references_get_the_ids_of_here_whatever_their_type() -> None:
    reference = (Reference(("c",), "t", ("id",)),)
    archived = table("t", ID, NAME, NUMBER, references=reference)
    live = table("t", UUID, NAME, replace(UUID, name="c", nullable=True), references=reference)
    (found,) = compare([archived], [live])
    assert (found.what, found.column, found.level) == ("other-ids", "id", DriftClass.SAFE)


@pytest.mark.parametrize(
    "source, target, impossible",
    [
        (Kind.INTEGER, Kind.DATE, True),
        (Kind.TIMESTAMP, Kind.BOOLEAN, True),
        (Kind.UUID, Kind.DECIMAL, True),
        (Kind.INTEGER, Kind.UUID, True),
        (Kind.TEXT, Kind.UUID, False),
        (Kind.BOOLEAN, Kind.INTEGER, False),
        (Kind.DATE, Kind.TIMESTAMP, False),
        (Kind.JSON, Kind.TEXT, False),
        (Kind.OTHER, Kind.INTEGER, False),
        (Kind.INTERVAL, Kind.INTEGER, False),
        (Kind.UUID, Kind.BYTES, False),
    ],
)
def test_kinds(source: Kind, target: Kind, impossible: bool) -> None:
    assert is_impossible(Column("c", source, "x"), Column("c", target, "x")) is impossible


def test_values_decide_what_is_safe_until_they_are_seen() -> None:
    drift = [Difference(what, "m", table="t", column="c") for what in ("shorter-text", "new-column")]
    assert [d.level.value for d in judged(drift, {("t", "c")})] == ["blocking", "safe"]
    assert list(judged(drift, {("t", "d")})) == drift
