"""What two sides have of one table, as two digests a row in a temporary SQLite file: memory stays what it is."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from edms_backup.errors import EnvironmentFailed

LEFT: Final = 1
RIGHT: Final = -1


class Surplus(NamedTuple):
    """A row that one side has more often than the other."""

    key: bytes
    content: bytes
    extra: int
    """How many more the left side has; negative: the right side."""


_SURPLUS: Final = (
    "SELECT key, content, extra FROM uneven JOIN surplus USING (key) "
    "WHERE (lefts = 1 AND rights = 1) = ? AND extra * ? > 0 ORDER BY key, content LIMIT ?"
)


class Digests:
    """The rows of one table on both sides, each as the digest of its key and that of its content.

    A row of one side cancels out a row of the other with the same digests. What remains under one key is a
    changed row where it is one row on each side, and else rows that only one side has: nobody can say which
    of several rows with one key has become which.
    """

    def __init__(self, store: sqlite3.Connection) -> None:
        self._store = store
        store.execute("CREATE TABLE seen (side INTEGER, key BLOB, content BLOB)")
        store.execute(
            "CREATE TABLE surplus (key BLOB, content BLOB, extra INTEGER, PRIMARY KEY (key, content)) WITHOUT ROWID"
        )
        store.execute("CREATE TABLE uneven (key BLOB PRIMARY KEY, lefts INTEGER, rights INTEGER) WITHOUT ROWID")
        store.execute("BEGIN")

    def clear(self) -> None:
        """Forget all rows."""
        self._store.execute("DELETE FROM seen")
        self._store.execute("DELETE FROM surplus")
        self._store.execute("DELETE FROM uneven")

    def add(self, side: int, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Add rows of one side, each the digests of its key and of its content."""
        self._store.executemany("INSERT INTO seen VALUES (?, ?, ?)", ((side, *row) for row in rows))

    def settle(self) -> None:
        """All rows are there: find those that have no counterpart."""
        self._store.execute(
            "INSERT INTO surplus SELECT key, content, sum(side) FROM seen GROUP BY key, content HAVING sum(side) <> 0"
        )
        self._store.execute(
            "INSERT INTO uneven SELECT key, sum(max(extra, 0)), sum(max(-extra, 0)) FROM surplus GROUP BY key"
        )

    def counts(self) -> tuple[int, int, int]:
        """Rows only left, only right, and changed."""
        lefts, rights, changed = self._store.execute(
            "SELECT coalesce(sum(lefts), 0), coalesce(sum(rights), 0), coalesce(sum(lefts = 1 AND rights = 1), 0) "
            "FROM uneven"
        ).fetchone()
        return lefts - changed, rights - changed, changed

    def shared_keys(self) -> int:
        """How many of the keys with a difference several rows of one side have."""
        (number,) = self._store.execute(
            "SELECT count(DISTINCT key) FROM (SELECT key FROM seen WHERE key IN (SELECT key FROM uneven) "
            "GROUP BY key, side HAVING count(*) > 1)"
        ).fetchone()
        return int(number)

    def changed(self, limit: int) -> list[tuple[Surplus, Surplus]]:
        """The first changed rows, left and right."""
        return list(zip(self._surplus(True, LEFT, limit), self._surplus(True, RIGHT, limit), strict=True))

    def only(self, side: int, limit: int) -> list[Surplus]:
        """The first rows that only one side has."""
        return self._surplus(False, side, limit)

    def _surplus(self, changed: bool, side: int, limit: int) -> list[Surplus]:
        return [Surplus(*row) for row in self._store.execute(_SURPLUS, (changed, side, limit))]


@contextmanager
def open_digests() -> Iterator[Digests]:
    """A store in a private folder, gone afterwards. Raises EnvironmentFailed where the disk is full."""
    with tempfile.TemporaryDirectory(prefix="edms-backup-") as folder:
        path = Path(folder) / "digests.sqlite3"
        path.touch(mode=0o600)
        with closing(sqlite3.connect(path, isolation_level=None)) as store:
            store.execute("PRAGMA journal_mode = OFF")
            store.execute("PRAGMA synchronous = OFF")
            try:
                yield Digests(store)
            except sqlite3.Error as error:
                raise EnvironmentFailed(
                    f"cannot keep digests of rows in {tempfile.gettempdir()}: {error}",
                    hint="free some space there, or name another folder in TMPDIR",
                ) from error
