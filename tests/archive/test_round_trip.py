from __future__ import annotations

import os
import stat
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edms_backup.archive import ArchiveReader, ArchiveWriter, Written
from edms_backup.archive import writer as writer_module
from edms_backup.errors import ArchiveError, EnvironmentFailed, UsageError
from tests.archive.helpers import SCHEMA, TABLES, files, leftovers, read, write

LINES = st.lists(st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")))
both = pytest.mark.parametrize("name", ["a", "a.tar"])


@both
def test_what_was_written_is_read(tmp_path: Path, name: str) -> None:
    manifest = write(tmp_path / name)
    assert read(tmp_path / name) == (TABLES, {"schema.json": SCHEMA, "registry.yaml": b"version: 1\n"})
    assert [len(table.parts) for table in manifest.tables] == [2, 0, 3]
    assert (manifest.rows, manifest.parts, manifest.created) == (8, 5, "2026-11-22T21:30:05Z")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    with ArchiveReader.open(tmp_path / name) as reader:
        assert reader.manifest == manifest


@both
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tables=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=50), LINES, max_size=5),
    part_rows=st.integers(1, 9),
    part_bytes=st.integers(1, 200),
)
def test_any_lines_in_any_tables(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    tables: dict[str, list[bytes]],
    part_rows: int,
    part_bytes: int,
) -> None:
    path = tmp_path_factory.mktemp("any") / name
    with ArchiveWriter(path, part_rows=part_rows, part_bytes=part_bytes) as writer:
        for table, lines in tables.items():
            writer.begin_table(table)
            writer.write(lines[:3])
            writer.write(lines[3:])
            assert writer.end_table().rows == len(lines)
        manifest = writer.publish(order=sorted(tables), source_product="p", source_version="v")
    assert read(path) == (tables, {})
    for written in manifest.tables:
        for part in written.parts[:-1]:
            assert part.rows == part_rows or part.raw_size >= part_bytes
        for part in written.parts:
            longest = max(map(len, tables[written.name])) + 1
            assert part.rows <= part_rows
            assert part.raw_size < part_bytes + longest


def test_large_rows_come_in_bounded_batches(tmp_path: Path) -> None:
    lines = [b"x" * 700_000, b"", b"y" * 300_000, *([b"z"] * 600_000)]
    write(tmp_path / "a", {"t": lines}, part_rows=10**6)
    with ArchiveReader.open(tmp_path / "a") as reader:
        batches = list(reader.lines("t"))
    assert [line for batch in batches for line in batch] == lines
    assert max(sum(map(len, batch)) for batch in batches) < 1_500_000


@both
def test_other_tools_read_it(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    folder = tmp_path / "a"
    if name.endswith(".tar"):
        with tarfile.open(tmp_path / name) as tar:
            tar.extractall(tmp_path, filter="tar")
        assert read(folder) == read(tmp_path / name)
    raw = (folder / "data/users/00000.jsonl.zst").read_bytes()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(raw).splitlines() == TABLES["users"][:2]
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("top", [".", "", "a", "./other"])
def test_a_tar_that_another_tool_made(tmp_path: Path, kind: int, top: str) -> None:
    write(tmp_path / "a")
    with tarfile.open(tmp_path / "b.tar", "w", format=kind) as tar:
        if top:
            tar.add(tmp_path / "a", top)
        else:
            for entry in (tmp_path / "a").iterdir():
                tar.add(entry, entry.name)
    assert read(tmp_path / "b.tar") == read(tmp_path / "a")


def test_a_tar_with_a_long_name_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / f"{'é' * 90}.tar"
    write(path, {"t" * 99: [b"{}"]})
    assert read(path)[0] == {"t" * 99: [b"{}"]}
    with tarfile.open(path) as tar:
        assert {name.split("/")[0] for name in tar.getnames()} == {"é" * 90}


@both
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_nobody_else_may_read_it(tmp_path: Path, name: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / name)
    finally:
        os.umask(before)
    for path in [tmp_path / name, *(tmp_path / name).rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@both
def test_nothing_is_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write(path)
    before = read(path)
    with pytest.raises(UsageError, match="exists already"):
        write(path)
    assert read(path) == before
    other = tmp_path / "other.tar"
    other.write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for taken in (other, tmp_path / "link", tmp_path):
        with pytest.raises(UsageError, match="exists already"):
            write(taken)
    assert other.read_text() == "mine"
    assert leftovers(tmp_path) == []


@both
def test_what_came_up_in_the_meantime_is_not_replaced(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="exists already"), ArchiveWriter(tmp_path / name) as writer:  # noqa: PT012
        (tmp_path / name).write_text("mine")
        writer.publish(order=[], source_product="p", source_version="v")
    assert (tmp_path / name).read_text() == "mine"


def test_an_empty_folder_is_a_fine_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b.tar").mkdir()
    write(tmp_path / "a")
    assert read(tmp_path / "a")[0] == TABLES
    with pytest.raises(UsageError, match="exists already"):
        write(tmp_path / "b.tar")


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no folder"):
        write(tmp_path / "missing" / "a")
    with pytest.raises(UsageError, match="unfinished"):
        write(tmp_path / f".a.partial-{'0' * 16}")
    with pytest.raises(EnvironmentFailed, match="file name too long; choose a shorter name"):
        write(tmp_path / ("n" * 250))
    assert list(tmp_path.iterdir()) == []


def test_the_archive_is_what_the_relative_path_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ArchiveWriter(Path("a")) as writer:
        monkeypatch.chdir("/")
        writer.publish(order=[], source_product="p", source_version="v")
    assert read(tmp_path / "a") == ({}, {})


def test_misuse_is_an_error_of_the_programmer(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "a") as writer:
        with pytest.raises(ValueError, match="no table has begun"):
            writer.write([b"{}"])
        writer.begin_table("t")
        with pytest.raises(ValueError, match="cannot begin now"):
            writer.begin_table("u")
        with pytest.raises(ValueError, match="line break"):
            writer.write([b"{\n}"])
        with pytest.raises(ValueError, match="published once"):
            writer.publish(order=["t"], source_product="p", source_version="v")
        assert writer.end_table() == Written(0, 0)
        with pytest.raises(ValueError, match="cannot begin now"):
            writer.begin_table("t")
        for name in ("backup.json", "../x.json", "data"):
            with pytest.raises(ValueError, match="cannot be a file"):
                writer.add_file(name, b"")
        for order in ([], ["u"], ["t", "t"]):
            with pytest.raises(ValueError, match="order"):
                writer.publish(order=order, source_product="p", source_version="v")
        with pytest.raises(UsageError, match="not valid Unicode"):
            writer.begin_table("\udcff")


def test_bounds_of_the_format_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for bound, value in {"MAX_LINE": 9, "MAX_FILE": 9, "MAX_TABLES": 2, "MAX_PARTS": 2}.items():
        monkeypatch.setattr(writer_module, bound, value)
    with ArchiveWriter(tmp_path / "a", part_rows=1) as writer:
        with pytest.raises(EnvironmentFailed, match=r"schema.json would have more than 9 bytes"):
            writer.add_file("schema.json", b"0123456789")
        writer.begin_table("t")
        with pytest.raises(EnvironmentFailed, match="a row of table 't' has more than"):
            writer.write([b"0123456789"])
        writer.write([b"012345678"])
        with pytest.raises(EnvironmentFailed, match="more than 2 parts"):
            writer.write([b"1", b"2"])
        writer.end_table()
        writer.begin_table("u")
        writer.end_table()
        with pytest.raises(EnvironmentFailed, match="more than 2 tables"):
            writer.begin_table("v")
        monkeypatch.setattr(writer_module, "MAX_MANIFEST", 9)
        with pytest.raises(EnvironmentFailed, match=r"backup\.json would have more than 9 bytes"):
            writer.publish(order=["t", "u"], source_product="p", source_version="v")
    assert files(tmp_path) == []


@both
def test_what_is_not_there(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    with ArchiveReader.open(tmp_path / name) as reader:
        with pytest.raises(ArchiveError, match="no table 'ghosts'"):
            list(reader.lines("ghosts"))
        with pytest.raises(ArchiveError, match=r"no other\.json"):
            reader.read_file("other.json")
    with pytest.raises(UsageError, match="there is no archive"):
        ArchiveReader.open(tmp_path / "nothing")
    with pytest.raises(UsageError, match="there is no archive"):
        ArchiveReader.open(tmp_path / name / "backup.json" / "x")


def test_an_error_of_whoever_gives_the_rows_is_not_the_disk(tmp_path: Path) -> None:
    def rows() -> list[bytes]:
        raise ConnectionResetError("the server went away")

    with pytest.raises(ConnectionResetError), ArchiveWriter(tmp_path / "a") as writer:  # noqa: PT012
        writer.begin_table("t")
        writer.write(line for line in rows())
    assert list(tmp_path.iterdir()) == []
