from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edms_backup.demo.build import build
from edms_backup.demo.data import FRESH_FIRST_ID, LIVE_FIRST_ID, fresh_rows, live_rows

# Each table that an installation fills, by its key.
KEYS = {
    "django_content_type": "SELECT app_label, model FROM django_content_type",
    "auth_group": "SELECT name FROM auth_group",
    "roles": "SELECT name FROM roles",
    "users": "SELECT username FROM users",
    "users_groups": "SELECT username, name FROM users_groups JOIN users u ON u.id = user_id "
    "JOIN auth_group g ON g.id = group_id",
    "user_roles": "SELECT username, name FROM user_roles JOIN users u ON u.id = user_id JOIN roles r ON r.id = role_id",
    "document_types": "SELECT code FROM document_types",
    "workflow_document_states": "SELECT code FROM workflow_document_states",
    "system_events": "SELECT kind, document_id, message, happened_at FROM system_events",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    build(folder / "live", live_rows(), LIVE_FIRST_ID)
    build(folder / "fresh", fresh_rows(), FRESH_FIRST_ID)
    return folder


@pytest.fixture
def live(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "live")) as database:
        yield database


@pytest.fixture
def fresh(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "fresh")) as database:
        yield database


def tables(database: sqlite3.Connection) -> list[str]:
    statement = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [name for (name,) in database.execute(statement)]


def test_the_foreign_keys_hold(live: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    for database in (live, fresh):
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_some_hundred_rows_and_no_empty_table(live: sqlite3.Connection) -> None:
    counts = [live.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables(live)]
    assert 300 < sum(counts) < 2000
    assert min(counts) > 3


def test_the_same_on_every_run(tmp_path: Path, live: sqlite3.Connection) -> None:
    build(tmp_path / "again", live_rows(), LIVE_FIRST_ID)
    with closing(sqlite3.connect(tmp_path / "again")) as again:
        assert list(again.iterdump()) == list(live.iterdump())


def test_what_an_installation_begins_with_is_also_in_the_live_one(
    live: sqlite3.Connection, fresh: sqlite3.Connection
) -> None:
    for table in tables(fresh):
        if table not in KEYS:
            assert fresh.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table
            continue
        known = set(live.execute(KEYS[table]))
        found = fresh.execute(KEYS[table]).fetchall()
        assert found, table
        assert set(found) <= known, table


def test_the_two_differ_in_ids_and_uuids(live: sqlite3.Connection, fresh: sqlite3.Connection) -> None:
    statement = "SELECT id, uuid FROM users WHERE username = 'author01'"
    (live_id, live_uuid), (fresh_id, fresh_uuid) = (d.execute(statement).fetchone() for d in (live, fresh))
    assert (live_id, fresh_id) == (822, 4)
    assert live_uuid != fresh_uuid
    for table in ("users", "roles", "document_types"):
        uuids = f"SELECT uuid FROM {table}"
        assert not set(live.execute(uuids)) & set(fresh.execute(uuids))


def test_every_kind_of_reference_and_value(live: sqlite3.Connection) -> None:
    def one(statement: str) -> int:
        return int(live.execute(statement).fetchone()[0])

    assert one("SELECT count(*) FROM users WHERE manager_id IS NOT NULL")
    assert one("SELECT count(*) FROM documents WHERE supersedes_id IS NOT NULL")
    assert one("SELECT count(*) FROM documents WHERE reviewer_id IS NULL")
    assert one("SELECT count(*) FROM document_comments WHERE parent_id IS NOT NULL")
    assert one("SELECT count(DISTINCT content_type_id) FROM audit_trail") >= 6
    assert one("SELECT count(*) FROM saved_searches WHERE owner_id IS NULL")
    assert one("SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT * FROM login_log)) FROM login_log") > 0
    assert one("SELECT count(*) FROM document_versions WHERE length(content) > 0")
    keys = "SELECT count(*) FROM (SELECT DISTINCT document_id, author_id, created_at FROM document_comments)"
    assert one(keys) == one("SELECT count(*) FROM document_comments")
