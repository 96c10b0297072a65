"""What a restore refuses: with every reason, in words that help, and with the target as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.oracle import everything
from tests.restore.helpers import COMMENTS, DOCUMENTS, EDMS, EDMS_ROWS, USERS, Case, call, counts, error_line
from tests.servers import Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


# --- references -------------------------------------------------------------------------------------------------------


def test_a_child_without_its_parents(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (3, 'rev01')")
    refused = case.refused(target, archive, "--tables", "documents")
    problem = refused.problem("unresolved-reference", "documents")
    assert (problem["key"], problem["column"], problem["value"]) == (["SOP-1"], "author_id", ["author01"])
    assert 'users ["author01"]' in problem["message"]
    assert refused.document["tables"]["documents"]["failed"] == 1
    assert refused.document["tables"]["documents"]["references"]["unresolved"] == 1


def test_a_child_whose_parents_are_in_the_target_only(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (3, 'rev01'), (4, 'author01')")
    report = case.restored(target, archive, "--tables", "documents")
    assert counts(report, "documents") == {"read": 2, "inserted": 2}
    assert target.fetch("SELECT author_id, reviewer_id FROM documents ORDER BY number") == [(4, 3), (3, None)]


def test_an_archive_of_the_children_only(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS), "--tables", "documents")
    refused = case.refused(case.database(EDMS), archive)
    assert refused.codes == {"unresolved-reference"}
    assert len(refused.problems) == 3
    assert refused.document["problem_count"] == 3


def test_a_dangling_reference_that_the_target_refuses(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    case.without_foreign_keys(source, "DELETE FROM users WHERE username = 'author01'")
    archive = case.archive(source)
    refused = case.refused(case.database(EDMS), archive)
    problem = refused.problem("dangling-reference", "documents", ["SOP-1"])
    assert (problem["column"], str(problem["value"])) == ("author_id", "822")
    assert refused.codes == {"dangling-reference"}


def test_a_dangling_reference_whose_id_belongs_to_a_stranger(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS)
    case.without_foreign_keys(source, "DELETE FROM users WHERE username = 'author01'")
    archive = case.archive(source)
    target = case.database(EDMS, "INSERT INTO users (id, username) VALUES (822, 'stranger')")
    refused = case.refused(target, archive)
    problem = refused.problem("dangling-reference", "documents", ["SOP-1"])
    assert (problem["column"], str(problem["value"])) == ("author_id", "822")
    assert "822" in problem["message"]


LOGS = "CREATE TABLE logs (id {id}, code varchar(50) NOT NULL UNIQUE, user_id {ref});"
DECLARED = """
users: {key: [username]}
logs: {key: [code], references: [{columns: [user_id], table: users}]}
"""


def test_an_undeclared_dangling_reference_stays_where_it_hurts_nobody(case: Case) -> None:
    source = case.database(
        USERS + LOGS,
        "INSERT INTO users (id, username) VALUES (1, 'a'); INSERT INTO logs (id, code, user_id) VALUES (1, 'x', 99)",
    )
    archive = case.archive(source, "--registry", case.registry(DECLARED))
    target = case.database(USERS + LOGS)
    report = case.restored(target, archive)
    assert report["tables"]["logs"]["references"] == {"resolved": 0, "dangling": 1, "unresolved": 0}
    assert target.fetch("SELECT code, user_id FROM logs") == [("x", 99)]


def test_an_undeclared_dangling_reference_is_not_given_to_a_stranger(case: Case) -> None:
    source = case.database(
        USERS + LOGS,
        "INSERT INTO users (id, username) VALUES (1, 'a'); INSERT INTO logs (id, code, user_id) VALUES (1, 'x', 99)",
    )
    archive = case.archive(source, "--registry", case.registry(DECLARED))
    target = case.database(USERS + LOGS, "INSERT INTO users (id, username) VALUES (99, 'stranger')")
    assert case.refused(target, archive).problem("dangling-reference", "logs", ["x"])["column"] == "user_id"


def test_a_dangling_reference_is_not_given_to_a_row_that_comes_in(case: Case) -> None:
    source = case.database(
        USERS + LOGS,
        "INSERT INTO users (id, username) VALUES (1, 'a'); INSERT INTO logs (id, code, user_id) VALUES (1, 'x', 99)",
    )
    archive = case.archive(source, "--registry", case.registry(DECLARED))
    # 'a' cannot keep 1, and would get the next number: 99.
    target = case.database(USERS + LOGS, "INSERT INTO users (id, username) VALUES (1, 'other'), (98, 'last')")
    case.restored(target, archive)
    assert target.fetch("SELECT id FROM users WHERE username = 'a'") == [(100,)]
    assert target.fetch("SELECT user_id FROM logs") == [(99,)]


def test_a_composite_reference_made_unresolvable(case: Case) -> None:
    schema = """
    CREATE TABLE types (module varchar(20) NOT NULL, code varchar(20) NOT NULL, PRIMARY KEY (module, code));
    CREATE TABLE items (id {id}, name varchar(20) NOT NULL UNIQUE, module varchar(20), code varchar(20),
        FOREIGN KEY (module, code) REFERENCES types (module, code));
    """
    source = case.database(
        schema,
        "INSERT INTO types VALUES ('O', 'admin'), ('S', 'read');"
        "INSERT INTO items (name, module, code) VALUES ('i', 'O', 'admin'), ('j', NULL, NULL), ('k', 'S', NULL)",
    )
    archive = case.archive(source)
    refused = case.refused(case.database(schema), archive, "--tables", "items")
    named = {(p["code"], tuple(p["key"])) for p in refused.problems}
    assert named == {("unresolved-reference", ("i",))}
    assert refused.problems[0]["value"] == ["O", "admin"]

    target = case.database(schema)
    report = case.restored(target, archive)
    assert counts(report, "items") == {"read": 3, "inserted": 3}
    rows = target.fetch("SELECT name, module, code FROM items ORDER BY name")
    assert rows == [("i", "O", "admin"), ("j", None, None), ("k", "S", None)]


def test_every_reason_is_named_at_once(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    narrow = DOCUMENTS.replace("title varchar(100) NOT NULL", "title varchar(100) NOT NULL CHECK (title <> 'second')")
    strict = USERS.replace("email varchar(100)", "email varchar(100) NOT NULL")
    refused = case.refused(case.database(strict + narrow + COMMENTS), archive)
    assert {"null-value", "check-violated"} <= refused.codes
    refused.problem("null-value", "users", ["rev01"])
    refused.problem("check-violated", "documents", ["SOP-2"])


# --- schema drift -----------------------------------------------------------------------------------------------------


def test_a_missing_column(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS.replace(", email varchar(100)", ""), "INSERT INTO users (username) VALUES ('admin')")
    refused = case.refused(target, archive)
    problem = refused.problem("missing-column", "users")
    assert problem["column"] == "email"
    assert "users.email" in problem["message"]


def test_a_missing_table(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    refused = case.refused(case.database(USERS + DOCUMENTS), archive)
    assert "comments" in refused.problem("missing-table", "comments")["message"]
    assert refused.codes == {"missing-table"}


def test_a_missing_parent_table(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    refused = case.refused(case.database(DOCUMENTS.replace("REFERENCES users (id)", "") + COMMENTS), archive)
    refused.problem("missing-table", "users")


def test_a_missing_table_that_nobody_needs(case: Case) -> None:
    source = case.database(EDMS, "INSERT INTO users (username) VALUES ('admin')")
    target = case.database(USERS)
    archive = case.archive(source)
    report = case.restored(target, archive)
    assert counts(report, "users") == {"read": 1, "inserted": 1}
    answer = call("restore", archive, "--db", target.url)
    assert "comments is not in the target" in answer.text
    refused = case.refused(case.database(DOCUMENTS.replace("REFERENCES users (id)", "")), archive)
    refused.problem("missing-table", "users")


def test_a_new_column_that_may_not_be_empty(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS.replace("email varchar(100)", "email varchar(100), badge varchar(9) NOT NULL"))
    problem = case.refused(target, archive).problem("new-column", "users")
    assert problem["column"] == "badge"
    assert "NOT NULL" in problem["message"]


def test_new_columns_that_the_target_fills_itself(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    more = "email varchar(100), badge varchar(9) NOT NULL DEFAULT 'none', note varchar(9)"
    target = case.database(EDMS.replace("email varchar(100)", more))
    case.restored(target, archive)
    assert target.fetch("SELECT DISTINCT badge, note FROM users") == [("none", None)]


def test_a_value_that_is_too_long(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS.replace("title varchar(100)", "title varchar(5)"))
    if case.product == "sqlite":  # which holds it none the less
        case.restored(target, archive)
        return
    problem = case.refused(target, archive).problem("value-does-not-fit", "documents")
    assert problem["key"] == ["SOP-2"]
    assert problem["column"] == "title", "a person needs to know which column"
    assert "SOP-2" in problem["message"]


def test_a_value_of_another_type(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS.replace("title varchar(100)", "title integer"))
    refused = case.refused(target, archive)
    misfits = [p for p in refused.problems if p["code"] == "value-does-not-fit"]
    assert [(p["table"], p["key"], p["column"]) for p in misfits] == [
        ("documents", ["SOP-1"], "title"),
        ("documents", ["SOP-2"], "title"),
    ]
    for problem in refused.problems:
        assert "neither the archive nor the target" not in problem["message"], "it is in the archive"
    assert "first" in refused.text
    assert refused.document["tables"]["documents"]["failed"] == 2


def test_a_number_that_is_too_large(case: Case) -> None:
    if case.product == "sqlite":
        pytest.skip("SQLite's integers have one size")
    schema = "CREATE TABLE t (code varchar(9) PRIMARY KEY, n {ref});"
    archive = case.archive(case.database(schema, "INSERT INTO t VALUES ('a', 5000000000), ('b', 5)"))
    problem = case.refused(case.database(schema.replace("{ref}", "integer")), archive).problem(
        "value-does-not-fit", "t"
    )
    assert (problem["key"], problem["column"]) == (["a"], "n")


def test_a_fraction_that_the_target_would_round(case: Case) -> None:
    if case.product == "sqlite":
        pytest.skip("SQLite does not round")
    schema = "CREATE TABLE t (code varchar(9) PRIMARY KEY, n decimal(12,%s));"
    archive = case.archive(case.database(schema % 4, "INSERT INTO t VALUES ('a', 1.2345), ('b', 1.2)"))
    problem = case.refused(case.database(schema % 2), archive).problem("value-does-not-fit", "t")
    assert (problem["key"], problem["column"]) == (["a"], "n")


def test_a_time_that_the_target_would_round(case: Case) -> None:
    if case.product == "sqlite":
        pytest.skip("SQLite does not round")
    schema = "CREATE TABLE t (code varchar(9) PRIMARY KEY, at %s);"
    fine, coarse = {
        "postgresql": ("timestamp", "timestamp(0)"),
        "mariadb": ("datetime(6)", "datetime"),
    }[case.product]
    rows = "INSERT INTO t VALUES ('a', '2024-05-06 07:08:09.123456'), ('b', '2024-05-06 07:08:09')"
    archive = case.archive(case.database(schema % fine, rows))
    problem = case.refused(case.database(schema % coarse), archive).problem("value-does-not-fit", "t")
    assert (problem["key"], problem["column"]) == (["a"], "at")


def test_a_float_that_the_target_would_round(case: Case) -> None:
    if case.product == "sqlite":
        pytest.skip("SQLite's floats have one size")
    schema = "CREATE TABLE t (code varchar(9) PRIMARY KEY, n %s);"
    fine, coarse = {"postgresql": ("double precision", "real"), "mariadb": ("double", "float")}[case.product]
    archive = case.archive(case.database(schema % fine, "INSERT INTO t VALUES ('a', 0.1234567890123), ('b', 0.5)"))
    problem = case.refused(case.database(schema % coarse), archive).problem("value-does-not-fit", "t")
    assert (problem["key"], problem["column"]) == (["a"], "n")


def test_null_where_the_target_takes_none(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS.replace("email varchar(100)", "email varchar(100) NOT NULL"))
    problem = case.refused(target, archive).problem("null-value", "users", ["rev01"])
    assert problem["column"] == "email"


def _with_check(check: str) -> str:
    last = "reviewer_id {ref} REFERENCES users (id)"
    return EDMS.replace(last, f"{last}, CONSTRAINT {check}")


def test_a_check_of_the_target(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(_with_check("title_is_long CHECK (length(title) > 5)"))
    problem = case.refused(target, archive).problem("check-violated", "documents", ["SOP-1"])
    assert "title_is_long" in problem["message"]


def test_a_check_is_not_violated_by_null(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS.replace("email varchar(100)", "email varchar(100) CHECK (email LIKE '%@x')"))
    case.restored(target, archive)


def test_a_check_on_a_row_that_is_updated(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(
        _with_check("untouched CHECK (title <> 'first')"),
        "INSERT INTO users (id, username) VALUES (1, 'author01');"
        "INSERT INTO documents (number, title, author_id) VALUES ('SOP-1', 'mine', 1)",
    )
    case.refused(target, archive).problem("check-violated", "documents", ["SOP-1"])


# --- keys -------------------------------------------------------------------------------------------------------------

UNIQUE_EMAIL = EDMS.replace("email varchar(100)", "email varchar(100) UNIQUE")
BY_NAME = "users: {key: [username]}"


def test_a_second_unique_column_of_another_row(case: Case) -> None:
    archive = case.archive(case.database(UNIQUE_EMAIL, EDMS_ROWS), "--registry", case.registry(BY_NAME))
    target = case.database(UNIQUE_EMAIL, "INSERT INTO users (id, username, email) VALUES (1, 'boss', 'admin@x')")
    refused = case.refused(target, archive)
    problem = refused.problem("unique-conflict", "users")
    assert (problem["key"], problem["column"], problem["value"]) == (["admin"], "email", ["admin@x"])
    for word in ('users ["admin"]', 'users ["boss"]', "email = admin@x", "on_conflict"):
        assert word in problem["message"]
    assert refused.codes == {"unique-conflict"}


def test_a_second_unique_column_on_update(case: Case) -> None:
    archive = case.archive(case.database(UNIQUE_EMAIL, EDMS_ROWS), "--registry", case.registry(BY_NAME))
    target = case.database(
        UNIQUE_EMAIL, "INSERT INTO users (id, username, email) VALUES (1, 'boss', 'admin@x'), (2, 'admin', 'old@x')"
    )
    problem = case.refused(target, archive).problem("unique-conflict", "users")
    assert problem["key"] == ["admin"]
    assert 'users ["boss"]' in problem["message"]


def test_two_rows_of_the_archive_for_one_unique_value(case: Case) -> None:
    source = case.database(EDMS, EDMS_ROWS, "UPDATE users SET email = 'same@x' WHERE id > 820")
    archive = case.archive(source)
    refused = case.refused(case.database(UNIQUE_EMAIL), archive)
    found = {tuple(p["key"]): p for p in refused.problems}
    assert set(found) == {("author01",), ("rev01",)}
    assert {p["code"] for p in found.values()} == {"unique-conflict"}
    assert "same@x" in refused.text


def test_unique_values_that_change_hands(case: Case) -> None:
    registry = case.registry(BY_NAME)
    rows = "INSERT INTO users (id, username, email) VALUES (1, 'a', 'one@x'), (2, 'b', 'two@x')"
    archive = case.archive(case.database(UNIQUE_EMAIL, rows), "--registry", registry)
    target = case.database(UNIQUE_EMAIL, rows, "DELETE FROM users; " + rows.replace("'a'", "'c'").replace("'b'", "'a'"))
    # The value that 'b' wants is a's; a's new one is c's. Whatever is said, nothing may be half done.
    refused = case.refused(target, archive)
    assert refused.codes == {"unique-conflict"}


def test_a_key_that_several_rows_of_the_target_have(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(
        EDMS.replace("username varchar(50) NOT NULL UNIQUE", "username varchar(50) NOT NULL"),
        "INSERT INTO users (id, username) VALUES (1, 'author01'), (2, 'author01')",
    )
    refused = case.refused(target, archive)
    problem = refused.problem("ambiguous-key", "users", ["author01"])
    assert "several rows" in problem["message"]


def test_a_key_that_several_rows_of_the_target_have_and_only_references_name(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(
        EDMS.replace("username varchar(50) NOT NULL UNIQUE", "username varchar(50) NOT NULL"),
        "INSERT INTO users (id, username) VALUES (1, 'author01'), (2, 'author01'), (3, 'rev01')",
    )
    refused = case.refused(target, archive, "--tables", "documents")
    problem = refused.problem(refused.problems[0]["code"], "documents", ["SOP-1"])
    assert problem["code"] == "ambiguous-key", "the row is there, twice: it is not missing"


COLLATIONS = {
    "sqlite": {"case": "NOCASE", "blanks": "RTRIM"},
    "mariadb": {"case": "utf8mb4_general_ci", "blanks": "utf8mb4_general_ci", "ß": "utf8mb4_unicode_ci"},
    "postgresql": {"case": "ignoring_case"},
}
EQUAL = {"case": ("Anna", "anna", "ANNA"), "blanks": ("a", "a ", "a  "), "ß": ("Straße", "Strasse", "STRASSE")}


def _collated(product: str, kind: str) -> str:
    """The schema where names that differ for people in some way are the same name."""
    collation = COLLATIONS[product].get(kind)
    if collation is None:
        pytest.skip("no such collation in this product")
    head = ""
    if product == "postgresql":
        head = "CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"
    return head + EDMS.replace("username varchar(50)", f"username varchar(50) COLLATE {collation}")


def _binary(product: str) -> str:
    collation = "COLLATE utf8mb4_nopad_bin" if product == "mariadb" else ""
    return EDMS.replace("username varchar(50)", f"username varchar(50) {collation}")


@pytest.mark.parametrize("kind", list(EQUAL))
def test_keys_that_only_the_target_takes_for_equal(case: Case, kind: str) -> None:
    schema, (one, other, _) = _collated(case.product, kind), EQUAL[kind]
    rows = f"INSERT INTO users (username) VALUES ('{one}'), ('{other}'), ('bob')"
    refused = case.refused(case.database(schema), case.archive(case.database(_binary(case.product), rows)))
    assert {tuple(p["key"]) for p in refused.problems} == {(one,), (other,)}
    assert refused.codes <= {"ambiguous-key", "unique-conflict"}


@pytest.mark.parametrize("kind", list(EQUAL))
def test_keys_that_only_the_target_takes_for_equal_and_has(case: Case, kind: str) -> None:
    schema, (one, other, third) = _collated(case.product, kind), EQUAL[kind]
    rows = f"INSERT INTO users (username) VALUES ('{one}'), ('{other}'), ('bob')"
    archive = case.archive(case.database(_binary(case.product), rows))
    target = case.database(schema, f"INSERT INTO users (username) VALUES ('{third}')")
    refused = case.refused(target, archive)
    assert {tuple(p["key"]) for p in refused.problems} == {(one,), (other,)}
    assert refused.codes == {"ambiguous-key"}
    assert "collation" in refused.text


@pytest.mark.parametrize("kind", list(EQUAL))
def test_one_key_that_the_target_takes_for_equal_is_its_row(case: Case, kind: str) -> None:
    schema, (one, _, third) = _collated(case.product, kind), EQUAL[kind]
    rows = f"""
    INSERT INTO users (id, username) VALUES (5, '{one}');
    INSERT INTO documents (number, title, author_id) VALUES ('d', 't', 5)
    """
    archive = case.archive(case.database(_binary(case.product), rows))
    target = case.database(schema, f"INSERT INTO users (id, username) VALUES (9, '{third}')")
    case.restored(target, archive)
    assert target.fetch("SELECT id, username FROM users") == [(9, one)]
    assert target.fetch("SELECT author_id FROM documents") == [(9,)]


def test_a_registry_of_another_key(case: Case) -> None:
    archive = case.archive(case.database(UNIQUE_EMAIL, EDMS_ROWS), "--registry", case.registry(BY_NAME))
    target = case.database(UNIQUE_EMAIL, "INSERT INTO users (username) VALUES ('x')")
    before = everything(target)
    for flags in ((), ("--dry-run",)):
        other = case.registry("users: {key: [email]}")
        answer = call("restore", archive, "--db", target.url, "--registry", other, "-q", *flags)
        assert answer.exit_code == 2
        line = error_line(answer)
        for word in (f"{other.name}:3", "users", "email", "username", "hint: use the registry"):
            assert word in line
    assert everything(target) == before


# --- the target's own will --------------------------------------------------------------------------------------------

MEDDLING = {
    "sqlite": "CREATE TRIGGER meddle AFTER INSERT ON users BEGIN"
    " UPDATE users SET email = 'meddled' WHERE id = NEW.id; END",
    "postgresql": "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN NEW.email := 'meddled'; RETURN NEW; END$$;"
    "CREATE TRIGGER meddle BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION meddle()",
    "mariadb": "CREATE TRIGGER meddle BEFORE INSERT ON users FOR EACH ROW SET NEW.email = 'meddled'",
}
SWALLOWING = {
    "sqlite": "CREATE TRIGGER swallow BEFORE INSERT ON users WHEN NEW.username = 'rev01'"
    " BEGIN SELECT RAISE(IGNORE); END",
    "postgresql": "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN IF NEW.username = 'rev01' THEN RETURN NULL; END IF; RETURN NEW; END$$;"
    "CREATE TRIGGER swallow BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION swallow()",
}
REFUSING = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON comments BEGIN SELECT RAISE(ABORT, 'no more comments'); END",
    "postgresql": "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN RAISE EXCEPTION 'no more comments'; END$$;"
    "CREATE TRIGGER refuse BEFORE INSERT ON comments FOR EACH ROW EXECUTE FUNCTION refuse()",
    "mariadb": "CREATE TRIGGER refuse BEFORE INSERT ON comments FOR EACH ROW"
    " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more comments'",
}
DISTANT = {
    "sqlite": "CREATE TRIGGER distant AFTER INSERT ON comments BEGIN UPDATE users SET email = 'seen'; END",
    "postgresql": "CREATE FUNCTION distant() RETURNS trigger LANGUAGE plpgsql AS"
    " $$BEGIN UPDATE users SET email = 'seen'; RETURN NULL; END$$;"
    "CREATE TRIGGER distant AFTER INSERT ON comments FOR EACH ROW EXECUTE FUNCTION distant()",
    "mariadb": "CREATE TRIGGER distant AFTER INSERT ON comments FOR EACH ROW UPDATE users SET email = 'seen'",
}


@pytest.mark.parametrize("triggers, changed", [(MEDDLING, "3"), (DISTANT, "3")], ids=["same table", "another table"])
def test_a_trigger_that_changes_rows(case: Case, triggers: dict[str, str], changed: str) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, triggers[case.product])
    problem = case.caught(target, archive).problems[0]
    assert problem["code"] == "not-as-planned"
    for word in (f"{changed} rows", "users", "trigger"):
        assert word in problem["message"]
    assert problem["table"] == "users"


def test_a_trigger_that_swallows_rows(case: Case) -> None:
    if case.product not in SWALLOWING:
        pytest.skip("MariaDB's triggers cannot")
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, SWALLOWING[case.product])
    problem = case.caught(target, archive).problems[0]
    assert problem["code"] == "not-as-planned"
    for word in ("3 rows", "users", "trigger"):
        assert word in problem["message"]
    assert problem["table"] == "users"


def test_a_trigger_that_swallows_updates_and_deletions(case: Case) -> None:
    if case.product not in SWALLOWING:
        pytest.skip("MariaDB's triggers cannot")
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    for event, mode in (("UPDATE", "merge"), ("DELETE", "mirror")):
        trigger = SWALLOWING[case.product].replace("INSERT ON", f"{event} ON").replace("NEW.username", "OLD.username")
        rows = "INSERT INTO users (username, email) VALUES ('rev01', 'x')"
        if event == "DELETE":
            trigger, rows = trigger.replace("'rev01'", "'theirs'"), rows.replace("'rev01'", "'theirs'")
        target = case.database(EDMS, trigger.replace("RETURN NEW", "RETURN OLD" if event == "DELETE" else "RETURN NEW"))
        case.run(target, rows)
        problem = case.caught(target, archive, "--mode", mode).problems[0]
        assert (problem["code"], problem["table"]) == ("not-as-planned", "users")


def test_a_trigger_that_refuses_rows(case: Case) -> None:
    archive = case.archive(case.database(EDMS, EDMS_ROWS))
    target = case.database(EDMS, REFUSING[case.product])
    problem = case.caught(target, archive).problems[0]
    assert problem["code"] == "constraint-violated"
    assert "no more comments" in problem["message"]
    assert problem["table"] == "comments", "what, and where"
