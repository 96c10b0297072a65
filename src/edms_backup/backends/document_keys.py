"""Reading ids inside JSON documents: each is replaced by the key value of the row that it points to.

A connection that streams rows can answer nothing else meanwhile on every product, so documents are read twice: first
for the ids that occur, whose key values are then looked up some hundred at a time, and once more as rows. What was
looked up waits in a private temporary file of SQLite, not in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson
import sqlalchemy as sa

from edms_backup.backends.base import Backend, Expression
from edms_backup.backends.joins import KeyJoins
from edms_backup.backends.selection import Selection
from edms_backup.errors import RegistryError
from edms_backup.graph.keys import expand_key
from edms_backup.model import Column, Keyed, Kind, Reference
from edms_backup.plan.documents import DocumentColumn
from edms_backup.plan.extract import ExtractPlan
from edms_backup.values.json_paths import Spot, replaced
from edms_backup.values.json_references import escaped_form, is_uuid, named_form, read_id

ASKED_IDS = 500
"""Ids asked for in one statement; SQLite has a limit."""


class DocumentKeys:
    """The key values of the rows that the documents of one table refer to. The caller holds the snapshot."""

    def __init__(self, backend: Backend, keyed: Keyed, plan: ExtractPlan) -> None:
        self._backend = backend
        self._keyed = keyed
        self._plan = plan
        # Without a name it is a temporary file that goes with the connection.
        self._store = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._store.execute("PRAGMA journal_mode = OFF")
        self._store.execute(
            "CREATE TABLE ids (document TEXT, path INTEGER, id TEXT, key TEXT, PRIMARY KEY (document, path, id)) "
            "WITHOUT ROWID"
        )
        self._store.execute("BEGIN")
        self._collect()
        for document in plan.documents.values():
            for number, reference in enumerate(document.references):
                self._look_up(document, number, reference)

    def close(self) -> None:
        """Forget all of it."""
        self._store.close()

    def replacing(self, name: str) -> Callable[[Any], Any]:
        """What turns a document of column `name` into the archive's."""
        document = self._plan.documents[name]
        return lambda form: self._archived(document, form)

    def _archived(self, document: DocumentColumn, form: Any) -> Any:
        changes: list[tuple[Spot, str]] = []
        for spot in document.spots(form):
            token = form[spot.start : spot.end]
            if token.startswith("{"):
                changes.append((spot, escaped_form(token)))
                continue
            tag, ids = read_id(token, numeric=self._is_numeric(document.references[spot.path]))
            key = next(filter(None, (self._key(document.name, spot.path, one) for one in ids)), None)
            if key is not None:
                changes.append((spot, named_form(key, tag)))
        return replaced(form, changes) if changes else form

    def _key(self, document: str, path: int, identity: str) -> str | None:
        query = "SELECT key FROM ids WHERE document = ? AND path = ? AND id = ?"
        found = self._store.execute(query, (document, path, identity)).fetchone()
        return found[0] if found else None

    def _referred(self, reference: Reference) -> Column:
        return self._keyed[reference.table].table.column(reference.referred_columns[0])

    def _is_numeric(self, reference: Reference) -> bool:
        return self._referred(reference).kind is Kind.INTEGER

    def _collect(self) -> None:
        """Note all ids that occur."""
        documents = list(self._plan.documents.values())
        table = self._plan.keyed.table
        rows = self._backend.table_clause(table)
        values = [self._backend.readable(table.column(d.name), rows.c[d.name]) for d in documents]
        query = sa.select(*(value.label(f"v{i}") for i, value in enumerate(values)))
        for batch in self._backend.batches(query):
            pairs = ((document, form) for row in batch for document, form in zip(documents, row, strict=True))
            noted = {note for document, form in pairs for note in self._ids(document, form)}
            self._store.executemany("INSERT OR IGNORE INTO ids VALUES (?, ?, ?, NULL)", noted)

    def _ids(self, document: DocumentColumn, form: Any) -> Iterator[tuple[str, int, str]]:
        for spot in document.spots(form):
            token = form[spot.start : spot.end]
            if token.startswith("{"):
                continue
            for one in read_id(token, numeric=self._is_numeric(document.references[spot.path]))[1]:
                yield document.name, spot.path, one

    def _look_up(self, document: DocumentColumn, path: int, reference: Reference) -> None:
        """Note the key values of the rows that ids point to."""
        backend = self._backend
        joins = KeyJoins(backend, self._keyed, reference.table)
        column = self._referred(reference)
        identity = joins.root.c[column.name]
        selection = Selection(backend)
        for leaf in expand_key(self._keyed, reference.table):
            selection.add_leaf(joins, leaf, joins.leaf(joins.root, leaf))
        query = sa.select(backend.text(identity), *selection.expressions).select_from(joins.clause)
        for some in self._asked(document.name, path):
            found: dict[str, str] = {}
            for condition in with_ids(backend, column, identity, some):
                for row in backend.connection.execute(query.where(condition)):
                    key = orjson.dumps(selection.converted(row[1:])).decode()
                    if found.setdefault(row[0], key) != key:
                        raise RegistryError(
                            f"{column.name} = {row[0]} is in several rows of {reference.table}, to which documents of "
                            f"{self._plan.name}.{document.name} refer ({reference.path})",
                            hint="let the reference point to a column that is unique",
                        )
            update = "UPDATE ids SET key = ? WHERE document = ? AND path = ? AND id = ?"
            self._store.executemany(update, ((key, document.name, path, one) for one, key in found.items()))

    def _asked(self, document: str, path: int) -> Iterator[list[str]]:
        last = None
        while True:
            query = "SELECT id FROM ids WHERE document = ? AND path = ? AND (?3 IS NULL OR id > ?3) ORDER BY id LIMIT ?"
            some = [row[0] for row in self._store.execute(query, (document, path, last, ASKED_IDS))]
            if not some:
                return
            yield some
            last = some[-1]


def with_ids(backend: Backend, column: Column, value: Expression, ids: Iterable[str]) -> Iterator[Expression]:
    """Whether `value`, of `column` or a copy of it, is one of some ids; one condition for a bounded number of them.

    A collation may find more than was asked for: what comes has to be compared.
    """
    wanted = list(ids) if column.kind is not Kind.UUID else [one for one in ids if is_uuid(one)]
    for start in range(0, len(wanted), ASKED_IDS):
        yield value.in_([backend.of_kind(column, sa.literal(one)) for one in wanted[start : start + ASKED_IDS]])
