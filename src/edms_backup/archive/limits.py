"""Bounds of format 1. The writer keeps them, so that the reader may refuse everything beyond."""

from __future__ import annotations

from typing import Final

MAX_MANIFEST: Final = 32 << 20
"""Bytes of backup.json."""

MAX_FILE: Final = 64 << 20
"""Bytes of schema.json or registry.yaml."""

MAX_TABLES: Final = 100_000

MAX_PARTS: Final = 100_000
"""Of all tables together: 6 TiB of rows with parts of the usual size."""

MAX_MEMBERS: Final = 210_000
"""Files and folders of an archive: every table, every part, and what lies beside them."""

MAX_LINE: Final = 64 << 20
"""Bytes of one row, without its line end."""

MAX_WINDOW: Final = 8 << 20
"""What a zstd frame may ask a reader to keep in memory."""

PART_ROWS: Final = 1_000_000
PART_BYTES: Final = 64 << 20
"""A part ends with the row that reaches one of the two."""
