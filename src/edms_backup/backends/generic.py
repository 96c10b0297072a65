"""What the default backend makes of types and values: of SQLAlchemy's types, and of Python's that a driver returns."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from edms_backup.model import Kind
from edms_backup.values import forms

Convert = Callable[[Any], Any]

_KINDS: tuple[tuple[type[Any], Kind], ...] = (
    (sa.Boolean, Kind.BOOLEAN),
    (sa.Integer, Kind.INTEGER),
    (sa.Float, Kind.FLOAT),
    (sa.Numeric, Kind.DECIMAL),
    (sa.Uuid, Kind.UUID),
    (sa.JSON, Kind.JSON),
    (sa.Interval, Kind.INTERVAL),
    (sa.Date, Kind.DATE),
    (sa.Time, Kind.TIME),
    (sa.Enum, Kind.OTHER),
    (sa.String, Kind.TEXT),
    (sa.LargeBinary, Kind.BYTES),
)


def generic_kind(type_: Any) -> Kind:
    """The family of a SQLAlchemy type."""
    if isinstance(type_, sa.DateTime):
        return Kind.TIMESTAMP_TZ if type_.timezone else Kind.TIMESTAMP
    return next((kind for class_, kind in _KINDS if isinstance(type_, class_)), Kind.OTHER)


def generic_form(value: Any) -> Any:
    """The archive's form of whatever Python value a driver returns."""
    for types, convert in _FORMS:
        if isinstance(value, types):
            return convert(value)
    return str(value)


def _moment_form(value: dt.datetime) -> str:
    return (forms.timestamptz_form if value.tzinfo else forms.timestamp_form)(value.isoformat())


_FORMS: tuple[tuple[type[Any] | tuple[type[Any], ...], Convert], ...] = (
    ((bool, int, str), lambda value: value),
    (float, forms.float_form),
    ((bytes, bytearray, memoryview), forms.bytes_form),
    (dt.datetime, _moment_form),
    ((dt.date, dt.time), lambda value: value.isoformat()),
    ((dict, list), lambda value: forms.json_form(json.dumps(value, ensure_ascii=False))),
)


def generic_bound(kind: Kind) -> Convert:
    """From the archive's form to text or number, by the target's kind."""
    by_kind: dict[Kind, Convert] = {
        Kind.DATE: forms.date_text,
        Kind.BOOLEAN: forms.boolean_value,
        Kind.INTEGER: forms.integer_value,
        Kind.FLOAT: forms.float_value,
        Kind.DECIMAL: forms.decimal_text,
        Kind.BYTES: forms.bytes_value,
        Kind.TIMESTAMP: lambda form: forms.timestamp_text(form, zone=False),
        Kind.TIMESTAMP_TZ: lambda form: forms.timestamp_text(form, zone=True),
        Kind.UUID: forms.uuid_text,
    }
    return by_kind.get(kind, forms.plain_text)
