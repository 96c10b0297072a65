"""A target whose schema is another one than the archive's: what is said of it, and what the registry answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.restore.helpers import Case, Refused, call, counts
from tests.servers import Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


OLD = """
CREATE TABLE users (id {id}, username varchar(50) NOT NULL UNIQUE, mail varchar(100), joined date, code varchar(20),
    nick varchar(20));
CREATE TABLE old_notes (id {id}, number integer NOT NULL UNIQUE, user_id {ref} REFERENCES users (id));
CREATE TABLE junk (id {id}, name varchar(20) NOT NULL UNIQUE);
CREATE TABLE unused (id {id}, name varchar(20) NOT NULL UNIQUE);
"""
OLD_ROWS = """
INSERT INTO users (id, username, mail, joined, code, nick)
    VALUES (7, 'admin', 'admin@x', '2024-02-29', 'abc   ', 'ad'), (9, 'author', NULL, NULL, 'abcde', NULL);
INSERT INTO old_notes (id, number, user_id) VALUES (1, 100, 7), (2, 200, 9);
INSERT INTO junk (id, name) VALUES (1, 'x'), (2, 'y');
"""
NEW = """
CREATE TABLE users (id {id}, username varchar(90) NOT NULL UNIQUE, email varchar(100), joined integer,
    code varchar(5), nick varchar(20) NOT NULL, badge integer NOT NULL, mood varchar(9));
CREATE TABLE notes (id {id}, number bigint NOT NULL UNIQUE, user_id {ref} REFERENCES users (id));
CREATE TABLE extra (id {id});
"""
ANSWER = """
users: {renames: {mail: email}, omit_columns: [joined], column_defaults: {badge: 5}}
"""
ANSWER_HEAD = "exclude: [junk]\nrenames: {old_notes: notes}\n"


def drift(report: dict[str, Any]) -> dict[tuple[str, str | None, str], str]:
    return {(d["table"], d["column"], d["what"]): d["class"] for d in report["drift"]}


def test_each_difference_is_classed_and_the_registry_answers(case: Case) -> None:
    archive = case.archive(case.database(OLD, OLD_ROWS))
    target = case.database(NEW)
    refused = case.refused(target, archive)
    found = drift(refused.document)
    unsafe = {
        ("users", "mail", "missing-column"): "map",
        ("users", "joined", "other-type"): "blocking",
        ("users", "badge", "new-column"): "blocking",
        ("old_notes", None, "missing-table"): "map",
        ("junk", None, "missing-table"): "map",
    }
    assert {place: level for place, level in found.items() if level != "safe"} == unsafe
    assert {(p["table"], p["column"], p["code"]) for p in refused.problems} == unsafe.keys()
    assert found[("users", "mood", "new-column")] == "safe"
    assert found[("users", "nick", "not-null")] == "safe"
    assert found[("extra", None, "new-table")] == "safe"
    assert found[("unused", None, "missing-table")] == "safe"
    assert set(refused.document["drift"][0]) == {"table", "column", "class", "what", "message"}
    for advice in (
        "renames: {mail: email}, or leave it out, omit_columns: [mail]",
        "omit_columns: [joined]",
        "column_defaults: {badge: value}",
        "renames: {old_notes: notes}, or leave it out, exclude: [old_notes]",
    ):
        assert advice in refused.text
    assert "mood" not in refused.text, "what is safe is said with -v only"

    # The answers, as the problems spell them. What is left depends on the values, and is found in the dry run too.
    registry = case.registry(ANSWER, ANSWER_HEAD)
    refused = case.refused(target, archive, "--registry", registry)
    check_values(case.product, refused)
    case.run(target, "DROP TABLE notes; DROP TABLE users")
    taken = NEW.replace("nick varchar(20) NOT NULL", "nick varchar(20)").replace("code varchar(5)", "code varchar(6)")
    case.run(target, taken.replace("CREATE TABLE extra (id {id});", ""))
    report = case.restored(target, archive, "--registry", registry)
    assert counts(report, "users") == {"read": 2, "inserted": 2}
    assert counts(report, "notes") == {"read": 2, "inserted": 2}
    assert "junk" not in report["tables"]
    assert any("junk of the archive is left out" in warning for warning in report["warnings"])
    assert set(drift(report).values()) == {"safe"}
    users = "SELECT username, email, joined, code, nick, badge, mood FROM users ORDER BY 1"
    assert target.fetch(users) == [
        ("admin", "admin@x", None, "abc   ", "ad", 5, None),
        ("author", None, None, "abcde", None, 5, None),
    ]
    notes = "SELECT n.number, u.username FROM notes n JOIN users u ON u.id = n.user_id ORDER BY 1"
    assert target.fetch(notes) == [(100, "admin"), (200, "author")]
    text = call("restore", archive, "--db", target.url, "--registry", registry, "--dry-run", "-v").text
    assert "safe differences between the schemas:\n" in text
    assert "column users.mood gets nothing from the archive" in text


def check_values(product: str, refused: Refused) -> None:
    """What only the values show: blanks at the end that a server would cut, and NULL."""
    found = drift(refused.document)
    by_value = {("users", "nick", "not-null"): "blocking"}
    if product == "sqlite":  # whose texts have no limit
        assert {(p["code"], tuple(p["key"]), p["column"]) for p in refused.problems} == {
            ("null-value", ("author",), "nick")
        }
    else:
        by_value = {("users", "code", "shorter-text"): "blocking"}
        problem = refused.problem("value-does-not-fit", "users", ["admin"])
        assert (problem["column"], problem["value"]) == ("code", "abc   ")
        assert "longer than the target's 5 characters" in problem["message"]
    assert by_value.items() <= found.items()


def test_ids_of_another_kind(new_database: Callable[[str], Database], tmp_path: Path) -> None:
    """Numbers became uuids: keys find the rows, and every new one gets an id of its own."""
    case = Case("postgresql", lambda: new_database("postgresql"), tmp_path)
    schema = """
    CREATE TABLE users (id {id}, username text NOT NULL UNIQUE);
    CREATE TABLE notes (id {id}, number integer NOT NULL UNIQUE, user_id {ref} NOT NULL REFERENCES users (id));
    """
    rows = """
    INSERT INTO users (id, username) VALUES (1, 'admin'), (2, 'author');
    INSERT INTO notes (number, user_id) VALUES (100, 1), (200, 2);
    """
    uuids = schema.replace("{id}", "uuid PRIMARY KEY").replace("{ref}", "uuid")
    there = "INSERT INTO users VALUES ('6b1f9d3e-0000-4000-8000-000000000001', 'author')"
    target = case.database(uuids, there)
    report = case.restored(target, case.archive(case.database(schema, rows)))
    assert counts(report, "users") == {"read": 2, "inserted": 1, "unchanged": 1}
    assert drift(report)[("users", "id", "other-ids")] == "safe"
    notes = "SELECT n.number, u.username FROM notes n JOIN users u ON u.id = n.user_id ORDER BY 1"
    assert target.fetch(notes) == [(100, "admin"), (200, "author")]


def test_references_into_a_table_that_is_left_out_and_not_there(
    new_database: Callable[[str], Database], tmp_path: Path
) -> None:
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    archive = case.archive(case.database(OLD, OLD_ROWS))
    target = case.database(NEW.replace("REFERENCES users (id)", ""), "DROP TABLE users")
    registry = case.registry("old_notes: {}", "exclude: [users, junk]\nrenames: {old_notes: notes}\n")
    problem = case.refused(target, archive, "--registry", registry).problem("value-does-not-fit", "notes", [100])
    assert 'user_id refers to users ["admin"], a table that the target lacks' in problem["message"]
