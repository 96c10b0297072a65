"""Where ids stand in documents, and what stands for them in an archive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edms_backup.values.json_paths import MAX_DEPTH, NoDocument, Paths, parse_path, replaced
from edms_backup.values.json_references import TAGS, Named, escaped_form, id_token, named_form, read_form, read_id

EVERYWHERE = Paths(["$[*]", "$.a", '$["x y"].b', "$.list[*].id"])


def found(text: str, paths: Paths = EVERYWHERE) -> list[tuple[int, str]]:
    return [(spot.path, text[spot.start : spot.end]) for spot in paths.spots(text, TAGS)]


@pytest.mark.parametrize(
    "text, spots",
    [
        ("[1, \"2\" ,-0.50e+7,\n null, true, [3], {\"a\": 4}, []]", [(0, "1"), (0, '"2"'), (0, "-0.50e+7")]),
        ('{"a": 1.10, "b": {"a": 2}, "a" : "\\u00e9\\"" }', [(1, "1.10"), (1, '"\\u00e9\\""')]),
        ('{"\\u0061":1}', [(1, "1")]),
        ('{"x y": {"b": 1, "c": 2}, "list": [{"id": 3}, {}, 4, {"z": [{"id": 5}], "id": 6}]}',
         [(2, "1"), (3, "3"), (3, "6")]),
        ('{"x y": [{"b": 1}], "list": {"id": 3}, "a": {"b": [1]}}', []),
        (' {"a":{"$ref": [1], "a": 2}, "list":[{"id":{ "$raw":{"$ref":{}}}}]}\t',
         [(1, '{"$ref": [1], "a": 2}'), (3, '{ "$raw":{"$ref":{}}}')]),
        ('{"a": {"b": 1, "$ref": 2}}', []),
        ('{"a": "\t lenient \\q"}', [(1, '"\t lenient \\q"')]),
        ("{}", []), ("[]", []), ("5", []), ("null", []), ('"$.a"', []),
    ],
)  # fmt: skip
def test_spots(text: str, spots: list[tuple[int, str]]) -> None:
    assert found(text) == spots


@pytest.mark.parametrize(
    "text",
    ["", "{",
     "[1", "[1,]", "[,1]", "[1 2]", "[1]]", "{]", "[}", '{"a"}', '{"a":}', '{"a":1,}', '{"a" 1}', "{1:2}", '{a:1}',
     "[01]", "[1.]", "[+1]", "[.5]", "[NaN]", "[Tru]", '["a]', "['a']", "[1] x", ":1", ",", "]", '{"\\ud8":1}', "[1}",
     '["a":1]', "\u00a0[1]", "[\u0661]"],
)  # fmt: skip
def test_what_is_no_document(text: str) -> None:
    with pytest.raises(NoDocument):
        found(text)


def test_a_document_without_the_names_is_not_even_read() -> None:
    assert found("no document", Paths(["$.a.b"])) == []


def test_depth_costs_no_stack_and_has_a_limit() -> None:
    paths = Paths(["$.a"])
    deep = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert found(f'{{"b": {deep}, "a": 7}}', paths) == [(0, "7")]
    for much in ("[" * 3_000_000, '{"a":' * 500_000, f'{{"b": [{deep}], "a": 7}}'):
        with pytest.raises(NoDocument):
            found(f'{{"a":{much}', paths)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "b", "$ref", "é"]) | st.text(), inner),
    max_leaves=20,
)


@given(DOCUMENTS, st.sampled_from([None, 1]))
def test_replacing_changes_what_is_at_the_paths_and_nothing_else(document: Any, indent: int | None) -> None:
    paths = Paths(["$.a[*]", "$.b.a", "$.c"])
    text = json.dumps(document, indent=indent)
    spots = paths.spots(text, ())
    assert replaced(text, [(spot, text[spot.start : spot.end]) for spot in spots]) == text
    expected = json.loads(text)
    if isinstance(expected, dict):
        items = expected.get("a")
        if isinstance(items, list):
            expected["a"] = ["new" if _is_scalar(item) else item for item in items]
        inner = expected.get("b")
        if isinstance(inner, dict) and _is_scalar(inner.get("a")):
            inner["a"] = "new"
    assert json.loads(replaced(text, [(spot, '"new"') for spot in spots])) == expected


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


@pytest.mark.parametrize(
    "path", ["", "a", "$", "$.", "$a", "$.a.", "$[0]", "$[a]", '$["a]', "$.a b", "$..a", "$.*", '$["\\q"]']
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match=r"begin with|is no step|whole document|escape"):
        parse_path(path)


def test_paths_that_meet() -> None:
    for paths in (["$.a", "$.a"], ["$.a", "$.a.b"], ["$.a.b", "$.a"], ["$.a[*].b", "$.a[*]"]):
        with pytest.raises(ValueError, match="through"):
            Paths(paths)
    assert parse_path('$.a-b[*]["\\u00e9.\\"]"]') == ("a-b", None, 'é."]')


@pytest.mark.parametrize(
    "token, number, text",
    [
        ("42", "42", None), ("-7", "-7", None), ("0", "0", None), ("-0", None, None), ("1.0", None, None),
        ("1e2", None, None), ('"42"', "42", "42"), ('"042"', None, "042"), ('" 42"', None, " 42"),
        ('"a\\u0062"', None, "ab"), ("9223372036854775807", "9223372036854775807", None),
        ("9223372036854775808", None, None), ("1" * 5000, None, None), ('"\\ud800"', None, None),
        ('"\\u0000"', None, None), ('"\\q"', None, None), ('"\u0661"', None, "\u0661"),
    ],
)  # fmt: skip
def test_ids(token: str, number: str | None, text: str | None) -> None:
    assert read_id(token, numeric=True)[1] == (() if number is None else (number,))
    assert read_id(token, numeric=False)[1] == (() if text is None else (text,))


def test_a_uuid_may_be_written_in_two_ways() -> None:
    short, long = "0e8400e29b41d4a716446655440000aa", "0e8400e2-9b41-d4a7-1644-6655440000aa"
    assert read_id(f'"{long}"', numeric=False) == ("$ref_uuid", (long, short))
    assert read_id(f'"{short}"', numeric=False) == ("$ref", (short,))
    assert read_id(f'"{long.upper()}"', numeric=False) == ("$ref", (long.upper(),))
    assert [id_token(one, "$ref_uuid", numeric=False) for one in (short, long, "x")] == [
        f'"{long}"',
        f'"{long}"',
        '"x"',
    ]
    assert id_token(short, "$ref", numeric=False) == f'"{short}"'


def test_what_stands_for_an_id() -> None:
    assert read_form(named_form('["a", 1]', "$ref")) == Named(["a", 1])
    for tag in ("$ref_text", "$ref_uuid"):
        assert read_form(named_form("[]", tag)) == Named([], tag)
    for alike in ('{"$ref": ["a"]}', '{"$raw": 1, "b": 1.10}', named_form("[]", "$ref")):
        assert read_form(escaped_form(alike)) == alike
    assert [id_token("7", tag, numeric=True) for tag in ("$ref", "$ref_text", "$ref_uuid")] == ["7", '"7"', "7"]
    assert id_token('é"', "$ref", numeric=False) == '"é\\""'


@pytest.mark.parametrize("form", ['{"$ref": 1}', '{"$ref": [], "b": 1}', '{"$raw":1}',
                                  '{"$ref": [', '{"$ref_text": null}',
                                  '{"$ref":' + "[" * 100_000])  # fmt: skip
def test_what_cannot_stand_for_an_id(form: str) -> None:
    with pytest.raises(ValueError, match="is no reference"):
        read_form(form)
