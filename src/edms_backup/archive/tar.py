"""The member list of a tar file, read strictly.

The standard library's reader takes a damaged header for the end, ignores what lies between and after the
members, and reads extended headers of any size into memory. Here every byte outside of the members' content
must be as expected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edms_backup.archive.limits import MAX_MEMBERS
from edms_backup.errors import ArchiveError

BLOCK: Final = 512
_ZEROS: Final = bytes(BLOCK)
_MAX_TAIL: Final = 1 << 20
_MAX_EXTENDED: Final = 64 << 10
_OCTAL: Final = re.compile(rb" *([0-7]+)[ \0]*")
_RECORD: Final = re.compile(rb"([1-9][0-9]{0,5}) ([^=\n]+)=")
_RECORDS: Final = frozenset(("path", "size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname"))

_KINDS: Final = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
}


@dataclass(frozen=True, slots=True)
class TarMember:
    """One file or folder in a tar."""

    name: str
    """As it stands there, without a slash at the end."""
    offset: int
    """Where its content begins."""
    size: int
    is_folder: bool


def members(fd: int) -> Iterator[TarMember]:
    """The files and folders of the tar that is open as `fd`. Raises ArchiveError for all else."""
    _check_is_tar(fd)
    end = os.fstat(fd).st_size
    if end % BLOCK:
        raise _damaged("it is cut short or has something after its end")
    offset = 0
    extended: dict[str, str] = {}
    count = 0
    while True:
        header = os.pread(fd, BLOCK, offset)
        if len(header) < BLOCK:
            raise _damaged("it is cut short")
        if header == _ZEROS:
            if extended:
                raise _damaged("an extended header belongs to no member")
            _check_tail(fd, offset, end)
            return
        count += 1
        if count > MAX_MEMBERS:
            raise _damaged(f"it has more than {MAX_MEMBERS} members")
        name, kind, size = _parse(header)
        offset += BLOCK
        if kind == b"x":
            if extended or size > _MAX_EXTENDED:
                raise _damaged("an extended header is too long")
            extended = _records(os.pread(fd, size, offset))
        else:
            if extended:
                name = extended.get("path", name)
                size = _number(extended.get("size", str(size)))
                extended = {}
            yield _member(name, kind, offset, size)
        padding = -size % BLOCK
        if offset + size + padding > end:
            raise _damaged("it is cut short")
        if padding and any(os.pread(fd, padding, offset + size)):
            raise _damaged(f"there is something behind the member {name!r}")
        offset += size + padding


def _member(name: str, kind: bytes, offset: int, size: int) -> TarMember:
    if kind not in (b"0", b"\0", b"5"):
        what = _KINDS.get(kind, f"of the unknown kind {kind!r}")
        raise ArchiveError(
            f"the member {name!r} of the archive is {what}",
            hint="edms-backup writes files and folders only; use the original archive",
        )
    if kind == b"5" and size:
        raise _damaged(f"the folder {name!r} has content")
    return TarMember(name.removesuffix("/") if kind == b"5" else name, offset, size, kind == b"5")


def _parse(header: bytes) -> tuple[str, bytes, int]:
    # A header is mostly zeros, and a hostile tar has many headers: the rest is summed up faster.
    total = sum((header[:148] + header[156:]).translate(None, b"\0")) + 8 * ord(" ")
    if header[148:156] != b"%06o\0 " % total:
        raise _damaged("a header has a wrong checksum")
    if header[257:262] != b"ustar":
        raise _damaged("a header is of an unknown kind")
    name = _text(header[:100])
    if header[257:265] == b"ustar\x0000" and (prefix := _text(header[345:500])):
        name = f"{prefix}/{name}"
    size = _OCTAL.fullmatch(header[124:136])
    if size is None:
        raise _damaged(f"the size of the member {name!r} is no number")
    return name, header[156:157], int(size[1], 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")


def _records(data: bytes) -> dict[str, str]:
    """The `length key=value` lines of an extended header."""
    found: dict[str, str] = {}
    place = 0
    while place < len(data):
        match = _RECORD.match(data, place)
        end = place + int(match[1]) if match else 0
        if match is None or end <= match.end() or data[end - 1 : end] != b"\n":
            raise _damaged("an extended header cannot be read")
        key = match[2].decode("utf-8", "replace")
        if key in found or key not in _RECORDS:
            raise _damaged(f"an extended header says {key!r}, which no archive needs")
        found[key] = data[match.end() : end - 1].decode("utf-8", "surrogateescape")
        place = end
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise _damaged("the size of a member is no number")
    return int(text)


def _check_is_tar(fd: int) -> None:
    if os.pread(fd, BLOCK, 0)[257:262] != b"ustar":
        raise ArchiveError(
            "this is no archive of edms-backup: neither a folder with backup.json nor a tar of one",
            hint="if it is compressed, decompress it first",
        )


def _check_tail(fd: int, offset: int, end: int) -> None:
    tail = end - offset
    if tail < 2 * BLOCK:
        raise _damaged("it is cut short")
    if tail > _MAX_TAIL or any(os.pread(fd, tail, offset)):
        raise _damaged("it has something after its end")


def _damaged(what: str) -> ArchiveError:
    return ArchiveError(f"the tar file is damaged: {what}", hint="use another copy of the archive")
