from __future__ import annotations

from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.execute.inventory import complexity, is_link_table
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, ReferenceKind, Table
from edms_backup.options import Source
from edms_backup.report import InventoryTable
from tests.conftest import NewDatabase


def table(columns: str, *references: Reference, primary: str = "id", name: str = "t") -> KeyedTable:
    live = Table(name, tuple(Column(c, Kind.INTEGER, "int") for c in columns.split()), tuple(primary.split()))
    return KeyedTable(live, ("id",), KeySource.REGISTRY, references=references)


def to(columns: str, target: str = "o", kind: ReferenceKind = ReferenceKind.FOREIGN_KEY) -> Reference:
    return Reference(tuple(columns.split()), target, ("id",), kind)


@pytest.mark.parametrize(
    "found, link, complex_",
    [
        (table("id x"), False, "simple"),
        (table("id"), False, "simple"),
        (table("id a", to("a")), False, "medium"),
        (table("id a b", to("a"), to("b")), True, "medium"),
        (table("a b", to("a"), to("b"), primary="a b"), True, "medium"),
        (table("id a b x", to("a"), to("b")), False, "medium"),
        (table("id p q r", to("p q"), to("r")), True, "medium"),
        (table("id a b c", to("a"), to("b"), to("c")), True, "medium"),
        (table("id a b c d x", to("a"), to("b"), to("c"), to("d")), False, "complex"),
        (table("id a", to("a", "t")), False, "complex"),
        (table("id a b x", to("a b", "o", ReferenceKind.POLYMORPHIC)), False, "complex"),
        (table("id a b", to("a"), to("b", kind=ReferenceKind.JSON)), False, "medium"),
    ],
)
def test_shapes(found: KeyedTable, link: bool, complex_: str) -> None:
    assert is_link_table(found) is link
    assert complexity(found) == complex_


DDL = """
CREATE TABLE users (id integer PRIMARY KEY, name varchar(20) NOT NULL, boss_id integer, dept_id integer,
    FOREIGN KEY (boss_id) REFERENCES users (id));
CREATE TABLE depts (id integer PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, head_id integer,
    FOREIGN KEY (head_id) REFERENCES users (id));
CREATE TABLE links (user_id integer NOT NULL, dept_id integer NOT NULL, PRIMARY KEY (user_id, dept_id),
    FOREIGN KEY (user_id) REFERENCES users (id), FOREIGN KEY (dept_id) REFERENCES depts (id));
CREATE TABLE log (id integer PRIMARY KEY, what varchar(20));
CREATE TABLE keyless (id integer PRIMARY KEY, what varchar(20));
CREATE TABLE hanging (id integer PRIMARY KEY, keyless_id integer NOT NULL, n integer NOT NULL, UNIQUE (keyless_id, n),
    FOREIGN KEY (keyless_id) REFERENCES keyless (id));
CREATE TABLE sessions (id integer PRIMARY KEY);
INSERT INTO users VALUES (1, 'a', NULL, NULL), (2, 'b', 1, NULL), (3, 'b', 1, NULL);
INSERT INTO depts VALUES (1, 'x', 2);
INSERT INTO log VALUES (1, 'x'), (2, 'x');
"""
REGISTRY = """
version: 1
exclude: [sessions]
tables:
  users: {tier: 1, key: [name], references: [{columns: [dept_id], table: depts}]}
  links: {tier: 2}
  log: {key: "*"}
"""


@pytest.fixture
def tables(new_database: NewDatabase, tmp_path: Path) -> dict[str, InventoryTable]:
    database = new_database("sqlite")
    database.execute_script(DDL)
    (tmp_path / "r.yaml").write_text(REGISTRY)
    found = api.inventory(Source(database.url, str(tmp_path / "r.yaml")))
    assert found.excluded == ("sessions",)
    assert set(found.order) == {t.name for t in found.tables}
    assert found.cycles == (("depts", "users"), ("users",))
    totals = {"tables": 6, "rows": 6, "references": 6, "keyed": 5}
    assert found.totals() == totals
    assert found.as_json()["totals"] == totals
    return {t.name: t for t in found.tables}


@pytest.mark.parametrize(
    "name, rows, tier, key, source, unique, surrogate, link, complexity_, level",
    [
        ("users", 3, 1, ("name",), "registry", False, ("id",), False, "complex", 0),
        ("depts", 1, None, ("code",), "unique constraint", True, ("id",), False, "medium", 0),
        ("links", 0, 2, ("user_id", "dept_id"), "link table", True, (), True, "medium", 1),
        ("log", 2, None, ("*",), "registry", None, ("id",), False, "simple", 0),
        ("keyless", 0, None, (), "none", None, ("id",), False, "simple", 0),
        ("hanging", 0, None, ("keyless_id", "n"), "unique constraint", None, ("id",), False, "medium", 1),
    ],
)
def test_what_is_said_of_each_table(
    tables: dict[str, InventoryTable],
    name: str,
    rows: int,
    tier: int | None,
    key: tuple[str, ...],
    source: str,
    unique: bool | None,
    surrogate: tuple[str, ...],
    link: bool,
    complexity_: str,
    level: int,
) -> None:
    found = tables[name]
    assert (found.rows, found.tier, found.natural_key, found.key_source) == (rows, tier, key, source)
    assert (found.key_unique, found.surrogate_key, found.many_to_many) == (unique, surrogate, link)
    assert (found.complexity, found.level) == (complexity_, level)


def test_problems_are_said(tables: dict[str, InventoryTable]) -> None:
    assert tables["users"].problems == ("several rows have the same natural key",)
    assert "no natural key" in tables["keyless"].problems[0]
    assert tables["hanging"].problems == ("table keyless has no natural key, but other tables refer to it",)
    assert all(not tables[name].problems for name in ("depts", "links", "log"))


def test_references_are_said(tables: dict[str, InventoryTable]) -> None:
    found = {(r.columns, r.table, r.kind) for r in tables["users"].references}
    assert found == {(("boss_id",), "users", "foreign-key"), (("dept_id",), "depts", "declared")}
