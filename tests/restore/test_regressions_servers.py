"""What once went wrong on one of the servers only, on the smallest schemas that show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edms_backup.backends.postgresql import PostgreSQL
from edms_backup.model import Table
from tests.conftest import NewDatabase
from tests.restore.helpers import Case, call, counts, error_line
from tests.servers import Database

NewCase = Callable[[str], Case]


@pytest.fixture
def new_case(new_database: NewDatabase, tmp_path: Path) -> NewCase:
    return lambda product: Case(product, lambda: new_database(product), tmp_path)


@pytest.fixture
def postgresql(new_case: NewCase) -> Case:
    return new_case("postgresql")


@pytest.fixture
def mariadb(new_case: NewCase) -> Case:
    return new_case("mariadb")


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

THINGS = "CREATE TABLE things (id integer PRIMARY KEY, code varchar(20) NOT NULL UNIQUE);"


ADD_COLUMN = "ALTER TABLE things ADD COLUMN v text DEFAULT 'precious'"


def test_a_migration_that_the_backup_had_to_wait_for(postgresql: Case, tmp_path: Path) -> None:
    source = postgresql.database(THINGS, "INSERT INTO things VALUES (1, 'x')")
    with source.raw_connection() as migration, ThreadPoolExecutor(1) as pool:
        migration.execute(ADD_COLUMN)
        backup = pool.submit(call, "create", "--db", source.url, "-o", tmp_path / "waited.tar", "--quiet")
        try:
            _wait_for_a_lock(source)
        finally:
            migration.commit()
        answer = backup.result(60)
    # Reading the schema has waited for it, so that the new column is in the archive.
    assert answer.exit_code == 0, answer.text
    target = postgresql.database(THINGS, ADD_COLUMN.replace("precious", "common"))
    postgresql.restored(target, tmp_path / "waited.tar")
    assert target.fetch("SELECT v FROM things") == [("precious",)]


def test_a_migration_between_schema_and_snapshot(
    postgresql: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = postgresql.database(THINGS, "INSERT INTO things VALUES (1, 'x')")
    begin = PostgreSQL.begin_snapshot

    def too_late(backend: PostgreSQL, tables: Sequence[Table]) -> None:
        source.execute_script(ADD_COLUMN)
        begin(backend, tables)

    with monkeypatch.context() as patch:
        patch.setattr(PostgreSQL, "begin_snapshot", too_late)
        answer = call("create", "--db", source.url, "-o", tmp_path / "late.tar", "--quiet")
    assert answer.exit_code == 1, answer.text
    assert "schema changed" in error_line(answer)
    assert not list(tmp_path.glob("late*"))
    again = call("create", "--db", source.url, "-o", tmp_path / "again.tar")
    assert again.exit_code == 0, again.text


def _wait_for_a_lock(database: Database) -> None:
    waiting = (
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    end = time.monotonic() + 30
    while database.fetch(waiting) == [(0,)]:
        assert time.monotonic() < end, "nobody waits for a lock"
        time.sleep(0.02)


def test_a_sequence_that_the_column_uses_but_does_not_own(postgresql: Case) -> None:
    schema = "CREATE SEQUENCE numbers;" + THINGS.replace("integer", "integer DEFAULT nextval('numbers')")
    source = postgresql.database(schema, "INSERT INTO things (code) VALUES ('x'), ('y')")
    target = postgresql.database(schema)
    report = postgresql.restored(target, postgresql.archive(source))
    assert counts(report, "things") == {"read": 2, "inserted": 2}
    target.execute_script("INSERT INTO things (code) VALUES ('next')")
    assert target.fetch("SELECT id FROM things WHERE code = 'next'") == [(3,)]


@pytest.mark.parametrize("ids", ["preserve", "assign"])
def test_new_ids_from_a_sequence_that_the_column_does_not_own(postgresql: Case, ids: str) -> None:
    schema = 'CREATE SEQUENCE "Odd Numbers";' + THINGS.replace("integer", "integer DEFAULT nextval('\"Odd Numbers\"')")
    source = postgresql.database(schema, "INSERT INTO things (code) VALUES ('x'), ('y')")
    target = postgresql.database(schema, "INSERT INTO things (code) VALUES ('mine')")
    report = postgresql.restored(target, postgresql.archive(source), "--ids", ids)
    assert counts(report, "things") == {"read": 2, "inserted": 2}
    target.execute_script("INSERT INTO things (code) VALUES ('next')")
    assert target.fetch("SELECT count(*) FROM things") == [(4,)]


def test_column_names_that_read_like_sql(postgresql: Case) -> None:
    schema = """
    CREATE TABLE things (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE,
        "SELECTED" integer, "a SELECT b" integer, "OVERRIDING SYSTEM VALUE" integer);
    """
    source = postgresql.database(schema, "INSERT INTO things VALUES (DEFAULT, 'x', 1, 2, 3)")
    target = postgresql.database(schema)
    report = postgresql.restored(target, postgresql.archive(source))
    assert counts(report, "things") == {"read": 1, "inserted": 1}
    assert target.fetch("SELECT * FROM things") == [(1, "x", 1, 2, 3)]


def test_a_column_that_is_always_generated_and_not_the_key(postgresql: Case) -> None:
    schema = """
    CREATE TABLE things (id integer PRIMARY KEY, code text NOT NULL UNIQUE, v integer,
        no integer GENERATED ALWAYS AS IDENTITY);
    """
    archive = postgresql.archive(
        postgresql.database(schema, "INSERT INTO things (id, code, v) VALUES (1, 'x', 1), (2, 'y', 2), (3, 'z', 3)")
    )
    # y is there with another number, and z with other values too.
    target = postgresql.database(schema, "INSERT INTO things (id, code, v) VALUES (1, 'y', 2), (3, 'z', 9)")
    report = postgresql.restored(target, archive)
    assert counts(report, "things") == {"read": 3, "inserted": 1, "updated": 1, "unchanged": 1}
    assert sorted(target.fetch("SELECT code, v, no FROM things")) == [("x", 1, 1), ("y", 2, 1), ("z", 3, 2)]


FAMILY = THINGS + "CREATE TABLE heirs (x integer, PRIMARY KEY (id), UNIQUE (code)) INHERITS (things);"
FAMILY_ROWS = "INSERT INTO things VALUES (1, 'x'); INSERT INTO heirs VALUES (2, 'y', 3)"


def test_an_inherited_table_is_not_archived_twice(postgresql: Case, tmp_path: Path) -> None:
    source = postgresql.database(FAMILY, FAMILY_ROWS)
    answer = call("create", "--db", source.url, "-o", tmp_path / "twice.tar", "--quiet")
    assert answer.exit_code == 2, answer.text
    line = error_line(answer)
    assert "things" in line
    assert "heirs" in line
    assert not list(tmp_path.glob("twice*"))
    archive = postgresql.archive(source, "--exclude", "things")
    report = postgresql.restored(postgresql.database(FAMILY), archive)
    assert counts(report, "heirs") == {"read": 1, "inserted": 1}


def test_nothing_is_restored_into_an_inherited_table(postgresql: Case) -> None:
    archive = postgresql.archive(postgresql.database(THINGS, "INSERT INTO things VALUES (1, 'x')"))
    target = postgresql.database(FAMILY, "INSERT INTO heirs VALUES (2, 'y', 3)")
    assert "heirs" in postgresql.refused(target, archive).problem("unsafe-table", "things")["message"]


def test_partitions_are_one_table(postgresql: Case) -> None:
    schema = """
    CREATE TABLE things (id integer PRIMARY KEY, code text NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF things FOR VALUES FROM (0) TO (10);
    CREATE TABLE high PARTITION OF things FOR VALUES FROM (10) TO (99);
    """
    archive = postgresql.archive(postgresql.database(schema, "INSERT INTO things VALUES (1, 'x'), (11, 'y')"))
    target = postgresql.database(schema)
    report = postgresql.restored(target, archive)
    assert set(report["tables"]) == {"things"}
    assert counts(report, "things") == {"read": 2, "inserted": 2}
    assert target.fetch("SELECT * FROM high") == [(11, "y")]


# --- MariaDB ----------------------------------------------------------------------------------------------------------

ITEMS = """
CREATE TABLE a (id int PRIMARY KEY, code varchar(9) NOT NULL UNIQUE, v int) ENGINE={engine};
CREATE TABLE b (id int PRIMARY KEY, code varchar(9) NOT NULL UNIQUE, a_id int);
"""
SAFE = ITEMS.replace("{engine}", "InnoDB")
ITEM_ROWS = "INSERT INTO a VALUES (1, 'x', 1); INSERT INTO b VALUES (1, 'x', 1)"


@pytest.mark.parametrize("engine", ["MyISAM", "Aria"])
def test_tables_without_transactions_are_refused(mariadb: Case, engine: str) -> None:
    unsafe = ITEMS.replace("{engine}", engine)
    keys = mariadb.registry("b: {key: [code], references: [{columns: [a_id], table: a}]}")
    archive = mariadb.archive(mariadb.database(SAFE, ITEM_ROWS), "--registry", keys)
    assert engine in mariadb.refused(mariadb.database(unsafe), archive).problem("unsafe-table", "a")["message"]
    # What is only read may be of any engine.
    target = mariadb.database(unsafe, "INSERT INTO a VALUES (7, 'x', 1)")
    report = mariadb.restored(target, archive, "--tables", "b")
    assert counts(report, "b") == {"read": 1, "inserted": 1}
    assert target.fetch("SELECT a_id FROM b") == [(7,)]


def test_a_backup_says_which_tables_no_snapshot_holds(mariadb: Case, tmp_path: Path) -> None:
    source = mariadb.database(ITEMS.replace("{engine}", "MyISAM"), ITEM_ROWS)
    answer = call("create", "--db", source.url, "-o", tmp_path / "unsafe.tar")
    assert answer.exit_code == 0, answer.text
    assert "table a is in no snapshot" in answer.text
    assert "MyISAM" in answer.text
    without = call("create", "--db", source.url, "-o", tmp_path / "safe.tar", "--exclude", "a")
    assert "snapshot: " not in without.text


STAMPED = """
CREATE TABLE nodes (id int AUTO_INCREMENT PRIMARY KEY, code varchar(9) NOT NULL UNIQUE,
    parent int NULL REFERENCES nodes (id), v int,
    up timestamp NOT NULL DEFAULT current_timestamp ON UPDATE current_timestamp);
"""
STAMPED_ROWS = """
INSERT INTO nodes VALUES (1, 'r', NULL, 1, '2020-01-01 00:00:00');
INSERT INTO nodes VALUES (2, 'c', 1, 1, '2020-01-01 00:00:00');
"""
NEWER_ROWS = """
INSERT INTO nodes VALUES (1, 'r', NULL, 2, '2021-01-01 00:00:00');
INSERT INTO nodes VALUES (2, 'd', 1, 2, '2021-01-01 00:00:00');
"""
STAMPS = "SELECT code, v, CAST(up AS char(10)) FROM nodes ORDER BY code"


def test_a_row_that_is_patched_keeps_its_stamp(mariadb: Case) -> None:
    archive = mariadb.archive(mariadb.database(STAMPED, STAMPED_ROWS))
    target = mariadb.database(STAMPED)
    assert counts(mariadb.restored(target, archive), "nodes") == {"read": 2, "inserted": 2}
    assert target.fetch(STAMPS) == [("c", 1, "2020-01-01"), ("r", 1, "2020-01-01")]


def test_a_kept_stamp_stays_when_the_rest_of_the_row_changes(mariadb: Case) -> None:
    archive = mariadb.archive(mariadb.database(STAMPED, STAMPED_ROWS))
    target = mariadb.database(STAMPED, NEWER_ROWS)
    keep = mariadb.registry("nodes: {keep_columns: [up, parent]}")
    report = mariadb.restored(target, archive, "--registry", keep)
    assert counts(report, "nodes") == {"read": 2, "inserted": 1, "updated": 1}
    assert target.fetch(STAMPS) == [("c", 1, "2020-01-01"), ("d", 2, "2021-01-01"), ("r", 1, "2021-01-01")]


TREE = """
CREATE TABLE nodes (id int AUTO_INCREMENT PRIMARY KEY, code varchar(9) NOT NULL UNIQUE,
    parent int NOT NULL REFERENCES nodes (id));
"""


@pytest.mark.parametrize("ids", ["preserve", "assign"])
def test_parents_that_come_later_and_must_be_there(mariadb: Case, ids: str) -> None:
    source = mariadb.database(TREE)
    # The root refers to itself; each other row to one with a greater number.
    mariadb.without_foreign_keys(source, "INSERT INTO nodes VALUES (1, 'd', 2), (2, 'c', 3), (3, 'b', 9), (9, 'r', 9)")
    archive = mariadb.archive(source)
    target = mariadb.database(TREE)
    report = mariadb.restored(target, archive, "--ids", ids)
    assert counts(report, "nodes") == {"read": 4, "inserted": 4}
    parents = "SELECT n.code, p.code FROM nodes n JOIN nodes p ON p.id = n.parent ORDER BY 1"
    assert target.fetch(parents) == [("b", "r"), ("c", "b"), ("d", "c"), ("r", "r")]


def test_rows_that_must_be_there_before_each_other(mariadb: Case) -> None:
    source = mariadb.database(TREE)
    mariadb.without_foreign_keys(source, "INSERT INTO nodes VALUES (1, 'a', 2), (2, 'b', 1)")
    mariadb.caught(mariadb.database(TREE), mariadb.archive(source))


# --- from one product to another --------------------------------------------------------------------------------------

UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
BY_UUID = """
CREATE TABLE parents (id {id}, u {uuid} NOT NULL UNIQUE);
CREATE TABLE children (id {id}, name varchar(20) NOT NULL UNIQUE, parent_id {ref} REFERENCES parents (id));
"""


@pytest.mark.parametrize("product", ["sqlite", "mariadb"])
@pytest.mark.parametrize("form", ["char(32)", "char(36)"])
def test_a_parent_that_only_the_target_has_is_found_by_its_uuid(
    postgresql: Case, new_case: NewCase, product: str, form: str
) -> None:
    source = postgresql.database(
        BY_UUID.replace("{uuid}", "uuid"),
        f"INSERT INTO parents (id, u) VALUES (1, '{UUID}'); INSERT INTO children (name, parent_id) VALUES ('x', 1)",
    )
    keys = postgresql.registry("parents: {key: [u]}\nchildren: {key: [name]}")
    archive = postgresql.archive(source, "--registry", keys)
    there = new_case(product)
    schema = BY_UUID.replace("{uuid}", form)
    # The target's rows are written as the tool writes a whole archive there.
    target = there.database(schema)
    there.restored(target, archive)
    there.run(target, "DELETE FROM children; UPDATE parents SET id = 7")
    report = there.restored(target, archive, "--tables", "children")
    assert counts(report, "children") == {"read": 1, "inserted": 1}
    assert target.fetch("SELECT parent_id FROM children") == [(7,)]


def test_a_number_that_only_the_source_can_hold(mariadb: Case, new_case: NewCase) -> None:
    wide = "CREATE TABLE sums (id {id}, code varchar(9) NOT NULL UNIQUE, v bigint unsigned);"
    archive = mariadb.archive(mariadb.database(wide, f"INSERT INTO sums VALUES (1, 'x', {2**63}), (2, 'y', 1)"))
    sqlite = new_case("sqlite")
    refused = sqlite.refused(sqlite.database(wide.replace(" unsigned", "")), archive)
    assert {(p["table"], tuple(p["key"])) for p in refused.problems} == {("sums", ("x",))}
