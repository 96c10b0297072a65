"""Every byte counts: flipped, cut, moved or left out, all of it is found before or while rows are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edms_backup.archive import ArchiveReader, Manifest, manifest
from edms_backup.errors import ArchiveError
from tests.archive.helpers import TABLES, files, read, write

both = pytest.mark.parametrize("name", ["a", "a.tar"])


@pytest.fixture
def path(tmp_path: Path, name: str) -> Path:
    write(tmp_path / name, {"users": TABLES["users"], "empty": []}, part_rows=2)
    return tmp_path / name


def found(path: Path) -> bool:
    try:
        read(path)
    except ArchiveError:
        return True
    return False


@both
@pytest.mark.parametrize("bits", [0x01, 0x20, 0xFF])
def test_every_byte_flipped(path: Path, bits: int) -> None:
    missed = []
    for file in files(path):
        raw = file.read_bytes()
        with file.open("r+b", buffering=0) as stream:
            for place, byte in enumerate(raw):
                os.pwrite(stream.fileno(), bytes([byte ^ bits]), place)
                if not found(path):
                    missed.append((file.name, place))
                os.pwrite(stream.fileno(), bytes([byte]), place)
    assert missed == []
    assert not found(path)


@both
def test_every_length_cut(path: Path) -> None:
    for file in files(path):
        raw = file.read_bytes()
        for length in range(len(raw) - 1, -1, -1):
            os.truncate(file, length)
            assert found(path), (file.name, length)
        file.write_bytes(raw)
    assert not found(path)


@both
@pytest.mark.parametrize("tail", [b"\0", b"x", bytes(511) + b"x", b"\n"])
def test_something_appended(path: Path, tail: bytes) -> None:
    for file in files(path):
        raw = file.read_bytes()
        file.write_bytes(raw + tail)
        assert found(path), file.name
        file.write_bytes(raw)


def _swapped(folder: Path) -> None:
    first, second = folder / "data/users/00000.jsonl.zst", folder / "data/users/00001.jsonl.zst"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)


def _repeated(folder: Path) -> None:
    shutil.copy(folder / "data/users/00000.jsonl.zst", folder / "data/users/00001.jsonl.zst")


def _added(folder: Path) -> None:
    shutil.copy(folder / "data/users/00000.jsonl.zst", folder / "data/users/00002.jsonl.zst")


def _missing(folder: Path) -> None:
    (folder / "data/users/00001.jsonl.zst").unlink()


def _foreign(folder: Path) -> None:
    write(folder.parent / "other", {"users": [b'{"id": 9}'] * 2}, part_rows=2)
    shutil.copy(folder.parent / "other/data/users/00000.jsonl.zst", folder / "data/users/00000.jsonl.zst")


def _schema_missing(folder: Path) -> None:
    (folder / "schema.json").unlink()


def _extra(folder: Path) -> None:
    (folder / "data/notes").mkdir()


def _deep(folder: Path) -> None:
    (folder / "data/users/a/b/c/d/e/f").mkdir(parents=True)


@pytest.mark.parametrize("name", ["a"])
@pytest.mark.parametrize("change", [_swapped, _repeated, _added, _missing, _foreign, _schema_missing, _extra, _deep])
def test_parts_moved_about(path: Path, change: Callable[[Path], None]) -> None:
    change(path)
    assert found(path)


def test_nothing_known_is_extra(tmp_path: Path) -> None:
    write(tmp_path / "a")
    (tmp_path / "a/data/x").write_text("")
    (tmp_path / "a/y").write_text("")
    with (
        ArchiveReader.open(tmp_path / "a") as reader,
        pytest.raises(ArchiveError, match="'data/x' and 1 more, which its manifest does not know"),
    ):
        reader.check_members()


@pytest.mark.parametrize("name", ["a"])
def test_a_manifest_from_another_archive(path: Path) -> None:
    write(path.parent / "other", {"users": [b'{"id": 9}'] * 3}, part_rows=2)
    shutil.copy(path.parent / "other/backup.json", path / "backup.json")
    assert found(path)


@pytest.mark.parametrize("name", ["a"])
@pytest.mark.parametrize(
    "old, new, message",
    [
        ('"rows": 3', '"rows": 2', "do not have its 2 rows"),
        ('"sqlite"', '"mysql"', "digest"),
        ('"format": 1', '"format": 2', "format 2, and this version reads format 1 only"),
        ('"format": 1', '"format": "1"', "cannot be read"),
        ('"format": 1', '"format": 1,\n  "note": 1', "digest"),
        ('"format": 1', '"format": 1,\n  "format": 1', "digest"),
        ("{", " {", "digest"),
        ("{", "[", "cannot be read"),
        ("00000.jsonl", "00007.jsonl", "is no part of table"),
        ("data/users/00000", "data/../../00000", "is no part of table"),
        ("22T21", "22 21", "is no UTC time"),
    ],
)
def test_an_edited_manifest(path: Path, old: str, new: str, message: str) -> None:
    text = (path / "backup.json").read_text()
    assert old in text
    (path / "backup.json").write_text(text.replace(old, new, 1))
    with pytest.raises(ArchiveError, match=message):
        read(path)


def _edit(manifest: Manifest, **changes: Any) -> Manifest:
    """The manifest with the first table, or its first part, changed."""
    table = manifest.tables[0]
    part = {key.removeprefix("part_"): value for key, value in changes.items() if key.startswith("part_")}
    own = {key: value for key, value in changes.items() if not key.startswith("part_")}
    parts = (replace(table.parts[0], **part), *table.parts[1:])
    return replace(manifest, tables=(replace(table, **{"parts": parts, **own}), *manifest.tables[1:]))


@pytest.mark.parametrize("name", ["a"])
@pytest.mark.parametrize(
    "changes, message",
    [
        ({"folder": "data/../x"}, "is no folder of a table"),
        ({"folder": "/etc"}, "is no folder of a table"),
        ({"folder": "data/.."}, "is no folder of a table"),
        ({"folder": "data/a/b"}, "is no folder of a table"),
        ({"folder": "data/a\n"}, "is no folder of a table"),
        ({"folder": "data/EMPTY"}, "a folder belongs to two tables"),
        ({"name": "empty"}, "a table is there twice"),
        ({"rows": 4}, "do not have its 4 rows"),
        ({"part_rows": 0, "rows": 1}, "cannot be"),
        ({"part_rows": -1, "rows": 0}, "cannot be"),
        ({"part_raw_size": 1}, "cannot be"),
        ({"part_size": 0}, "cannot be"),
        ({"part_sha256": "0" * 63}, "cannot be"),
        ({"part_path": "data/users/00001.jsonl.zst"}, "is no part of table"),
        ({"part_rows": 1, "rows": 2}, "more than 1 rows"),
        ({"part_rows": 3, "rows": 4}, "2 rows instead of 3"),
        ({"part_raw_size": 20}, "decompresses to more than 20 bytes"),
        ({"part_raw_size": 99}, "instead of 99"),
        ({"part_size": 99}, "instead of 99"),
        ({"part_sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_a_manifest_that_is_wrong_though_its_digest_is_right(path: Path, changes: dict[str, Any], message: str) -> None:
    changed = _edit(manifest.from_bytes((path / "backup.json").read_bytes()), **changes)
    (path / "backup.json").write_bytes(manifest.to_bytes(changed))
    with pytest.raises(ArchiveError, match=message):
        read(path)


@pytest.mark.parametrize("name", ["a"])
@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "../schema.json"}, "is no name of a file"),
        ({"name": "backup.json"}, "is no name of a file"),
        ({"name": "registry.yaml"}, "a file is there twice"),
        ({"size": -1}, "cannot be"),
        ({"sha256": "x"}, "cannot be"),
        ({"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_a_file_entry_that_is_wrong(path: Path, changes: dict[str, Any], message: str) -> None:
    before = manifest.from_bytes((path / "backup.json").read_bytes())
    entry = replace(before.files[0], **changes)
    changed = replace(before, files=(entry, *before.files[1:]))
    (path / "backup.json").write_bytes(manifest.to_bytes(changed))
    with pytest.raises(ArchiveError, match=message):
        read(path)


def test_what_never_was_an_archive(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.tar").write_text("no archive\n")
    (tmp_path / "empty.tar").write_bytes(b"")
    (tmp_path / "nothing.tar").write_bytes(bytes(1024))
    os.mkfifo(tmp_path / "pipe")
    for name, message in {
        "folder": "is not a backup, or an incomplete one",
        "text.tar": "no archive of edms-backup",
        "empty.tar": "no archive of edms-backup",
        "nothing.tar": "no archive of edms-backup",
        "pipe": "neither a folder nor a file",
    }.items():
        with pytest.raises(ArchiveError, match=message):
            ArchiveReader.open(tmp_path / name)
