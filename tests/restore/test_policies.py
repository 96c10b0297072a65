"""What the operator asks for: modes, ids, unresolved references, tables without a key, references of every shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle import Facts, content
from tests.restore.helpers import EDMS, EDMS_ROWS, USERS, Case, call, counts
from tests.servers import Database

FACTS = {
    "users": Facts(("username",), "id"),
    "documents": Facts(("number",), "id", {"author_id": ("users", "id"), "reviewer_id": ("users", "id")}),
    "comments": Facts(("code",), "id", {"document_id": ("documents", "id")}),
}


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


# --- --on-unresolved --------------------------------------------------------------------------------------------------


def test_null_empties_what_may_be_empty(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (1, 'author01'), (2, 'rev01')")
    target.execute_script("UPDATE users SET username = 'someone' WHERE id = 2")
    refused = case.refused(target, archive, "--tables", "documents", "--on-unresolved", "null")
    # SOP-2's author may not be empty; SOP-1's reviewer may.
    assert {(p["code"], tuple(p["key"]), p["column"]) for p in refused.problems} == {
        ("null-value", ("SOP-2",), "author_id")
    }


def test_null_restores_the_rest_of_the_row(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS, "DELETE FROM comments; DELETE FROM documents WHERE number = 'SOP-2'")
    archive = case.archive(source)
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (1, 'author01')")
    report = case.restored(target, archive, "--tables", "documents", "--on-unresolved", "null")
    assert counts(report, "documents") == {"read": 1, "inserted": 1}
    assert report["tables"]["documents"]["references"]["unresolved"] == 1
    assert target.fetch("SELECT number, author_id, reviewer_id FROM documents") == [("SOP-1", 1, None)]


def test_null_empties_a_dangling_reference(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    case.without_foreign_keys(
        source, "DELETE FROM users WHERE username = 'admin'; UPDATE documents SET reviewer_id = 820"
    )
    target = case.database(EDMS)
    archive = case.archive(source)
    report = case.restored(target, archive, "--on-unresolved", "null")
    assert counts(report, "documents") == {"read": 2, "inserted": 2}
    assert target.fetch("SELECT DISTINCT reviewer_id FROM documents") == [(None,)]


def test_skip_leaves_out_rows_and_what_refers_to_them(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (1, 'rev01')")
    report = case.restored(target, archive, "--tables", "documents,comments", "--on-unresolved", "skip")
    assert counts(report, "documents") == {"read": 2, "inserted": 1, "skipped": 1}
    assert counts(report, "comments") == {"read": 2, "inserted": 1, "skipped": 1}
    assert target.fetch("SELECT number FROM documents") == [("SOP-2",)]
    assert target.fetch("SELECT code FROM comments") == [("c2",)]
    answer = call("restore", archive, "--db", target.url, "--tables", "documents,comments", "--on-unresolved", "skip")
    assert "skip" in answer.text


def test_skip_does_not_take_along_what_refers_to_a_row_of_the_target(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(
        EDMS,
        "INSERT INTO users (id, username) VALUES (1, 'rev01');"
        "INSERT INTO documents (id, number, title, author_id) VALUES (9, 'SOP-1', 'mine', 1)",
    )
    report = case.restored(target, archive, "--tables", "documents,comments", "--on-unresolved", "skip")
    assert counts(report, "documents") == {"read": 2, "inserted": 1, "skipped": 1}
    assert counts(report, "comments") == {"read": 2, "inserted": 2}
    assert target.fetch("SELECT title FROM documents WHERE number = 'SOP-1'") == [("mine",)]
    assert target.fetch("SELECT document_id FROM comments WHERE code = 'c1'") == [(9,)]


TREE = """
CREATE TABLE folders (id {id}, name varchar(50) NOT NULL UNIQUE, parent_id {ref} REFERENCES folders (id),
    owner_id {ref} REFERENCES users (id));
"""
TREE_FACTS = {
    "users": Facts(("username",), "id"),
    "folders": Facts(("name",), "id", {"parent_id": ("folders", "id"), "owner_id": ("users", "id")}),
}


def test_skip_follows_a_chain_of_self_references(case: Case) -> None:
    rows = """
    INSERT INTO users (id, username) VALUES (1, 'a'), (2, 'b');
    INSERT INTO folders (id, name, parent_id, owner_id) VALUES (1, 'root', NULL, 1);
    INSERT INTO folders (id, name, parent_id, owner_id) VALUES (2, 'sub', 1, 2);
    INSERT INTO folders (id, name, parent_id, owner_id) VALUES (3, 'subsub', 2, 1);
    INSERT INTO folders (id, name, parent_id, owner_id) VALUES (4, 'leaf', 3, NULL);
    """
    archive = case.archive(case.database(USERS + TREE, rows))
    target = case.database(USERS + TREE, "INSERT INTO users (id, username) VALUES (7, 'a')")
    report = case.restored(target, archive, "--tables", "folders", "--on-unresolved", "skip")
    assert counts(report, "folders") == {"read": 4, "inserted": 1, "skipped": 3}
    assert target.fetch("SELECT name, owner_id FROM folders") == [("root", 7)]


# --- self references, cycles, composite keys --------------------------------------------------------------------------


def test_self_references_under_other_ids(case: Case) -> None:
    rows = """
    INSERT INTO folders (id, name) VALUES (1, 'root');
    INSERT INTO folders (id, name, parent_id) VALUES (2, 'z', 1), (3, 'a', 2), (5, 'm', 1);
    INSERT INTO folders (id, name) VALUES (9, 'own');
    UPDATE folders SET parent_id = 9 WHERE id = 9;
    UPDATE folders SET parent_id = 3 WHERE id = 5;
    """
    source = case.database(USERS + TREE, rows)
    archive = case.archive(source)
    target = case.database(
        USERS + TREE, "INSERT INTO folders (id, name) VALUES (1, 'm'), (2, 'theirs'); UPDATE folders SET parent_id = 2"
    )
    report = case.restored(target, archive)
    assert counts(report, "folders") == {"read": 5, "inserted": 4, "updated": 1}
    after = content(target, TREE_FACTS)["folders"]
    assert {k: v for k, v in after.items() if k != ("theirs",)} == content(source, TREE_FACTS)["folders"]
    assert after[("theirs",)]["parent_id"] == ("theirs",)


CYCLE = """
CREATE TABLE teams (id {id}, name varchar(50) NOT NULL UNIQUE, lead_id {ref});
CREATE TABLE people (id {id}, name varchar(50) NOT NULL UNIQUE, team_id {ref} NOT NULL REFERENCES teams (id));
"""
CLOSE_CYCLE = "ALTER TABLE teams ADD CONSTRAINT teams_lead FOREIGN KEY (lead_id) REFERENCES people (id)"
CYCLE_FACTS = {
    "teams": Facts(("name",), "id", {"lead_id": ("people", "id")}),
    "people": Facts(("name",), "id", {"team_id": ("teams", "id")}),
}


def _cycle(case: Case, rows: str) -> Database:
    if case.product == "sqlite":
        return case.database(CYCLE.replace("lead_id {ref}", "lead_id {ref} REFERENCES people (id)"), rows)
    return case.database(CYCLE, CLOSE_CYCLE, rows)


@pytest.mark.parametrize("mode", ["merge", "mirror"])
def test_a_cycle_of_two_tables(case: Case, mode: str) -> None:
    source = _cycle(
        case,
        "INSERT INTO teams (id, name) VALUES (1, 't1'), (2, 't2');"
        "INSERT INTO people (id, name, team_id) VALUES (1, 'p1', 1), (2, 'p2', 2);"
        "UPDATE teams SET lead_id = 2 WHERE id = 1; UPDATE teams SET lead_id = 1 WHERE id = 2",
    )
    archive = case.archive(source)
    target = _cycle(
        case,
        "INSERT INTO teams (id, name) VALUES (1, 't2'), (2, 'gone');"
        "INSERT INTO people (id, name, team_id) VALUES (1, 'gone', 1), (2, 'gone too', 2);"
        "UPDATE teams SET lead_id = 1 WHERE id = 1; UPDATE teams SET lead_id = 2 WHERE id = 2",
    )
    report = case.restored(target, archive, "--mode", mode)
    assert counts(report, "teams") == {
        "read": 2, "inserted": 1, "updated": 1, **({"deleted": 1} if mode == "mirror" else {}),
    }  # fmt: skip
    after, wanted = content(target, CYCLE_FACTS), content(source, CYCLE_FACTS)
    for name, rows in wanted.items():
        assert {k: after[name][k] for k in rows} == rows
        assert mode == "merge" or after[name] == rows


def test_composite_keys_and_references(case: Case) -> None:
    schema = """
    CREATE TABLE countries (code varchar(2) PRIMARY KEY);
    CREATE TABLE cities (country varchar(2) NOT NULL REFERENCES countries (code), name varchar(20) NOT NULL,
        size integer, PRIMARY KEY (country, name));
    CREATE TABLE streets (id {id}, country varchar(2) NOT NULL, city varchar(20) NOT NULL, name varchar(20) NOT NULL,
        UNIQUE (country, city, name), FOREIGN KEY (country, city) REFERENCES cities (country, name));
    """
    rows = (
        "INSERT INTO countries VALUES ('de'), ('us');"
        "INSERT INTO cities VALUES ('de', 'berlin', 1), ('us', 'berlin', 2);"
        "INSERT INTO streets (country, city, name) VALUES ('us', 'berlin', 'a'), ('de', 'berlin', 'a')"
    )
    source = case.database(schema, rows)
    archive = case.archive(source)
    target = case.database(schema, "INSERT INTO countries VALUES ('de'); INSERT INTO cities VALUES ('de', 'berlin', 9)")
    report = case.restored(target, archive)
    assert counts(report, "cities") == {"read": 2, "inserted": 1, "updated": 1}
    query = (
        "SELECT s.country, city, s.name, size FROM streets s JOIN cities c ON c.country = s.country AND c.name = s.city"
    )
    assert sorted(target.fetch(query)) == [("de", "berlin", "a", 1), ("us", "berlin", "a", 2)]


def test_a_composite_surrogate_reference(case: Case) -> None:
    schema = """
    CREATE TABLE documents (id {ref} NOT NULL, version integer NOT NULL, number varchar(9) NOT NULL UNIQUE,
        PRIMARY KEY (id, version));
    CREATE TABLE files (id {id}, name varchar(9) NOT NULL UNIQUE, document_id {ref}, document_version integer,
        FOREIGN KEY (document_id, document_version) REFERENCES documents (id, version));
    """
    rows = (
        "INSERT INTO documents VALUES (1, 1, 'A-1'), (1, 2, 'A-2');"
        "INSERT INTO files (name, document_id, document_version) VALUES ('f1', 1, 1), ('f2', 1, 2), ('f3', NULL, NULL)"
    )
    source = case.database(schema, rows)
    registry = case.registry("documents: {key: [number]}\nfiles: {key: [name]}")
    archive = case.archive(source, "--registry", registry)
    target = case.database(schema, "INSERT INTO documents VALUES (5, 7, 'A-2')")
    case.restored(target, archive)
    query = "SELECT name, number FROM files LEFT JOIN documents d ON d.id = document_id AND version = document_version"
    assert sorted(target.fetch(query)) == [("f1", "A-1"), ("f2", "A-2"), ("f3", None)]
    assert target.fetch("SELECT id, version FROM documents WHERE number = 'A-2'") == [(5, 7)]


# --- tables without a key ---------------------------------------------------------------------------------------------

NOTES = "CREATE TABLE notes (id {id}, words varchar(50), user_id {ref} REFERENCES users (id));"
BARE = "CREATE TABLE bare (a integer, b varchar(9));"


def test_rows_without_a_key_come_back_with_their_multiplicity(case: Case) -> None:
    source = case.database(
        USERS + NOTES + BARE,
        "INSERT INTO users (id, username) VALUES (5, 'u'), (6, 'v');"
        "INSERT INTO notes (words, user_id) VALUES ('same', 5), ('same', 5), ('same', 6), (NULL, NULL), (NULL, NULL);"
        "INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, '')",
    )
    archive = case.archive(source)
    target = case.database(
        USERS + NOTES + BARE,
        "INSERT INTO users (id, username) VALUES (6, 'u'), (7, 'w');"
        "INSERT INTO notes (id, words, user_id) VALUES (3, 'same', 6), (1, 'other', 7);"
        "INSERT INTO bare VALUES (1, 'x'), (9, 'y'), (NULL, NULL)",
    )
    report = case.restored(target, archive)
    assert counts(report, "notes") == {"read": 5, "inserted": 4, "unchanged": 1}
    assert counts(report, "bare") == {"read": 6, "inserted": 4, "unchanged": 2}
    query = "SELECT words, username, count(*) FROM notes LEFT JOIN users ON users.id = user_id GROUP BY words, username"
    assert sorted(target.fetch(query), key=repr) == sorted(
        [("same", "u", 2), ("same", "v", 1), (None, None, 2), ("other", "w", 1)], key=repr
    )
    rows = sorted(target.fetch("SELECT a, b, count(*) FROM bare GROUP BY a, b"), key=repr)
    assert rows == sorted([(1, "x", 3), (9, "y", 1), (None, None, 2), (2, "", 1)], key=repr)


def test_a_table_without_a_key_is_told_of(case: Case, tmp_path: Path) -> None:
    source = case.database(BARE, "INSERT INTO bare VALUES (1, 'x')")
    answer = call("create", "--db", source.url, "-o", tmp_path / "a", "--json")
    assert answer.exit_code == 0
    (warning,) = answer.document["warnings"]
    assert "'bare'" in warning or '"bare"' in warning
    assert "no key" in warning


def test_mirror_deletes_surplus_rows_without_a_key(case: Case) -> None:
    schema = USERS + NOTES
    source = case.database(schema, "INSERT INTO notes (words) VALUES ('same'), ('same')")
    archive = case.archive(source)
    target = case.database(schema, "INSERT INTO notes (words) VALUES ('same'), ('same'), ('same'), ('other')")
    report = case.restored(target, archive, "--mode", "mirror")
    assert counts(report, "notes") == {"read": 2, "unchanged": 2, "deleted": 2}
    assert target.fetch("SELECT words FROM notes") == [("same",), ("same",)]


def test_mirror_of_a_bare_table_deletes_nothing_that_it_cannot_name(case: Case) -> None:
    archive = case.archive(case.database(BARE, "INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (NULL, NULL), (3, 'n')"))
    extra = "INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL), (NULL, NULL), (2, 'y')"
    problem = case.refused(case.database(BARE, extra), archive, "--mode", "mirror").problem("cannot-delete", "bare")
    assert "3 rows more" in problem["message"]

    target = case.database(BARE, "INSERT INTO bare VALUES (1, 'x'), (NULL, NULL)")
    report = case.restored(target, archive, "--mode", "mirror")
    assert counts(report, "bare") == {"read": 4, "inserted": 2, "unchanged": 2}


# --- --mode -----------------------------------------------------------------------------------------------------------

THEIRS = """
INSERT INTO users (id, username, email) VALUES (1, 'author01', 'mine@x'), (2, 'theirs', NULL), (3, 'admin', 'admin@x');
INSERT INTO documents (id, number, title, author_id) VALUES (1, 'THEIRS', 'x', 2), (2, 'SOP-2', 'mine', 2);
INSERT INTO comments (id, code, document_id) VALUES (1, 'theirs', 1), (2, 'mine', 2);
"""


def test_insert_never_touches_a_row_that_is_there(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, THEIRS)
    before = content(target, FACTS)
    report = case.restored(target, archive, "--mode", "insert")
    assert counts(report, "users") == {"read": 3, "inserted": 1, "unchanged": 1, "skipped": 1}
    assert counts(report, "documents") == {"read": 2, "inserted": 1, "skipped": 1}
    after = content(target, FACTS)
    for name, rows in before.items():
        assert {k: after[name][k] for k in rows} == rows
    assert after["documents"][("SOP-1",)]["author_id"] == ("author01",)


def test_mirror_makes_the_content_equal(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    archive = case.archive(source)
    target = case.database(EDMS, THEIRS)
    report = case.restored(target, archive, "--mode", "mirror")
    assert counts(report, "users") == {"read": 3, "inserted": 1, "updated": 1, "unchanged": 1, "deleted": 1}
    assert counts(report, "documents")["deleted"] == 1
    assert counts(report, "comments")["deleted"] == 2
    assert content(target, FACTS) == content(source, FACTS)


def test_mirror_of_an_empty_table_empties_it(case: Case) -> None:
    archive = case.archive(case.database(EDMS))
    target = case.database(EDMS, THEIRS)
    report = case.restored(target, archive, "--mode", "mirror")
    assert report["totals"]["deleted"] == 7
    assert not any(content(target, FACTS).values())


def test_mirror_deletes_trees(case: Case) -> None:
    source = case.database(USERS + TREE, "INSERT INTO folders (id, name) VALUES (1, 'root')")
    archive = case.archive(source)
    rows = """
    INSERT INTO folders (id, name, parent_id) VALUES (1, 'top', NULL), (2, 'mid', 1), (3, 'low', 2), (4, 'own', 4);
    INSERT INTO folders (id, name, parent_id) VALUES (7, 'root', 3);
    """
    target = case.database(USERS + TREE, rows)
    report = case.restored(target, archive, "--mode", "mirror")
    assert counts(report, "folders") == {"read": 1, "updated": 1, "deleted": 4}
    assert target.fetch("SELECT id, name, parent_id FROM folders") == [(7, "root", None)]


def test_mirror_does_not_delete_under_the_feet_of_tables_outside_the_restore(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, THEIRS)
    # 'theirs' is to go, but its documents are not part of the restore.
    refused = case.refused(target, archive, "--mode", "mirror", "--tables", "users")
    problem = refused.problems[0]
    assert problem["table"] == "users"
    assert problem["key"] == ["theirs"]
    for word in ("documents", "author_id"):
        assert word in problem["message"]


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_mirror_does_not_change_tables_outside_the_restore_by_a_cascade(case: Case, action: str) -> None:
    schema = EDMS.replace(
        "author_id {ref} NOT NULL REFERENCES users (id)", f"author_id {{ref}} REFERENCES users (id) ON DELETE {action}"
    )
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(schema, THEIRS)
    refused = case.refused(target, archive, "--mode", "mirror", "--tables", "users")
    assert "documents" in refused.problems[0]["message"]


def test_mirror_with_a_cascade_inside_the_restore(case: Case) -> None:
    schema = EDMS.replace("REFERENCES users (id)", "REFERENCES users (id) ON DELETE CASCADE")
    schema = schema.replace("REFERENCES documents (id)", "REFERENCES documents (id) ON DELETE CASCADE")
    source = case.database(schema, EDMS_ROWS)
    archive = case.archive(source)
    target = case.database(schema, THEIRS)
    case.restored(target, archive, "--mode", "mirror")
    assert content(target, FACTS) == content(source, FACTS)


def test_mirror_can_free_a_unique_value(case: Case) -> None:
    # The row that holds the value is to be deleted: afterwards there is no conflict.
    schema = EDMS.replace("email varchar(100)", "email varchar(100) UNIQUE")
    registry = case.registry("users: {key: [username]}")
    source = case.database(schema, EDMS_ROWS)
    archive = case.archive(source, "--registry", registry)
    target = case.database(schema, "INSERT INTO users (id, username, email) VALUES (1, 'boss', 'a@x')")
    answer = call("restore", archive, "--db", target.url, "--mode", "mirror", "--json")
    if answer.exit_code == 0:
        assert content(target, FACTS) == content(source, FACTS)
    else:
        refused = case.refused(target, archive, "--mode", "mirror")
        assert refused.codes == {"unique-conflict"}


# --- --ids ------------------------------------------------------------------------------------------------------------


def _ids(database: Database) -> dict[str, int]:
    return {row[0]: row[1] for row in database.fetch("SELECT username, id FROM users")}


def test_preserve_keeps_free_ids_and_moves_taken_ones(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    archive = case.archive(source)
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (822, 'theirs'), (900, 'last')")
    case.restored(target, archive)
    ids = _ids(target)
    assert (ids["admin"], ids["rev01"], ids["theirs"], ids["last"]) == (820, 823, 822, 900)
    assert ids["author01"] > 900
    assert target.fetch("SELECT author_id FROM documents WHERE number = 'SOP-1'") == [(ids["author01"],)]


def test_assign_gives_every_new_row_a_new_id(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    archive = case.archive(source)
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (7, 'rev01')")
    case.restored(target, archive, "--ids", "assign")
    ids = _ids(target)
    assert ids["rev01"] == 7
    assert {ids["admin"], ids["author01"]} == {8, 9}
    after, wanted = content(target, FACTS), content(source, FACTS)
    assert after["documents"] == wanted["documents"]
    assert after["comments"] == wanted["comments"]


@pytest.mark.parametrize("ids", ["preserve", "assign"])
def test_the_next_insert_of_the_application_gets_a_free_id(case: Case, ids: str) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS)
    case.restored(target, archive, "--ids", ids)
    highest = max(_ids(target).values())
    target.execute_script("INSERT INTO users (username) VALUES ('new')")
    assert _ids(target)["new"] > highest


def test_an_id_that_nobody_can_assign(case: Case) -> None:
    schema = "CREATE TABLE codes (id varchar(9) PRIMARY KEY, name varchar(20) NOT NULL UNIQUE);"
    registry = case.registry("codes: {key: [name]}")
    archive = case.archive(case.database(schema, "INSERT INTO codes VALUES ('x', 'first')"), "--registry", registry)
    target = case.database(schema, "INSERT INTO codes VALUES ('x', 'theirs')")
    problem = case.refused(target, archive).problem("id-taken", "codes")
    assert problem["key"] == ["first"]
    assert problem["column"] == "id"
