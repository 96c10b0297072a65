"""The manifest (backup.json): what is in an archive, and the one text that says so.

A manifest has exactly one text: reading writes it again and compares, and the digest covers all of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import msgspec

from edms_backup.archive.limits import MAX_FILE, MAX_MANIFEST, MAX_PARTS, MAX_TABLES
from edms_backup.archive.names import MANIFEST, is_file_name, is_table_folder, part_path
from edms_backup.errors import ArchiveError

FORMAT: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_CREATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_DAMAGED_HINT: Final = "it was edited or damaged; use another copy of the archive"
_END: Final = b"\n}\n"


@dataclass(frozen=True)
class Part:
    """One compressed file of rows."""

    path: str
    rows: int
    size: int
    """Bytes of the file."""
    sha256: str
    """Of the file, as it is."""
    raw_size: int
    """Bytes of the rows, each with its line end."""


@dataclass(frozen=True)
class ManifestTable:
    """One table of the archive."""

    name: str
    folder: str
    rows: int
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Compressed bytes."""
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class ManifestFile:
    """One file beside the manifest."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class SourceFacts:
    """The database that was read."""

    product: str
    version: str


@dataclass(frozen=True)
class Manifest:
    """The content of backup.json."""

    format: int
    tool: str
    created: str
    """UTC, `2026-11-22T21:30:05Z`."""
    source: SourceFacts
    tables: tuple[ManifestTable, ...]
    """In the order of a restore."""
    files: tuple[ManifestFile, ...]
    digest: str = ""
    """SHA-256 of the text without the digest; filled in by reading and writing."""

    @cached_property
    def by_name(self) -> Mapping[str, ManifestTable]:
        """Table by name."""
        return {table.name: table for table in self.tables}

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def parts(self) -> int:
        """Parts of all tables."""
        return sum(len(table.parts) for table in self.tables)

    @cached_property
    def members(self) -> Mapping[str, int]:
        """Size by path of every file that the manifest vouches for: all but the manifest."""
        sizes = {file.name: file.size for file in self.files}
        sizes.update((part.path, part.size) for table in self.tables for part in table.parts)
        return sizes

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder inside the archive."""
        return frozenset(("data", *(table.folder for table in self.tables)))


@dataclass(frozen=True)
class _Head:
    format: int


def to_bytes(manifest: Manifest) -> bytes:
    """The text of a manifest."""
    content = msgspec.to_builtins(replace(manifest, digest=""))
    del content["digest"]
    text = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    digest = hashlib.sha256(text).hexdigest()
    return text.removesuffix(_END) + f',\n  "digest": "{digest}"'.encode() + _END


def from_bytes(text: bytes) -> Manifest:
    """Read a manifest. Raises ArchiveError for every text but the one that `to_bytes` makes."""
    if len(text) > MAX_MANIFEST:
        raise ArchiveError(f"{MANIFEST} has more than {MAX_MANIFEST} bytes", hint=_DAMAGED_HINT)
    try:
        head = msgspec.json.decode(text, type=_Head)
        if head.format != FORMAT:
            raise ArchiveError(
                f"the archive has format {head.format}, and this version reads format {FORMAT} only",
                hint="use the version of edms-backup that wrote it, or a newer one",
            )
        manifest = msgspec.json.decode(text, type=Manifest)
        fault = next(_faults(manifest), None)
        same = fault is None and to_bytes(manifest) == text
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ArchiveError(f"{MANIFEST} cannot be read ({error})", hint=_DAMAGED_HINT) from None
    if fault is not None:
        raise ArchiveError(f"{MANIFEST} is wrong: {fault}", hint=_DAMAGED_HINT)
    if not same:
        raise ArchiveError(f"{MANIFEST} does not have the digest that it states", hint=_DAMAGED_HINT)
    return manifest


def _faults(manifest: Manifest) -> Iterator[str]:
    """What no writer of this format makes. Bounded counts come first: nothing after them takes long."""
    if len(manifest.tables) > MAX_TABLES:
        yield f"more than {MAX_TABLES} tables"
    if manifest.parts > MAX_PARTS:
        yield f"more than {MAX_PARTS} parts"
    if not _CREATED.fullmatch(manifest.created):
        yield f"{manifest.created!r} is no UTC time"
    if len(manifest.by_name) != len(manifest.tables):
        yield "a table is there twice"
    if len({table.folder.lower() for table in manifest.tables}) != len(manifest.tables):
        yield "a folder belongs to two tables"
    for table in manifest.tables:
        yield from _table_faults(table)
    if len({file.name for file in manifest.files}) != len(manifest.files):
        yield "a file is there twice"
    for file in manifest.files:
        if not is_file_name(file.name):
            yield f"{file.name!r} is no name of a file in an archive"
        if not 0 <= file.size <= MAX_FILE or not _SHA256.fullmatch(file.sha256):
            yield f"size or SHA-256 of {file.name} cannot be"


def _table_faults(table: ManifestTable) -> Iterator[str]:
    if not is_table_folder(table.folder):
        yield f"{table.folder!r} is no folder of a table (table {table.name!r})"
    for number, part in enumerate(table.parts):
        if part.path != part_path(table.folder, number):
            yield f"{part.path!r} is no part of table {table.name!r}"
        if not (1 <= part.rows <= part.raw_size and part.size >= 1 and _SHA256.fullmatch(part.sha256)):
            yield f"rows, sizes or SHA-256 of {part.path} cannot be"
    if table.rows != sum(part.rows for part in table.parts):
        yield f"the parts of table {table.name!r} do not have its {table.rows} rows"
