"""Single values: between the text or number that a database hands out and the form in an archive."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import re
import struct
import uuid
from decimal import Decimal
from typing import Any

import orjson

DANGLING = "$dangling"
JSON_TEXT = "$json"
RAW = "$raw"
BYTES = "$bytes"
FLOAT = "$float"
BROKEN = "$text"

_TIMESTAMP = re.compile(r"(\d{4,6})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_ANY_TIMESTAMP = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[ T](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)(?P<zone>Z|[+-]\d\d:?\d\d)?"
)
_UUID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_INTERVAL = re.compile(r"(?:(-?\d+) days?)? ?(?:([+-]?)(\d{2,}):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?")
_SCIENTIFIC = re.compile(r"-?\d+(\.\d+)?[eE][+-]?\d{1,4}")
_LARGEST_SINGLE = 3.4028235e38
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class ValueMismatch(ValueError):
    """A value of the archive that cannot be a value of the target's column."""


def float_form(value: float) -> float | str:
    """A float as a number, or as text where JSON has no number for it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def single_float_form(value: float) -> float | str:
    """A float of 32 bits in the fewest digits that tell it from its neighbours: 0.1, not 0.10000000149011612."""
    if math.isfinite(value):
        for digits in range(6, 9):
            short = float(f"{value:.{digits}g}")
            if abs(short) < _LARGEST_SINGLE and struct.unpack("f", struct.pack("f", short))[0] == value:
                return short
    return float_form(value)


def float_value(form: Any) -> float:
    """The float of an archive's number or text."""
    if isinstance(form, bool) or not isinstance(form, int | float | str):
        raise ValueMismatch("not a number")
    if isinstance(form, str):
        if form in _NON_FINITE:
            return _NON_FINITE[form]
        try:
            return float(form)
        except ValueError:
            raise ValueMismatch("not a number") from None
    return float(form)


def single_float_value(form: Any) -> float:
    """A float for a column of 32 bits. Raises ValueMismatch where that would lose digits."""
    value = float_value(form)
    if not math.isfinite(value):
        return value
    try:
        single = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        raise ValueMismatch("too large for a float of 32 bits") from None
    # Nine digits tell every single float from its neighbours; some say it with fewer (the smallest with one).
    if value != single and all(float(f"{single:.{digits}g}") != value for digits in range(1, 10)):
        raise ValueMismatch("more exact than a float of 32 bits")
    return value


def bytes_form(value: bytes | bytearray | memoryview) -> str:
    """Bytes as base64 text."""
    return base64.b64encode(bytes(value)).decode("ascii")


def bytes_value(form: Any) -> bytes:
    """The bytes of base64 text."""
    if not isinstance(form, str):
        raise ValueMismatch("not base64 text")
    try:
        return base64.b64decode(form, validate=True)
    except (binascii.Error, ValueError):
        raise ValueMismatch("not base64 text") from None


def timestamp_form(text: str) -> str:
    """`2025-01-31 12:34:56.500000` as `2025-01-31T12:34:56.5`; other text (infinity, BC) stays as it is."""
    text = text.replace(" ", "T", 1) if text[:1].isdigit() else text
    head, dot, fraction = text.partition(".")
    if not dot:
        return text
    digits = re.match(r"\d*", fraction)
    width = digits.end() if digits else 0
    kept = fraction[:width].rstrip("0")
    return f"{head}{'.' if kept else ''}{kept}{fraction[width:]}"


def timestamptz_form(text: str) -> str:
    """The server's text of an instant in UTC (`… 12:34:56+00`), with the zone as `+00:00`."""
    form = timestamp_form(text)
    head, plus, rest = form.partition("+00")
    if plus and not rest.startswith(":"):
        return f"{head}+00:00{rest}"
    return form


def timestamp_text(form: Any, *, zone: bool) -> str:
    """An archive's timestamp as `YYYY-MM-DD HH:MM:SS[.ffffff]`, with `+00:00` where `zone`.

    Raises ValueMismatch for what has no such text on every product (infinity, BC, other zones).
    """
    if not isinstance(form, str):
        raise ValueMismatch("not a timestamp")
    match = _TIMESTAMP.fullmatch(form.removesuffix("+00:00"))
    if match is None:
        raise ValueMismatch("not a timestamp that this product knows")
    year, month, day, hour, minute, second, fraction = match.groups()
    dot = f".{fraction.ljust(6, '0')}" if fraction else ""
    return f"{year}-{month}-{day} {hour}:{minute}:{second}{dot}{'+00:00' if zone else ''}"


def utc_timestamp(text: str) -> str | None:
    """A timestamp in UTC and the archive's form without a zone; a text without one is UTC. None: it is none."""
    match = _ANY_TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    if match["zone"] is None:
        seconds = "" if match["time"].count(":") == 2 else ":00"
        return timestamp_form(f"{match['date']}T{match['time']}{seconds}")
    try:
        moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        return None
    return timestamp_form(moment.replace(tzinfo=None).isoformat())


def is_uuid(text: str) -> bool:
    """Whether a text is 32 hex digits, or has them in the 36 characters of a uuid."""
    return len(text) in (32, 36) and _UUID.fullmatch(text) is not None


def interval_microseconds(text: str) -> int | None:
    """The length of an interval, in the server's words, that has neither months nor years; None where it has."""
    match = _INTERVAL.fullmatch(text)
    if match is None or not text:
        return None
    days, sign, hours, minutes, seconds, fraction = match.groups(default="")
    time = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    time = time * 1_000_000 + int(fraction.ljust(6, "0"))
    return int(days or 0) * 86_400_000_000 + (-time if sign == "-" else time)


def interval_text(microseconds: int) -> str:
    """Whole days and what is left of them, as applications write a time span."""
    days, rest = divmod(microseconds, 86_400_000_000)
    seconds, fraction = divmod(rest, 1_000_000)
    return f"{days} days +{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def host_address(text: str) -> str:
    """The text of an inet without the mask that only says that it is one host."""
    return text.removesuffix("/128" if ":" in text else "/32")


def date_text(form: Any) -> str:
    """A date; a point in time would lose its time of day."""
    if not isinstance(form, str) or "T" in form or ":" in form:
        raise ValueMismatch("not a date")
    return form


def check_fraction(form: Any, digits: int) -> None:
    """Raise ValueMismatch where a decimal or the seconds of a time have more digits after the point than `digits`."""
    if not isinstance(form, str):
        return
    text = format(Decimal(form), "f") if _SCIENTIFIC.fullmatch(form) else form
    match = re.search(r"\.(\d+)", text)
    if match and len(match[1].rstrip("0")) > digits:
        raise ValueMismatch(f"more exact than the target's {digits} digits after the point")


def check_length(value: str, characters: int) -> None:
    """Raise ValueMismatch where a text is longer than its column: products cut blanks at the end without a word."""
    if len(value) > characters:
        raise ValueMismatch(f"longer than the target's {characters} characters")


def time_form(text: str) -> str:
    """A time of day without trailing zeros in its fraction."""
    return text.rstrip("0").rstrip(".") if "." in text and "+" not in text and "-" not in text else text


def json_form(text: str) -> Any:
    """A document's text as it can stand in a line: itself, or tagged where it has line breaks or is `null`."""
    start = text.strip()
    mistakable = start == "null" or (start.startswith("{") and f'"{JSON_TEXT}"' in start)
    if mistakable or "\n" in text or "\r" in text:
        return {JSON_TEXT: text}
    return orjson.Fragment(text)


def checked_json_form(text: str) -> Any:
    """`json_form` of text that no server has checked."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return {JSON_TEXT: text}
    return json_form(text)


def json_text(raw: bytes) -> Any:
    """The document's text, from the raw bytes of its value in a line; a tagged value that is no document at all."""
    if raw.startswith(b'{"$json":'):
        tagged = orjson.loads(raw)
        # A document that looks like this is always tagged as text itself.
        if len(tagged) == 1 and isinstance(tagged[JSON_TEXT], str | dict):
            return tagged[JSON_TEXT]
    return raw.decode("utf-8")


def uuid_text(form: Any, *, hyphens: bool = True) -> str:
    """A uuid as 36 characters, or as 32 hex digits."""
    try:
        value = uuid.UUID(str(form))
    except ValueError:
        raise ValueMismatch("not a uuid") from None
    return str(value) if hyphens else value.hex


def integer_value(form: Any) -> int:
    """The integer of a number, of true or false, or of a text of digits."""
    if isinstance(form, int):
        return int(form)
    if isinstance(form, float) and form.is_integer():
        return int(form)
    if isinstance(form, str) and re.fullmatch(r"-?\d{1,40}", form):
        return int(form)
    raise ValueMismatch("not an integer")


def boolean_value(form: Any) -> bool:
    """True or false; 0 and 1 are taken too."""
    if form in (True, False, 0, 1) and isinstance(form, int):
        return bool(form)
    raise ValueMismatch("neither true nor false")


def decimal_text(form: Any) -> str:
    """The digits of a decimal."""
    if isinstance(form, bool) or not isinstance(form, str | int | float):
        raise ValueMismatch("not a decimal")
    return repr(form) if isinstance(form, float) else str(form)


def plain_text(form: Any) -> str:
    """Text; a number or truth value of a column that was of another type in the source is written out."""
    if isinstance(form, str):
        return form
    if isinstance(form, bool):
        return "true" if form else "false"
    if isinstance(form, int | float):
        return repr(form)
    raise ValueMismatch("not text")
