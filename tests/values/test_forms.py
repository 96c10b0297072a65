"""Single values, each with its form in an archive."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from edms_backup.values import forms
from edms_backup.values.forms import ValueMismatch

NAN = "NaN"


@pytest.mark.parametrize(
    "value, form",
    [(1.5, 1.5), (-0.0, -0.0), (math.nan, NAN), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (5e-324, 5e-324)],
)
def test_floats_both_ways(value: float, form: float | str) -> None:
    assert repr(forms.float_form(value)) == repr(form)
    assert repr(forms.float_value(forms.float_form(value))) == repr(value)


@pytest.mark.parametrize("form, value", [(3, 3.0), ("1e3", 1000.0), ("-0", -0.0)])
def test_floats_of_other_columns(form: Any, value: float) -> None:
    assert repr(forms.float_value(form)) == repr(value)


@pytest.mark.parametrize("value", [b"", b"\x00\xff", bytearray(b"x"), memoryview(b"a\nb")])
def test_bytes_both_ways(value: bytes) -> None:
    assert forms.bytes_value(forms.bytes_form(value)) == bytes(value)


@pytest.mark.parametrize(
    "text, form",
    [
        ("2025-01-31 12:34:56", "2025-01-31T12:34:56"),
        ("2025-01-31 12:34:56.500000", "2025-01-31T12:34:56.5"),
        ("2025-01-31T12:34:56.000000", "2025-01-31T12:34:56"),
        ("2025-01-31 12:34:56.100+05:30", "2025-01-31T12:34:56.1+05:30"),
        ("2025-01-31 12:34:50", "2025-01-31T12:34:50"),
        ("0044-03-15 12:00:00.50 BC", "0044-03-15T12:00:00.5 BC"),
        ("2025.", "2025"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
        ("", ""),
    ],
)
def test_timestamps(text: str, form: str) -> None:
    assert forms.timestamp_form(text) == form


@pytest.mark.parametrize(
    "text, form",
    [
        ("2025-01-31 12:34:56+00", "2025-01-31T12:34:56+00:00"),
        ("2025-01-31 12:34:56.120+00", "2025-01-31T12:34:56.12+00:00"),
        ("2025-01-31T12:34:56+00:00", "2025-01-31T12:34:56+00:00"),
        ("0044-03-15 12:00:00.5+00 BC", "0044-03-15T12:00:00.5+00:00 BC"),
        ("infinity", "infinity"),
    ],
)
def test_instants(text: str, form: str) -> None:
    assert forms.timestamptz_form(text) == form


@pytest.mark.parametrize(
    "form, zone, text",
    [
        ("2025-01-31T12:34:56", False, "2025-01-31 12:34:56"),
        ("2025-01-31 12:34:56", True, "2025-01-31 12:34:56+00:00"),
        ("2025-01-31T12:34:56.5+00:00", True, "2025-01-31 12:34:56.500000+00:00"),
        ("2025-01-31T12:34:56.5+00:00", False, "2025-01-31 12:34:56.500000"),
        ("12025-01-31T12:34:56", False, "12025-01-31 12:34:56"),
    ],
)
def test_timestamps_as_text(form: str, zone: bool, text: str) -> None:
    assert forms.timestamp_text(form, zone=zone) == text


@pytest.mark.parametrize(
    "text, form",
    [("12:00:00", "12:00:00"), ("12:00:00.500", "12:00:00.5"), ("12:00:00.000", "12:00:00"), ("12:00:10", "12:00:10"),
     ("12:00:00.50+05:30", "12:00:00.50+05:30"), ("-838:59:59.10", "-838:59:59.10"), ("24:00:00", "24:00:00")],
)  # fmt: skip
def test_times(text: str, form: str) -> None:
    assert forms.time_form(text) == form


@pytest.mark.parametrize(
    "text, line",
    [
        ("1.10", "1.10"),
        ("1e400", "1e400"),
        ('{ "a" : 1 }', '{ "a" : 1 }'),
        ("null", '{"$json":"null"}'),
        (" null ", '{"$json":" null "}'),
        ('{"a":\n1}', '{"$json":"{\\"a\\":\\n1}"}'),
        ('{"a":\r1}', '{"$json":"{\\"a\\":\\r1}"}'),
        ('{"$json": "x"}', '{"$json":"{\\"$json\\": \\"x\\"}"}'),
        ('["$json"]', '["$json"]'),
        ('"null"', '"null"'),
    ],
)
def test_documents_both_ways(text: str, line: str) -> None:
    written = orjson.dumps(forms.json_form(text))
    assert written.decode() == line
    assert forms.json_text(written) == text
    assert forms.json_text(orjson.dumps(forms.checked_json_form(text))) == text


@pytest.mark.parametrize("text", ["", "not json", "{'a': 1}", "[1", "NaN", "1 2", '"\n"'])
def test_text_that_is_no_document_is_kept(text: str) -> None:
    written = orjson.dumps(forms.checked_json_form(text))
    assert written == orjson.dumps({"$json": text})
    assert forms.json_text(written) == text


@pytest.mark.parametrize(
    "raw, value",
    [
        (b'{"$json":{"$raw":0}}', {"$raw": 0}),
        (b'{"$json":1}', '{"$json":1}'),
        (b'{"$json":"x","a":1}', '{"$json":"x","a":1}'),
    ],
)
def test_documents_that_a_line_may_have(raw: bytes, value: Any) -> None:
    assert forms.json_text(raw) == value


UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


@pytest.mark.parametrize("form", [UUID, UUID.upper(), UUID.replace("-", "")])
def test_uuids(form: str) -> None:
    assert forms.uuid_text(form) == UUID
    assert forms.uuid_text(form, hyphens=False) == UUID.replace("-", "")


@pytest.mark.parametrize(
    "convert, form, value",
    [
        (forms.integer_value, 7, 7),
        (forms.integer_value, True, 1),
        (forms.integer_value, 2.0, 2),
        (forms.integer_value, "-12345678901234567890", -12345678901234567890),
        (forms.boolean_value, True, True),
        (forms.boolean_value, 0, False),
        (forms.decimal_text, "1.10", "1.10"),
        (forms.decimal_text, 7, "7"),
        (forms.decimal_text, 0.1, "0.1"),
        (forms.plain_text, "x", "x"),
        (forms.plain_text, True, "true"),
        (forms.plain_text, False, "false"),
        (forms.plain_text, 7, "7"),
        (forms.plain_text, 1e22, "1e+22"),
        (forms.date_text, "2025-01-31", "2025-01-31"),
        (forms.date_text, "infinity", "infinity"),
    ],
)
def test_taken(convert: Callable[[Any], Any], form: Any, value: Any) -> None:
    result = convert(form)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "convert, form",
    [
        (forms.float_value, True),
        (forms.float_value, []),
        (forms.float_value, "one"),
        (forms.bytes_value, 1),
        (forms.bytes_value, "a"),
        (forms.bytes_value, "é==="),
        (forms.bytes_value, "AA==\n"),
        (lambda form: forms.timestamp_text(form, zone=True), 5),
        (lambda form: forms.timestamp_text(form, zone=True), "infinity"),
        (lambda form: forms.timestamp_text(form, zone=True), "2025-01-31T12:34:56+05:30"),
        (lambda form: forms.timestamp_text(form, zone=False), "0044-03-15T12:00:00 BC"),
        (lambda form: forms.timestamp_text(form, zone=False), "2025-01-31T12:34:56.1234567"),
        (forms.uuid_text, "x"),
        (forms.uuid_text, None),
        (forms.integer_value, 1.5),
        (forms.integer_value, "1.5"),
        (forms.integer_value, "1_000"),
        (forms.integer_value, "9" * 41),
        (forms.integer_value, None),
        (forms.boolean_value, 2),
        (forms.boolean_value, 1.0),
        (forms.boolean_value, "true"),
        (forms.decimal_text, True),
        (forms.decimal_text, None),
        (forms.plain_text, {}),
        (forms.date_text, "2025-01-31T00:00:00"),
        (forms.date_text, "12:00"),
        (forms.date_text, 5),
    ],
)
def test_refused(convert: Callable[[Any], Any], form: Any) -> None:
    with pytest.raises(ValueMismatch):
        convert(form)


@pytest.mark.parametrize("form", ["1.50", "1.500000", "1", 7, "2025-01-31T12:34:56.12", None])
def test_fractions_that_fit(form: Any) -> None:
    forms.check_fraction(form, 2)


@pytest.mark.parametrize("form", ["1.123", "2025-01-31T12:34:56.123+00:00", "-0.001"])
def test_fractions_that_would_be_rounded(form: str) -> None:
    with pytest.raises(ValueMismatch, match="2 digits"):
        forms.check_fraction(form, 2)
