"""Texts of a server's catalogue (conditions, expressions, CREATE statements), cut into words."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(
    r"""--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[()]|[\w$\x80-\U0010ffff]+|\s+|.""",
    re.DOTALL,
)
_QUOTES = {'"': '"', "`": "`", "'": "'", "[": "]"}


def words(text: str) -> Iterator[str]:
    """The words of a text, blanks among them, but without comments."""
    return (word for word in _WORD.findall(text) if not word.startswith(("--", "/*")))


def unquoted(word: str) -> str:
    """The name that a word stands for."""
    end = _QUOTES.get(word[:1])
    return word if end is None else word[1:-1].replace(end * 2, end)


def mentions(text: str, name: str) -> bool:
    """Whether a text is about the column `name`. It may say yes too often: upper and lower case are the same here."""
    found = (unquoted(word) for word in words(text) if not word.startswith("'"))
    return name.casefold() in (word.casefold() for word in found)


def json_columns(text: str) -> Iterator[str]:
    """The columns that a CHECK keeps to valid JSON: MariaDB's type JSON is one."""
    found = [word for word in words(text) if not word.isspace()]
    for call, bracket, name, end in zip(found, found[1:], found[2:], found[3:], strict=False):
        if call.lower() == "json_valid" and (bracket, end) == ("(", ")"):
            yield unquoted(name)
