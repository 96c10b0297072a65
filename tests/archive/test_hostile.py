"""An archive from an attacker: refused, fast, within bounds, by name."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edms_backup.archive import ArchiveReader, Manifest, ManifestTable, Part, SourceFacts, manifest, parts, tar
from edms_backup.archive import members as members_module
from edms_backup.errors import ArchiveError, EnvironmentFailed
from tests.archive.helpers import in_child, read, write

GIB = 1 << 30


def facts(*tables: ManifestTable) -> Manifest:
    return Manifest(1, "x", "2026-11-22T21:30:05Z", SourceFacts("p", "v"), tables, ())


def forge(path: Path, content: bytes, *, rows: int, raw_size: int) -> Path:
    """An archive with one part whose manifest is in order."""
    digest = hashlib.sha256(content).hexdigest()
    part = Part("data/t/00000.jsonl.zst", rows, len(content), digest, raw_size)
    (path / "data/t").mkdir(parents=True)
    (path / part.path).write_bytes(content)
    text = manifest.to_bytes(facts(ManifestTable("t", "data/t", rows, (part,))))
    (path / "backup.json").write_bytes(text)
    return path


def squeeze(raw: bytes, **options: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, write_checksum=1, **options)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(raw)


def refused(path: Path, message: str) -> None:
    """Reading the archive ends with this message."""
    with pytest.raises(ArchiveError, match=message):
        read(path)


def refused_soon(path: Path, message: str) -> None:
    """So it does, within the time and the memory that an attacker may take."""
    begun = time.monotonic()
    assert in_child(lambda: refused(path, message), memory=256 << 20) == 0
    assert time.monotonic() - begun < 5


@pytest.fixture(scope="module")
def zeros() -> bytes:
    return squeeze(bytes(GIB))


def test_a_gigabyte_in_one_row(tmp_path: Path, zeros: bytes) -> None:
    assert len(zeros) < 150_000
    refused_soon(forge(tmp_path / "a", zeros, rows=1, raw_size=GIB), "a row of more than 64 MiB")


def test_a_gigabyte_where_little_is_announced(tmp_path: Path, zeros: bytes) -> None:
    refused_soon(forge(tmp_path / "a", zeros, rows=1, raw_size=1000), "decompresses to more than 1000 bytes")


def test_a_gigabyte_of_line_ends(tmp_path: Path) -> None:
    raw = squeeze(b"\n" * GIB)
    refused_soon(forge(tmp_path / "a", raw, rows=1000, raw_size=GIB), "more than 1000 rows")
    path = forge(tmp_path / "b", raw, rows=GIB, raw_size=GIB)

    def count() -> None:
        with ArchiveReader.open(path) as reader:
            batches = reader.lines("t")
            assert sum(len(next(batches)) for _ in range(200)) > 1_000_000

    assert in_child(count, memory=256 << 20) == 0


def test_the_longest_row_that_may_be(tmp_path: Path) -> None:
    raw = b"x" * (64 << 20) + b"\n"
    path = forge(tmp_path / "a", squeeze(raw), rows=1, raw_size=len(raw))
    with ArchiveReader.open(path) as reader:
        assert [list(map(len, batch)) for batch in reader.lines("t")] == [[64 << 20]]
    path = forge(tmp_path / "b", squeeze(b"x" + raw), rows=1, raw_size=len(raw) + 1)
    refused_soon(path, "a row of more than 64 MiB")


def _no_checksum(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(raw)


def _cut(raw: bytes) -> bytes:
    return squeeze(raw)[:-4]


def _two_frames(raw: bytes) -> bytes:
    return squeeze(raw[:4]) + squeeze(raw[4:])


def _tail(raw: bytes) -> bytes:
    return squeeze(raw) + b"x"


def _far_tail(raw: bytes) -> bytes:
    frame = squeeze(raw)
    return frame + bytes(2048 - len(frame))


def _skippable(raw: bytes) -> bytes:
    return b"\x50\x2a\x4d\x18\x00\x00\x00\x00" + squeeze(raw)


def _wrong_checksum(raw: bytes) -> bytes:
    return squeeze(raw)[:-1] + b"!"


def _large_window(raw: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters.from_level(1, window_log=27, write_checksum=1)
    ).compressobj()
    return compressor.compress(raw) + compressor.flush()


def _text(raw: bytes) -> bytes:
    return raw


@pytest.mark.parametrize(
    "make, message",
    [
        (_no_checksum, "has no checksum"),
        (_cut, "frame is cut short"),
        (_two_frames, "something follows"),
        (_tail, "something follows"),
        (_far_tail, "something follows"),
        (_skippable, "has no checksum|something follows|decompresses to"),
        (_wrong_checksum, "cannot be decompressed"),
        (_large_window, "cannot be decompressed"),
        (_text, "cannot be decompressed"),
    ],
)
def test_frames_that_are_not_ours(tmp_path: Path, make: Callable[[bytes], bytes], message: str) -> None:
    raw = b"{}\n{}\n"
    refused(forge(tmp_path / "a", make(raw), rows=2, raw_size=len(raw)), message)


def test_a_part_that_ends_within_a_row(tmp_path: Path) -> None:
    refused(forge(tmp_path / "a", squeeze(b"{}\n{}"), rows=2, raw_size=5), "ends within a row")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=300), st.integers(0, 40))
def test_any_bytes_for_a_part(tmp_path_factory: pytest.TempPathFactory, noise: bytes, kept: int) -> None:
    content = squeeze(b'{"id": 1}\n{"id": 2}\n')[:kept] + noise
    if content:
        path = forge(tmp_path_factory.mktemp("any") / "a", content, rows=2, raw_size=20)
        with pytest.raises(ArchiveError):
            read(path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_for_a_manifest(text: bytes) -> None:
    with pytest.raises(ArchiveError):
        manifest.from_bytes(text)


def _million_tables() -> bytes:
    entry = b'{"name":"%d","folder":"data/%d","rows":0,"parts":[]}'
    tables = b",".join(entry % (number, number) for number in range(1_000_000))
    return b'{"format":1,"tool":"","created":"","source":{"product":"","version":""},"tables":[' + tables + b"]"


def _many_tables() -> bytes:
    return manifest.to_bytes(facts(*(ManifestTable(str(number), f"data/{number}", 0, ()) for number in range(100_001))))


def _many_parts() -> bytes:
    entries = b",".join([b'{"path":"","rows":0,"size":0,"sha256":"","raw_size":0}'] * 100_001)
    return (
        b'{"format":1,"tool":"","created":"","source":{"product":"","version":""},"files":[],"tables":['
        b'{"name":"","folder":"","rows":0,"parts":[' + entries + b"]}]}"
    )


@pytest.mark.parametrize(
    "make, message",
    [
        (_million_tables, "more than 33554432 bytes"),
        (_many_tables, "more than 100000 tables"),
        (_many_parts, "more than 100000 parts"),
        (lambda: b'{"format":1,"x":' + b"[" * 100_000, "cannot be read"),
        (lambda: b'{"format":1,"tables":' + b"[" * 100_000, "cannot be read"),
        (lambda: b'{"format":1' + b"0" * 5000 + b"}", "cannot be read"),
        (lambda: b'{"format":1e400}', "cannot be read"),
        (lambda: b'{"format":NaN}', "cannot be read"),
        (lambda: b"\xff\xfe", "cannot be read"),
    ],
)
def test_manifests_that_are_too_much(tmp_path: Path, make: Callable[[], bytes], message: str) -> None:
    (tmp_path / "backup.json").write_bytes(make())
    refused_soon(tmp_path, message)


def test_bounds_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = forge(tmp_path / "a", squeeze(b"{}\n" * 9), rows=9, raw_size=27)
    monkeypatch.setattr(parts, "MAX_LINE", 1)
    refused(path, "a row of more than")
    monkeypatch.setattr(manifest, "MAX_PARTS", 0)
    refused(path, "more than 0 parts")
    monkeypatch.setattr(manifest, "MAX_TABLES", 0)
    refused(path, "more than 0 tables")
    monkeypatch.setattr(manifest, "MAX_MANIFEST", 9)
    refused(path, "more than 9 bytes")


def test_links_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a")
    part = tmp_path / "a/data/users/00000.jsonl.zst"
    part.rename(tmp_path / "moved")
    part.symlink_to(tmp_path / "moved")
    refused(tmp_path / "a", "'data/users/00000.jsonl.zst' in the archive is a link or a device")
    part.unlink()
    os.mkfifo(part)
    refused(tmp_path / "a", "is a link or a device")


def test_links_that_come_after_opening(tmp_path: Path) -> None:
    write(tmp_path / "a")
    with ArchiveReader.open(tmp_path / "a") as reader:
        (tmp_path / "a/data/users").rename(tmp_path / "moved")
        (tmp_path / "a/data/users").symlink_to(tmp_path / "moved")
        with pytest.raises(EnvironmentFailed, match="cannot read"):
            list(reader.lines("users"))
        (tmp_path / "a/data/users").unlink()
        (tmp_path / "a/data/users").mkdir()
        os.mkfifo(tmp_path / "a/data/users/00000.jsonl.zst")
        with pytest.raises(ArchiveError, match="is no file"):
            list(reader.lines("users"))


def test_a_link_to_an_archive_is_an_archive(tmp_path: Path) -> None:
    write(tmp_path / "a")
    (tmp_path / "latest").symlink_to("a")
    assert read(tmp_path / "latest") == read(tmp_path / "a")


def test_an_unfinished_archive(tmp_path: Path) -> None:
    write(tmp_path / "a")
    hidden = tmp_path / f".a.partial-{'0' * 16}"
    hidden.mkdir()
    (tmp_path / "a").rename(hidden / "archive")
    for path in (hidden, hidden / "archive"):
        with pytest.raises(ArchiveError, match="was never finished"):
            ArchiveReader.open(path)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    write(tmp_path / "a")
    return tmp_path / "a"


def _member(name: str, kind: bytes = tarfile.REGTYPE, **facts: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = facts.get("link", "")
    return info


@pytest.mark.parametrize(
    "member, message",
    [
        (_member("../evil"), "leads out of it"),
        (_member("a/../../evil"), "leads out of it"),
        (_member("/etc/evil"), "leads out of it"),
        (_member("a//evil"), "leads out of it"),
        (_member("a/./evil"), "leads out of it"),
        (_member("a\\..\\evil"), "leads out of it"),
        (_member("", tarfile.REGTYPE), "leads out of it"),
        (_member(".."), "leads out of it"),
        (_member("a/x", tarfile.SYMTYPE, link="/etc/passwd"), "a symbolic link"),
        (_member("a/x", tarfile.LNKTYPE, link="/etc/passwd"), "a hard link"),
        (_member("a/x", tarfile.CHRTYPE), "a device"),
        (_member("a/x", tarfile.BLKTYPE), "a device"),
        (_member("a/x", tarfile.FIFOTYPE), "a pipe"),
        (_member("a/x", tarfile.CONTTYPE), "unknown kind"),
        (_member("a/x", tarfile.GNUTYPE_SPARSE), "unknown kind"),
        (_member("a/schema.json"), "twice"),
        (_member("./a/schema.json"), "twice"),
        (_member("a/x"), "which its manifest does not know"),
        (_member("b", tarfile.DIRTYPE), "not a backup"),
        (_member("a/" + "x" * 200), "which its manifest does not know"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_hostile_members(good: Path, member: tarfile.TarInfo, message: str, first: bool) -> None:
    path = good.with_suffix(".tar")
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        if first:
            archive.addfile(member)
        archive.add(good, "a")
        if not first:
            archive.addfile(member)
    refused(path, message)


def _extended(records: bytes, name: str = "a/x") -> bytes:
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, len(records)
    padded = records + bytes(-len(records) % 512)
    return head.tobuf(tarfile.USTAR_FORMAT) + padded + tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)


def _record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    length += len(str(length + len(str(length))))
    return b"%d %s=%s\n" % (length, key, value)


def _bad_headers() -> Iterator[tuple[bytes, str]]:
    plain = tarfile.TarInfo("a/x").tobuf(tarfile.USTAR_FORMAT)
    yield _extended(_record(b"GNU.sparse.size", b"9")), "which no archive needs"
    yield _extended(_record(b"path", b"b") * 2), "which no archive needs"
    yield _extended(_record(b"path", b"../b")), "leads out of it"
    yield _extended(_record(b"path", b"b\0c")), "leads out of it"
    yield _extended(_record(b"size", b"-1")), "is no number"
    yield _extended(_record(b"size", b"9" * 30)), "is no number"
    yield _extended(_record(b"size", b"9" * 15)), "cut short"
    yield _extended(b"99 path=b\n"), "cannot be read"
    yield _extended(b"1 path=b\n"), "cannot be read"
    yield _extended(b"nonsense\n"), "cannot be read"
    yield _extended(_record(b"path", b"b" * 70_000)), "too long"
    yield _extended(_record(b"path", b"b"))[:1024], "belongs to no member"
    yield _extended(_record(b"path", b"b"))[:1024] * 2, "too long"
    big = tarfile.TarInfo("a/x")
    big.size = 1 << 40
    yield big.tobuf(tarfile.GNU_FORMAT), "is no number"
    old = bytearray(plain)
    old[257:265] = bytes(8)
    old[148:156] = b"%06o\0 " % (sum(old) - sum(old[148:156]) + 256)
    yield bytes(old), "no archive of edms-backup"
    folder = tarfile.TarInfo("a/x")
    folder.type, folder.size = tarfile.DIRTYPE, 3
    yield folder.tobuf(tarfile.USTAR_FORMAT) + bytes(512), "has content"


@pytest.mark.parametrize("header, message", list(_bad_headers()))
def test_hostile_headers(tmp_path: Path, header: bytes, message: str) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(header + bytes(1024))
    refused(path, message)


def test_a_long_tail(good: Path) -> None:
    path = good.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        archive.add(good, "a")
    os.truncate(path, 20 * GIB)
    refused_soon(path, "something after its end")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "a.tar"):
        write(tmp_path / name)
    monkeypatch.setattr(members_module, "MAX_MEMBERS", 5)
    monkeypatch.setattr(tar, "MAX_MEMBERS", 5)
    refused(tmp_path / "a", "more than 5 files")
    refused(tmp_path / "a.tar", "more than 5 members")


def test_as_many_members_as_may_be_are_read_in_time(tmp_path: Path) -> None:
    stream = io.BytesIO()
    header = tarfile.TarInfo("a/x").tobuf(tarfile.USTAR_FORMAT)
    stream.write(header * 210_001)
    path = tmp_path / "a.tar"
    path.write_bytes(stream.getvalue() + bytes(1024))
    refused_soon(path, "twice")
    names = (tarfile.TarInfo(f"a/{number}").tobuf(tarfile.USTAR_FORMAT) for number in range(210_001))
    path.write_bytes(b"".join(names) + bytes(1024))
    refused_soon(path, "more than 210000 members")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 9000), st.binary(min_size=1, max_size=40)), min_size=1, max_size=4))
def test_any_bytes_in_a_tar(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]) -> None:
    path = tmp_path_factory.mktemp("any") / "a.tar"
    write(path)
    whole, raw = read(path), path.read_bytes()
    changed = bytearray(raw)
    for place, noise in changes:
        changed[place : place + len(noise)] = noise
    path.write_bytes(changed)
    if bytes(changed) != raw:
        with pytest.raises(ArchiveError):
            read(path)
    else:
        assert read(path) == whole
