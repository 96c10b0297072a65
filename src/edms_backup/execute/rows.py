"""Canonical rows: what a row says, whatever ids, order of columns and product. Hashed here, and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from edms_backup.execute.canonical import CanonicalValues
from edms_backup.model import Keyed, KeyedTable
from edms_backup.plan.source import LineFormat

_DIGEST_BYTES: Final = 32
_MODULUS: Final = 1 << (8 * _DIGEST_BYTES)


class CanonicalRow(NamedTuple):
    """One row without its surrogate key, every reference as the key value of the row that it points to."""

    key_value: list[Any]
    members: dict[str, Any]
    """Values by column."""

    @property
    def digest(self) -> bytes:
        """A hash of all members: two rows say the same where it is equal."""
        content = orjson.dumps(self.members, option=orjson.OPT_SORT_KEYS)
        return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


class CanonicalRows:
    """Reads the lines of one table, of an archive or as a database hands them out."""

    def __init__(self, keyed: Keyed, name: str, columns: Mapping[str, str] | None = None) -> None:
        """Rows of table `name`: all its content columns, or only `columns`, by the names that these map to."""
        self._format = LineFormat(keyed, name)
        names = {column: column for column in content_columns(keyed[name])} if columns is None else columns
        self._members = [(p, names[column]) for p, column in enumerate(self._format.columns) if column in names]
        self._canonical = CanonicalValues(keyed, self._format)
        self._rows = 0

    def read(self, line: bytes) -> CanonicalRow:
        """The next row. Raises ArchiveError where a line is none of the table's."""
        self._rows += 1
        values = self._canonical.of(self._format.values(line, self._rows))
        return CanonicalRow(self._format.key_value(values), {column: values[p] for p, column in self._members})


class ContentSum:
    """The sum of the hashes of rows: the same for the same rows in any order."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, digest: bytes) -> None:
        """Add one row."""
        self.rows += 1
        self._sum = (self._sum + int.from_bytes(digest)) % _MODULUS

    def hexdigest(self) -> str:
        """The hash so far, over rows and their number."""
        content = self.rows.to_bytes(8) + self._sum.to_bytes(_DIGEST_BYTES)
        return hashlib.blake2b(content, digest_size=16).hexdigest()


def content_columns(table: KeyedTable) -> tuple[str, ...]:
    """The columns that say something: neither the surrogate key nor what the database computes."""
    return tuple(c.name for c in table.table.columns if not c.generated and c.name not in table.surrogate_key)
