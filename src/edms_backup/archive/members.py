"""The files of an existing archive by name, from a folder or a tar.

Nothing here follows a link or leaves the archive.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from edms_backup.archive import tar
from edms_backup.archive.limits import MAX_MEMBERS
from edms_backup.archive.names import MANIFEST
from edms_backup.errors import ArchiveError

_OUTSIDE: Final = frozenset(("", ".", ".."))
_MAX_DEPTH: Final = 4
"""Deeper than any archive, so that something unknown is named and not searched without end."""


class Content:
    """The bytes of one member; to be closed."""

    def __init__(self, fd: int, size: int, offset: int = 0, *, owned: bool = True) -> None:
        self._fd = fd
        self._end = offset + size
        self._place = offset
        self._owned = owned

    def read(self, size: int) -> bytes:
        """At most `size` bytes more; none at the end."""
        data = os.pread(self._fd, max(0, min(size, self._end - self._place)), self._place)
        self._place += len(data)
        return data

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        if self._owned:
            self._owned = False
            os.close(self._fd)


class Members(Protocol):
    """What is in an archive. Names are relative to the archive, with `/`."""

    sizes: dict[str, int]
    """Every file."""
    folders: set[str]
    """Every folder."""

    def open(self, name: str) -> Content:
        """The content of one of `sizes`."""

    def close(self) -> None:
        """Let go of the archive."""


class FolderMembers:
    """The files below a folder."""

    def __init__(self, path: Path) -> None:
        self.sizes: dict[str, int] = {}
        self.folders: set[str] = set()
        self._root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # Without its mark it may be any folder, of any size: a home folder given by mistake.
            if os.path.lexists(path / MANIFEST):
                self._scan(self._root, "", 1)
        except BaseException:
            self.close()
            raise

    def _scan(self, folder: int, prefix: str, depth: int) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = prefix + entry.name
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    self.sizes[name] = status.st_size
                elif stat.S_ISDIR(status.st_mode):
                    self.folders.add(name)
                    self._scan_below(folder, entry.name, f"{name}/", depth + 1)
                else:
                    raise ArchiveError(
                        f"{name!r} in the archive is a link or a device",
                        hint="edms-backup writes files and folders only; use the original archive",
                    )
                if len(self.sizes) + len(self.folders) > MAX_MEMBERS:
                    raise ArchiveError(f"the archive has more than {MAX_MEMBERS} files", hint="check the path")

    def _scan_below(self, parent: int, name: str, prefix: str, depth: int) -> None:
        if depth > _MAX_DEPTH:
            return
        folder = _open(name, os.O_DIRECTORY, parent)
        try:
            self._scan(folder, prefix, depth)
        finally:
            os.close(folder)

    def open(self, name: str) -> Content:
        """See Members."""
        *folders, last = name.split("/")
        parent = self._root
        try:
            for folder in folders:
                above, parent = parent, _open(folder, os.O_DIRECTORY, parent)
                if above != self._root:
                    os.close(above)
            fd = _open(last, os.O_NONBLOCK, parent)
        finally:
            if parent != self._root:
                os.close(parent)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            os.close(fd)
            raise ArchiveError(f"{name!r} in the archive is no file", hint="use another copy of the archive")
        return Content(fd, status.st_size)

    def close(self) -> None:
        """See Members."""
        if self._root >= 0:
            fd, self._root = self._root, -1
            os.close(fd)


def _open(name: str, flags: int, parent: int) -> int:
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=parent)


class TarMembers:
    """The files in a tar, with or without a folder around them."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._members = dict(_below_top(_plain_names(self._fd)))
        except BaseException:
            self.close()
            raise
        self.sizes = {name: m.size for name, m in self._members.items() if not m.is_folder}
        self.folders = {name for name, m in self._members.items() if m.is_folder}

    def open(self, name: str) -> Content:
        """See Members."""
        member = self._members[name]
        return Content(self._fd, member.size, member.offset, owned=False)

    def close(self) -> None:
        """See Members."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _plain_names(fd: int) -> dict[str, tar.TarMember]:
    found: dict[str, tar.TarMember] = {}
    for member in tar.members(fd):
        name = member.name.removeprefix("./")
        if name == "." and member.is_folder:
            continue
        if not _OUTSIDE.isdisjoint(name.split("/")) or "\\" in name or "\0" in name:
            raise ArchiveError(
                f"the member {member.name!r} of the archive leads out of it",
                hint="the archive may be hostile; use one of known origin",
            )
        if name in found:
            raise ArchiveError(
                f"the member {member.name!r} is in the archive twice", hint="use another copy of the archive"
            )
        found[name] = member
    return found


def _below_top(found: dict[str, tar.TarMember]) -> Iterator[tuple[str, tar.TarMember]]:
    """The members without the one folder that holds them all, if there is one."""
    tops = {name.partition("/")[0] for name in found}
    if MANIFEST in found or len(tops) != 1:
        yield from found.items()
        return
    prefix = f"{tops.pop()}/"
    for name, member in found.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), member
