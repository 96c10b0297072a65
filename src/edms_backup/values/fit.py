"""Values that a type of the target would change without a word, and are therefore refused beforehand.

Each function is the last step before a driver: from the archive's form of the column's own kind to what is bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from edms_backup.values.forms import ValueMismatch, bytes_value, decimal_text, float_value, integer_value, plain_text

Convert = Callable[[Any], Any]

_NUMERIC = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_SIZE = re.compile(r"\((\d+)\)")


def size(native: str) -> int:
    """The number in a type's brackets; 1 where there is none."""
    match = _SIZE.search(native)
    return int(match[1]) if match else 1


def only(what: str, pattern: str) -> Convert:
    """Text of one shape. A server reads others too, and makes of `now` or `1/2/03` what it likes."""
    shape = re.compile(pattern)

    def check(form: Any) -> str:
        if not isinstance(form, str) or not shape.fullmatch(form):
            raise ValueMismatch(f"not a {what} that this product knows")
        return form

    return check


def unpadded_text(form: Any) -> str:
    """Text for a `char(n)`, which does not tell blanks at the end from its own padding."""
    text = plain_text(form)
    if text.endswith(" "):
        raise ValueMismatch("a text that ends in blanks, which a column of type char does not keep")
    return text


def whole_bytes(native: str) -> Convert:
    """Bytes for a `binary(n)`, which fills shorter ones up."""
    length = size(native)

    def check(form: Any) -> bytes:
        value = bytes_value(form)
        if len(value) < length:
            raise ValueMismatch(f"shorter than {length} bytes, to which {native} would fill it up")
        return value

    return check


def finite(form: Any) -> float:
    """A float for a product that has neither NaN nor infinity."""
    value = float_value(form)
    if not math.isfinite(value):
        raise ValueMismatch("no number that this product has")
    return value


def no_nan(form: Any) -> float:
    """A float for SQLite, which makes NULL of NaN."""
    value = float_value(form)
    if math.isnan(value):
        raise ValueMismatch("not a number, of which SQLite would make NULL")
    return value


def bit_number(form: Any) -> int:
    """Bits as a number; a text has them one by one."""
    if isinstance(form, str) and re.fullmatch("[01]+", form):
        return int(form, 2)
    return integer_value(form)


def bit_text(native: str) -> Convert:
    """Bits one by one, as many as the type has; a number has them without its zeros in front."""
    width = size(native)

    def write(form: Any) -> str:
        return format(integer_value(form), f"0{width}b") if isinstance(form, int) else plain_text(form)

    return write


def stored_number(form: Any) -> Any:
    """A decimal as SQLite stores it: an integer, or a float where that has every digit; else it would be rounded."""
    text = decimal_text(form)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueMismatch("not a decimal") from None
    if not value.is_finite():
        return text
    if value == value.to_integral_value() and -(2**63) <= value < 2**63:
        return int(value)
    nearest = float(value)
    if not math.isfinite(nearest) or Decimal(repr(nearest)) != value:
        raise ValueMismatch("more exact than a number that SQLite stores; a column declared as text would keep it")
    return nearest


def unlike_number(text: str) -> str:
    """Text for a column in which SQLite turns what looks like a number into one."""
    if _NUMERIC.fullmatch(text):
        raise ValueMismatch("a text that SQLite would turn into a number in a column of this type")
    return text


def document_or_number(form: Any) -> Any:
    """A JSON document; one that is a bare number SQLite stores as a number, where the column is declared as json."""
    text = plain_text(form)
    return stored_number(text.strip()) if _NUMERIC.fullmatch(text) else text
