from __future__ import annotations

from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.execute.fingerprint import TableHash
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, Table
from edms_backup.options import CreateOptions, Source
from tests.conftest import NewDatabase

COLUMNS = (
    Column("id", Kind.INTEGER, "int"),
    Column("name", Kind.TEXT, "text"),
    Column("doc", Kind.JSON, "json"),
    Column("boss_id", Kind.INTEGER, "int"),
)
USERS = KeyedTable(
    Table("users", COLUMNS, ("id",)), ("name",), KeySource.UNIQUE,
    references=(Reference(("boss_id",), "users", ("id",)),),
)  # fmt: skip

A = b'{"id":1,"name":"a","doc":{"x":1},"boss_id":null}'
B = b'{"id":2,"name":"b","doc":null,"boss_id":["a"]}'


def digest(*lines: bytes) -> str:
    table = TableHash({"users": USERS}, "users")
    assert table.add(lines) == len(lines)
    return table.hexdigest()


@pytest.mark.parametrize(
    "same",
    [
        (B, A),
        (A.replace(b'"id":1', b'"id":99'), B),
        (A, b'{"boss_id":["a"],"doc":null,"name":"b","id":7}'),
        (A.replace(b'{"x":1}', b'{ "x": 1.0 }'), B),
        (A, b' {"id":2, "name":"\\u0062", "doc":null, "boss_id":[ "a" ]}'),
    ],
)
def test_neither_ids_nor_order_count(same: tuple[bytes, ...]) -> None:
    assert digest(*same) == digest(A, B)


@pytest.mark.parametrize(
    "other",
    [
        (),
        (A,),
        (A, B, B),
        (A, A, B, B),
        (A, B.replace(b'"b"', b'"c"')),
        (A, B.replace(b'["a"]', b"null")),
        (A, B.replace(b'["a"]', b'["b"]')),
        (A, B.replace(b'["a"]', b'{"$dangling":1}')),
        (A.replace(b'{"x":1}', b'{"x":1.1}'), B),
        (A.replace(b'{"x":1}', b'{"x":"1"}'), B),
        (A.replace(b'{"x":1}', b"null"), B),
        (A, B.replace(b'"doc":null', b'"doc":{"$json":"null"}')),
        (A.replace(b'"a"', b"null"), B),
    ],
)
def test_everything_else_counts(other: tuple[bytes, ...]) -> None:
    assert digest(*other) != digest(A, B)


def test_lines_may_come_in_any_number_of_batches() -> None:
    table = TableHash({"users": USERS}, "users")
    assert [table.add([A]), table.add([]), table.add([B])] == [1, 0, 1]
    assert table.hexdigest() == digest(A, B)


DDL = "CREATE TABLE t (id integer PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, v integer);"


def test_databases_and_archives(new_database: NewDatabase, product: str, tmp_path: Path) -> None:
    rows = ["(1, 'a', 1), (2, 'b', NULL)", "(7, 'b', NULL), (8, 'a', 1)", "(1, 'a', 1), (2, 'b', 2)"]
    databases = [new_database(product) for _ in rows]
    for database, values in zip(databases, rows, strict=True):
        database.execute_script(f"{DDL} CREATE TABLE e (n varchar(9) PRIMARY KEY); INSERT INTO t VALUES {values}")
    first, same, other = (api.fingerprint(Source(database.url)) for database in databases)
    assert first == same
    assert first.fingerprint != other.fingerprint
    assert first.tables["e"] == other.tables["e"]
    assert list(first.tables) == ["e", "t"]
    api.create(Source(databases[0].url), CreateOptions(output=tmp_path / "a"))
    assert api.fingerprint(tmp_path / "a") == first
    api.create(Source(databases[0].url), CreateOptions(output=tmp_path / "part", tables=("t",)))
    part = api.fingerprint(tmp_path / "part")
    assert part.tables == {"t": first.tables["t"]}
    assert part.fingerprint != first.fingerprint
