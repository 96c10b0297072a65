"""Canonical rows: what a row says, whatever its ids and the order of its columns. What a fingerprint hashes."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from edms_backup.model import Keyed
from edms_backup.plan.source import LineFormat


class CanonicalRow(NamedTuple):
    """One row without its surrogate key, every reference as the key value of the row that it points to."""

    key_value: list[Any]
    members: dict[str, Any]
    """Values by column."""

    @property
    def content(self) -> bytes:
        """All members as one text: two rows say the same exactly where their texts are equal."""
        return orjson.dumps(self.members, option=orjson.OPT_SORT_KEYS)


class CanonicalRows:
    """Reads the lines of one table, of an archive or as a database hands them out."""

    def __init__(self, keyed: Keyed, name: str) -> None:
        self._format = LineFormat(keyed, name)
        surrogate = set(keyed[name].surrogate_key)
        self._members = [
            (position, column) for position, column in enumerate(self._format.columns) if column not in surrogate
        ]
        self._rows = 0

    def read(self, line: bytes) -> CanonicalRow:
        """The next row. Raises ArchiveError where a line is none of the table's."""
        self._rows += 1
        values = self._format.values(line, self._rows)
        return CanonicalRow(self._format.key_value(values), {column: values[p] for p, column in self._members})
