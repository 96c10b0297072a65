"""Sets documents with references inside apart while rows are staged: their ids are known only after matching."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from edms_backup.backends.workspace import Workspace
from edms_backup.plan.restore import RestoreDocument, RestoreTable
from edms_backup.values.json_references import Named, read_form, read_id
from edms_backup.values.rows import key_digest, key_text


class StagedDocuments:
    """The documents of one table on their way into *documents*, and the rows that they name into *mentions*."""

    def __init__(self, workspace: Workspace, table: RestoreTable) -> None:
        self._backend = workspace.backend
        self._documents = table.documents
        self._into = workspace.documents[table.name]
        assert workspace.mentions is not None
        self._mentions = workspace.mentions
        self._rows: list[list[Any]] = []
        self._named: set[tuple[str, str | None, str]] = set()
        self.names = tuple(document.name for document in table.documents)

    def keep(self, row: int, forms: Sequence[Any]) -> Collection[str]:
        """Keep what has references inside; returns its columns. Raises ValueError where the archive was changed."""
        kept: list[Any] = []
        names: list[str] = []
        for document, form in zip(self._documents, forms, strict=True):
            found = self._note(document, form)
            kept.append(form if found else None)
            names += [document.name] if found else []
        if names:
            self._rows.append([row, *kept])
        return names

    def _note(self, document: RestoreDocument, form: Any) -> bool:
        """Whether there are references inside a document; the rows that they name are noted."""
        spots = document.inside.spots(form)
        for spot in spots:
            token = form[spot.start : spot.end]
            reference = document.inside.references[spot.path]
            try:
                named = read_form(token) if token.startswith("{") else None
            except ValueError as error:
                raise ValueError(f"{document.name} {reference.path}: {error}") from None
            if isinstance(named, Named):
                text = key_text(named.key)
                self._named.add((reference.table, key_digest(text), text.decode()))
            elif named is None:
                self._named.update((reference.table, None, one) for one in read_id(token, numeric=True)[1])
        return bool(spots)

    def flush(self) -> None:
        """Bring what was kept into the database."""
        if self._rows:
            self._backend.load(self._into, self._rows)
        if self._named:
            self._backend.load(self._mentions, list(self._named))
        self._rows, self._named = [], set()
