"""The place beside the target where an archive grows, and the removal of those that killed runs left.

    .<name>.partial-<random>/   lock        held (flock) while its run lives; names the machine
                                archive     the folder that is renamed to the target, or
                                archive.tar the file that is
                                part        a part on its way into the tar

Whoever gets the lock of a workspace knows that its run is dead. Not every network file system tells other
machines of a lock, therefore only the machine that made a workspace removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from edms_backup.archive.files import FILE_MODE, FOLDER_MODE, sync_folder
from edms_backup.archive.names import is_partial, partial_name
from edms_backup.errors import UsageError

_LOCK: Final = "lock"
_CONTENT: Final = frozenset((_LOCK, "archive", "archive.tar", "part"))
_ATTEMPTS: Final = 100


class Workspace:
    """One run's own place for the archive `target`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path, self._lock = _locked_folder(target)

    @property
    def folder(self) -> Path:
        """The archive, where it is a folder."""
        return self.path / "archive"

    @property
    def tar(self) -> Path:
        """The archive, where it is one file."""
        return self.path / "archive.tar"

    @property
    def part(self) -> Path:
        """A part on its way into the tar."""
        return self.path / "part"

    def publish(self, built: Path) -> None:
        """Give the finished archive its name; never replaces anything but an empty folder."""
        sync_folder(self.path)
        refuse_existing(self.target, folder=built == self.folder)
        built.rename(self.target)
        try:
            sync_folder(self.target.parent)
        except OSError:
            # Not known to be on the disk, so the run fails; and a run that fails leaves no archive.
            self.target.rename(built)
            raise

    def remove(self) -> None:
        """Remove the place with all that is left in it; never raises."""
        _remove(self.path)
        with suppress(OSError):
            os.close(self._lock)


def refuse_existing(target: Path, *, folder: bool) -> None:
    """Raise UsageError if something is at `target`; an empty folder is nothing, where a folder is to come."""
    if not os.path.lexists(target):
        return
    if folder and not target.is_symlink() and target.is_dir() and not any(target.iterdir()):
        return
    raise UsageError(f"{target} exists already", hint="choose another path, or use --into FOLDER")


def _locked_folder(target: Path) -> tuple[Path, int]:
    for _ in range(_ATTEMPTS):
        path = target.parent / partial_name(target.name)
        path.mkdir(FOLDER_MODE)
        try:
            path.chmod(FOLDER_MODE)
            lock = _locked_file(path / _LOCK)
        except FileNotFoundError:
            continue  # another run took the new folder for a dead one
        except BaseException:
            _remove(path)
            raise
        if lock is not None:
            return path, lock
    raise FileExistsError(f"other runs keep removing temporary folders of {target}")


def _locked_file(path: Path) -> int | None:
    """Make and lock the file; None where another run took the new folder for a dead one in between."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        if _lock(lock) and os.fstat(lock).st_nlink:
            os.fchmod(lock, FILE_MODE)
            os.write(lock, socket.gethostname().encode())
            return lock
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks: nobody else gets this one either, so nobody sweeps
    return True


def sweep(folder: Path) -> None:
    """Remove what killed runs left in `folder`. Leaves alone what is not surely dead and ours."""
    with suppress(OSError):
        for path in folder.iterdir():
            if is_partial(path.name):
                with suppress(OSError):
                    _sweep_one(path)


def _sweep_one(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    content = {entry.name for entry in path.iterdir()}
    if not content:
        path.rmdir()
        return
    if not _CONTENT.issuperset(content):
        return
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Nothing is written in it where the run was killed before it had the lock.
        if os.read(lock, 256) in (b"", socket.gethostname().encode()):
            _remove(path)
    finally:
        os.close(lock)


def _remove(path: Path) -> None:
    for name in _CONTENT - {_LOCK}:
        shutil.rmtree(path / name, ignore_errors=True)
        with suppress(OSError):
            (path / name).unlink()
    # The lock goes last: a removal that is cut short can be taken up again.
    with suppress(OSError):
        (path / _LOCK).unlink()
    with suppress(OSError):
        path.rmdir()
