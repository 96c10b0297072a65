"""From the archive's form of one kind of column to that of another: what a restore does where source and target differ.

Chosen from the types of both columns, never from a guess at what a value might mean, and only where nothing is lost: a
value that the other kind cannot say exactly is refused. `docs/values.md` has the table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from edms_backup.model import Column, Kind
from edms_backup.values import fit, forms
from edms_backup.values.forms import ValueMismatch

Convert = Callable[[Any], Any]

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,4})?|NaN|-?Infinity")
_PLAIN_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?")
_DATE = re.compile(r"\d{4,7}-\d\d-\d\d( BC)?|-?infinity")
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:\d\d){0,2})?")
_SECONDS = re.compile(r"(:\d\d(?:\.\d+)?)(?= BC|$)")
_LENGTH = re.compile(r"char[a-z ]*\((\d+)\)")
_NUMBERS = (Kind.BOOLEAN, Kind.INTEGER, Kind.FLOAT, Kind.DECIMAL)


@dataclass(frozen=True)
class Conversion:
    """What makes values of one column values of another."""

    source: str
    """What the archive has, in the words of a report."""
    target: str
    convert: Convert
    possible: bool = True
    """Whether any value of the one can be one of the other."""


def conversion(source: Column, target: Column) -> Conversion | None:
    """How values of `source` become values of `target`; None where they are written alike."""
    if source.kind is target.kind:
        return _same_kind(source, target)
    convert = _special(source, target) or _BY_KIND.get((source.kind, target.kind))
    refuse = _refuse(source.kind, target.kind)
    return Conversion(_words(source, target), _words(target, source), convert or refuse, convert is not None)


def stray_value(form: dict[str, Any], source: Column, target: Column) -> Any:
    """A value that SQLite stored against the type of `source`, for a product that keeps to its types."""
    if source.native.startswith("enum"):
        raise ValueMismatch("an ENUM's mistake, which is no member of it")
    if len(form) == 1:
        ((tag, value),) = form.items()
        kind = _STRAY.get((tag, type(value)))
        if kind is not None:
            found = conversion(Column(target.name, kind, ""), target)
            return value if found is None else found.convert(value)
    raise ValueMismatch("not a value")


_STRAY = {
    (forms.RAW, str): Kind.TEXT,
    (forms.RAW, int): Kind.INTEGER,
    (forms.RAW, float): Kind.FLOAT,
    (forms.FLOAT, str): Kind.FLOAT,
    (forms.BYTES, str): Kind.BYTES,
}


def _same_kind(source: Column, target: Column) -> Conversion | None:
    if source.kind is Kind.TEXT:
        digits = length(target.native)
        if {length(source.native), digits} == {32, 36}:
            return Conversion(_words(source, target), _words(target, source), _uuid_in_text(digits == 36))
    if source.kind is Kind.JSON and target.native == "jsonb" != source.native:
        return Conversion("json", "jsonb", _distinct_members)
    return None


def length(native: str) -> int | None:
    """How many characters a type of text holds; None where it does not say."""
    match = _LENGTH.search(native)
    return int(match[1]) if match else None


def _words(column: Column, other: Column) -> str:
    if column.kind is Kind.TEXT and (other.kind is Kind.UUID or length(other.native) in (32, 36)):
        digits = length(column.native)
        return f"text of {digits} characters" if digits in (32, 36) else "text"
    if other.kind is Kind.INTERVAL and column.kind is Kind.INTEGER:
        return "integer of microseconds"
    if column.kind is Kind.TIMESTAMP and other.kind is Kind.TIMESTAMP_TZ:
        return "timestamp in UTC"
    return column.native if column.kind is Kind.OTHER and column.native else column.kind.value


def _special(source: Column, target: Column) -> Convert | None:
    """Where the kinds alone do not decide."""
    if source.kind is Kind.OTHER and target.kind in _NUMBERS:
        if source.native.startswith("bit"):
            return fit.bit_number
        return _BY_KIND[Kind.TEXT, target.kind] if source.native.startswith("year") else None
    spans = {(Kind.INTERVAL, Kind.INTEGER): target.native, (Kind.INTEGER, Kind.INTERVAL): source.native}
    kinds = (source.kind, target.kind)
    if kinds in spans:
        # Where a product has no intervals, applications keep microseconds in a number of 64 bits.
        convert = _microseconds if source.kind is Kind.INTERVAL else forms.interval_text
        return convert if "bigint" in spans[kinds] else None
    if kinds == (Kind.UUID, Kind.TEXT):
        return _digits_of_uuid if length(target.native) == 32 else forms.uuid_text
    return forms.host_address if kinds == (Kind.OTHER, Kind.TEXT) and source.native == "inet" else None


def _refuse(source: Kind, target: Kind) -> Convert:
    def refuse(_: Any) -> Any:
        raise ValueMismatch(f"of the kind {source}, of which nothing makes {target}")

    return refuse


# --- numbers ----------------------------------------------------------------------------------------------------


def _exact(form: Any) -> Decimal:
    if isinstance(form, float):
        return Decimal(repr(form))
    if isinstance(form, int) or (isinstance(form, str) and _NUMBER.fullmatch(form)):
        return Decimal(form)
    raise ValueMismatch("not a number")


def _whole(form: Any) -> int:
    value = _exact(form)
    if not value.is_finite() or value.adjusted() > 40 or value != value.to_integral_value():
        raise ValueMismatch("not an integer")
    return int(value)


def _truth(form: Any) -> bool:
    if form in ("true", "false"):
        return bool(form == "true")
    value = _exact(form)
    if value not in (0, 1):
        raise ValueMismatch("neither true nor false")
    return value == 1


def _float(form: Any) -> Any:
    value = _exact(form)
    nearest = float(value)
    if value.is_finite() and Decimal(repr(nearest)) != value:
        raise ValueMismatch("more exact than a float")
    return forms.float_form(nearest)


def _decimal(form: Any) -> str:
    value = _exact(form)
    return format(value, "f") if value.is_finite() else str(value)


def _of_text(convert: Convert) -> Convert:
    """A number from text, where the text is no more than the number: no leading zeros, no sign without need."""

    def checked(form: Any) -> Any:
        if isinstance(form, str) and not (_PLAIN_NUMBER.fullmatch(form) or form in ("true", "false")):
            raise ValueMismatch("a text that is no plain number")
        return convert(form)

    return checked


def _stored(convert: Convert) -> Convert:
    """A number of a column without a type of its own; the text of an unknown type is none, whatever it looks like."""

    def checked(form: Any) -> Any:
        if isinstance(form, str):
            raise ValueMismatch("text, not a number")
        return convert(form)

    return checked


# --- text and what is written as text -----------------------------------------------------------------------------


def _digits_of_uuid(form: Any) -> str:
    return forms.uuid_text(form, hyphens=False)


def _uuid_in_text(hyphens: bool) -> Convert:
    """A uuid as the target's text has room for it; any other text stays as it is."""

    def convert(form: Any) -> Any:
        return forms.uuid_text(form, hyphens=hyphens) if isinstance(form, str) and forms.is_uuid(form) else form

    return convert


def _uuid(form: Any) -> str:
    if not isinstance(form, str) or not forms.is_uuid(form):
        raise ValueMismatch("not a uuid")
    return forms.uuid_text(form)


def _date(form: Any) -> str:
    if not isinstance(form, str) or not _DATE.fullmatch(form):
        raise ValueMismatch("not a date")
    return form


def _time(form: Any) -> str:
    if not isinstance(form, str) or not _TIME.fullmatch(form):
        raise ValueMismatch("not a time of day")
    return form


def _in_utc(form: Any) -> str:
    found = forms.utc_timestamp(form) if isinstance(form, str) else None
    if found is None:
        raise ValueMismatch("not a timestamp")
    return found


def with_zone(form: Any) -> Any:
    """A timestamp that is in UTC as the archive writes an instant."""
    return _SECONDS.sub(r"\1+00:00", form) if isinstance(form, str) else form


def without_zone(form: Any) -> Any:
    """An instant as the timestamp that it is in UTC."""
    return form.replace("+00:00", "", 1) if isinstance(form, str) else form


def _microseconds(form: Any) -> int:
    found = forms.interval_microseconds(form) if isinstance(form, str) else None
    if found is None:
        raise ValueMismatch("an interval without a length: it has months or years")
    return found


def _distinct_members(form: Any) -> Any:
    if isinstance(form, str) and "{" in form:
        try:
            json.loads(form, object_pairs_hook=_distinct)
        except (json.JSONDecodeError, RecursionError):
            # The server will have its own words on it.
            return form
    return form


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len(pairs) != len({name for name, _ in pairs}):
        raise ValueMismatch("a document with the same name twice in an object, of which jsonb keeps one")


def _as_document(form: Any) -> str:
    return json.dumps(form) if isinstance(form, float) else str(form)


_BY_KIND: dict[tuple[Kind, Kind], Convert] = {
    **{(source, Kind.BOOLEAN): _truth for source in _NUMBERS},
    **{(source, Kind.INTEGER): _whole for source in _NUMBERS},
    **{(source, Kind.FLOAT): _float for source in _NUMBERS},
    **{(source, Kind.DECIMAL): _decimal for source in _NUMBERS},
    (Kind.TEXT, Kind.BOOLEAN): _of_text(_truth),
    (Kind.TEXT, Kind.INTEGER): _of_text(_whole),
    (Kind.TEXT, Kind.FLOAT): _of_text(_float),
    (Kind.TEXT, Kind.DECIMAL): _of_text(_decimal),
    (Kind.TEXT, Kind.UUID): _uuid,
    (Kind.TEXT, Kind.DATE): _date,
    (Kind.TEXT, Kind.TIME): _time,
    (Kind.TEXT, Kind.TIMESTAMP): _in_utc,
    (Kind.TEXT, Kind.TIMESTAMP_TZ): lambda form: with_zone(_in_utc(form)),
    (Kind.TIMESTAMP, Kind.TIMESTAMP_TZ): with_zone,
    (Kind.TIMESTAMP_TZ, Kind.TIMESTAMP): without_zone,
    **{(source, Kind.TEXT): forms.plain_text for source in Kind if source not in (Kind.TEXT, Kind.BYTES)},
    **{(source, Kind.OTHER): lambda form: form for source in Kind if source not in (Kind.OTHER, Kind.BYTES)},
    (Kind.TEXT, Kind.JSON): lambda form: form,
    (Kind.INTEGER, Kind.JSON): _as_document,
    (Kind.FLOAT, Kind.JSON): _as_document,
    (Kind.OTHER, Kind.BOOLEAN): _stored(_truth),
    (Kind.OTHER, Kind.INTEGER): _stored(_whole),
    (Kind.OTHER, Kind.FLOAT): _stored(_float),
    (Kind.OTHER, Kind.DECIMAL): _stored(_decimal),
    (Kind.OTHER, Kind.UUID): _uuid,
}
