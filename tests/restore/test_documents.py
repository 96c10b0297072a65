"""Ids inside JSON documents: each points to the same row afterwards, and nothing else in the document changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.restore.helpers import USERS, Case, call, counts
from tests.servers import Database

TYPES = {
    "sqlite": ("json", "text"),
    "postgresql": ("json", "jsonb"),
    "mariadb": ("json", "text"),
}
"""Of the two columns of documents; what a text column holds is a document too."""

FOLDERS = """
CREATE TABLE folders (id varchar(36) PRIMARY KEY, name varchar(50) NOT NULL UNIQUE);
CREATE TABLE boxes (id {uuid} PRIMARY KEY, name varchar(50) NOT NULL UNIQUE);
"""
UUID = {"sqlite": "char(32)", "postgresql": "uuid", "mariadb": "char(32)"}
OURS = "0e8400e2-9b41-d4a7-1644-6655440000aa"
HERE = "1f8400e2-9b41-d4a7-1644-6655440000bb"

INSIDE = (
    '{columns: [payload], path: "$.author_id", table: users}',
    '{columns: [payload], path: "$.reviewers[*]", table: users}',
    '{columns: [payload], path: "$.items[*].folder", table: folders}',
    '{columns: [payload], path: "$.box", table: boxes}',
    """{columns: [note], path: '$["the owner"].id', table: users}""",
)
REGISTRY = f"""
users: {{key: [username]}}
folders: {{key: [name]}}
boxes: {{key: [name]}}
events: {{key: [code], references: [{", ".join(INSIDE)}]}}
"""

ROWS = """
INSERT INTO users (id, username, email) VALUES (820, 'admin', NULL), (822, 'author01', NULL), (823, 'rev01', NULL);
INSERT INTO folders (id, name) VALUES ('f-1', 'one'), ('f-2', 'two');
"""

THEIRS = """
INSERT INTO users (id, username, email) VALUES (1, 'rev01', NULL), (822, 'someone', NULL), (900, 'author01', NULL);
INSERT INTO folders (id, name) VALUES ('f-1', 'two'), ('own', 'one');
"""

RICH = (
    '{"author_id": 822,  "sum": 1.10, "huge": 1e400, "long": 123456789012345678901234567890, "x": 1, "x": 2,\n'
    ' "nothing": -0.0, "author_id":"823", "reviewers": [823, "822", 820, 999, "999", 1e3, true, null, [822], ""],'
    ' "deep": {"author_id": 822}, "items": [{"folder": "f-1", "n": 822}, {"folder": 822}, {}, {"folder":"F-1"}, 5]}'
)
RESTORED = (
    '{"author_id": 900,  "sum": 1.10, "huge": 1e400, "long": 123456789012345678901234567890, "x": 1, "x": 2,\n'
    ' "nothing": -0.0, "author_id":"1", "reviewers": [1, "900", 820, 999, "999", 1e3, true, null, [822], ""],'
    ' "deep": {"author_id": 822}, "items": [{"folder": "own", "n": 822}, {"folder": 822}, {}, {"folder":"F-1"}, 5]}'
)
ALIKE = (
    '{"author_id": {"$ref": ["author01"]}, "reviewers": [{"$ref_text": ["rev01"], "b": 1.0}, {"$raw": {"$ref": 1}},'
    ' {"ref": 822}, 823], "items": {"folder": "f-1"}}'
)
DOCUMENTS = {
    # code: payload, note, and what they are where author01 is 900, rev01 is 1, and folder one is own
    "rich": (RICH, '{"the owner": {"id": 822}}', RESTORED, '{"the owner": {"id": 900}}'),
    "alike": (ALIKE, '{"the owner": 822}', ALIKE.replace("823]", "1]"), '{"the owner": 822}'),
    "escaped": (
        '{"a\\u0075thor_id": 823, "a": "\\u0000 \\/"}',
        None,
        '{"a\\u0075thor_id": 1, "a": "\\u0000 \\/"}',
        None,
    ),
    # However the database writes a uuid, the document has 36 characters.
    "uuid": (f'{{"box": "{OURS}"}}', None, f'{{"box": "{HERE}"}}', None),
    "plain": ("null", "[]", "null", "[]"),
    "empty": (None, '{"the owner": {"id": "823"}}', None, '{"the owner": {"id": "1"}}'),
}


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


def boxes(case: Case, identity: str) -> str:
    held = identity if case.product == "postgresql" else identity.replace("-", "")
    return f"INSERT INTO boxes (id, name) VALUES ('{held}', 'box')"


def folders(case: Case) -> str:
    return FOLDERS.replace("{uuid}", UUID[case.product])


def events(case: Case) -> str:
    payload, note = TYPES[case.product]
    return f"CREATE TABLE events (id {{id}}, code varchar(50) NOT NULL UNIQUE, payload {payload}, note {note});"


def schema(case: Case) -> str:
    return USERS + folders(case) + events(case)


def add(database: Database, documents: dict[str, tuple[Any, ...]]) -> None:
    """Events with these documents, through the driver: nothing of them is taken for SQL."""
    mark = "?" if database.product == "sqlite" else "%s"
    with database.raw_connection() as connection:
        cursor = connection.cursor()
        for code, (payload, note, *_) in documents.items():
            cursor.execute(
                f"INSERT INTO events (code, payload, note) VALUES ({mark}, {mark}, {mark})", (code, payload, note)
            )
        connection.commit()


def texts(database: Database) -> dict[str, tuple[Any, Any]]:
    """The documents as the database holds them."""
    kind = {"postgresql": "text", "mariadb": "char"}.get(database.product, "text")
    query = f"SELECT code, CAST(payload AS {kind}), CAST(note AS {kind}) FROM events"
    return {code: (payload, note) for code, payload, note in database.fetch(query)}


def source(case: Case, documents: dict[str, tuple[Any, ...]]) -> Database:
    database = case.database(schema(case), ROWS, boxes(case, OURS))
    add(database, documents)
    return database


def test_documents_point_to_the_same_rows_under_other_ids(case: Case) -> None:
    registry = case.registry(REGISTRY)
    ours = source(case, DOCUMENTS)
    archive = case.archive(ours, "--registry", registry)
    assert call("verify", archive).exit_code == 0
    target = case.database(schema(case), THEIRS, boxes(case, HERE))
    add(target, {"plain": (RICH, "[]")})
    report = case.restored(target, archive)
    assert counts(report, "events") == {"read": 6, "inserted": 5, "updated": 1}
    # rich: five users and a folder; alike and escaped: a user each;
    # the owners of rich and empty; the box. What dangles is all in rich.
    assert report["tables"]["events"]["references"] == {"resolved": 11, "dangling": 6, "unresolved": 0}
    found = texts(target)
    for code, (_, _, payload, note) in DOCUMENTS.items():
        assert found[code][0] == payload
        assert found[code][1] == note or json.loads(found[code][1]) == json.loads(str(note))
    prints = [call("fingerprint", d.url, "--registry", registry, "--json").document for d in (ours, target)]
    kept = call("fingerprint", archive, "--json").document
    assert prints[0]["tables"]["events"] == prints[1]["tables"]["events"] == kept["tables"]["events"]


TROUBLE = {
    "good": ('{"author_id": 822}', None),
    "missing": ('{"reviewers": [822, "823"]}', None),
    "stranger": ('{"author_id": 555, "reviewers": [556]}', None),
    "plain": ('{"title": 1}', None),
}


def test_what_does_not_resolve_is_refused_by_name_emptied_or_skipped(case: Case) -> None:
    registry = case.registry(REGISTRY)
    archive = case.archive(source(case, TROUBLE), "--registry", registry)
    target = case.database(schema(case), "INSERT INTO users (id, username) VALUES (7, 'author01')")
    case.run(target, "INSERT INTO users (id, username) VALUES (555, 'somebody else')")
    refused = case.refused(target, archive, "--tables", "events")
    missing = refused.problem("unresolved-reference", "events", ["missing"])
    assert (missing["column"], missing["value"]) == ("payload", ["rev01"])
    assert 'payload $.reviewers[*] refers to users ["rev01"]' in missing["message"]
    stranger = refused.problem("dangling-reference", "events", ["stranger"])
    assert (stranger["column"], stranger["value"]) == ("payload", "555")
    assert "payload $.author_id" in stranger["message"]
    assert len(refused.problems) == 2
    assert refused.document["tables"]["events"]["references"] == {"resolved": 2, "dangling": 1, "unresolved": 2}

    report = case.restored(target, archive, "--tables", "events", "--on-unresolved", "skip")
    assert counts(report, "events") == {"read": 4, "inserted": 2, "skipped": 2}
    assert {code: payload for code, (payload, _) in texts(target).items()} == {
        "good": '{"author_id": 7}',
        "plain": '{"title": 1}',
    }
    report = case.restored(target, archive, "--tables", "events", "--on-unresolved", "null")
    assert counts(report, "events") == {"read": 4, "inserted": 2, "unchanged": 2}
    found = texts(target)
    assert found["missing"][0] == '{"reviewers": [7, null]}'
    assert found["stranger"][0] == '{"author_id": null, "reviewers": [556]}'


@pytest.mark.parametrize("product", ["sqlite"])
def test_a_document_that_is_kept_need_not_resolve(case: Case) -> None:
    archive = case.archive(source(case, TROUBLE), "--registry", case.registry(REGISTRY))
    rules = REGISTRY.replace("events: {", "events: {keep_columns: [payload], ")
    target = case.database(schema(case), "INSERT INTO users (id, username) VALUES (555, 'author01')")
    add(target, {"missing": ("{}", "[]"), "stranger": ("{}", None)})
    flags = ("--tables", "events", "--registry", case.registry(rules))
    report = case.restored(target, archive, *flags)
    assert counts(report, "events") == {"read": 4, "inserted": 2, "updated": 1, "unchanged": 1}
    assert texts(target)["missing"] == ("{}", None)


@pytest.mark.parametrize("product", ["postgresql"])
def test_a_document_that_grows_too_long_is_named(case: Case) -> None:
    registry = case.registry(REGISTRY)
    documents = {
        "a": (None, '{"the owner": {"id": 822}}'),
        "b": ("[]", "[]"),
        "c": ('{"author_id": 822, "x": "\\u0000"}', None),
    }
    archive = case.archive(source(case, documents), "--registry", registry)
    short = events(case).replace("payload json,", "payload jsonb,").replace("note jsonb", "note varchar(28)")
    target = case.database(
        USERS + folders(case) + short, "INSERT INTO users (id, username) VALUES (123456, 'author01')"
    )
    refused = case.refused(target, archive)
    problem = refused.problem("value-does-not-fit", "events", ["a"])
    assert problem["column"] == "note"
    assert "28 characters" in problem["message"]
    problem = refused.problem("value-does-not-fit", "events", ["c"])
    assert problem["column"] == "payload"
    assert "unsupported Unicode escape sequence" in problem["message"]
    assert counts(refused.document, "events") == {"read": 3, "inserted": 1, "failed": 2}


def test_no_new_row_gets_the_id_that_a_document_misses(case: Case) -> None:
    ours = case.database(schema(case), "INSERT INTO users (id, username) VALUES (1, 'admin'), (2, 'author01')")
    add(ours, {"a": ('{"author_id": 2, "reviewers": [3, "4", 1]}', None)})
    archive = case.archive(ours, "--registry", case.registry(REGISTRY))
    target = case.database(schema(case), "INSERT INTO users (id, username) VALUES (1, 'x'), (2, 'y')")
    case.restored(target, archive)
    here = {name: number for number, name in target.fetch("SELECT id, username FROM users")}
    assert sorted(here.values()) == [1, 2, 5, 6]
    assert json.loads(texts(target)["a"][0]) == {"author_id": here["author01"], "reviewers": [3, "4", here["admin"]]}


@pytest.mark.parametrize("product", ["sqlite"])
def test_a_target_may_lack_the_table_that_documents_refer_to(case: Case) -> None:
    documents = {"named": ('{"author_id": 822}', None), "missed": ('{"author_id": 5}', None)}
    archive = case.archive(source(case, documents), "--registry", case.registry(REGISTRY))
    target = case.database(events(case))
    problem = case.refused(target, archive, "--tables", "events").problem("unresolved-reference", "events", ["named"])
    assert "payload $.author_id" in problem["message"]
    case.restored(target, archive, "--tables", "events", "--on-unresolved", "null")
    assert {code: payload for code, (payload, _) in texts(target).items()} == {
        "named": '{"author_id": null}',
        "missed": '{"author_id": 5}',
    }


@pytest.mark.parametrize("product", ["sqlite"])
def test_an_id_that_two_rows_have_is_refused(case: Case) -> None:
    ours = source(case, {"a": ('{"author_id": "one"}', None)})
    case.run(ours, "CREATE TABLE teams (id {id}, code varchar(9) NOT NULL UNIQUE, name varchar(9))")
    case.run(ours, "INSERT INTO teams (code, name) VALUES ('a', 'one'), ('b', 'one')")
    reference = '{columns: [payload], path: "$.author_id", table: teams, referred_columns: [name]}'
    registry = case.registry(f"events: {{key: [code], references: [{reference}]}}")
    answer = call("create", "--db", ours.url, "-o", registry.with_name("no.tar"), "--registry", registry)
    assert answer.exit_code == 2
    assert "name = one is in several rows of teams" in answer.text
