"""Files as an archive needs them: private whatever the umask, on the disk before anything relies on them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edms_backup.errors import EnvironmentFailed

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

_HINTS: Final = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "the file system or a limit of the process does not allow files of this size",
    errno.EACCES: "check who owns the folder, or run as another user",
    errno.EPERM: "check who owns the folder, or run as another user",
    errno.EROFS: "write to another disk, or mount this one writable",
    errno.EIO: "the disk may be failing; look at the system log",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Tell a failure of the disk as what it is. `doing` reads after "cannot"."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = _HINTS.get(error.errno or 0, "check the disk and the folder")
        raise EnvironmentFailed(f"cannot {doing}: {reason}", hint=hint) from error


class NewFile:
    """A file that did not exist before, open for writing."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        self.size = 0
        try:
            os.fchmod(self._fd, FILE_MODE)
        except OSError:
            self.close()
            raise

    def write(self, data: bytes) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        self.size += len(data)

    def read(self, size: int, offset: int) -> bytes:
        """Read what was written."""
        return os.pread(self._fd, size, offset)

    def sync(self) -> None:
        """Wait until the content is on the disk."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Close; may be called twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def new_folder(path: Path) -> None:
    """Make a folder that did not exist before."""
    path.mkdir(FOLDER_MODE)
    try:
        path.chmod(FOLDER_MODE)
    except OSError:
        path.rmdir()
        raise


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems have no such call for folders; there is nothing to wait for then.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(fd)
