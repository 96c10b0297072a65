"""Reads one part: whole and unaltered first, then row by row, within the bounds that the manifest states."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

import zstandard

from edms_backup.archive.limits import MAX_LINE, MAX_WINDOW
from edms_backup.archive.manifest import Part
from edms_backup.archive.members import Content
from edms_backup.errors import ArchiveError

_READ: Final = 1 << 20
_CHUNK: Final = 256 << 10
_FEED: Final = 1 << 10
"""Of compressed bytes at once. A block of 4 bytes may hold 128 KiB, so this bounds the output at 32 MiB."""
_LONGEST_HEADER: Final = 18


def check_content(content: Content, name: str, size: int, sha256: str) -> None:
    """Raise ArchiveError unless the content is what the manifest says."""
    digest = hashlib.sha256()
    seen = 0
    while data := content.read(_READ):
        digest.update(data)
        seen += len(data)
    if seen != size:
        raise damaged(name, f"it has {seen} bytes instead of {size}")
    if digest.hexdigest() != sha256:
        raise damaged(name, "its SHA-256 is not the one of the manifest")


def lines(content: Content, part: Part) -> Iterator[list[bytes]]:
    """The rows of a part that `check_content` has passed, in batches, without their line ends."""
    rows = 0
    for batch in _split(_decompressed(content, part), part):
        rows += len(batch)
        if rows > part.rows:
            raise damaged(part.path, f"it has more than {part.rows} rows")
        yield batch
    if rows != part.rows:
        raise damaged(part.path, f"it has {rows} rows instead of {part.rows}")


def _split(chunks: Iterable[bytes], part: Part) -> Iterator[list[bytes]]:
    begun: list[bytes] = []
    size = 0
    for chunk in chunks:
        first, end, others = chunk.partition(b"\n")
        begun.append(first)
        size += len(first)
        if size > MAX_LINE:
            raise damaged(part.path, f"it has a row of more than {MAX_LINE >> 20} MiB")
        if not end:
            continue
        batch = [b"".join(begun), *others.split(b"\n")]
        begun = [batch.pop()]
        size = len(begun[0])
        yield batch
    if size:
        raise damaged(part.path, "it ends within a row")


def _decompressed(content: Content, part: Part) -> Iterator[bytes]:
    """The raw bytes of a part, in chunks of a bounded size."""
    pending: list[bytes] = []
    size = total = 0
    for piece in _frame(content, part):
        total += len(piece)
        if total > part.raw_size:
            raise damaged(part.path, f"it decompresses to more than {part.raw_size} bytes")
        pending.append(piece)
        size += len(piece)
        if size >= _CHUNK:
            joined = b"".join(pending)
            pending, size = [], 0
            for place in range(0, len(joined), _CHUNK):
                yield joined[place : place + _CHUNK]
    if pending:
        yield b"".join(pending)
    if total != part.raw_size:
        raise damaged(part.path, f"it decompresses to {total} bytes instead of {part.raw_size}")


def _frame(content: Content, part: Part) -> Iterator[bytes]:
    """Decompress exactly one frame that has a checksum and an end."""
    try:
        data = content.read(_READ)
        if not zstandard.get_frame_parameters(data[:_LONGEST_HEADER]).has_checksum:
            raise damaged(part.path, "its zstd frame has no checksum")
        frame = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
        while data:
            for place in range(0, len(data), _FEED):
                if frame.eof:
                    raise damaged(part.path, "something follows its zstd frame")
                if piece := frame.decompress(data[place : place + _FEED]):
                    yield piece
            data = content.read(_READ)
    except zstandard.ZstdError as error:
        raise damaged(part.path, f"it cannot be decompressed ({error})") from None
    # The library gives the decodable begin of a frame that was cut short without a word.
    if not frame.eof:
        raise damaged(part.path, "its zstd frame is cut short")
    if frame.unused_data:
        raise damaged(part.path, "something follows its zstd frame")


def damaged(name: str, what: str) -> ArchiveError:
    """The error for a part or file that is not as it was written."""
    return ArchiveError(f"{name} is damaged: {what}", hint="use another copy of the archive")
