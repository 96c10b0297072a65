"""What once went wrong on any product, on the smallest schemas that show it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edms_backup.backends.base import Backend
from edms_backup.backends.mariadb import MariaDB
from edms_backup.backends.postgresql import PostgreSQL
from edms_backup.backends.sqlite import SQLite
from tests.conftest import NewDatabase
from tests.oracle import everything
from tests.restore.helpers import USERS, Case, call, counts, error_line
from tests.servers import Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


# --- rows that are skipped --------------------------------------------------------------------------------------------

AUDITED = """
CREATE TABLE kinds (id {id}, app varchar(20) NOT NULL, model varchar(20) NOT NULL, UNIQUE (app, model));
CREATE TABLE docs (id {id}, num varchar(20) NOT NULL UNIQUE, author_id {ref} NOT NULL REFERENCES users (id));
CREATE TABLE audit (id {id}, code varchar(20) NOT NULL UNIQUE, kind_id {ref} REFERENCES kinds (id),
    object_id varchar(20));
"""
AUDITED_ROWS = """
INSERT INTO users (id, username) VALUES (1, 'gone'), (2, 'there');
INSERT INTO kinds (id, app, model) VALUES (1, 'a', 'doc');
INSERT INTO docs (id, num, author_id) VALUES (5, 'D', 1), (6, 'E', 2);
INSERT INTO audit (id, code, kind_id, object_id) VALUES (1, 'x', 1, '5'), (2, 'y', 1, '6');
"""
AUDITED_KEYS = """
kinds: {key: [app, model]}
docs: {key: [num], label: a.doc}
audit: {key: [code], references: [{columns: [kind_id, object_id], polymorphic: kinds}]}
"""


def test_a_polymorphic_reference_to_a_skipped_row_takes_its_row_along(case: Case) -> None:
    source = case.database(USERS + AUDITED, AUDITED_ROWS)
    archive = case.archive(source, "--registry", case.registry(AUDITED_KEYS))
    # The skipped row's own number is that of a stranger.
    target = case.database(
        USERS + AUDITED,
        "INSERT INTO users (id, username) VALUES (9, 'there');"
        "INSERT INTO docs (id, num, author_id) VALUES (5, 'stranger', 9)",
    )
    report = case.restored(target, archive, "--tables", "kinds,docs,audit", "--on-unresolved", "skip")
    assert counts(report, "docs") == {"read": 2, "inserted": 1, "skipped": 1}
    assert counts(report, "audit") == {"read": 2, "inserted": 1, "skipped": 1}
    new = target.fetch("SELECT id FROM docs WHERE num = 'E'")[0][0]
    assert target.fetch("SELECT code, object_id FROM audit") == [("y", str(new))]


def test_a_polymorphic_reference_to_a_skipped_row_that_the_target_has(case: Case) -> None:
    source = case.database(USERS + AUDITED, AUDITED_ROWS)
    archive = case.archive(source, "--registry", case.registry(AUDITED_KEYS))
    target = case.database(
        USERS + AUDITED,
        "INSERT INTO users (id, username) VALUES (9, 'there');"
        "INSERT INTO docs (id, num, author_id) VALUES (77, 'D', 9)",
    )
    report = case.restored(target, archive, "--tables", "kinds,docs,audit", "--on-unresolved", "skip")
    assert counts(report, "docs") == {"read": 2, "inserted": 1, "skipped": 1}
    assert counts(report, "audit") == {"read": 2, "inserted": 2}
    assert target.fetch("SELECT object_id FROM audit WHERE code = 'x'") == [("77",)]


def test_a_polymorphic_reference_where_no_table_has_a_label(case: Case) -> None:
    unlabelled = case.registry(AUDITED_KEYS.replace(", label: a.doc", ""))
    archive = case.archive(case.database(USERS + AUDITED, AUDITED_ROWS), "--registry", unlabelled)
    target = case.database(USERS + AUDITED)
    report = case.restored(target, archive)
    assert counts(report, "audit") == {"read": 2, "inserted": 2}
    assert sorted(target.fetch("SELECT code, object_id FROM audit")) == [("x", "5"), ("y", "6")]


def test_a_backup_says_which_types_no_table_has_as_its_label(case: Case) -> None:
    unlabelled = case.registry(AUDITED_KEYS.replace(", label: a.doc", ""))
    source = case.database(USERS + AUDITED, AUDITED_ROWS)
    answer = call("create", "--db", source.url, "--registry", unlabelled, "-o", unlabelled.with_suffix(".tar"))
    assert answer.exit_code == 0, answer.text
    assert "audit" in answer.text
    assert "a.doc" in answer.text


# --- references in a key ----------------------------------------------------------------------------------------------

KEYED_BY_USER = "CREATE TABLE notes (id {id}, user_id {ref} {fk}, n integer NOT NULL, other_id {ref} {fk});"
WITH_FK = KEYED_BY_USER.replace("{fk}", "REFERENCES users (id)")
WITHOUT_FK = KEYED_BY_USER.replace("{fk}", "")


def test_an_unresolvable_reference_of_a_key_is_never_emptied(case: Case) -> None:
    source = case.database(
        USERS + WITH_FK,
        "INSERT INTO users (id, username) VALUES (1, 'a');"
        "INSERT INTO notes (id, user_id, n, other_id) VALUES (1, 1, 7, NULL), (2, NULL, 8, 1)",
    )
    archive = case.archive(source, "--registry", case.registry("notes: {key: [user_id, n]}"))
    refused = case.refused(case.database(USERS + WITH_FK), archive, "--tables", "notes", "--on-unresolved", "null")
    problem = refused.problem("unresolved-reference", "notes")
    assert (problem["column"], problem["value"]) == ("user_id", ["a"])
    assert refused.codes == {"unresolved-reference"}
    assert counts(refused.document, "notes") == {"read": 2, "inserted": 1, "failed": 1}


def test_a_dangling_reference_of_a_key_is_never_emptied(case: Case) -> None:
    source = case.database(USERS + WITHOUT_FK, "INSERT INTO notes (id, user_id, n) VALUES (1, 99, 7)")
    keys = case.registry("notes: {key: [user_id, n], references: [{columns: [user_id], table: users}]}")
    archive = case.archive(source, "--registry", keys)
    target = case.database(USERS + WITHOUT_FK, "INSERT INTO users (id, username) VALUES (99, 'stranger')")
    refused = case.refused(target, archive, "--on-unresolved", "null")
    problem = refused.problem("dangling-reference", "notes")
    assert (problem["column"], str(problem["value"])) == ("user_id", "99")


# --- keys and columns that the target has otherwise -------------------------------------------------------------------

PARENT = "CREATE TABLE parents (id {id}, code varchar(20) UNIQUE, v integer);"
CHILD = "CREATE TABLE children (id {id}, name varchar(20) NOT NULL UNIQUE, parent_id {ref} REFERENCES parents (id));"
FAMILY_ROWS = """
INSERT INTO parents (id, code, v) VALUES (1, 'abc', 1), (2, 'b', 1);
INSERT INTO children (id, name, parent_id) VALUES (1, 'x', 1);
"""
FAMILY_KEYS = "parents: {key: [code]}\nchildren: {key: [name]}"


def test_a_key_value_that_the_target_cannot_hold_is_not_the_row_whose_key_is_null(case: Case) -> None:
    archive = case.archive(case.database(PARENT + CHILD, FAMILY_ROWS), "--registry", case.registry(FAMILY_KEYS))
    numbers = PARENT.replace("code varchar(20)", "code integer")
    target = case.database(numbers + CHILD, "INSERT INTO parents (id, code) VALUES (77, NULL)")
    refused = case.refused(target, archive, "--tables", "children")
    problem = refused.problem("unresolved-reference", "children", ["x"])
    assert (problem["column"], problem["value"]) == ("parent_id", ["abc"])


OTHER_KEY = PARENT.replace("code varchar(20)", "codex varchar(20)")
OTHER_ID = PARENT.replace("id {id}", "pk {id}")
OTHER_CHILD = CHILD.replace("parents (id)", "parents (pk)")


@pytest.mark.parametrize(
    "schema, table, column",
    [
        (OTHER_KEY + CHILD, "parents", "code"),
        (OTHER_ID + OTHER_CHILD, "parents", "id"),
        (PARENT + CHILD.replace("parent_id", "elder_id"), "children", "parent_id"),
        (PARENT + CHILD.replace("name", "title"), "children", "name"),
    ],
    ids=["key", "referred", "referring", "key of the child"],
)
def test_a_target_without_a_key_or_reference_column(case: Case, schema: str, table: str, column: str) -> None:
    archive = case.archive(case.database(PARENT + CHILD, FAMILY_ROWS), "--registry", case.registry(FAMILY_KEYS))
    refused = case.refused(case.database(schema), archive)
    assert refused.problem("missing-column", table)["column"] == column


@pytest.mark.parametrize(
    "schema, column",
    [(OTHER_KEY + CHILD, "code"), (OTHER_ID + OTHER_CHILD, "id")],
    ids=["key", "referred"],
)
def test_a_parent_outside_the_restore_without_a_key_or_referred_column(case: Case, schema: str, column: str) -> None:
    archive = case.archive(case.database(PARENT + CHILD, FAMILY_ROWS), "--registry", case.registry(FAMILY_KEYS))
    refused = case.refused(case.database(schema), archive, "--tables", "children")
    assert refused.problem("missing-column", "parents")["column"] == column


# --- tables without a primary key whose key holds NULL ----------------------------------------------------------------

BARE = "CREATE TABLE words (code varchar(20) UNIQUE, v varchar(20));"
BARE_KEY = "words: {key: [code]}"


@pytest.mark.parametrize("mode", ["merge", "mirror"])
def test_a_null_key_without_a_primary_key(case: Case, mode: str) -> None:
    source = case.database(BARE, "INSERT INTO words VALUES (NULL, 'x'), ('a', 'b')")
    archive = case.archive(source, "--registry", case.registry(BARE_KEY))
    target = case.database(BARE)
    report = case.restored(target, archive, "--mode", mode)
    assert counts(report, "words") == {"read": 2, "inserted": 2}
    assert sorted(target.fetch("SELECT code, v FROM words"), key=repr) == [("a", "b"), (None, "x")]


@pytest.mark.parametrize("mode", ["merge", "mirror"])
def test_a_null_key_without_a_primary_key_finds_its_row(case: Case, mode: str) -> None:
    source = case.database(BARE, "INSERT INTO words VALUES (NULL, 'x'), ('a', 'b')")
    archive = case.archive(source, "--registry", case.registry(BARE_KEY))
    target = case.database(BARE, "INSERT INTO words VALUES (NULL, 'y'), ('a', 'b')")
    report = case.restored(target, archive, "--mode", mode)
    assert counts(report, "words") == {"read": 2, "updated": 1, "unchanged": 1}
    assert sorted(target.fetch("SELECT code, v FROM words"), key=repr) == [("a", "b"), (None, "x")]


def test_a_null_in_a_primary_key_of_sqlite(new_database: NewDatabase, tmp_path: Path) -> None:
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    schema = "CREATE TABLE words (a varchar(9), b varchar(9), v varchar(9), PRIMARY KEY (a, b));"
    archive = case.archive(case.database(schema, "INSERT INTO words VALUES ('a', NULL, 'x'), ('a', 'b', 'y')"))
    assert counts(case.restored(case.database(schema), archive), "words") == {"read": 2, "inserted": 2}
    target = case.database(schema, "INSERT INTO words VALUES ('a', NULL, 'other')")
    assert counts(case.restored(target, archive), "words") == {"read": 2, "inserted": 1, "updated": 1}
    assert sorted(target.fetch("SELECT b, v FROM words"), key=repr) == [("b", "y"), (None, "x")]


def test_a_cycle_through_the_only_column_that_finds_a_row(case: Case) -> None:
    """Of two references that could wait, the one that is part of the key does not."""
    schema = """
    CREATE TABLE a (code varchar(9) NOT NULL UNIQUE, b_id integer{b});
    CREATE TABLE b (bid integer NOT NULL UNIQUE, code varchar(9) NOT NULL, x varchar(9) REFERENCES a (code));
    """
    schema = schema.replace("{b}", " REFERENCES b (bid)" if case.product == "sqlite" else "")
    later = "" if case.product == "sqlite" else "ALTER TABLE a ADD CONSTRAINT ab FOREIGN KEY (b_id) REFERENCES b (bid);"
    rows = "INSERT INTO a VALUES ('A', NULL); INSERT INTO b VALUES (1, 'B', 'A'); UPDATE a SET b_id = 1"
    keys = case.registry("a: {key: [code]}\nb: {key: [code, x]}")
    archive = case.archive(case.database(schema, later, rows), "--registry", keys)
    target = case.database(schema, later)
    report = case.restored(target, archive)
    assert counts(report, "b") == {"read": 1, "inserted": 1}
    assert target.fetch("SELECT * FROM a") == [("A", 1)]
    assert target.fetch("SELECT * FROM b") == [(1, "B", "A")]


# --- what the target checks -------------------------------------------------------------------------------------------

PRICES = "CREATE TABLE prices (id {id}, code varchar(20) NOT NULL UNIQUE, v integer);"
PRICE_ROWS = "INSERT INTO prices (id, code, v) VALUES (1, 'a', -1), (2, 'b', 2)"


@pytest.mark.parametrize("extra", ["extra varchar(20)", "extra integer GENERATED ALWAYS AS (v * 2) STORED"])
def test_a_check_of_a_target_with_another_column(case: Case, extra: str) -> None:
    archive = case.archive(case.database(PRICES, PRICE_ROWS))
    target = case.database(PRICES.replace("v integer", f"v integer CHECK (v > 0), {extra}"))
    refused = case.refused(target, archive)
    refused.problem("check-violated", "prices", ["a"])
    assert counts(refused.document, "prices") == {"read": 2, "inserted": 1, "failed": 1}


def test_a_check_that_only_the_targets_own_column_fulfils(case: Case) -> None:
    archive = case.archive(case.database(PRICES, PRICE_ROWS))
    own = "v integer, extra varchar(20) DEFAULT 'yes', CHECK (v > 0 OR extra = 'yes')"
    report = case.restored(case.database(PRICES.replace("v integer", own)), archive)
    assert counts(report, "prices") == {"read": 2, "inserted": 2}


# --- mirror -----------------------------------------------------------------------------------------------------------

WRITTEN = """
CREATE TABLE teams (id {id}, name varchar(20) NOT NULL UNIQUE);
CREATE TABLE docs (id {id}, num varchar(20) NOT NULL UNIQUE, author_id {ref} REFERENCES users (id),
    team_id {ref} REFERENCES teams (id));
"""
OLD_AUTHOR = """
INSERT INTO users (id, username) VALUES (1, 'a'), (2, 'old');
INSERT INTO docs (id, num, author_id) VALUES (1, 'D', 2);
"""


@pytest.mark.parametrize("policy", ["keep_columns: [author_id]", "on_match: keep"])
def test_mirror_does_not_delete_what_a_kept_row_refers_to(case: Case, policy: str) -> None:
    source = case.database(
        USERS + WRITTEN,
        "INSERT INTO users (id, username) VALUES (1, 'a'); INSERT INTO docs (id, num, author_id) VALUES (1, 'D', 1)",
    )
    archive = case.archive(source, "--registry", case.registry(f"docs: {{key: [num], {policy}}}"))
    target = case.database(USERS + WRITTEN, OLD_AUTHOR)
    refused = case.refused(target, archive, "--mode", "mirror")
    problem = refused.problem("still-referenced", "users", ["old"])
    assert "docs refers to it (author_id)" in problem["message"]
    # Nothing holds it once the row is let go.
    free = case.registry("docs: {key: [num]}")
    assert case.restored(target, archive, "--mode", "mirror", "--registry", free)["tables"]["users"]["deleted"] == 1


def test_mirror_does_not_delete_what_a_skipped_row_refers_to(case: Case) -> None:
    source = case.database(
        USERS + WRITTEN,
        "INSERT INTO users (id, username) VALUES (1, 'a'); INSERT INTO teams (id, name) VALUES (1, 'nowhere');"
        "INSERT INTO docs (id, num, author_id, team_id) VALUES (1, 'D', 1, 1)",
    )
    archive = case.archive(source)
    target = case.database(USERS + WRITTEN, OLD_AUTHOR)
    flags = ("--mode", "mirror", "--tables", "users,docs", "--on-unresolved", "skip")
    refused = case.refused(target, archive, *flags)
    problem = refused.problem("still-referenced", "users", ["old"])
    assert "docs refers to it (author_id)" in problem["message"]


def test_mirror_does_not_delete_what_a_declared_reference_outside_points_to(case: Case) -> None:
    schema = USERS + "CREATE TABLE logs (id {id}, code varchar(20) NOT NULL UNIQUE, user_id {ref});"
    keys = case.registry("logs: {key: [code], references: [{columns: [user_id], table: users}]}")
    source = case.database(schema, "INSERT INTO users (id, username) VALUES (1, 'a')")
    archive = case.archive(source, "--registry", keys)
    rows = "INSERT INTO users (id, username) VALUES (1, 'a'), (2, 'old'); INSERT INTO logs VALUES (1, 'l', 2)"
    refused = case.refused(case.database(schema, rows), archive, "--mode", "mirror", "--tables", "users")
    assert "logs" in refused.problem("still-referenced", "users", ["old"])["message"]


# --- policies ---------------------------------------------------------------------------------------------------------


def test_a_kept_column_that_no_table_has(case: Case) -> None:
    archive = case.archive(case.database(PRICES, PRICE_ROWS))
    target = case.database(PRICES, "INSERT INTO prices (id, code, v) VALUES (1, 'a', 2)")
    before = everything(target)
    wrong = case.registry("prices: {keep_columns: [vv]}")
    for flags in ((), ("--dry-run",)):
        answer = call("restore", archive, "--db", target.url, "--registry", wrong, "--quiet", *flags)
        assert answer.exit_code == 2, answer.text
        line = error_line(answer)
        assert f"{wrong}:" in line
        assert "prices" in line
        assert "vv" in line
        assert everything(target) == before


@pytest.mark.parametrize("how", ["on_match: keep", "--mode insert"])
def test_a_row_that_is_only_kept_need_not_resolve(case: Case, how: str) -> None:
    source = case.database(
        USERS + WRITTEN,
        "INSERT INTO users (id, username) VALUES (1, 'gone'); INSERT INTO docs (id, num, author_id) VALUES (1, 'D', 1)",
    )
    policy, flags = ("", how.split()) if how.startswith("--") else (f", {how}", [])
    archive = case.archive(source, "--registry", case.registry(f"docs: {{key: [num]{policy}}}"))
    target = case.database(USERS + WRITTEN, OLD_AUTHOR)
    for unresolved in ("fail", "skip"):
        report = case.restored(target, archive, "--tables", "docs", "--on-unresolved", unresolved, *flags)
        taken = "kept" if policy else "skipped"
        assert counts(report, "docs") == {"read": 1, taken: 1}
    assert target.fetch("SELECT author_id FROM docs") == [(2,)]


def test_on_conflict_does_not_take_a_row_whose_key_would_not_be_the_archives(case: Case) -> None:
    schema = """
    CREATE TABLE things (code varchar(20) PRIMARY KEY, alt varchar(20) NOT NULL UNIQUE, v integer);
    CREATE TABLE uses (name varchar(20) PRIMARY KEY, thing varchar(20) REFERENCES things (code));
    """
    source = case.database(schema, "INSERT INTO things VALUES ('A', 'x', 1); INSERT INTO uses VALUES ('1', 'A')")
    archive = case.archive(source, "--registry", case.registry("things: {key: [code], on_conflict: update}"))
    target = case.database(schema, "INSERT INTO things VALUES ('B', 'x', 2)")
    refused = case.refused(target, archive)
    assert refused.problem("unique-conflict", "things", ["A"])["value"] == ["x"]


# --- a schema that changes meanwhile ----------------------------------------------------------------------------------

CHANGES = ["ALTER TABLE prices ADD COLUMN precious varchar(20) DEFAULT 'p'", "CREATE TABLE newer (id integer)"]
BACKENDS: dict[str, type[Backend]] = {"sqlite": SQLite, "postgresql": PostgreSQL, "mariadb": MariaDB}


@pytest.mark.parametrize("change", CHANGES, ids=["column", "table"])
def test_a_schema_that_changes_before_the_snapshot(case: Case, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    source = case.database(PRICES, PRICE_ROWS)
    folder = Path(case.registry("prices: {}")).parent
    _change_before(monkeypatch, case.product, "begin_snapshot", source, change)
    answer = call("create", "--db", source.url, "-o", folder / "changed.tar", "--quiet")
    assert answer.exit_code == 1, answer.text
    assert "schema changed" in error_line(answer)
    assert not list(folder.glob("changed*"))


@pytest.mark.parametrize("change", ["ALTER TABLE prices ADD COLUMN precious varchar(20)", CHANGES[1]])
def test_a_schema_that_changes_before_the_restore(case: Case, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    archive = case.archive(case.database(PRICES, PRICE_ROWS))
    target = case.database(PRICES)
    _change_before(monkeypatch, case.product, "begin_restore", target, change)
    answer = call("restore", archive, "--db", target.url, "--quiet")
    assert answer.exit_code == 1, answer.text
    assert "schema changed" in error_line(answer)
    assert target.fetch("SELECT count(*) FROM prices") == [(0,)]
    monkeypatch.undo()
    case.restored(target, archive)


def _change_before(patch: pytest.MonkeyPatch, product: str, method: str, database: Database, change: str) -> None:
    """Another session's migration comes through after the schema was read."""
    backend = BACKENDS[product]
    begin = getattr(backend, method)

    def changed(self: Backend, tables: Any) -> None:
        database.execute_script(change)
        begin(self, tables)

    patch.setattr(backend, method, changed)
