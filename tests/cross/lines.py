"""The lines of the table in docs/values.md: one value in the type that each product has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HEX = "550e8400e29b41d4a716446655440000"
UUID = "550e8400-e29b-41d4-a716-446655440000"


@dataclass(frozen=True)
class Line:
    """A type by product, and literals of the same values in each."""

    types: Mapping[str, str]
    values: Mapping[str, tuple[str, ...]]


def line(sqlite: str, postgresql: str, mariadb: str, *values: tuple[str, str, str]) -> Line:
    products = ("sqlite", "postgresql", "mariadb")
    by_product = dict(zip(products, zip(*values, strict=True), strict=True))
    return Line(dict(zip(products, (sqlite, postgresql, mariadb), strict=True)), by_product)


def _same(*values: str) -> list[tuple[str, str, str]]:
    return [(value, value, value) for value in values]


ALIKE = {
    "boolean": line("bool", "boolean", "tinyint(1)", ("1", "true", "1"), ("0", "false", "0")),
    "integer": line("bigint", "bigint", "bigint", *_same("9223372036854775807", "-1")),
    "decimal": line("decimal", "numeric(12,2)", "decimal(12,2)", *_same("12.50", "-0.01")),
    "float": line("real", "double precision", "double", *_same("0.1", "1e300")),
    "text": line("text", "text", "longtext", *_same("'é😀 '", "''")),
    "uuid as 32 digits": line("char(32)", "uuid", "char(32)", (f"'{HEX}'", f"'{UUID}'", f"'{HEX}'")),
    "uuid as 36 characters": line("varchar(36)", "uuid", "char(36)", *_same(f"'{UUID}'")),
    "uuid": line("char(32)", "uuid", "uuid", (f"'{HEX}'", f"'{UUID}'", f"'{UUID}'")),
    "uuid in text": line("char(32)", "varchar(36)", "char(36)", (f"'{HEX}'", f"'{UUID}'", f"'{UUID}'")),
    "bytes": line("blob", "bytea", "longblob", ("x'00ff'", "'\\x00ff'", "x'00ff'")),
    "date": line("date", "date", "date", *_same("'2024-02-29'")),
    "time": line("time", "time", "time(6)", *_same("'23:59:59.000001'", "'00:00:00'")),
    "timestamp with time zone": line(
        "datetime", "timestamp with time zone", "datetime(6)",
        ("'2025-01-31 12:34:56.500000'", "'2025-01-31 14:34:56.5+02'", "'2025-01-31 12:34:56.5'"),
        ("'0001-01-01 00:00:00'", "'0001-01-01 00:00:00+00'", "'0001-01-01 00:00:00'"),
    ),
    "timestamp": line("timestamp", "timestamp", "datetime(6)", *_same("'2025-01-31 12:34:56.000001'")),
    "json": line("json", "jsonb", "json", *_same("""'{"a": [1.10, "é"]}'""", "'null'", "'\"1\"'")),
    "interval": line(
        "bigint", "interval", "bigint",
        ("90061000001", "'1 day 01:01:01.000001'", "90061000001"), ("-1", "'-1 day +23:59:59.999999'", "-1"),
    ),
    "internet address": line("char(39)", "inet", "varchar(39)", *_same("'10.0.0.1'", "'2001:db8::1'")),
    "one of a list": line("text", "mood", "enum('sad','happy')", *_same("'happy'")),
    "array, range": line("text", "integer[]", "text", *_same("'{1,NULL,3}'")),
    "year": line("integer", "integer", "year(4)", *_same("2025")),
    "bits": line("integer", "bit(8)", "bit(8)", ("5", "B'00000101'", "b'101'")),
}  # fmt: skip
"""Those of which a fingerprint is the same on every product."""

WRITTEN_OUT = {
    "decimal in text": line("text", "numeric(12,2)", "varchar(20)", *_same("'12.50'")),
    "float in text": line("text", "double precision", "text", *_same("'0.5'")),
    "boolean in text": line("text", "boolean", "text", *_same("'true'")),
}
"""Those that are text on one product and numbers on another: a fingerprint tells them apart."""
