"""References inside documents, when all tables are matched: key values give way to the ids that are right here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.document_keys import ASKED_IDS, with_ids
from edms_backup.backends.staging import shown_row, try_load
from edms_backup.backends.workspace import (
    DIGEST,
    KEY,
    ROW,
    UNRESOLVED,
    Workspace,
    count_name,
    exported_name,
    text_name,
    value_name,
)
from edms_backup.model import Column, Kind, Reference
from edms_backup.plan.restore import RestoreColumn, RestoreDocument, RestoreTable
from edms_backup.report import Problem
from edms_backup.values.forms import ValueMismatch, check_length
from edms_backup.values.json_paths import Spot, replaced
from edms_backup.values.json_references import Named, id_token, read_form, read_id
from edms_backup.values.rows import key_digest, key_text

FINISHED_ROWS = 500
"""Rows whose documents are in memory at a time."""

Refuse = Callable[[Problem], None]


class DocumentCounts:
    """What *finished* says of the documents of a staged row; nothing where there are none."""

    def __init__(self, workspace: Workspace, table: RestoreTable) -> None:
        self._columns = [document.column for document in table.documents]
        self._kept = table.policy.keep_columns
        finished = workspace.finished.get(table.name)
        self._finished = finished.alias("finished") if finished is not None else None

    def joined(self, clause: sa.FromClause, stage: sa.FromClause) -> sa.FromClause:
        """The clause with the finished documents of each row."""
        if self._finished is None:
            return clause
        return clause.outerjoin(self._finished, self._finished.c[ROW] == stage.c[ROW])

    def value(self, column: RestoreColumn, staged: Expression) -> Expression:
        """The finished document, else what was staged."""
        if self._finished is None or column not in self._columns:
            return staged
        return sa.func.coalesce(self._finished.c[value_name(column)], staged)

    def number(self, what: str) -> Any:
        """How many references inside the documents of a row are of a sort."""
        return sum((self._of(column, what) for column in self._columns), start=sa.literal_column("0"))

    def unresolved(self, matched: Expression) -> Any:
        """How many do not resolve; the target's own document stays where the policy says so."""
        return sum(
            (
                sa.case((matched, 0), else_=self._of(column, UNRESOLVED))
                if column.name in self._kept
                else self._of(column, UNRESOLVED)
                for column in self._columns
            ),
            start=sa.literal_column("0"),
        )

    def _of(self, column: RestoreColumn, what: str) -> Any:
        assert self._finished is not None
        return sa.func.coalesce(self._finished.c[count_name(column, what)], 0)


def finish_documents(workspace: Workspace, table: RestoreTable, refuse: Refuse) -> None:
    """Fill *finished* of a table. All tables must have been matched.

    `refuse` is told of each row that the target's types cannot hold now.
    """
    finished = workspace.finished[table.name]
    workspace.backend.connection.execute(sa.delete(finished))
    for rows in _staged(workspace, table):
        _Batch(workspace, table, rows).finish(refuse)
    workspace.analyse(finished)


def _staged(workspace: Workspace, table: RestoreTable) -> Iterator[Sequence[Sequence[Any]]]:
    """Row number, key and documents of the rows that are still staged, in batches."""
    stage, documents = workspace.stage[table.name], workspace.documents[table.name]
    texts = [documents.c[text_name(document.column)] for document in table.documents]
    query = sa.select(documents.c[ROW], stage.c[KEY], *texts)
    query = query.select_from(documents.join(stage, stage.c[ROW] == documents.c[ROW])).order_by(documents.c[ROW])
    last = 0
    while rows := workspace.backend.connection.execute(query.where(documents.c[ROW] > last).limit(FINISHED_ROWS)).all():
        yield rows
        last = rows[-1][0]


@dataclass
class _Place:
    """One reference inside one document."""

    spot: Spot
    token: str
    form: Named | str
    reference: Reference

    @property
    def digest(self) -> str:
        """Of the key value of the row that is named."""
        assert isinstance(self.form, Named)
        return key_digest(key_text(self.form.key))


@dataclass
class _Sum:
    """What became of the references inside one document."""

    resolved: int = 0
    dangling: int = 0
    unresolved: int = 0
    trouble: str | None = None
    changes: list[tuple[Spot, str]] = field(default_factory=list)


class _Batch:
    """Some rows whose documents are finished together, so that each table is asked once."""

    def __init__(self, workspace: Workspace, table: RestoreTable, rows: Sequence[Sequence[Any]]) -> None:
        self._workspace = workspace
        self._backend = workspace.backend
        self._table = table
        self._rows = rows
        self._places = [
            [self._read(document, form) for document, form in zip(table.documents, row[2:], strict=True)]
            for row in rows
        ]
        places = [place for row in self._places for found in row for place in found]
        self._found: dict[Reference, dict[str, str]] = {}
        """By reference: the ids of the rows that are named, by digest."""
        self._taken: dict[Reference, set[str]] = {}
        """By reference: the ids that dangling references hold, and another row has here."""
        for reference in {place.reference: None for place in places}:
            own = [place for place in places if place.reference == reference]
            digests = {place.digest for place in own if isinstance(place.form, Named)}
            raw = {one for place in own for one in self._raw(place)}
            self._found[reference] = self._ids(reference, sorted(digests))
            self._taken[reference] = self._strangers(reference, sorted(raw))

    def _read(self, document: RestoreDocument, form: Any) -> list[_Place]:
        places: list[_Place] = []
        for spot in document.inside.spots(form):
            token = form[spot.start : spot.end]
            read = read_form(token) if token.startswith("{") else token
            places.append(_Place(spot, token, read, document.inside.references[spot.path]))
        return places

    # --- what is known of ids -----------------------------------------------------------------------------------

    def _referred(self, reference: Reference) -> Column | None:
        """The column of the target that the reference holds; None where the target has no such table."""
        keyed = self._workspace.keyed.get(reference.table)
        return keyed.table.column(reference.referred_columns[0]) if keyed is not None else None

    def _raw(self, place: _Place) -> tuple[str, ...]:
        """What the target would write for the id that a dangling reference holds, where it can be one."""
        column = self._referred(place.reference)
        if column is None or isinstance(place.form, Named) or place.token.startswith("{"):
            return ()
        return read_id(place.token, numeric=column.kind is Kind.INTEGER)[1]

    def _ids(self, reference: Reference, digests: list[str]) -> dict[str, str]:
        exporting = self._workspace.plan.exporting(reference.table)
        ids = self._workspace.ids.get(reference.table)
        if exporting is None or ids is None:
            return {}
        identity = self._backend.text(ids.c[exported_name(exporting, reference.referred_columns[0])])
        found: dict[str, str] = {}
        for start in range(0, len(digests), ASKED_IDS):
            some = digests[start : start + ASKED_IDS]
            query = sa.select(ids.c[DIGEST], identity).where(ids.c[DIGEST].in_(some))
            found |= {row[0]: row[1] for row in self._backend.connection.execute(query) if row[1] is not None}
        return found

    def _strangers(self, reference: Reference, raw: list[str]) -> set[str]:
        """Ids among `raw` that a row of the target has, or one that comes."""
        column = self._referred(reference)
        if column is None:
            return set()
        target = self._backend.table_clause(self._workspace.keyed[reference.table].table)
        holders = [target.c[column.name]]
        coming = self._workspace.plan.filled.get(reference.table)
        if coming is not None:
            holders.append(self._workspace.ids[reference.table].c[exported_name(coming, column.name)])
        taken: set[str] = set()
        for holder in holders:
            for condition in with_ids(self._backend, column, holder, raw):
                query = sa.select(self._backend.text(holder)).where(condition)
                taken |= set(self._backend.connection.execute(query).scalars())
        return taken.intersection(raw)

    # --- documents ----------------------------------------------------------------------------------------------

    def finish(self, refuse: Refuse) -> None:
        """Load the documents into *finished*; tell `refuse` of those that do not fit."""
        ready: list[list[Any]] = []
        for row, places in zip(self._rows, self._places, strict=True):
            values: list[Any] = [row[0]]
            name = ""
            try:
                for document, form, own in zip(self._table.documents, row[2:], places, strict=True):
                    name = document.name
                    values += self._finished(document.column, form, own)
            except ValueMismatch as error:
                self._refuse(row, name, str(error), refuse)
            else:
                ready.append(values)
        if not ready or self._try(ready) is None:
            return
        rows = {row[0]: row for row in self._rows}
        for values in ready:
            if self._try([values]) is not None:
                self._refuse(rows[values[0]], *self._culprit(values), refuse)

    def _try(self, rows: list[list[Any]], *, keep: bool = True) -> str | None:
        return try_load(self._backend, self._workspace.finished[self._table.name], rows, keep=keep)

    def _culprit(self, values: list[Any]) -> tuple[str, str]:
        """The column whose document the target cannot hold, found by loading each alone, and what the server says."""
        for document in self._table.documents:
            place = list(self._workspace.finished[self._table.name].columns.keys()).index(value_name(document.column))
            alone = [value if i == place else None for i, value in enumerate(values)]
            message = self._try([alone], keep=False)
            if message is not None:
                return document.name, message
        return self._table.documents[0].name, "its documents together are too much"

    def _finished(self, column: RestoreColumn, form: Any, places: Iterable[_Place]) -> list[Any]:
        """The values of one column in *finished*."""
        if form is None:
            return [None, 0, 0, 0, None]
        total = _Sum()
        for place in places:
            self._settle(place, total)
        text = replaced(form, total.changes)
        bound = self._backend.converted(column.column, column.source)(text)
        if column.column.length is not None and isinstance(bound, str):
            check_length(bound, column.column.length)
        return [bound, total.resolved, total.dangling, total.unresolved, total.trouble]

    def _settle(self, place: _Place, total: _Sum) -> None:
        if isinstance(place.form, Named):
            identity = self._found[place.reference].get(place.digest)
            if identity is not None:
                column = self._referred(place.reference)
                numeric = column is not None and column.kind is Kind.INTEGER
                total.resolved += 1
                total.changes.append((place.spot, id_token(identity, place.form.tag, numeric=numeric)))
                return
        elif place.token.startswith("{"):
            # An object of the document itself, which looks like a reference.
            total.changes.append((place.spot, place.form))
            return
        elif self._taken[place.reference].isdisjoint(self._raw(place)):
            total.dangling += 1
            return
        total.unresolved += 1
        total.changes.append((place.spot, "null"))
        key = list(place.form.key) if isinstance(place.form, Named) else None
        total.trouble = total.trouble or json.dumps([place.reference.path, place.reference.table, key, place.token])

    def _refuse(self, row: Sequence[Any], name: str, message: str, refuse: Refuse) -> None:
        """A row that the target cannot hold leaves the stage."""
        number, key = row[0], json.loads(row[1])
        for table in (
            self._workspace.stage[self._table.name],
            self._workspace.ids[self._table.name],
            self._workspace.documents[self._table.name],
        ):
            self._backend.connection.execute(sa.delete(table).where(table.c[ROW] == number))
        self._workspace.remember_refused(self._table.name, key_digest(key_text(key)))
        row_name = shown_row(self._table.name, key)
        what = f"{row_name}: the target cannot hold the document of {name} with the ids that it gets here: {message}"
        refuse(Problem("value-does-not-fit", what, self._table.name, key, name))
