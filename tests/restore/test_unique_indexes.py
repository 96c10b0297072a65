"""Unique indexes of every kind: the dry run finds what two rows would share, and names both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.restore.helpers import Case, counts
from tests.servers import Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


TABLE = "CREATE TABLE {name} (id {{id}}, code varchar(20) NOT NULL UNIQUE, {columns});"

COLUMNS = {
    "soft": "name varchar(50), active integer NOT NULL",
    "lowered": "email varchar(50)",
    "single": "is_default integer",
    "wide": "title varchar(50)",
    "nulls": "a varchar(20), b integer",
    "names": "name varchar(20)",
    "ranges": "room varchar(20), during varchar(20)",
}
"""The tables of the source: nothing but the code is unique there."""

INDEXES = {
    "sqlite": {
        "soft": "CREATE UNIQUE INDEX one_active ON soft (name) WHERE active = 1 /* of (these */",
        "lowered": "CREATE UNIQUE INDEX any_case ON lowered (lower(email) DESC)",
        "single": "CREATE UNIQUE INDEX one_default ON single ((1)) WHERE is_default",
        "wide": "CREATE UNIQUE INDEX any_blanks ON wide (title COLLATE RTRIM)",
        "nulls": "CREATE UNIQUE INDEX pairs ON nulls (coalesce(a, ','), coalesce(b, 0))",
        "names": "CREATE UNIQUE INDEX any_name ON names (name COLLATE NOCASE)",
    },
    "postgresql": {
        "soft": "CREATE UNIQUE INDEX one_active ON soft (name) INCLUDE (id) WHERE active = 1",
        "lowered": "CREATE UNIQUE INDEX any_case ON lowered (lower(email) DESC)",
        "single": "CREATE UNIQUE INDEX one_default ON single ((true)) WHERE is_default = 1",
        "wide": "CREATE COLLATION level1 (provider = icu, locale = 'und-u-ks-level1', deterministic = false);"
        "CREATE UNIQUE INDEX any_accent ON wide (title COLLATE level1)",
        "nulls": "CREATE UNIQUE INDEX pairs ON nulls (a, b) NULLS NOT DISTINCT",
        "names": "CREATE EXTENSION citext; ALTER TABLE names ALTER name TYPE citext, ADD UNIQUE (name)",
        "ranges": "ALTER TABLE ranges ALTER room TYPE int4range USING room::int4range,"
        "ALTER during TYPE int4range USING during::int4range,"
        "ADD CONSTRAINT apart EXCLUDE USING gist (room WITH =, during WITH &&) WHERE (upper(during) < 100),"
        "ADD CONSTRAINT far_apart EXCLUDE USING gist (during WITH &&) WHERE (lower(during) >= 500)",
    },
    "mariadb": {
        "soft": "ALTER TABLE soft ADD alive varchar(50) AS (IF(active = 1, name, NULL)) VIRTUAL,"
        "ADD UNIQUE one_active (alive)",
        "lowered": "ALTER TABLE lowered ADD small varchar(50) COLLATE utf8mb4_unicode_ci AS (lower(email)) STORED,"
        "ADD UNIQUE any_case (small)",
        "single": "ALTER TABLE single ADD plain integer AS (IF(is_default, 1, NULL)) VIRTUAL,"
        "ADD again integer AS (plain * 2) VIRTUAL, ADD UNIQUE one_default (again)",
        "wide": "ALTER TABLE wide MODIFY title varchar(50) COLLATE utf8mb4_general_ci, ADD UNIQUE four (title(4))",
        "names": "ALTER TABLE names MODIFY name varchar(20) COLLATE utf8mb4_general_nopad_ci, ADD UNIQUE (name)",
    },
}

# For each table the rows of the archive that clash, with whom; those that clash with nobody; and those of the target.
CLASHING = {
    "soft": {"a1": ("'x', 1", "a2"), "a2": ("'x', 1", "a1"), "new": ("'y', 1", "old"), "both": ("'z', 1", "held")},
    "lowered": {"a1": ("'Ann'", "a2"), "a2": ("'ann'", "a1"), "new": ("'BOB'", "old"), "both": ("'Carl'", "held")},
    "single": {"new": ("1", "old")},
    "wide": {"a1": ("'Böse'", "a2"), "a2": ("'Bose'", "a1"), "new": ("'ÄÖ'", "old")},
    "nulls": {"a1": ("NULL, 1", "a2"), "a2": ("NULL, 1", "a1"), "new": ("'x', NULL", "old")},
    "names": {"a1": ("'Ann'", "a2"), "a2": ("'ANN'", "a1"), "new": ("'bob'", "old")},
    "ranges": {
        "a1": ("'[1,2)', '[1,5)'", "a2"),
        "a2": ("'[1,2)', '[4,9)'", "a1"),
        "new": ("'[2,3)', '[3,5)'", "old"),
        "far": ("'[7,8)', '[500,505)'", "away"),
    },
}
FREE = {
    "soft": {"f1": "'x', 0", "f2": "'x', 0", "f3": "'y', 0", "f4": "NULL, 1", "f5": "NULL, 1", "f6": "'Ä', 1"},
    "lowered": {"f1": "NULL", "f2": "NULL", "f3": "'bo'"},
    "single": {"f1": "0", "f2": "0", "f3": "NULL", "f4": "NULL"},
    "wide": {"f1": "NULL", "f2": "NULL", "f3": "'Boxe'"},
    "nulls": {"f1": "NULL, 2", "f2": "'y', NULL", "f3": "NULL, NULL"},
    "names": {"f1": "NULL", "f2": "NULL", "f3": "'bo'", "f4": "'bo '"},
    "ranges": {"f1": "'[3,4)', '[3,5)'", "f2": "'[2,3)', '[5,9)'", "f3": "'[2,3)', '[3,200)'", "f4": "NULL, '[3,5)'"},
}
THERE = {
    "soft": {"old": "'y', 1", "held": "'z', 1", "both": "'z', 0", "dead": "'x', 0"},
    "lowered": {"old": "'bob'", "held": "'CARL'", "both": "'-'", "none": "NULL"},
    "single": {"old": "1", "none": "NULL"},
    "wide": {"old": "'AO'", "none": "NULL"},
    "nulls": {"old": "'x', NULL"},
    "names": {"old": "'BOB'", "none": "NULL"},
    "ranges": {"old": "'[2,3)', '[1,5)'", "away": "'[8,9)', '[504,509)'"},
}
WIDE = {
    # Blanks at the end, first letters, accents: what each product's index does not tell apart.
    "sqlite": (
        {"a1": ("'Bose  '", "a2"), "a2": ("'Bose'", "a1"), "new": ("'AO '", "old")},
        {"f1": "'BOSE'", "f2": "'AO.'"},
    ),
    "postgresql": (CLASHING["wide"], FREE["wide"]),
    "mariadb": (
        {"a1": ("'Böse dies'", "a2"), "a2": ("'bose das'", "a1"), "new": ("'ÄÖ'", "old")},
        {"f1": "'Boxe'", "f2": "'Boxx'", "f3": "NULL"},
    ),
}


LATER = "ALTER TABLE soft ADD later integer; CREATE UNIQUE INDEX newer ON soft (name, later)"
"""What the archive knows nothing of stands in nobody's way."""


def _rows(table: str, rows: dict[str, str]) -> str:
    return "".join(f"INSERT INTO {table} (code, {_names(table)}) VALUES ('{code}', {v});" for code, v in rows.items())


def _names(table: str) -> str:
    return ", ".join(column.split()[0] for column in COLUMNS[table].split(", "))


def test_what_two_rows_would_share(case: Case) -> None:
    indexes = INDEXES[case.product]
    schema = "".join(TABLE.format(name=name, columns=COLUMNS[name]) for name in indexes)
    clashing = {**CLASHING, "wide": WIDE[case.product][0]}
    free = {**FREE, "wide": WIDE[case.product][1]}
    source = case.database(schema, "".join(_rows(name, free[name]) for name in indexes))
    registry = case.registry("\n".join(f"{name}: {{key: [code]}}" for name in indexes))
    harmless = case.archive(source, "--registry", registry)
    for name in indexes:
        case.run(source, _rows(name, {code: values for code, (values, _) in clashing[name].items()}))
    target = case.database(
        schema, ";".join([*indexes.values(), LATER]), "".join(_rows(name, THERE[name]) for name in indexes)
    )

    refused = case.refused(target, case.archive(source, "--registry", registry))
    found = {(p["table"], p["key"][0]): p for p in refused.problems}
    expected = {(name, code): other for name in indexes for code, (_, other) in clashing[name].items()}
    assert set(found) == set(expected)
    assert len(found) == len(refused.problems) == refused.document["problem_count"]
    assert refused.codes == {"unique-conflict"}
    for (table, code), other in expected.items():
        assert f'{table} ["{code}"]: ' in found[table, code]["message"]
        assert f'{table} ["{other}"]' in found[table, code]["message"]
    assert refused.document["totals"]["failed"] == len(expected)

    report = case.restored(target, harmless)
    for name in indexes:
        assert counts(report, name) == {"read": len(free[name]), "inserted": len(free[name])}


def test_a_deferrable_key_is_checked_as_the_rows_are_at_the_end(new_database: NewDatabase, tmp_path: Path) -> None:
    case = Case("postgresql", lambda: new_database("postgresql"), tmp_path)
    schema = "CREATE TABLE seats (id {id}, person varchar(9) NOT NULL UNIQUE, seat integer UNIQUE);"
    registry = case.registry("seats: {key: [person]}")
    rows = "INSERT INTO seats (person, seat) VALUES ('a', 1), ('b', 2), ('c', 3)"
    archive = case.archive(case.database(schema, rows), "--registry", registry)
    there = "INSERT INTO seats (person, seat) VALUES ('a', 2), ('b', 1), ('d', 3)"
    waiting = case.database(schema.replace("seat integer UNIQUE", "seat integer UNIQUE DEFERRABLE"), there)
    taken = case.refused(waiting, archive).problem("unique-conflict", "seats")
    assert taken["key"] == ["c"], "d stays, and keeps its seat"
    report = case.restored(waiting, archive, "--mode", "mirror")
    assert counts(report, "seats") == {"read": 3, "inserted": 1, "updated": 2, "deleted": 1}
    refused = case.refused(case.database(schema, there), archive, "--mode", "mirror")
    assert {tuple(p["key"]) for p in refused.problems} == {("a",), ("b",), ("c",)}


def test_ids_that_only_the_target_takes_for_equal(new_database: NewDatabase, tmp_path: Path) -> None:
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    schema = "CREATE TABLE things (id text PRIMARY KEY, code text NOT NULL UNIQUE)"
    source = case.database(schema, "INSERT INTO things VALUES ('a', 'one'), ('A', 'two')")
    archive = case.archive(source, "--registry", case.registry("things: {key: [code]}"))
    refused = case.refused(case.database(schema.replace("text PRIMARY", "text COLLATE NOCASE PRIMARY")), archive)
    assert {tuple(p["key"]): p["code"] for p in refused.problems} == dict.fromkeys(
        [("one",), ("two",)], "unique-conflict"
    )
