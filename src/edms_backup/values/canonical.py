"""One form for one content: what a value says, whatever the product and the type that hold it.

An archive keeps each value as its source had it, to the last digit. To compare two databases, that is too much:
`12.50` in one is `12.5` in the other, a uuid is a type of its own here and 32 digits there. A canonical value is what
is left when such differences are gone; `docs/values.md` says which a fingerprint therefore does not see.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from edms_backup.model import Column, Kind
from edms_backup.values.fit import bit_number
from edms_backup.values.forms import (
    BYTES,
    FLOAT,
    RAW,
    host_address,
    interval_microseconds,
    is_uuid,
    timestamp_form,
    utc_timestamp,
)

Canonical = Callable[[Any], Any]

NUMBER = "$number"
"""Marks a number that neither an integer of 64 bits nor a float of JSON says exactly."""

_WIDEST = 40
"""Digits before or after the point up to which a number is written out."""

_SHORT = 500
"""Characters of a document up to which its canonical text is remembered: many rows hold the same one."""


def canonical(column: Column) -> Canonical:
    """What makes the archive's form of a column's value canonical; never called with None."""
    if column.kind is Kind.OTHER:
        return next((convert for start, convert in _BY_NATIVE if column.native.startswith(start)), _text)
    return _BY_KIND[column.kind]


def number(value: Decimal) -> Any:
    """One form for one number: an integer, else a float, else its digits, whichever says it exactly first."""
    if not value.is_finite():
        return "NaN" if value.is_nan() else ("Infinity" if value > 0 else "-Infinity")
    if value.adjusted() < 19 and value == (whole := value.to_integral_value()) and -(2**63) <= whole < 2**63:
        return int(whole)
    single = float(value)
    if math.isfinite(single) and Decimal(repr(single)) == value:
        return single
    return {NUMBER: _digits(value)}


def _digits(value: Decimal) -> str:
    """All digits of a number without zeros that say nothing."""
    if abs(value.adjusted()) <= _WIDEST:
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits))
    kept = text.rstrip("0")
    return f"{'-' if sign else ''}{kept}e{int(exponent) + len(text) - len(kept)}"


def _integer(form: Any) -> Any:
    if type(form) is int and -(2**63) <= form < 2**63:
        return form
    return _number(form)


def _number(form: Any) -> Any:
    if type(form) is float:
        return int(form) if form.is_integer() and abs(form) < 2**53 else number(Decimal(repr(form)))
    if isinstance(form, bool):
        return int(form)
    if isinstance(form, int | str):
        try:
            return number(Decimal(form))
        except InvalidOperation:
            return form
    return _untagged(form)


def _text(form: Any) -> Any:
    if type(form) is str:
        return form.replace("-", "").lower() if is_uuid(form) else form
    return _untagged(form)


def _address(form: Any) -> Any:
    return host_address(form) if type(form) is str else _text(form)


def _bits(form: Any) -> Any:
    return _number(bit_number(form)) if type(form) in (int, str) else _text(form)


def _bytes(form: Any) -> Any:
    return {BYTES: form} if type(form) is str else _untagged(form)


def _date(form: Any) -> Any:
    return form if type(form) is str else _untagged(form)


def _time(form: Any) -> Any:
    return timestamp_form(form) if type(form) is str else _untagged(form)


def _timestamp(form: Any) -> Any:
    if type(form) is str:
        return form.replace("+00:00", "", 1)
    value = _untagged(form)
    if type(value) is str:
        return utc_timestamp(value) or value
    return value


def _interval(form: Any) -> Any:
    if type(form) is not str:
        return _untagged(form)
    microseconds = interval_microseconds(form)
    return form if microseconds is None else _integer(microseconds)


def _document(form: Any) -> Any:
    if type(form) is str:
        return _short_document(form) if len(form) <= _SHORT else _document_text(form)
    value = _untagged(form)
    return _dumped(value) if isinstance(value, int | float) else value


def _document_text(text: str) -> str:
    """A document with its members sorted, its numbers canonical, and no blanks; what is no document as it is."""
    try:
        return _dumped(_DECODER.decode(text))
    except (ValueError, InvalidOperation, RecursionError):
        return text


_short_document = lru_cache(maxsize=10_000)(_document_text)


def _dumped(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _members(pairs: list[tuple[str, Any]]) -> Any:
    """The members of an object; one that has a name twice says more than any dictionary can."""
    members = dict(pairs)
    return members if len(members) == len(pairs) else {"$members": pairs}


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_float=lambda text: number(Decimal(text)),
    parse_int=lambda text: number(Decimal(text)),
    parse_constant=_no_number,
)


def _untagged(form: Any) -> Any:
    """What a value stands for that its column's kind does not expect; each by its own type."""
    if isinstance(form, dict) and len(form) == 1:
        ((tag, value),) = form.items()
        if tag == RAW:
            return _text(value) if type(value) is str else _number(value)
        if tag == FLOAT:
            return value
        return form
    return _number(form) if isinstance(form, int | float) else form


_BY_NATIVE = (("inet", _address), ("year", _number), ("bit(", _bits))
"""By the begin of a type's name, for what is carried as its text."""

_BY_KIND: dict[Kind, Canonical] = {
    Kind.BOOLEAN: _integer,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _number,
    Kind.DECIMAL: _number,
    Kind.TEXT: _text,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMP_TZ: _timestamp,
    Kind.INTERVAL: _interval,
    Kind.UUID: _text,
    Kind.JSON: _document,
}
