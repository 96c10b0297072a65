from __future__ import annotations

from typing import Any

import orjson
import pytest

from edms_backup.errors import ArchiveError
from edms_backup.model import Kind
from edms_backup.values.rows import (
    ReferenceField,
    RowReader,
    RowWriter,
    ValueField,
    dangling_value,
    is_key_value,
    key_digest,
    key_text,
)

FIELDS = (ValueField("id", 0), ReferenceField("author", 1, 2, (3, 4)), ValueField("note", 5))


@pytest.mark.parametrize(
    "row, line",
    [
        ((1, 7, 7, "a", 2, "x"), b'{"id":1,"author":["A",2],"note":"x"}'),
        ((1, 7, 7, None, None, None), b'{"id":1,"author":[null,null],"note":null}'),
        ((1, None, None, None, None, "x"), b'{"id":1,"author":null,"note":"x"}'),
        ((1, 7, None, None, None, "x"), b'{"id":1,"author":{"$dangling":7},"note":"x"}'),
    ],
)
def test_lines(row: tuple[Any, ...], line: bytes) -> None:
    assert RowWriter(FIELDS, {3: str.upper}).lines([row, row]) == [line, line]


COLUMNS = {"id": Kind.INTEGER, "doc": Kind.JSON, "from": Kind.TEXT, "ref": Kind.JSON}


@pytest.fixture(params=["", 'quote"d\\'])
def reader(request: pytest.FixtureRequest) -> RowReader:
    """Reads a table, and one with a name that JSON writes in another way."""
    renamed = {request.param if name == "from" and request.param else name: kind for name, kind in COLUMNS.items()}
    return _Renamed("t", renamed, frozenset({"ref"}), request.param)


class _Renamed(RowReader):
    def __init__(self, table: str, columns: dict[str, Kind], references: frozenset[str], name: str) -> None:
        super().__init__(table, columns, references)
        self._written = orjson.dumps(name or "from")

    def row(self, line: bytes, number: int) -> list[Any]:
        return super().row(line.replace(b'"from"', self._written), number)


@pytest.mark.parametrize(
    "line, values",
    [
        (b'{"id":1,"doc":{"a": 1.10},"from":"x","ref":["k"]}', [1, '{"a": 1.10}', "x", ["k"]]),
        (b'{"ref":null,"from":null,"doc":null,"id":null}', [None, None, None, None]),
        (b'{"id":1,"doc":{"$json":"null"},"from":"","ref":{"$dangling":1}}', [1, "null", "", {"$dangling": 1}]),
        (b'{"id":123456789012345678901234567890,"doc":1e400,"from":"","ref":null}', None),
    ],
)
def test_reads(reader: RowReader, line: bytes, values: list[Any] | None) -> None:
    if values is None:
        assert reader.row(line, 1) == [123456789012345678901234567890, "1e400", "", None]
    else:
        assert reader.row(line, 1) == values


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"null",
        b'{"id":1,"doc":1,"from":"x"}',
        b'{"id":1,"doc":1,"from":"x","ref":null,"more":1}',
        b'{"id":NaN,"doc":1,"from":"x","ref":null}',
        b'{"id":1,"doc":1,"from":"\xff","ref":null}',
        b'{"id":1,"doc":"\xff","from":"x","ref":null}',
        b'{"id":1,"doc":{"$json":"a},"from":"x","ref":null}',
        b'{"id":' + b"[" * 100_000 + b'1,"doc":1,"from":"x","ref":null}',
        b'{"id":1,"doc":1,"from":"x","ref":null} x',
    ],
)
def test_lines_that_were_changed(reader: RowReader, line: bytes) -> None:
    with pytest.raises(ArchiveError, match="row 7 of table t cannot be read") as caught:
        reader.row(line, 7)
    assert caught.value.hint


def test_key_values() -> None:
    assert key_text(["a", 1, None, True]) == b'["a",1,null,true]'
    assert key_text(["1"]) != key_text([1])
    assert len(key_digest(b"x")) == 32
    assert key_digest(b"x") != key_digest(b"y")
    assert is_key_value([])
    assert not is_key_value({"$dangling": 1})


def test_dangling() -> None:
    assert dangling_value({"$dangling": None}) is None
    assert dangling_value({"$dangling": "x"}) == "x"


@pytest.mark.parametrize("form", [1, "x", [], {}, {"$dangling": 1, "a": 2}, {"a": 1}])
def test_neither_key_nor_dangling(form: Any) -> None:
    with pytest.raises(ValueError, match="neither a key value"):
        dangling_value(form)
