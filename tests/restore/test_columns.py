"""What the registry says of columns: left out, under another name, or with a value for new rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.restore.helpers import Case, call, counts, error_line
from tests.servers import Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


@pytest.fixture
def lite(new_database: Callable[[str], Database], tmp_path: Path) -> Case:
    """SQLite alone: what is refused before a row is read has nothing to do with the product."""
    return Case("sqlite", lambda: new_database("sqlite"), tmp_path)


OLD = """
CREATE TABLE people (id {id}, username varchar(50) NOT NULL UNIQUE, mail varchar(100), secret varchar(60) NOT NULL,
    boss_id {ref} REFERENCES people (id));
CREATE TABLE documents (id {id}, number varchar(50) NOT NULL UNIQUE, author_id {ref} NOT NULL REFERENCES people (id),
    cached varchar(9));
CREATE TABLE versions (id {id}, document_id {ref} NOT NULL REFERENCES documents (id), n integer NOT NULL,
    UNIQUE (document_id, n));
CREATE TABLE log (id {id}, what varchar(50), person_id {ref} REFERENCES people (id));
"""
OLD_ROWS = """
INSERT INTO people (id, username, mail, secret) VALUES
    (820, 'admin', 'admin@x', 'hash1'), (822, 'author', 'a@x', 'hash2');
UPDATE people SET boss_id = 820 WHERE id = 822;
INSERT INTO documents (id, number, author_id, cached) VALUES (10, 'SOP-1', 822, 'c1'), (11, 'SOP-2', 820, 'c2');
INSERT INTO versions (id, document_id, n) VALUES (1, 10, 1), (2, 10, 2), (3, 11, 1);
INSERT INTO log (id, what, person_id) VALUES (1, 'login', 822), (2, 'login', 822), (3, 'logout', NULL);
"""
NEW = """
CREATE TABLE users (id {id}, username varchar(50) NOT NULL UNIQUE, email varchar(100), secret varchar(60) NOT NULL,
    boss_id {ref} REFERENCES users (id), locale varchar(5) NOT NULL, score decimal(6, 2) NOT NULL, active boolean,
    since date, created_by {ref} REFERENCES users (id), CONSTRAINT positive CHECK (score > 0));
CREATE TABLE documents (id {id}, number varchar(50) NOT NULL UNIQUE, owner_id {ref} NOT NULL REFERENCES users (id));
CREATE TABLE revisions (id {id}, doc_id {ref} NOT NULL REFERENCES documents (id), n integer NOT NULL,
    UNIQUE (doc_id, n));
CREATE TABLE log (id {id}, what varchar(50), person_id {ref} REFERENCES users (id), level integer NOT NULL);
"""
NEW_ROWS = """
INSERT INTO users (id, username, email, secret, locale, score, active)
    VALUES (1, 'admin', 'old@x', 'own hash', 'de', 7, NULL);
INSERT INTO documents (id, number, owner_id) VALUES (5, 'SOP-2', 1);
INSERT INTO log (id, what, person_id, level) VALUES (1, 'logout', NULL, 9);
"""
CREATED_BY = 'people: {key: [username], omit_columns: [secret]}\nlog: {key: "*"}'
RESTORED_BY = """
users: {key: [username], omit_columns: [secret], renames: {mail: email},
  column_defaults: {secret: "!", locale: en, score: 1.50, active: true, since: "2024-02-29", created_by: null}}
documents: {key: [number], renames: {author_id: owner_id}, omit_columns: [cached]}
revisions: {key: [doc_id, n], renames: {document_id: doc_id}}
log: {key: "*", column_defaults: {level: 3}}
"""
RENAMED_TABLES = "renames: {people: users, versions: revisions, gone: users}\n"


def test_left_out_renamed_and_new_columns(case: Case) -> None:
    source = case.database(OLD, OLD_ROWS)
    registry = case.registry(CREATED_BY)
    archive = case.archive(source, "--registry", registry, ending="")
    # What is left out is in no archive, and no change of it is a change of the content.
    schema = json.loads((archive / "schema.json").read_text())
    assert "secret" not in [c["name"] for t in schema["tables"] for c in t["table"]["columns"]]
    case.run(source, "UPDATE people SET secret = 'other'")
    assert call("verify", archive, "--db", source.url, "--registry", registry).exit_code == 0
    ours = call("fingerprint", "-q", archive).stdout
    assert ours == call("fingerprint", "-q", "--registry", registry, source.url).stdout

    target = case.database(NEW, NEW_ROWS, "INSERT INTO log (id, what, level) VALUES (77, 'extra', 1)")
    flags = ("--mode", "mirror", "--registry", case.registry(RESTORED_BY, RENAMED_TABLES))
    report = case.restored(target, archive, *flags)
    assert counts(report, "users") == {"read": 2, "inserted": 1, "updated": 1}
    assert counts(report, "documents") == {"read": 2, "inserted": 1, "unchanged": 1}
    assert counts(report, "revisions") == {"read": 3, "inserted": 3}
    assert counts(report, "log") == {"read": 3, "inserted": 2, "unchanged": 1, "deleted": 1}
    users = "SELECT u.username, u.email, u.secret, b.username, u.locale, u.score, u.active, u.since, u.created_by "
    users += "FROM users u LEFT JOIN users b ON b.id = u.boss_id ORDER BY 1"
    found = [(*row[:5], float(row[5]), row[6] and bool(row[6]), row[7] and str(row[7]), row[8])
             for row in target.fetch(users)]  # fmt: skip
    assert found == [
        ("admin", "admin@x", "own hash", None, "de", 7.0, None, None, None),
        ("author", "a@x", "!", "admin", "en", 1.5, True, "2024-02-29", None),
    ]
    owners = "SELECT d.number, u.username FROM documents d JOIN users u ON u.id = d.owner_id ORDER BY 1"
    assert target.fetch(owners) == [("SOP-1", "author"), ("SOP-2", "admin")]
    revisions = "SELECT d.number, r.n FROM revisions r JOIN documents d ON d.id = r.doc_id ORDER BY 1, 2"
    assert target.fetch(revisions) == [("SOP-1", 1), ("SOP-1", 2), ("SOP-2", 1)]
    log = "SELECT l.what, u.username, l.level FROM log l LEFT JOIN users u ON u.id = l.person_id ORDER BY 1"
    assert target.fetch(log) == [("login", "author", 3), ("login", "author", 3), ("logout", None, 9)]

    # A default is a value like any other: what the target's own rules say of it is known before a row is written.
    # What is left out and has no value stops new rows only.
    wrong = RESTORED_BY.replace('secret: "!", ', "")
    registry = case.registry(wrong.replace("score: 1.50", "score: -1"), RENAMED_TABLES)
    refused = case.refused(case.database(NEW, NEW_ROWS), archive, "--registry", registry)
    assert {(p["code"], tuple(p["key"]), p["column"]) for p in refused.problems} == {
        ("null-value", ("author",), "secret"),
        ("check-violated", ("author",), None),
    }
    levels = [d["class"] for d in refused.document["drift"] if (d["what"], d["column"]) == ("no-value", "secret")]
    assert levels == ["blocking"]
    registry = case.registry(wrong, RENAMED_TABLES)
    report = case.restored(target, archive, "--registry", registry, again=False)
    assert report["totals"]["unchanged"] == report["totals"]["read"]


MISFITS = [
    ("renames: {people: userz}\n", "users: {}", 2, '"people" is renamed to "userz"', 'did you mean "users"?'),
    ("renames: {people: log}\n", "users: {}", 2, "another table of the archive", "two tables"),
    ("", "users: {renames: {mail: emial}}", 4, 'has no column "emial"', 'did you mean "email"?'),
    ("", "users: {renames: {mail: username}}", 4, "another column of", "omit_columns"),
    ("", "users: {renames: {mail: email}, key: [email]}", 4, "the key of users is ['email'] here", "use the registry"),
    ("", "users: {omit_columns: [sekret]}", 4, 'neither the archive nor the target has a column "sekret"', "secret"),
    ("", "users: {omit_columns: [username]}", 4, "are identified by it", "remove it"),
    ("", "users: {omit_columns: [id]}", 4, '"id" of "users" cannot be in omit_columns', "remove it"),
    ("", "users: {keep_columns: [mial]}", 4, 'has no column "mial"', 'did you mean "email"?'),
    ("", "users: {column_defaults: {lokale: en}}", 4, 'has no column "lokale"', 'did you mean "locale"?'),
    ("", "users: {column_defaults: {id: 5}}", 4, "numbered by the database", "write another one"),
    ("", "users: {column_defaults: {locale: null}}", 4, "may not be empty", "write another one"),
    ("", "users: {column_defaults: {created_by: 1}}", 4, "only null is the same row", "write another one"),
    (
        "",
        "users: {renames: {mail: email}, column_defaults: {locale: en, secret: x, score: 1, active: maybe}}",
        None,
        'users.active the value "maybe", which is neither true nor false',
        "of the type boolean",
    ),
]


def test_a_registry_that_does_not_fit(lite: Case) -> None:
    archive = lite.archive(lite.database(OLD, OLD_ROWS))
    target = lite.database(NEW)
    for head, tables, line, message, hint in MISFITS:
        registry = lite.registry(tables, head or "renames: {people: users}\n")
        tail = registry.read_text() + "  documents: {renames: {author_id: owner_id}, omit_columns: [cached]}\n"
        tail += "  versions: {renames: {document_id: doc_id}}\n  log: {column_defaults: {level: 1}}\n"
        registry.write_text(tail.replace("{people:", "{versions: revisions, people:"))
        answer = call("restore", "-q", archive, "--db", target.url, "--registry", registry)
        assert answer.exit_code == 2, (tables, answer.text)
        text = error_line(answer)
        assert message in text
        assert hint in text
        assert line is None or f"{registry}:{line}: " in text, text


def test_what_may_not_be_left_out(lite: Case) -> None:
    source = lite.database(OLD + "CREATE TABLE parts (id {id}, x varchar(9) NOT NULL UNIQUE, y varchar(9) NOT NULL);")
    reference = "log: {references: [{columns: [what], table: parts, referred_columns: [y]}]}"
    composite = "log: {references: [{columns: [what, person_id], table: parts, referred_columns: [x, y]}], "
    for tables, message in [
        ("people: {omit_columns: [id]}", "it is in the primary key"),
        (f"parts: {{omit_columns: [y]}}\n{reference}", '"log" refers to it'),
        (composite + "omit_columns: [person_id]}", 'leave out "what" too'),
        ("people: {omit_columns: [male]}", 'table "people" has no column "male"'),
    ]:
        answer = call("create", "-q", "--db", source.url, "--registry", lite.registry(tables), "-o", "never.tar")
        assert answer.exit_code == 2, answer.text
        assert message in error_line(answer)
    answer = call("fingerprint", source.url, "--registry", lite.registry(CREATED_BY))
    assert answer.exit_code == 0


def test_one_registry_serves_both_versions(lite: Case) -> None:
    """A rename waits where the target still has the archive's name, and where the archive has the new one already."""
    registry = lite.registry("people: {renames: {mail: email}}", "renames: {people: users}\n")
    archive = lite.archive(lite.database(OLD, OLD_ROWS), "--registry", registry)
    before = lite.database(OLD)
    report = lite.restored(before, archive, "--registry", registry)
    assert counts(report, "people") == {"read": 2, "inserted": 2}
    after = lite.database(NEW, NEW_ROWS)
    archive = lite.archive(after, "--registry", registry)
    report = lite.restored(after, archive, "--registry", registry)
    assert counts(report, "users") == {"read": 1, "unchanged": 1}
