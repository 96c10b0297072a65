"""Writes one archive: tables, the files beside the manifest, then the manifest, and last the name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import zstandard

from edms_backup import __version__
from edms_backup.archive import manifest as manifests
from edms_backup.archive.files import NewFile, disk_errors
from edms_backup.archive.limits import (
    MAX_FILE,
    MAX_LINE,
    MAX_MANIFEST,
    MAX_PARTS,
    MAX_TABLES,
    PART_BYTES,
    PART_ROWS,
)
from edms_backup.archive.manifest import FORMAT, Manifest, ManifestFile, ManifestTable, Part, SourceFacts
from edms_backup.archive.names import MANIFEST, FolderNames, is_file_name, is_partial, part_path
from edms_backup.archive.stores import Store, open_store
from edms_backup.archive.workspace import Workspace, refuse_existing, sweep
from edms_backup.errors import EnvironmentFailed, UsageError

_LEVEL: Final = 3
_CHUNK: Final = 256 << 10


@dataclass(frozen=True)
class Written:
    """One table that is complete."""

    rows: int
    bytes: int
    """Compressed."""


class ArchiveWriter:
    """A new archive at `path`: one file where the name ends in `.tar`, else a folder.

    Use as a context manager. Until `publish` returns there is no archive; where the block ends without it,
    nothing remains. Raises EnvironmentFailed for the disk, UsageError for a path that cannot be used.
    """

    def __init__(self, path: Path, *, part_rows: int = PART_ROWS, part_bytes: int = PART_BYTES) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - a link stays what it is
        self._part_rows = part_rows
        self._part_bytes = part_bytes
        self._names = FolderNames()
        self._tables: dict[str, ManifestTable] = {}
        self._files: dict[str, ManifestFile] = {}
        self._table: _GrowingTable | None = None
        self._parts = 0
        self._published = False

    def __enter__(self) -> Self:
        if is_partial(self.path.name):
            raise UsageError(f"{self.path.name} is a name for unfinished archives", hint="choose another name")
        with self._disk():
            if not self.path.parent.is_dir():
                raise UsageError(f"{self.path.parent} is no folder", hint="make it first")
            refuse_existing(self.path, folder=not self.path.name.endswith(".tar"))
            sweep(self.path.parent)
            self._workspace = Workspace(self.path)
            try:
                self._store: Store = open_store(self._workspace)
                self._store.add_folder("data")
            except BaseException:
                self._workspace.remove()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._table is not None:
            self._table.close()
        self._store.close()
        self._workspace.remove()

    def begin_table(self, name: str) -> None:
        """The next lines are rows of this table."""
        if self._table is not None or name in self._tables:
            raise ValueError(f"table {name!r} cannot begin now")
        if len(self._tables) >= MAX_TABLES:
            raise EnvironmentFailed(f"more than {MAX_TABLES} tables do not fit into an archive")
        folder = self._names.folder(name)
        with self._disk():
            self._store.add_folder(folder)
        self._table = _GrowingTable(name, folder)

    def write(self, lines: Iterable[bytes]) -> None:
        """Add rows of the table at work, each without its line end."""
        table = self._at_work()
        pending: list[bytes] = []
        size = 0
        rows_left, room = self._room(table)
        for line in lines:
            pending.append(line)
            size += len(line) + 1
            if size >= room or len(pending) >= rows_left:
                self._add(table, pending, size)
                pending, size = [], 0
                rows_left, room = self._room(table)
        if pending:
            self._add(table, pending, size)

    def end_table(self) -> Written:
        """The table at work is complete."""
        table = self._at_work()
        self._end_part(table)
        done = ManifestTable(table.name, table.folder, sum(p.rows for p in table.parts), tuple(table.parts))
        self._tables[table.name] = done
        self._table = None
        return Written(done.rows, done.size)

    def add_file(self, name: str, content: bytes) -> None:
        """Add `schema.json` or `registry.yaml`."""
        if not is_file_name(name) or name in self._files:
            raise ValueError(f"{name!r} cannot be a file of the archive")
        if len(content) > MAX_FILE:
            raise EnvironmentFailed(f"{name} would have more than {MAX_FILE} bytes")
        self._keep_file(name, content)
        self._files[name] = ManifestFile(name, len(content), hashlib.sha256(content).hexdigest())

    def publish(
        self,
        *,
        order: Sequence[str],
        source_product: str,
        source_version: str,
        created: datetime | None = None,
    ) -> Manifest:
        """Write the manifest and give the archive its name. `order`: all tables, as a restore takes them."""
        if self._table is not None or self._published:
            raise ValueError("an archive is published once, after its last table")
        if len(order) != len(self._tables) or set(order) != set(self._tables):
            raise ValueError("the order must have every table that was written, once")
        manifest = Manifest(
            format=FORMAT,
            tool=f"edms-backup {__version__}",
            created=f"{(created or datetime.now(UTC)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            source=SourceFacts(source_product, source_version),
            tables=tuple(self._tables[name] for name in order),
            files=tuple(self._files.values()),
        )
        text = manifests.to_bytes(manifest)
        if len(text) > MAX_MANIFEST:
            raise EnvironmentFailed(f"{MANIFEST} would have more than {MAX_MANIFEST} bytes")
        readable = manifests.from_bytes(text)
        self._keep_file(MANIFEST, text)
        with self._disk():
            self._workspace.publish(self._store.finish())
        self._published = True
        return readable

    def _at_work(self) -> _GrowingTable:
        if self._table is None:
            raise ValueError("no table has begun")
        return self._table

    def _room(self, table: _GrowingTable) -> tuple[int, int]:
        """Rows until the part at work is full, and bytes until then or until there is enough to compress."""
        if table.part is None:
            return self._part_rows, min(self._part_bytes, _CHUNK)
        return self._part_rows - table.part.rows, min(self._part_bytes - table.part.raw_size, _CHUNK)

    def _add(self, table: _GrowingTable, lines: list[bytes], size: int) -> None:
        if size > MAX_LINE and max(map(len, lines)) > MAX_LINE:
            raise EnvironmentFailed(
                f"a row of table {table.name!r} has more than {MAX_LINE >> 20} MiB",
                hint="leave the table out with --exclude",
            )
        chunk = b"\n".join((*lines, b""))
        if chunk.count(b"\n") != len(lines):
            raise ValueError(f"a row of table {table.name!r} has a line break in it")
        with self._disk():
            if table.part is None:
                table.part = self._begin_part()
            table.part.write(chunk, len(lines))
        if table.part.rows >= self._part_rows or table.part.raw_size >= self._part_bytes:
            self._end_part(table)

    def _begin_part(self) -> _GrowingPart:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise EnvironmentFailed(f"more than {MAX_PARTS} parts do not fit into an archive")
        return _GrowingPart(self._store.create())

    def _end_part(self, table: _GrowingTable) -> None:
        if table.part is None:
            return
        path = part_path(table.folder, len(table.parts))
        with self._disk():
            table.parts.append(table.part.finish(path))
            self._store.keep(table.part.file, path)
        table.part = None

    def _keep_file(self, name: str, content: bytes) -> None:
        with self._disk(), self._store.create() as file:
            file.write(content)
            self._store.keep(file, name)

    def _disk(self) -> AbstractContextManager[None]:
        return disk_errors(f"write the archive {self.path}")


class _GrowingPart:
    """A part that takes rows."""

    def __init__(self, file: NewFile) -> None:
        self.file = file
        self.rows = 0
        self.raw_size = 0
        self._hash = hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()

    def write(self, chunk: bytes, rows: int) -> None:
        """Add whole lines."""
        self.rows += rows
        self.raw_size += len(chunk)
        self._write(self._compressor.compress(chunk))

    def finish(self, path: str) -> Part:
        """End the frame."""
        self._write(self._compressor.flush())
        return Part(path, self.rows, self.file.size, self._hash.hexdigest(), self.raw_size)

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self.file.write(data)


class _GrowingTable:
    """The table at work."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        self.folder = folder
        self.parts: list[Part] = []
        self.part: _GrowingPart | None = None

    def close(self) -> None:
        """Let go of an unfinished part."""
        if self.part is not None:
            self.part.file.close()
