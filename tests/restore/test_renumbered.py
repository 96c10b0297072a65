"""An older installation on SQLite, restored into an emptied and renumbered copy of itself."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.options import CreateOptions, Ids, RestoreOptions, Source

BOOTSTRAP = ("users", "django_content_type", "auth_permission", "roles", "workflow_document_states")
"""Tables that a new installation has rows in, under ids of its own."""

SHIFT = 5_000


def renumber(path: Path) -> None:
    """Keep every second bootstrap row, under another id, and what refers to it; everything else goes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [name for name in names if not name.startswith("sqlite_")]
        connection.execute("BEGIN")
        for name in tables:
            if name not in BOOTSTRAP:
                connection.execute(f'DELETE FROM "{name}"')
        for name in BOOTSTRAP:
            connection.execute(f'DELETE FROM "{name}" WHERE rowid % 2 = 1')
        connection.execute("UPDATE users SET created_by_id = NULL, manager_id = NULL, email = 'new-' || email")
        connection.execute("UPDATE roles SET created_by_id = NULL, inherits_from_id = NULL")
        # Permissions of the content types that went, go too.
        connection.execute(
            "DELETE FROM auth_permission WHERE content_type_id NOT IN (SELECT id FROM django_content_type)"
        )
        connection.execute("UPDATE auth_permission SET content_type_id = content_type_id + ?", (SHIFT,))
        for name in ("users", "django_content_type", "roles"):
            connection.execute(f'UPDATE "{name}" SET id = id + ?', (SHIFT,))
        connection.execute("COMMIT")
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.fixture
def original(edms_folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "original.sqlite3"
    shutil.copyfile(edms_folder / "data" / "workflow_dev.sqlite3", path)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "registry, ids, emptied",
    [
        pytest.param("edms", Ids.PRESERVE, renumber, id="renumbered"),
        pytest.param("edms", Ids.ASSIGN, renumber, id="renumbered-assign"),
        pytest.param(None, Ids.PRESERVE, renumber, id="renumbered-inferred"),
        pytest.param("edms", Ids.PRESERVE, Path.exists, id="same"),
    ],
)
def test_restore_into_a_renumbered_copy(
    original: Path, tmp_path: Path, registry: str | None, ids: Ids, emptied: Callable[[Path], object]
) -> None:
    source, archive = Source(f"sqlite:///{original}", registry), tmp_path / "archive"
    api.create(source, CreateOptions(output=archive))
    assert api.verify(archive).ok
    copy = tmp_path / "copy.sqlite3"
    shutil.copyfile(original, copy)
    emptied(copy)
    target = Source(f"sqlite:///{copy}", registry)
    rehearsal = api.restore(target, archive, RestoreOptions(dry_run=True, ids=ids))
    report = api.restore(target, archive, RestoreOptions(ids=ids))
    assert not report.problems, report.problems[:3]
    assert rehearsal.totals() == report.totals()
    assert api.fingerprint(target) == api.fingerprint(source)
    assert api.verify(archive, source=target).ok
    again = api.restore(target, archive, RestoreOptions(ids=ids)).totals()
    assert (again["inserted"], again["updated"], again["read"]) == (0, 0, again["unchanged"])
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
