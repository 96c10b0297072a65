from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edms_backup.archive import archive_path_in, names


@pytest.mark.parametrize(
    "table, folder",
    [
        ("users", "data/users"),
        ("Users_2-x", "data/Users_2-x"),
        ("public.users", "data/public.users"),
        (".", "data/%2E"),
        ("..", "data/%2E%2E"),
        (".hidden", "data/%2Ehidden"),
        ("end.", "data/end%2E"),
        ("a/b", "data/a%2Fb"),
        ("../../etc/passwd", "data/%2E.%2F..%2Fetc%2Fpasswd"),
        ("a b", "data/a%20b"),
        ("100%", "data/100%25"),
        ("~1", "data/%7E1"),
        ("Größe", "data/Gr%C3%B6%C3%9Fe"),
        ("nul\0", "data/nul%00"),
        ("", "data/~0"),
        ("con", "data/con~0"),
        ("NUL.txt", "data/NUL.txt~0"),
        ("x" * 100, "data/" + "x" * 100),
        ("x" * 101, "data/" + "x" * 80 + "~0"),
    ],
)
def test_folders_of_tables(table: str, folder: str) -> None:
    assert names.FolderNames().folder(table) == folder
    assert names.is_table_folder(folder)


def test_folders_stay_apart_where_case_does_not_count() -> None:
    folders = names.FolderNames()
    assert [folders.folder(name) for name in ("users", "USERS", "Users", "users~1", "É", "é")] == [
        "data/users",
        "data/USERS~1",
        "data/Users~2",
        "data/users%7E1",
        "data/%C3%89",
        "data/%C3%A9",
    ]


@given(st.lists(st.text(st.characters(codec="utf-8")) | st.sampled_from(["a", "A", "a" * 200, "A" * 201]), unique=True))
def test_any_tables_have_folders_of_their_own(tables: list[str]) -> None:
    folders = names.FolderNames()
    made = [folders.folder(table) for table in tables]
    assert len({folder.lower() for folder in made}) == len(tables)
    assert all(names.is_table_folder(folder) and len(folder) < 120 for folder in made)


def test_a_new_archive_has_its_time_in_utc() -> None:
    now = datetime(2026, 11, 23, 1, 0, 5, tzinfo=timezone(timedelta(hours=3, minutes=30)))
    path = archive_path_in(Path("backups"), now)
    assert path.parent == Path("backups")
    assert re.fullmatch(r"2026-11-22T21-30-05Z-[0-9a-f]{4}", path.name)
    assert len({archive_path_in(Path(), datetime.now(UTC)) for _ in range(20)}) > 15
    with pytest.raises(ValueError, match="without zone"):
        archive_path_in(Path(), datetime(2026, 11, 22))  # noqa: DTZ001


@pytest.mark.parametrize(
    "name, top",
    [("a.tar", "a"), ("a.b.tar", "a.b"), (".tar", "archive"), ("...tar", "archive"), ("x.tar.tar", "x.tar")],
)
def test_the_folder_in_a_tar(name: str, top: str) -> None:
    assert names.stem(Path(name)) == top


def test_unfinished_names() -> None:
    assert names.is_partial(names.partial_name("a.tar"))
    assert not names.is_partial("a.partial-0000000000000000")
    assert not names.is_partial(".a.partial-")
