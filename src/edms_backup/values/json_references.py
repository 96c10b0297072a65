"""Ids inside JSON documents, as an archive writes them.

| at the path | is |
|---|---|
| `{"$ref": […]}` | the row with this key value; its id stood there as the database writes it |
| `{"$ref_text": […]}` | the same, the number of the id in quotes |
| `{"$ref_uuid": […]}` | the same, a uuid as 36 characters, however the database writes it |
| `{"$raw": …}` | an object of the document itself that looks like one of these four |
| a number or a text | an id that no row had: dangling |
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

REF = "$ref"
REF_TEXT = "$ref_text"
REF_UUID = "$ref_uuid"
RAW = "$raw"
TAGS = frozenset((REF, REF_TEXT, REF_UUID, RAW))

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_HEX = re.compile(r"[0-9a-f]{32}")
_ESCAPED = f'{{"{RAW}": '


@dataclass(frozen=True)
class Named:
    """A row that a document names by its key value."""

    key: Sequence[Any]
    tag: str = REF
    """How its id is spelled."""


def read_id(token: str, *, numeric: bool) -> tuple[str, tuple[str, ...]]:
    """How a number or text of a document spells an id, and what a database may write for it: nothing if it is none."""
    if not token.startswith('"'):
        return REF, (token,) if numeric and _is_whole(token) else ()
    try:
        text = json.loads(token, strict=False)
        text.encode()
    except ValueError:
        return REF, ()
    if numeric:
        return REF_TEXT, (text,) if _is_whole(text) else ()
    if is_uuid(text):
        return REF_UUID, (text, text.replace("-", ""))
    return REF, () if "\0" in text else (text,)


def is_uuid(text: str) -> bool:
    """Whether a text is a uuid of 36 characters as servers write it."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _is_whole(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None and abs(int(text)) < 2**63


def id_token(text: str, tag: str, *, numeric: bool) -> str:
    """An id, as the database writes it, spelled as the document has it."""
    if numeric:
        return json.dumps(text) if tag == REF_TEXT else text
    if tag == REF_UUID and _HEX.fullmatch(text):
        text = str(uuid.UUID(text))
    return json.dumps(text, ensure_ascii=False)


def named_form(key: str, tag: str) -> str:
    """What stands for an id: the key value of its row, given as JSON."""
    return f'{{"{tag}": {key}}}'


def escaped_form(text: str) -> str:
    """What stands for an object of the document that looks like one of ours."""
    return f"{_ESCAPED}{text}}}"


def read_form(text: str) -> Named | str:
    """The row that a tagged object names, or the text of the object that was escaped. Raises ValueError."""
    if text.startswith(_ESCAPED):
        return text.removeprefix(_ESCAPED)[:-1]
    try:
        form = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        form = {}
    for tag in (REF, REF_TEXT, REF_UUID):
        if len(form) == 1 and isinstance(form.get(tag), list):
            return Named(form[tag], tag)
    raise ValueError(f"{text[:80]} is no reference")
