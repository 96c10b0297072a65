"""Each line of the table in docs/values.md, between all products; keys of such types; and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from edms_backup import api
from edms_backup.model import Column, Kind
from edms_backup.options import CreateOptions, Mode, RestoreOptions, Source
from edms_backup.values.convert import conversion, stray_value
from edms_backup.values.forms import ValueMismatch
from tests.conftest import NewDatabase
from tests.cross.lines import ALIKE, HEX, UUID, WRITTEN_OUT, Line
from tests.servers import PRODUCTS, Database

KEY_TYPES = {
    "sqlite": ("char(32)", "decimal", "datetime", "bool"),
    "postgresql": ("uuid", "numeric(9,3)", "timestamptz", "boolean"),
    "mariadb": ("uuid", "decimal(9,3)", "datetime(6)", "tinyint(1)"),
}
KEYS = {
    "sqlite": (f"'{HEX}', 1.5, '2025-01-31 12:00:00.500000', 1", f"'{HEX}', 1.5, '2025-01-31 12:00:00.500000', 0"),
    "postgresql": (f"'{UUID}', 1.5, '2025-01-31 12:00:00.5Z', true", f"'{UUID}', 1.5, '2025-01-31 12:00:00.5Z', false"),
    "mariadb": (f"'{UUID}', 1.5, '2025-01-31 12:00:00.5', 1", f"'{UUID}', 1.5, '2025-01-31 12:00:00.5', 0"),
}


def _create(database: Database) -> None:
    types = KEY_TYPES[database.product]
    key = ", ".join(f"k{i} {type_} NOT NULL" for i, type_ in enumerate(types))
    statements = ["CREATE TYPE mood AS ENUM ('sad', 'happy')"] if database.product == "postgresql" else []
    for name, lines in (("alike", ALIKE), ("written_out", WRITTEN_OUT)):
        columns = ", ".join(f"c{i} {one.types[database.product]}" for i, one in enumerate(lines.values()))
        statements.append(f"CREATE TABLE {name} (n varchar(9) PRIMARY KEY NOT NULL, {columns})")
    statements.append(f"CREATE TABLE parents (id bigint PRIMARY KEY NOT NULL, {key}, UNIQUE (k0, k1, k2, k3))")
    statements.append(
        "CREATE TABLE children (code varchar(9) PRIMARY KEY NOT NULL, parent_id bigint NOT NULL, "
        "FOREIGN KEY (parent_id) REFERENCES parents (id))"
    )
    database.execute_script("; ".join(statements))


def _fill(database: Database) -> None:
    statements = []
    for name, lines in (("alike", ALIKE), ("written_out", WRITTEN_OUT)):
        for number in range(4):
            values = ", ".join(_value(one, database.product, number) for one in lines.values())
            statements.append(f"INSERT INTO {name} VALUES ('{number}', {values})")
    database.execute_script("; ".join(statements))


def _value(one: Line, product: str, number: int) -> str:
    """A value of a line; the last row has none."""
    return "NULL" if number == 3 else one.values[product][number % len(one.values[product])]


def _parents(database: Database, first_id: int) -> None:
    rows = ", ".join(f"({first_id + i}, {key})" for i, key in enumerate(KEYS[database.product]))
    database.execute_script(f"INSERT INTO parents VALUES {rows}")


PAIRS = [(source, target) for source in PRODUCTS for target in PRODUCTS if source != target]


@pytest.mark.parametrize("source, target", PAIRS)
def test_lines(source: str, target: str, new_database: NewDatabase, tmp_path: Path) -> None:
    """What a restore writes is what the target's own literals give, and references find rows by keys of such types."""
    ours, theirs, expected = new_database(source), new_database(target), new_database(target)
    for database in (ours, theirs, expected):
        _create(database)
    _fill(ours)
    _fill(expected)
    _parents(ours, 1)
    ours.execute_script("INSERT INTO children VALUES ('a', 1), ('b', 2)")
    # In the target the parents are there already, under other ids, and are no part of the archive.
    _parents(theirs, 71)
    archive = tmp_path / "archive"
    options = CreateOptions(output=archive, tables=("alike", "written_out", "children"))
    api.create(Source(ours.url), options)
    report = api.restore(Source(theirs.url), archive, RestoreOptions())
    assert report.applied, report.problems
    for name, lines in (("alike", ALIKE), ("written_out", WRITTEN_OUT)):
        for i, called in enumerate(lines):
            query = f"SELECT c{i} FROM {name} ORDER BY n"
            assert theirs.fetch(query) == expected.fetch(query), called
    assert theirs.fetch("SELECT code, parent_id FROM children ORDER BY code") == [("a", 71), ("b", 72)]
    before, after = api.fingerprint(archive).tables, api.fingerprint(Source(theirs.url)).tables
    assert {name: after[name] for name in ("alike", "children")} == {n: before[n] for n in ("alike", "children")}
    again = api.restore(Source(theirs.url), archive, RestoreOptions(dry_run=True))
    assert again.totals()["unchanged"] == again.totals()["read"] == 10, again.totals()
    said = {found.column: found.message for found in report.drift if found.what == "other-type"}
    place = f"c{list(ALIKE).index('uuid as 32 digits')}"
    if "postgresql" in (source, target):
        words = ("text of 32 characters", "uuid")
        assert " → ".join(words if target == "postgresql" else words[::-1]) in said[place]


def test_the_document_has_these_lines() -> None:
    text = (Path(__file__).parents[2] / "docs" / "values.md").read_text(encoding="utf-8")
    section = text.partition("## From one product to another")[2].partition("\n## ")[0]
    rows = [
        [cell.strip(" `") for cell in row.split("|")[1:-1]] for row in re.findall(r"^\|.*\|$", section, re.MULTILINE)
    ]
    written = {row[0]: row[1:4] for row in rows if row[0] in {**ALIKE, **WRITTEN_OUT}}
    assert written == {name: list(one.types.values()) for name, one in {**ALIKE, **WRITTEN_OUT}.items()}
    assert [row[0] for row in rows[2:]][: len(written)] == list(written)


REFUSED: dict[str, tuple[tuple[Kind, str], tuple[Kind, str], Any]] = {
    "a fraction for an integer": ((Kind.DECIMAL, "numeric"), (Kind.INTEGER, "bigint"), "1.5"),
    "an integer that a float rounds": ((Kind.INTEGER, "bigint"), (Kind.FLOAT, "double"), 2**53 + 1),
    "digits that a float rounds": ((Kind.DECIMAL, "numeric"), (Kind.FLOAT, "double"), "0.12345678901234567890"),
    "two for a boolean": ((Kind.INTEGER, "integer"), (Kind.BOOLEAN, "boolean"), 2),
    "text that is no plain number": ((Kind.TEXT, "text"), (Kind.INTEGER, "bigint"), "007"),
    "text that says today": ((Kind.TEXT, "text"), (Kind.DATE, "date"), "today"),
    "text that says now": ((Kind.TEXT, "text"), (Kind.TIMESTAMP_TZ, "timestamptz"), "now"),
    "text that is no time": ((Kind.TEXT, "text"), (Kind.TIME, "time"), "noon"),
    "a zone that is none": ((Kind.TEXT, "text"), (Kind.TIMESTAMP, "timestamp"), "2025-01-31 12:00:00+99:00"),
    "text that is no uuid": ((Kind.TEXT, "char(36)"), (Kind.UUID, "uuid"), "{550e8400-e29b-41d4-a716-446655440000}"),
    "months for microseconds": ((Kind.INTERVAL, "interval"), (Kind.INTEGER, "bigint"), "1 mon"),
    "a span for a short integer": ((Kind.INTERVAL, "interval"), (Kind.INTEGER, "integer"), "1 day"),
    "bytes for text": ((Kind.BYTES, "bytea"), (Kind.TEXT, "text"), "YWJj"),
    "text for bytes": ((Kind.TEXT, "text"), (Kind.BYTES, "bytea"), "YWJj"),
    "a name twice for jsonb": ((Kind.JSON, "json"), (Kind.JSON, "jsonb"), '{"a": 1, "a": 2}'),
    "text of an unknown type": ((Kind.OTHER, "point"), (Kind.FLOAT, "double"), "(1,2)"),
}


@pytest.mark.parametrize("source, target, form", REFUSED.values(), ids=REFUSED)
def test_refused(source: tuple[Kind, str], target: tuple[Kind, str], form: Any) -> None:
    found = conversion(Column("c", *source), Column("c", *target))
    assert found is not None
    with pytest.raises(ValueMismatch):
        found.convert(form)


@pytest.mark.parametrize(
    "form, native, target, value",
    [
        ({"$raw": "5"}, "integer", Column("c", Kind.TEXT, "text"), "5"),
        ({"$raw": 5}, "text", Column("c", Kind.INTEGER, "bigint"), 5),
        ({"$raw": "2025-01-31T14:00+02:00"}, "datetime", Column("c", Kind.TIMESTAMP, "x"), "2025-01-31T12:00:00"),
        ({"$raw": 1.5}, "json", Column("c", Kind.JSON, "jsonb"), "1.5"),
        ({"$bytes": "YWJj"}, "text", Column("c", Kind.BYTES, "bytea"), "YWJj"),
        ({"$float": "Infinity"}, "decimal", Column("c", Kind.FLOAT, "double precision"), "Infinity"),
        ({"$bytes": "YWJj"}, "text", Column("c", Kind.TEXT, "text"), None),
        ({"$raw": "a"}, "integer", Column("c", Kind.INTEGER, "bigint"), None),
        ({"$raw": 0}, "enum('a')", Column("c", Kind.TEXT, "text"), None),
        ({"$other": 0}, "text", Column("c", Kind.TEXT, "text"), None),
    ],
)  # fmt: skip
def test_values_against_the_type_of_their_column(form: Any, native: str, target: Column, value: Any) -> None:
    source = Column("c", Kind.OTHER, native)
    if value is None:
        with pytest.raises(ValueMismatch):
            stray_value(form, source, target)
    else:
        assert stray_value(form, source, target) == value


SILENT: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "sqlite": (
        "postgresql",
        [
            ("f", "double precision", "'NaN'", "real"),
            ("d", "numeric", "0.12345678901234567890", "decimal"),
            ("x", "text", "'007'", "number"),
            ("j", "jsonb", "'123456789012345678901'", "json"),
            ("t", "timestamp", "'0044-03-15 12:00:00 BC'", "datetime"),
        ],
    ),
    "postgresql": (
        "sqlite",
        [
            ("d", "decimal", "1e-7", "numeric(10,2)"),
            ("r", "real", "0.123456789012", "real"),
            ("a", "date", "'today'", "date"),
            ("t", "time", "'now'", "time"),
            ("m", "datetime", "'now'", "timestamptz"),
            ("c", "text", "'a '", "char(3)"),
            ("z", "text", "'a' || char(0)", "text"),
        ],
    ),
    "mariadb": (
        "postgresql",
        [
            ("f", "double precision", "'Infinity'", "double"),
            ("d", "numeric", "0.005", "decimal(10,2)"),
            ("b", "bytea", "'\\x00'", "binary(2)"),
            ("a", "date", "'0044-03-15 BC'", "date"),
            ("t", "timetz", "'12:00:00+02'", "time"),
            ("c", "text", "'a '", "char(3)"),
            ("m", "timestamp", "'infinity'", "datetime"),
        ],
    ),
}
"""Values that a target would change without a word: from which product, and column, type there, value, type here."""


@pytest.mark.parametrize("target", SILENT)
def test_what_a_target_would_change_is_refused(target: str, new_database: NewDatabase, tmp_path: Path) -> None:
    product, columns = SILENT[target]
    ours, theirs = new_database(product), new_database(target)
    for database, place in ((ours, 1), (theirs, 3)):
        lines = ", ".join(f"{column[0]} {column[place]}" for column in columns)
        database.execute_script(f"CREATE TABLE v (n varchar(9) PRIMARY KEY NOT NULL, {lines})")
    for name, _, value, _ in columns:
        ours.execute_script(f"INSERT INTO v (n, {name}) VALUES ('{name}', {value})")
    api.create(Source(ours.url), CreateOptions(output=tmp_path / "archive"))
    report = api.restore(Source(theirs.url), tmp_path / "archive", RestoreOptions())
    assert not report.applied
    found = {(problem.code, problem.column, tuple(problem.key or ())) for problem in report.problems}
    assert found == {("value-does-not-fit", name, (name,)) for name, *_ in columns}
    assert theirs.fetch("SELECT count(*) FROM v") == [(0,)]


def test_whole_rows_that_only_the_target_takes_for_equal(new_database: NewDatabase, tmp_path: Path) -> None:
    ours, theirs = new_database("sqlite"), new_database("postgresql")
    rows = """(1, '{"a":1}'), (2, '{ "a": 1 }'), (3, '{}')"""
    ours.execute_script(f"CREATE TABLE log (id integer PRIMARY KEY, doc json); INSERT INTO log VALUES {rows}")
    theirs.execute_script("CREATE TABLE log (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, doc jsonb)")
    api.create(Source(ours.url), CreateOptions(output=tmp_path / "archive"))
    for expected in ({"inserted": 3, "unchanged": 0}, {"inserted": 0, "unchanged": 3}):
        report = api.restore(Source(theirs.url), tmp_path / "archive", RestoreOptions(mode=Mode.MIRROR))
        assert {**report.totals(), **expected, "deleted": 0} == report.totals()
    assert api.fingerprint(Source(theirs.url)) == api.fingerprint(tmp_path / "archive")
