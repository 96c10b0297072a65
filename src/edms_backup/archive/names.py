"""Names on the file system: of table folders, of new archives, and of what is not finished."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from edms_backup.errors import UsageError

MANIFEST: Final = "backup.json"
TAR: Final = ".tar"

_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.")
_MAX_FOLDER: Final = 100
_KEPT_OF_LONG: Final = 80
_FOLDER: Final = re.compile(r"data/[A-Za-z0-9_%~-](?:[A-Za-z0-9_%~.-]{0,108}[A-Za-z0-9_%~-])?")
_FILE: Final = re.compile(r"[a-z][a-z0-9_-]{0,50}\.(?:json|yaml)")
_PARTIAL: Final = re.compile(r"\..+\.partial-[0-9a-f]{16}", re.DOTALL)

# Windows opens these as devices, whatever the extension.
_DEVICES: Final = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))])


class FolderNames:
    """Hands out a folder for each table: readable, and different on any file system."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def folder(self, table: str) -> str:
        """The folder of a table, as a path inside the archive. Each call takes one."""
        name = _encode(table)
        unusable = not name or len(name) > _MAX_FOLDER or name.split(".")[0].lower() in _DEVICES
        if unusable or name.lower() in self._taken:
            # "~" is in no encoded name, and the number counts the tables: no other table can have it.
            name = f"{name[:_KEPT_OF_LONG]}~{len(self._taken)}"
        self._taken.add(name.lower())
        return f"data/{name}"


def _encode(table: str) -> str:
    try:
        raw = table.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the table name {table!r} is not valid Unicode",
            hint="rename the table, or leave it out with --exclude",
        ) from None
    last = len(raw) - 1
    return "".join(
        chr(byte) if byte in _PLAIN and not (byte == ord(".") and place in (0, last)) else f"%{byte:02X}"
        for place, byte in enumerate(raw)
    )


def part_path(folder: str, number: int) -> str:
    """The path of a part inside the archive."""
    return f"{folder}/{number:05d}.jsonl.zst"


def is_table_folder(path: str) -> bool:
    """Whether a writer of this format could have made this folder."""
    return _FOLDER.fullmatch(path) is not None


def is_file_name(name: str) -> bool:
    """Whether this may be a file beside the manifest (`schema.json`, `registry.yaml`)."""
    return name != MANIFEST and _FILE.fullmatch(name) is not None


def archive_path_in(folder: Path, now: datetime) -> Path:
    """A new archive's path in a folder of archives: UTC time, and what keeps two of a second apart."""
    if now.tzinfo is None:
        raise ValueError("a time without zone names no instant")
    return folder / f"{now.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}"


def partial_name(name: str) -> str:
    """A name for what is not finished; no archive ever has one like it."""
    return f".{name}.partial-{secrets.token_hex(8)}"


def is_partial(name: str) -> bool:
    """Whether this is the name of something that was never finished."""
    return _PARTIAL.fullmatch(name) is not None


def stem(path: Path) -> str:
    """The name of the folder that a tar archive extracts to."""
    name = path.name.removesuffix(TAR)
    return name if name.strip(".") else "archive"
