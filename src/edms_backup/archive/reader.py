"""Reads one archive, and believes nothing in it that it has not checked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edms_backup.archive import manifest as manifests
from edms_backup.archive import parts
from edms_backup.archive.files import disk_errors
from edms_backup.archive.limits import MAX_MANIFEST
from edms_backup.archive.manifest import Manifest, ManifestTable
from edms_backup.archive.members import Content, FolderMembers, Members, TarMembers
from edms_backup.archive.names import MANIFEST, is_partial
from edms_backup.errors import ArchiveError, UsageError

_READ: Final = 1 << 20


class ArchiveReader:
    """An archive that is open for reading; a context manager.

    Opening checks the manifest, that every file it names is there in its size, and that nothing is a link
    or leads out. Raises ArchiveError for what is no whole archive, UsageError where there is nothing,
    EnvironmentFailed for the disk.
    """

    def __init__(self, path: Path, members: Members) -> None:
        self.path = path
        self._members = members
        self.manifest = self._read_manifest()
        self._check_sizes()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the archive at `path`, a folder or a tar file."""
        try:
            with _disk(path):
                members = _open_members(path)
                try:
                    return cls(path, members)
                except BaseException:
                    members.close()
                    raise
        except ArchiveError as error:
            raise ArchiveError(f"{path}: {error.message}", hint=error.hint) from error

    def close(self) -> None:
        """Let go of the archive."""
        self._members.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read_file(self, name: str) -> bytes:
        """The content of `schema.json` or `registry.yaml`, checked."""
        file = next((file for file in self.manifest.files if file.name == name), None)
        if file is None:
            raise ArchiveError(f"the archive has no {name}", hint="`edms-backup create` did not write it")
        with _disk(self.path):
            with closing(self._members.open(name)) as content:
                parts.check_content(content, name, file.size, file.sha256)
            with closing(self._members.open(name)) as content:
                return _read(content, file.size)

    def lines(self, table: str) -> Iterator[list[bytes]]:
        """The rows of a table in batches, in their order, each without its line end.

        A part's SHA-256 is checked before its first row is given out, all else about it while it is read.
        """
        for part in self._table(table).parts:
            with _disk(self.path), closing(self._members.open(part.path)) as content:
                parts.check_content(content, part.path, part.size, part.sha256)
            with closing(self._open(part.path)) as content:
                batches = parts.lines(content, part)
                while batch := self._next(batches):
                    yield batch

    def check_members(self) -> None:
        """Raise ArchiveError if the archive has a file or folder that its manifest does not know."""
        known = {MANIFEST, *self.manifest.members, *self.manifest.folders}
        extra = sorted((self._members.sizes.keys() | self._members.folders) - known)
        if extra:
            more = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
            raise ArchiveError(
                f"the archive has {extra[0]!r}{more}, which its manifest does not know",
                hint="remove what was added, or use another copy of the archive",
            )

    def _table(self, name: str) -> ManifestTable:
        table = self.manifest.by_name.get(name)
        if table is None:
            raise ArchiveError(f"the archive has no table {name!r}", hint="`edms-backup show` lists them")
        return table

    def _read_manifest(self) -> Manifest:
        if MANIFEST not in self._members.sizes:
            raise ArchiveError(
                f"{self.path} is not a backup, or an incomplete one: it has no {MANIFEST}",
                hint="give the path of an archive that `edms-backup create` finished",
            )
        with closing(self._members.open(MANIFEST)) as content:
            return manifests.from_bytes(_read(content, MAX_MANIFEST + 1))

    def _check_sizes(self) -> None:
        for name, size in self.manifest.members.items():
            found = self._members.sizes.get(name)
            if found is None:
                raise ArchiveError(
                    f"the archive is incomplete: {name} is missing",
                    hint="use another copy of the archive, or an older backup",
                )
            if found != size:
                raise parts.damaged(name, f"it has {found} bytes instead of {size}")

    def _open(self, name: str) -> Content:
        with _disk(self.path):
            return self._members.open(name)

    def _next(self, batches: Iterator[list[bytes]]) -> list[bytes] | None:
        # Not around the `yield`: an OSError of whoever takes the rows is none of the archive.
        with _disk(self.path):
            return next(batches, None)


def _disk(path: Path) -> AbstractContextManager[None]:
    return disk_errors(f"read the archive {path}")


def _open_members(path: Path) -> Members:
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays what it is
    try:
        mode = whole.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"there is no archive {path}", hint="check the path") from None
    if any(map(is_partial, whole.parts)):
        raise ArchiveError(
            "this archive was never finished",
            hint="use a finished archive; the next `create` beside it removes this one",
        )
    if stat.S_ISDIR(mode):
        return FolderMembers(whole)
    if stat.S_ISREG(mode):
        return TarMembers(whole)
    raise ArchiveError("this is neither a folder nor a file", hint="give the path of an archive")


def _read(content: Content, limit: int) -> bytes:
    pieces: list[bytes] = []
    while limit > 0 and (data := content.read(min(limit, _READ))):
        pieces.append(data)
        limit -= len(data)
    return b"".join(pieces)
