"""Whole rows: a database row to a line of an archive, and a line back to its values.

An extracted row is a flat sequence. `RowWriter` knows which positions make which member of the line; `RowReader`
parses a line into one `Reading` a column.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from edms_backup.errors import ArchiveError
from edms_backup.model import Kind
from edms_backup.values.forms import DANGLING, json_text

Convert = Callable[[Any], Any]

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANYTHING = msgspec.json.Decoder()


@dataclass(frozen=True)
class ValueField:
    """A column that is written as its own value."""

    name: str
    position: int


@dataclass(frozen=True)
class ReferenceField:
    """A column that is written as the key value of the row it refers to."""

    name: str
    raw: int
    """Position of the column's own value."""
    found: int
    """Position of a value that is None where the row referred to does not exist."""
    leaves: tuple[int, ...]
    itself: int | None = None
    """Position of a value that is not None where a row of a tree is its own parent: its key value is left out."""


Field = ValueField | ReferenceField


class RowWriter:
    """Turns extracted rows into lines."""

    def __init__(self, fields: Sequence[Field], conversions: Mapping[int, Convert]) -> None:
        self._fields = tuple(fields)
        self._conversions = tuple(conversions.items())

    def member_values(self, row: Sequence[Any]) -> dict[str, Any]:
        """The members of a line, ready for orjson."""
        values = list(row)
        for position, convert in self._conversions:
            if values[position] is not None:
                values[position] = convert(values[position])
        members: dict[str, Any] = {}
        for field in self._fields:
            if isinstance(field, ValueField):
                members[field.name] = values[field.position]
            elif values[field.raw] is None:
                members[field.name] = None
            elif values[field.found] is None:
                members[field.name] = {DANGLING: values[field.raw]}
            elif field.itself is not None and values[field.itself] is not None:
                members[field.name] = []
            else:
                members[field.name] = [values[leaf] for leaf in field.leaves]
        return members

    def lines(self, rows: Iterable[Sequence[Any]]) -> list[bytes]:
        """One line a row, without line end."""
        return [orjson.dumps(self.member_values(row)) for row in rows]


def key_text(key_value: Sequence[Any]) -> bytes:
    """The canonical text of a key value: two are equal exactly where their texts are. Raises ArchiveError."""
    try:
        return orjson.dumps(key_value)
    except TypeError as error:
        raise ArchiveError(
            f"a key value of the archive is none: {error}", hint="the archive was changed after it was written"
        ) from error


def key_digest(text: bytes) -> str:
    """128 bits of BLAKE2b over the canonical text, as 32 hex digits: what staging joins on."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def is_key_value(form: Any) -> bool:
    """Whether a reference column holds the key value of a row that exists."""
    return isinstance(form, list)


def above_child(parent: Any, place: int) -> list[Any]:
    """What is above a row of a tree, from the key value of its parent, in which such a list is at `place`."""
    if not is_key_value(parent) or not parent:
        # A root: it has no parent, or is its own.
        return []
    if len(parent) <= place or not isinstance(parent[place], list):
        raise ArchiveError(
            f"{json.dumps(parent)[:100]} is no key value of a tree", hint="the archive was changed after it was written"
        )
    return [*parent[place], *parent[:place], *parent[place + 1 :]]


def dangling_value(form: Any) -> Any:
    """The raw value of a dangling reference. Raises ValueError for anything else."""
    if isinstance(form, dict) and len(form) == 1 and DANGLING in form:
        return form[DANGLING]
    raise ValueError("neither a key value nor a dangling reference")


class RowReader:
    """Parses lines of one table. Every line must have exactly the declared members."""

    def __init__(self, table: str, columns: Mapping[str, Kind], references: frozenset[str]) -> None:
        self._table = table
        documents = {name for name, kind in columns.items() if kind is Kind.JSON and name not in references}
        self._names = tuple(columns)
        self._documents = tuple(i for i, name in enumerate(columns) if name in documents)
        self._members = self._from_object
        if all(orjson.dumps(name) == f'"{name}"'.encode() for name in columns):
            self._members = self._from_struct
            members = [(f"m{i}", msgspec.Raw if name in documents else Any) for i, name in enumerate(columns)]
            self._attributes = tuple(member[0] for member in members)
            renames = dict(zip(self._attributes, columns, strict=True))
            row_type = msgspec.defstruct("Row", members, rename=renames, forbid_unknown_fields=True)
            self._decode = msgspec.json.Decoder(row_type).decode

    def _from_struct(self, line: bytes) -> list[Any]:
        row = self._decode(line)
        return [getattr(row, attribute) for attribute in self._attributes]

    def _from_object(self, line: bytes) -> list[Any]:
        """The same where a name needs an escape in JSON: a struct cannot have it."""
        row = _OBJECT.decode(line)
        if row.keys() != set(self._names):
            raise msgspec.ValidationError(f"its members are not the columns: {', '.join(row)}")
        values = [row[name] for name in self._names]
        documents = set(self._documents)
        return [value if i in documents else _ANYTHING.decode(value) for i, value in enumerate(values)]

    def row(self, line: bytes, number: int) -> list[Any]:
        """The values of a line in the order of the columns; a JSON document is its text. Raises ArchiveError."""
        try:
            values = self._members(line)
            for position in self._documents:
                raw = bytes(values[position])
                values[position] = None if raw == b"null" else json_text(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, orjson.JSONDecodeError) as error:
            raise ArchiveError(
                f"row {number} of table {self._table} cannot be read: {error}",
                hint="the archive was changed after it was written; use another one",
            ) from error
        return values
