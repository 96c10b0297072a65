"""Where a new archive grows: a folder, or one tar file."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Final, Protocol

from edms_backup.archive.files import FILE_MODE, FOLDER_MODE, NewFile, new_folder, sync_folder
from edms_backup.archive.names import TAR, stem
from edms_backup.archive.workspace import Workspace

_COPY: Final = 1 << 20
_TAR_TIME: Final = 315_532_800
"""1980-01-01: the same content makes the same file, and no tool complains of a time before time."""


class Store(Protocol):
    """A growing archive. Raises OSError as it comes."""

    def add_folder(self, name: str) -> None:
        """Make a folder; its parents are there."""

    def create(self) -> NewFile:
        """A new file without a name yet; at most one is open at a time."""

    def keep(self, file: NewFile, name: str) -> None:
        """The file is complete: close it and give it its name in the archive."""

    def finish(self) -> Path:
        """All is there and on the disk; returns what is to be published."""

    def close(self) -> None:
        """Let go of everything; may be called at any time, and twice."""


def open_store(workspace: Workspace) -> Store:
    """The store that the target's name asks for."""
    if workspace.target.name.endswith(TAR):
        return TarStore(workspace)
    return FolderStore(workspace)


class FolderStore:
    """A folder of files."""

    def __init__(self, workspace: Workspace) -> None:
        self._root = workspace.folder
        self._incoming = workspace.part
        self._folders = [self._root]
        new_folder(self._root)

    def add_folder(self, name: str) -> None:
        """See Store."""
        path = self._root / name
        new_folder(path)
        self._folders.append(path)

    def create(self) -> NewFile:
        """See Store."""
        return NewFile(self._incoming)

    def keep(self, file: NewFile, name: str) -> None:
        """See Store."""
        file.sync()
        file.close()
        self._incoming.rename(self._root / name)

    def finish(self) -> Path:
        """See Store."""
        for path in reversed(self._folders):
            sync_folder(path)
        return self._root

    def close(self) -> None:
        """See Store."""


class TarStore:
    """The same folder as one tar file, below one top folder so that extracting it litters nothing."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.tar
        self._incoming = workspace.part
        self._top = stem(workspace.target)
        self._tar = NewFile(self._path)
        self._tar.write(_header(self._top, None))

    def add_folder(self, name: str) -> None:
        """See Store."""
        self._tar.write(_header(f"{self._top}/{name}", None))

    def create(self) -> NewFile:
        """See Store."""
        return NewFile(self._incoming)

    def keep(self, file: NewFile, name: str) -> None:
        """See Store."""
        self._tar.write(_header(f"{self._top}/{name}", file.size))
        for offset in range(0, file.size, _COPY):
            self._tar.write(file.read(_COPY, offset))
        self._tar.write(bytes(-file.size % tarfile.BLOCKSIZE))
        file.close()
        self._incoming.unlink()

    def finish(self) -> Path:
        """See Store."""
        self._tar.write(bytes(2 * tarfile.BLOCKSIZE))
        self._tar.sync()
        self._tar.close()
        return self._path

    def close(self) -> None:
        """See Store."""
        self._tar.close()


def _header(name: str, size: int | None) -> bytes:
    """The header of a file, or of a folder where there is no size."""
    info = tarfile.TarInfo(name)
    info.mtime = _TAR_TIME
    info.mode = FOLDER_MODE if size is None else FILE_MODE
    info.type = tarfile.DIRTYPE if size is None else tarfile.REGTYPE
    info.size = size or 0
    return info.tobuf(tarfile.PAX_FORMAT, errors="surrogateescape")
