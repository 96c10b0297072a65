"""The disk fails, the run is killed: a whole archive or none, and the next run cleans up."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edms_backup.archive import ArchiveReader, ArchiveWriter
from edms_backup.archive import workspace as workspace_module
from edms_backup.archive.names import is_partial
from edms_backup.errors import EnvironmentFailed, UsageError
from tests.archive.helpers import TABLES, in_child, leftovers, read, work, write

CALLS = ("write", "fsync", "rename", "mkdir", "chmod", "fchmod")
both = pytest.mark.parametrize("name", ["a", "a.tar"])


class Faults:
    """Does something else in place of the k-th of some system calls."""

    def __init__(self, patch: pytest.MonkeyPatch, calls: tuple[str, ...], fault: Callable[[], object]) -> None:
        self.count = 0
        self.at = sys.maxsize
        self.last = sys.maxsize
        self._fault = fault
        for call in calls:
            patch.setattr(os, call, self._counted(getattr(os, call)))

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.at <= self.count <= self.last:
                self._fault()
            return call(*args, **kwargs)

        return counted


def _succeeds(work: Callable[[], object], reason: str) -> bool:
    """Or fails for this reason."""
    try:
        work()
    except EnvironmentFailed as error:
        if reason not in error.message or not error.hint:
            raise
        return False
    return True


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here: what the kernel has is as good as on the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@both
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_an_error_at_every_call(tmp_path: Path, name: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "earlier")
    before = read(tmp_path / "earlier")

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    faults = Faults(monkeypatch, CALLS, fail)
    failed = 0
    while True:
        faults.count, faults.at = 0, failed + 1
        faults.last = faults.at
        if _succeeds(lambda: write(tmp_path / name), os.strerror(code).lower()):
            break
        failed += 1
        assert [entry.name for entry in tmp_path.iterdir()] == ["earlier"], failed
    assert failed > 15
    assert read(tmp_path / "earlier") == before
    assert read(tmp_path / name) == before


@both
@pytest.mark.usefixtures("quick")
def test_a_disk_that_stays_full(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    faults = Faults(monkeypatch, ("write", "fsync"), fail)
    for k in range(1, 15):
        faults.count, faults.at = 0, k
        with pytest.raises(EnvironmentFailed, match="no space left on device; free some space"):
            write(tmp_path / name)
        assert list(tmp_path.iterdir()) == []


@both
def test_short_writes_are_continued(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[: max(1, len(data) // 3)]))
    write(tmp_path / name)
    assert read(tmp_path / name)[0] == TABLES


@both
def test_a_limit_of_the_process(tmp_path: Path, name: str) -> None:
    def attempt() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
        with pytest.raises(EnvironmentFailed, match="file too large"):
            write(tmp_path / name, {"t": [os.urandom(30_000).replace(b"\n", b"")]})

    assert in_child(attempt) == 0
    assert list(tmp_path.iterdir()) == []


@both
@pytest.mark.usefixtures("quick")
def test_killed_at_every_call(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "earlier")
    before = read(tmp_path / "earlier")

    def write_and_die(path: Path, moment: int) -> None:
        calls = ("open", "unlink", "rmdir", *CALLS)
        Faults(monkeypatch, calls, lambda: os.kill(os.getpid(), signal.SIGKILL)).at = moment
        write(path)

    complete = 0
    for moment in range(1, 1000):
        folder = tmp_path / str(moment)
        folder.mkdir()
        _leftover(folder, lock=socket.gethostname(), part="of a run killed before")
        path = folder / name
        status = in_child(lambda path=path, moment=moment: write_and_die(path, moment))  # type: ignore[misc]
        if status == 0:
            break
        assert status == signal.SIGKILL
        if path.exists():
            assert read(path) == before
            complete += 1
        else:
            with pytest.raises(UsageError):
                ArchiveReader.open(path)
            write(path)
        write(folder / "next")
        assert sorted(entry.name for entry in folder.iterdir()) == sorted((name, "next"))
    assert moment > 40
    assert complete > 3
    assert read(tmp_path / "earlier") == before


@both
def test_a_process_that_is_killed(tmp_path: Path, name: str) -> None:
    script = (
        "import sys, time; from pathlib import Path; from edms_backup.archive import ArchiveWriter\n"
        "with ArchiveWriter(Path(sys.argv[1]), part_rows=2) as w:\n"
        "    w.begin_table('t'); w.write([b'{}'] * 5); print('ready', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path / name)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        (alive,) = leftovers(tmp_path)
        write(tmp_path / "other")
        assert leftovers(tmp_path) == [alive]
        process.kill()
    assert not (tmp_path / name).exists()
    write(tmp_path / name)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted((name, "other"))


@both
def test_a_block_that_raises_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyboardInterrupt), ArchiveWriter(tmp_path / name, part_rows=2) as writer:  # noqa: PT012
        writer.begin_table("t")
        writer.write([b"{}"] * 5)
        raise KeyboardInterrupt
    with ArchiveWriter(tmp_path / name) as writer:
        writer.add_file("schema.json", b"{}")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError), ArchiveWriter(tmp_path / name) as writer:  # noqa: PT012
        writer.publish(order=[], source_product="p", source_version="v")
        raise RuntimeError
    assert read(tmp_path / name) == ({}, {})
    assert leftovers(tmp_path) == []


@both
def test_the_name_comes_after_the_content_is_on_the_disk(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[tuple[str, str]] = []
    fsync, rename = os.fsync, os.rename

    def logged_fsync(fd: int) -> None:
        log.append(("fsync", str(Path(f"/proc/self/fd/{fd}").readlink())))
        fsync(fd)

    def logged_rename(source: Path, target: Path) -> None:
        log.append(("rename", str(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", logged_fsync)
    monkeypatch.setattr(os, "rename", logged_rename)
    write(tmp_path / name)
    assert log[-2:] == [("rename", str(tmp_path / name)), ("fsync", str(tmp_path))]
    synced = [path for call, path in log[:-2] if call == "fsync"]
    (place,) = {path.split("/")[0] for path in (p.removeprefix(f"{tmp_path}/") for p in synced)}
    if name == "a":
        renamed = [path for call, path in log[:-2] if call == "rename"]
        assert len(renamed) == 8
        assert synced.count(f"{tmp_path}/{place}/part") == 8
        folders = {f"{tmp_path}/{place}/archive{below}" for below in ("", "/data", "/data/users", "/data/empty")}
        assert folders <= set(synced[8:])
    else:
        assert synced[0] == f"{tmp_path}/{place}/archive.tar"
    assert synced[-1] == f"{tmp_path}/{place}"


def test_file_systems_that_cannot_sync_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def files_only(fd: int) -> None:
        if Path(f"/proc/self/fd/{fd}").readlink().is_dir():
            raise OSError(errno.EINVAL, "invalid")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", files_only)
    write(tmp_path / "a")
    assert read(tmp_path / "a")[0] == TABLES


def test_file_systems_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_fd: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    with ArchiveWriter(tmp_path / "a"):
        write(tmp_path / "b")
        assert len(leftovers(tmp_path)) == 1
    assert leftovers(tmp_path) == []


def _leftover(folder: Path, **content: str) -> Path:
    path = folder / f".a.partial-{len(list(folder.iterdir())):016x}"
    path.mkdir()
    for name, text in content.items():
        (path / name).write_text(text)
    return path


def test_only_what_is_surely_dead_and_ours_is_removed(tmp_path: Path) -> None:
    host = socket.gethostname()
    gone = [_leftover(tmp_path), _leftover(tmp_path, lock=""), _leftover(tmp_path, lock=host, part="x")]
    kept = [
        _leftover(tmp_path, part="x"),
        _leftover(tmp_path, lock="another machine"),
        _leftover(tmp_path, lock=host, precious="mine"),
    ]
    link = _leftover(tmp_path)
    link.rmdir()
    (tmp_path / "far").mkdir()
    (tmp_path / "far/lock").write_text(host)
    link.symlink_to(tmp_path / "far")
    text = _leftover(tmp_path)
    text.rmdir()
    text.write_text("mine")
    write(tmp_path / "a")
    assert not any(path.exists() for path in gone)
    assert all(path.exists() for path in [*kept, link, text, tmp_path / "far/lock"])


def test_a_sweep_in_the_very_moment_of_a_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mkdir, lock = os.mkdir, workspace_module._lock
    moments = {"folder": 0, "lock": 0}

    def swept_before_the_lock_file(path: Path, mode: int) -> None:
        mkdir(path, mode)
        moments["folder"] += is_partial(path.name)
        if moments["folder"] == 1:
            workspace_module.sweep(tmp_path)

    def swept_before_the_lock(fd: int) -> bool:
        moments["lock"] += 1
        if moments["lock"] == 1:
            workspace_module.sweep(tmp_path)
        return lock(fd)

    monkeypatch.setattr(os, "mkdir", swept_before_the_lock_file)
    monkeypatch.setattr(workspace_module, "_lock", swept_before_the_lock)
    write(tmp_path / "a")
    assert moments == {"folder": 3, "lock": 2}
    assert read(tmp_path / "a")[0] == TABLES
    monkeypatch.setattr(workspace_module, "_lock", lambda _: False)
    with pytest.raises(EnvironmentFailed, match="cannot write the archive"):
        write(tmp_path / "b")


def test_many_at_once_in_one_folder(tmp_path: Path) -> None:
    children = []
    for number in range(12):
        child = os.fork()
        if not child:
            work(lambda number=number: [write(tmp_path / f"{number}-{turn}") for turn in range(5)])  # type: ignore[misc]
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 12
    assert leftovers(tmp_path) == []
    assert len([read(path) for path in tmp_path.iterdir()]) == 60


def test_a_read_error_is_not_a_damaged_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a")
    reader = ArchiveReader.open(tmp_path / "a")

    def fail(_fd: int, _size: int, _offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)
    with reader, pytest.raises(EnvironmentFailed, match=r"cannot read the archive .*; the disk may be failing"):
        list(reader.lines("users"))


def test_an_error_of_whoever_takes_the_rows_is_not_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "a")
    with ArchiveReader.open(tmp_path / "a") as reader, pytest.raises(TimeoutError):  # noqa: PT012
        for _ in reader.lines("users"):
            raise TimeoutError


def test_open_files_do_not_pile_up(tmp_path: Path) -> None:
    write(tmp_path / "b.tar", {"t": [b"{}"] * 50}, part_rows=1)
    write(tmp_path / "a", {"t": [b"{}"] * 50}, part_rows=1)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        read(tmp_path / "a")
        read(tmp_path / "b.tar")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
