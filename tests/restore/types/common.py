"""Values that several products are tried with, and how a literal of them is written."""

from __future__ import annotations

TEXTS = (
    "",
    " ",
    "a",
    "A",
    "a ",
    "'",
    '"',
    "\\",
    "\\n",
    "a\nb\r\n\tc",
    "\u2028\u2029\x85",
    "😀é\u0301ß",
    "null",
    "NULL",
    "%s :x {}",
    "[1]",
    '{"$raw": 1}',
    '{"$dangling": 2}',
    "\ufeffx",
    "x" * 5000,
    "\x01\x1f\x7f",
    "\\N",
    "\\.",
)
SHORT = tuple(text for text in TEXTS if len(text) < 20)

DOCUMENTS = (
    "null",
    "true",
    "0",
    "-0",
    '"x"',
    "[]",
    "{}",
    "1.1",
    "1.10",
    "1e400",
    "1E+2",
    "-0.0",
    '""',
    '{"$json": "x"}',
    '{"$json": "x", "a": 1}',
    '{"$dangling": 1}',
    '{"$raw": 1}',
    '{"a": {"$json": 1}}',
    "12345678901234567890123456789",
    "0.1000000000000000055511151231257827",
    '{"a": 1.10, "b": [1e400, null]}',
    '{"b": 1, "a": 2}',
    '{ "a" :  1 }',
    '{"a":\n 1}',
    '"\\u2028 😀 \\n"',
    '"\u2028"',
    "[" * 50 + "]" * 50,
    '["$json"]',
    ' {"$json": "x"}',
    " null ",
    '{"$json":"x"}',
    '{"a": 1, "a": 2}',
    '"\\ud83d\\ude00"',
)

INTEGERS = ("0", "-1", "9223372036854775807", "-9223372036854775808")
FLOATS = (
    "0",
    "-0.0",
    "0.1",
    "0.30000000000000004",
    "1e308",
    "5e-324",
    "-1.7976931348623157e308",
    "3.0",
    "123456789.123456789",
    "1e22",
    "1e-7",
)


def quoted(text: str) -> str:
    """A literal of the SQL standard."""
    return "'" + text.replace("'", "''") + "'"


def every_character() -> tuple[str, ...]:
    """All characters of Unicode but NUL, a text a plane; surrogates are no characters."""
    planes = (range(max(1, plane << 16), (plane + 1) << 16) for plane in range(17))
    return tuple("".join(chr(code) for code in plane if not 0xD800 <= code <= 0xDFFF) for plane in planes)
