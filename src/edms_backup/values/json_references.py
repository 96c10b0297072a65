"""Ids inside JSON documents, as an archive writes them.

| at the path | is |
|---|---|
| `{"$ref": […]}` | the row with this key value; its id stood there as the database writes it |
| `{"$ref_text": […]}` | the same, the number of the id in quotes |
| `{"$raw": …}` | an object of the document itself that looks like one of these three |
| a number or a text | an id that no row had: dangling |
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

REF = "$ref"
REF_TEXT = "$ref_text"
RAW = "$raw"
TAGS = frozenset((REF, REF_TEXT, RAW))

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_ESCAPED = f'{{"{RAW}": '


@dataclass(frozen=True)
class Named:
    """A row that a document names by its key value."""

    key: Sequence[Any]
    as_text: bool
    """The number of its id stands in quotes."""


def id_text(token: str, *, numeric: bool) -> str | None:
    """The id that a number or text of a document holds, as the database writes it; None where it cannot be one."""
    if not token.startswith('"'):
        return token if numeric and _is_whole(token) else None
    try:
        text = json.loads(token, strict=False)
        text.encode()
    except ValueError:
        return None
    if numeric:
        return text if _is_whole(text) else None
    return None if "\0" in text else text


def _is_whole(text: str) -> bool:
    return _WHOLE.fullmatch(text) is not None and abs(int(text)) < 2**63


def id_token(text: str, *, quoted: bool) -> str:
    """An id as it stands in a document."""
    return json.dumps(text, ensure_ascii=False) if quoted else text


def named_form(key: str, *, as_text: bool) -> str:
    """What stands for an id: the key value of its row, given as JSON."""
    return f'{{"{REF_TEXT if as_text else REF}": {key}}}'


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
    for tag in (REF, REF_TEXT):
        if len(form) == 1 and isinstance(form.get(tag), list):
            return Named(form[tag], tag == REF_TEXT)
    raise ValueError(f"{text[:80]} is no reference")
