"""Rows that the target has already: which side wins, as the registry says, and that references follow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.restore.helpers import EDMS, EDMS_ROWS, Case, call, counts
from tests.servers import Database

UNIQUE_EMAIL = EDMS.replace("email varchar(100)", "email varchar(100) UNIQUE")


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


def _users(policy: str) -> str:
    return f"users: {{key: [username]{policy and ', '}{policy}}}"


def _conflicting(case: Case) -> tuple[Path, Database]:
    """In the archive author01 has a@x; in the target it belongs to 'boss', under another id."""
    archive = case.archive(case.database(UNIQUE_EMAIL, EDMS_ROWS), "--registry", case.registry(_users("")))
    return archive, case.database(UNIQUE_EMAIL, "INSERT INTO users (id, username, email) VALUES (3, 'boss', 'a@x')")


def test_on_conflict_keep_adopts_the_row_as_it_is(case: Case) -> None:
    archive, target = _conflicting(case)
    registry = case.registry(_users("on_conflict: keep"))
    report = case.restored(target, archive, "--registry", registry)
    assert counts(report, "users") == {"read": 3, "inserted": 2, "kept": 1}
    assert target.fetch("SELECT id, email FROM users WHERE username = 'boss'") == [(3, "a@x")]
    assert target.fetch("SELECT count(*) FROM users WHERE username = 'author01'") == [(0,)]
    assert target.fetch("SELECT author_id FROM documents WHERE number = 'SOP-1'") == [(3,)]


def test_on_conflict_update_gives_the_row_the_values_of_the_archive(case: Case) -> None:
    archive, target = _conflicting(case)
    registry = case.registry(_users("on_conflict: update"))
    report = case.restored(target, archive, "--registry", registry)
    assert counts(report, "users") == {"read": 3, "inserted": 2, "updated": 1}
    assert target.fetch("SELECT username, email FROM users WHERE id = 3") == [("author01", "a@x")]
    assert target.fetch("SELECT author_id FROM documents WHERE number = 'SOP-1'") == [(3,)]


@pytest.mark.parametrize("policy", ["keep", "update"])
def test_on_conflict_does_not_take_a_row_that_is_another_rows_own(case: Case, policy: str) -> None:
    # The holder of a@x is itself in the archive: adopting it would make two rows one.
    archive, target = _conflicting(case)
    target.execute_script("UPDATE users SET username = 'rev01'")
    report_or_refusal = call(
        "restore", archive, "--db", target.url, "--registry", case.registry(_users(f"on_conflict: {policy}")), "--json"
    )
    if report_or_refusal.exit_code == 0:
        # The archive takes a@x from rev01 (which has no address there): both rows are as the archive has them.
        rows = target.fetch("SELECT username, email FROM users ORDER BY username")
        assert rows == [("admin", "admin@x"), ("author01", "a@x"), ("rev01", None)]
    else:
        assert report_or_refusal.exit_code == 4
        assert {p["code"] for p in report_or_refusal.document["problems"]} <= {"unique-conflict", "ambiguous-key"}
        assert target.fetch("SELECT username, email FROM users") == [("rev01", "a@x")]


@pytest.mark.parametrize("policy", ["keep", "update"])
def test_on_conflict_with_two_candidates_is_refused(case: Case, policy: str) -> None:
    schema = EDMS.replace("email varchar(100)", "email varchar(100) UNIQUE, phone varchar(20) UNIQUE")
    rows = "INSERT INTO users (id, username, email, phone) VALUES (1, 'author01', 'a@x', '123')"
    archive = case.archive(case.database(schema, rows), "--registry", case.registry(_users("")))
    target = case.database(
        schema,
        "INSERT INTO users (id, username, email, phone) VALUES (3, 'boss', 'a@x', '9'), (4, 'chef', 'c@x', '123')",
    )
    refused = case.refused(target, archive, "--registry", case.registry(_users(f"on_conflict: {policy}")))
    assert refused.codes <= {"unique-conflict", "ambiguous-key"}
    for word in ("author01", "123"):
        assert word in refused.text


@pytest.mark.parametrize("policy", ["keep", "update"])
def test_two_rows_of_the_archive_that_adopt_one_row(case: Case, policy: str) -> None:
    schema = EDMS.replace("email varchar(100)", "email varchar(100) UNIQUE, phone varchar(20) UNIQUE")
    rows = "INSERT INTO users (id, username, email, phone) VALUES (1, 'a', 'a@x', '1'), (2, 'b', 'b@x', '2')"
    archive = case.archive(case.database(schema, rows), "--registry", case.registry(_users("")))
    target = case.database(schema, "INSERT INTO users (id, username, email, phone) VALUES (3, 'boss', 'a@x', '2')")
    refused = case.refused(target, archive, "--registry", case.registry(_users(f"on_conflict: {policy}")))
    assert {tuple(p["key"]) for p in refused.problems} <= {("a",), ("b",)}


def test_a_unique_pair_of_references_is_a_conflict_too(case: Case) -> None:
    schema = """
    CREATE TABLE roles (id {id}, name varchar(20) NOT NULL UNIQUE, module varchar(9) NOT NULL,
        level varchar(9) NOT NULL, UNIQUE (module, level));
    CREATE TABLE grants (id {id}, code varchar(20) NOT NULL UNIQUE, role_id {ref} NOT NULL REFERENCES roles (id));
    """
    rows = (
        "INSERT INTO roles (id, name, module, level) VALUES (7, 'Document Author', 'O1', 'write');"
        "INSERT INTO grants (code, role_id) VALUES ('g', 7)"
    )
    archive = case.archive(case.database(schema, rows), "--registry", case.registry("roles: {key: [name]}"))
    target = case.database(schema, "INSERT INTO roles (id, name, module, level) VALUES (2, 'Writer', 'O1', 'write')")
    problem = case.refused(target, archive).problem("unique-conflict", "roles")
    for word in ('roles ["Document Author"]', 'roles ["Writer"]', "module = O1", "level = write"):
        assert word in problem["message"]
    case.restored(target, archive, "--registry", case.registry("roles: {key: [name], on_conflict: keep}"))
    assert target.fetch("SELECT r.name FROM roles r JOIN grants g ON g.role_id = r.id") == [("Writer",)]


# --- on_match, keep_columns -------------------------------------------------------------------------------------------

MINE = "INSERT INTO users (id, username, email) VALUES (3, 'author01', 'mine@x'), (4, 'rev01', NULL)"


def _matching(case: Case) -> tuple[Path, Database]:
    return case.archive(case.database(EDMS, EDMS_ROWS)), case.database(EDMS, MINE)


def test_on_match_update(case: Case) -> None:
    archive, target = _matching(case)
    report = case.restored(target, archive, "--registry", case.registry(_users("on_match: update")))
    assert counts(report, "users") == {"read": 3, "inserted": 1, "updated": 1, "unchanged": 1}
    assert target.fetch("SELECT email FROM users WHERE id = 3") == [("a@x",)]


def test_on_match_keep(case: Case) -> None:
    archive, target = _matching(case)
    report = case.restored(target, archive, "--registry", case.registry(_users("on_match: keep")))
    assert counts(report, "users") == {"read": 3, "inserted": 1, "kept": 1, "unchanged": 1}
    assert target.fetch("SELECT email FROM users WHERE id = 3") == [("mine@x",)]
    assert target.fetch("SELECT author_id FROM documents WHERE number = 'SOP-1'") == [(3,)]


def test_on_match_fail(case: Case) -> None:
    archive, target = _matching(case)
    registry = case.registry(_users("on_match: fail"))
    problem = case.refused(target, archive, "--registry", registry).problem("row-exists", "users")
    assert problem["key"] == ["author01"]
    assert "on_match" in problem["message"]


def test_the_policy_of_the_archives_own_registry_is_used(case: Case) -> None:
    registry = case.registry(_users("on_match: keep"))
    archive = case.archive(case.database(EDMS, EDMS_ROWS), "--registry", registry)
    target = case.database(EDMS, MINE)
    assert counts(case.restored(target, archive), "users")["kept"] == 1


def test_keep_columns(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    archive = case.archive(source)
    target = case.database(
        EDMS,
        MINE,
        "INSERT INTO documents (id, number, title, author_id, reviewer_id) VALUES (1, 'SOP-1', 'my title', 4, 4)",
    )
    registry = case.registry(
        "users: {key: [username], keep_columns: [email]}\n"
        "documents: {key: [number], keep_columns: [title, reviewer_id]}"
    )
    report = case.restored(target, archive, "--registry", registry)
    assert counts(report, "users") == {"read": 3, "inserted": 1, "unchanged": 2}
    assert counts(report, "documents") == {"read": 2, "inserted": 1, "updated": 1}
    assert target.fetch("SELECT email FROM users WHERE id = 3") == [("mine@x",)]
    assert target.fetch("SELECT title, author_id, reviewer_id FROM documents WHERE id = 1") == [("my title", 3, 4)]
    assert target.fetch("SELECT email FROM users WHERE username = 'admin'") == [("admin@x",)], "new rows have it all"


def test_keep_columns_ends_a_conflict_on_update(case: Case) -> None:
    archive = case.archive(case.database(UNIQUE_EMAIL, EDMS_ROWS), "--registry", case.registry(_users("")))
    rows = "INSERT INTO users (id, username, email) VALUES (3, 'author01', 'mine@x'), (4, 'boss', 'a@x')"
    target = case.database(UNIQUE_EMAIL, rows)
    case.refused(target, archive).problem("unique-conflict", "users")
    case.restored(target, archive, "--registry", case.registry(_users("keep_columns: [email]")))
    assert target.fetch("SELECT email FROM users WHERE id = 3") == [("mine@x",)]


def test_keep_columns_with_an_unresolvable_reference(case: Case) -> None:
    # What is never written need not be resolved.
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(
        EDMS,
        MINE,
        "INSERT INTO documents (id, number, title, author_id, reviewer_id)"
        " VALUES (1, 'SOP-1', 'mine', 3, 3), (2, 'SOP-2', 'x', 4, 4)",
    )
    target.execute_script("UPDATE users SET username = 'other' WHERE id = 4")
    registry = case.registry("documents: {key: [number], keep_columns: [author_id, reviewer_id]}")
    report = case.restored(target, archive, "--registry", registry, "--tables", "documents")
    assert counts(report, "documents") == {"read": 2, "updated": 2}
    assert target.fetch("SELECT title, reviewer_id FROM documents ORDER BY id") == [("first", 3), ("second", 4)]
