"""Canonical values: what is one content on every product, and what stays apart."""

from __future__ import annotations

from typing import Any

import pytest

from edms_backup.model import Column, Kind
from edms_backup.values.canonical import canonical


def form(kind: Kind, value: Any, native: str = "") -> Any:
    return canonical(Column("c", kind, native))(value)


HEX = "550e8400e29b41d4a716446655440000"
UUID = "550e8400-e29b-41d4-a716-446655440000"
DAY = 86_400_000_000

SAME: list[tuple[str, list[tuple[Kind, Any] | tuple[Kind, Any, str]]]] = [
    ("true", [(Kind.BOOLEAN, True), (Kind.INTEGER, 1), (Kind.BOOLEAN, {"$raw": 1}), (Kind.DECIMAL, "1.00")]),
    (
        "twelve and a half",
        [(Kind.DECIMAL, "12.50"), (Kind.DECIMAL, "12.5"), (Kind.FLOAT, 12.5), (Kind.DECIMAL, "125e-1")],
    ),
    (
        "zero",
        [(Kind.FLOAT, -0.0), (Kind.FLOAT, 0.0), (Kind.INTEGER, 0), (Kind.DECIMAL, "-0.00"), (Kind.BOOLEAN, False)],
    ),
    ("a large integer", [(Kind.INTEGER, 2**63 - 1), (Kind.DECIMAL, "9223372036854775807.0")]),
    ("a larger one", [(Kind.INTEGER, 2**64 - 1), (Kind.DECIMAL, "18446744073709551615.00")]),
    ("a very large one", [(Kind.FLOAT, 1e300), (Kind.DECIMAL, "1e300"), (Kind.DECIMAL, "1" + "0" * 300)]),
    ("beyond a float", [(Kind.DECIMAL, "1e400"), (Kind.DECIMAL, "1" + "0" * 400), (Kind.DECIMAL, "10e399")]),
    ("many digits", [(Kind.DECIMAL, "0.1234567890123456789"), (Kind.DECIMAL, "0.12345678901234567890")]),
    ("no number", [(Kind.FLOAT, "NaN"), (Kind.DECIMAL, "NaN"), (Kind.DECIMAL, {"$raw": "NaN"})]),
    ("infinity", [(Kind.FLOAT, "-Infinity"), (Kind.DECIMAL, "-Infinity"), (Kind.OTHER, {"$float": "-Infinity"})]),
    ("a uuid", [(Kind.UUID, UUID), (Kind.TEXT, HEX), (Kind.TEXT, UUID.upper()), (Kind.TEXT, {"$raw": HEX})]),
    (
        "an instant",
        [
            (Kind.TIMESTAMP_TZ, "2025-01-31T12:34:56.5+00:00"),
            (Kind.TIMESTAMP, "2025-01-31T12:34:56.5"),
            (Kind.TIMESTAMP, {"$raw": "2025-01-31 12:34:56.500"}),
            (Kind.TIMESTAMP, {"$raw": "2025-01-31T14:34:56.5+02:00"}),
        ],
    ),
    (
        "before Christ",
        [(Kind.TIMESTAMP_TZ, "0044-03-15T12:00:00+00:00 BC"), (Kind.TIMESTAMP, "0044-03-15T12:00:00 BC")],
    ),
    ("a time of day", [(Kind.TIME, "12:34:56.500000"), (Kind.TIME, "12:34:56.5"), (Kind.TIME, {"$raw": "12:34:56.5"})]),
    ("a date", [(Kind.DATE, "2025-01-31"), (Kind.DATE, {"$raw": "2025-01-31"}), (Kind.TEXT, "2025-01-31")]),
    ("a span", [(Kind.INTERVAL, "1 day 00:00:01"), (Kind.INTERVAL, "24:00:01"), (Kind.INTEGER, DAY + 1_000_000)]),
    ("a span back", [(Kind.INTERVAL, "-1 days +23:59:59.5"), (Kind.INTERVAL, "-00:00:00.5"), (Kind.INTEGER, -500_000)]),
    (
        "a document",
        [
            (Kind.JSON, '{"a": [1, 2.50, 1e2], "b": null}'),
            (Kind.JSON, '{"b":null,"a":[1.0,2.5,100]}'),
            (Kind.JSON, '\n{"a":[1,25e-1,100], "\\u0062":null}'),
        ],
    ),
    ("a bare number", [(Kind.JSON, "1.50"), (Kind.JSON, {"$raw": 1.5}), (Kind.JSON, " 15e-1")]),
    ("an address", [(Kind.OTHER, "10.0.0.1/32", "inet"), (Kind.TEXT, "10.0.0.1")]),
    ("a long address", [(Kind.OTHER, "2001:db8::1/128", "inet"), (Kind.TEXT, "2001:db8::1")]),
    ("a year", [(Kind.OTHER, "2025", "year(4)"), (Kind.INTEGER, 2025)]),
    ("bits", [(Kind.OTHER, "00000101", "bit(8)"), (Kind.OTHER, 5, "bit(8)"), (Kind.INTEGER, 5)]),
    ("bytes", [(Kind.BYTES, "YWJj"), (Kind.BYTES, {"$bytes": "YWJj"}), (Kind.TEXT, {"$bytes": "YWJj"})]),
]


@pytest.mark.parametrize("values", [values for _, values in SAME], ids=[name for name, _ in SAME])
def test_one_content_has_one_form(values: list[Any]) -> None:
    found = [form(kind, value, *native) for kind, value, *native in values]
    assert all(other == found[0] and type(other) is type(found[0]) for other in found), found


DIFFERENT: list[list[tuple[Kind, Any]]] = [
    [(Kind.INTEGER, 5), (Kind.TEXT, "5")],
    [(Kind.DECIMAL, "0.1"), (Kind.DECIMAL, "0.10000000000000001"), (Kind.TEXT, "0.1")],
    [
        (Kind.DECIMAL, "18446744073709551616"),
        (Kind.DECIMAL, "18446744073709551617"),
        (Kind.TEXT, "18446744073709551616"),
    ],
    [(Kind.DECIMAL, "1e400"), (Kind.DECIMAL, "1e401"), (Kind.DECIMAL, "-1e400"), (Kind.DECIMAL, "1e-400")],
    [(Kind.TEXT, ""), (Kind.TEXT, " "), (Kind.TEXT, "a"), (Kind.TEXT, "A"), (Kind.TEXT, "a ")],
    [(Kind.TEXT, HEX), (Kind.TEXT, HEX[:-1]), (Kind.TEXT, "g" + HEX[1:]), (Kind.TEXT, UUID[:-1] + "-")],
    [(Kind.BYTES, "YWJj"), (Kind.BYTES, {"$raw": "YWJj"})],
    [
        (Kind.TIMESTAMP, "2025-01-31T12:34:56"),
        (Kind.TIMESTAMP, "2025-01-31T12:34:56.000001"),
        (Kind.TIMESTAMP, {"$raw": "2025-01-31"}),
    ],
    [(Kind.INTERVAL, "1 mon"), (Kind.INTERVAL, "30 days"), (Kind.INTERVAL, "720:00:01")],
    [(Kind.JSON, "{}"), (Kind.JSON, "[]"), (Kind.JSON, "null"), (Kind.JSON, '""'), (Kind.JSON, '"null"')],
    [
        (Kind.JSON, '{"a":1}'),
        (Kind.JSON, '{"a":1,"a":1}'),
        (Kind.JSON, '{"a":"1"}'),
        (Kind.JSON, '{"a":1.0000000000000000001}'),
    ],
    [(Kind.JSON, "[1,2]"), (Kind.JSON, "[2,1]"), (Kind.JSON, "[1, 2"), (Kind.JSON, "[1,2"), (Kind.JSON, "NaN")],
    [(Kind.OTHER, "{1,2}"), (Kind.OTHER, "{2,1}"), (Kind.OTHER, 1), (Kind.OTHER, "1")],
]


@pytest.mark.parametrize("values", DIFFERENT)
def test_what_differs_stays_apart(values: list[tuple[Kind, Any]]) -> None:
    found = [repr(form(kind, value)) for kind, value in values]
    assert len(set(found)) == len(found), found


def test_a_document_that_no_parser_can_hold_stays_as_it_is() -> None:
    for text in ("[" * 100_000 + "]" * 100_000, "[1e9999999999999999999]", '{"a": 1e-9999999999999999999}'):
        assert form(Kind.JSON, text) == text
    assert form(Kind.JSON, '["\\ud800"]') == '["\\ud800"]'
