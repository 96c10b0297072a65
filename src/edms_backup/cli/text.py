"""Values as text for people: safe on a terminal, short, with units."""

from __future__ import annotations

import re
import unicodedata

# Joiners shape letters and emoji, and do no harm.
_HARMLESS_FORMATS = {"\u200c", "\u200d"}
_SECRET_IN_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@]*):[^\s]*@")
_QUERY_OF_URL = re.compile(r"(?P<url>[a-zA-Z][a-zA-Z0-9+.-]*://[^\s?]*)\?(?P<query>[^\s'\"]+)")
_QUERY_VALUE = re.compile(r"=[^&;]*")


def safe(value: object) -> str:
    """Text that cannot steer a terminal, whatever an archive or a database put into it; always one line."""
    return "".join(_visible(character) for character in str(value))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Cs", "Zl", "Zp"} or (category == "Cf" and character not in _HARMLESS_FORMATS):
        return character.encode("unicode_escape").decode("ascii")
    return character


def masked(text: str) -> str:
    """`text` with the password and the query values of every URL in it replaced by `***`."""
    text = _SECRET_IN_URL.sub(r"\g<scheme>:***@", text)
    return _QUERY_OF_URL.sub(lambda m: f"{m['url']}?{_QUERY_VALUE.sub('=***', m['query'])}", text)


def count(number: int, noun: str) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"


def size(number: int) -> str:
    """`812 B`, `41.2 kB`, `3.1 MB`."""
    if number < 1000:
        return f"{number} B"
    amount = float(number)
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 1000 or unit == "TB":
            return f"{amount:,.1f} {unit}"
    raise AssertionError


def speed(rows: int, seconds: float) -> str:
    """`0.3 s`, and the rate where it says anything."""
    if seconds < 0.05 or not rows:
        return f"{seconds:.1f} s"
    return f"{seconds:.1f} s, {int(rows / seconds):,} rows/s"
