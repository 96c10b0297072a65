"""Archives that are whole as files, and wrong in what they say."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.archive.writer import ArchiveWriter
from edms_backup.errors import ArchiveError
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Reference, ReferenceKind, Table
from edms_backup.options import RestoreOptions, Source
from edms_backup.plan.source import SourceSchema, write_schema

NAME, TYPE = Column("name", Kind.TEXT, "text"), Reference(("type_id",), "types", ("id",))
ANY = Reference(("type_id", "object_id"), "types", (), ReferenceKind.POLYMORPHIC)


def number(name: str) -> Column:
    return Column(name, Kind.INTEGER, "integer")


USERS = KeyedTable(
    Table("users", (number("id"), NAME, number("boss_id")), ("id",)), ("name",), KeySource.UNIQUE,
    references=(Reference(("boss_id",), "users", ("id",)),), label="a.user",
)  # fmt: skip
TYPES = KeyedTable(Table("types", (number("id"), NAME), ("id",)), ("name",), KeySource.UNIQUE)
LOG = KeyedTable(
    Table("log", (NAME, number("type_id"), Column("object_id", Kind.TEXT, "text")), ()),
    ("name", "type_id", "object_id"), KeySource.WHOLE_ROW, whole_row=True, references=(TYPE, ANY),
)  # fmt: skip
EVENTS = KeyedTable(
    Table("events", (NAME, Column("doc", Kind.JSON, "json")), ("name",)), ("name",), KeySource.PRIMARY_KEY,
    references=(Reference(("doc",), "users", ("id",), ReferenceKind.JSON, enforced=False, path="$.a"),),
)  # fmt: skip
SCHEMA = SourceSchema("sqlite", "3", (USERS, TYPES, LOG, EVENTS))

A = b'{"id":1,"name":"a","boss_id":null}'
B = b'{"id":2,"name":"b","boss_id":["a"]}'
T = b'{"id":1,"name":"a.user"}'


def write(
    path: Path, tables: Mapping[str, Sequence[bytes]], schema: bytes | None = None, registry: bytes = b"version: 1\n"
) -> Path:
    with ArchiveWriter(path, part_rows=2) as writer:
        for name, lines in tables.items():
            writer.begin_table(name)
            if lines:
                writer.write(lines)
            writer.end_table()
        writer.add_file("schema.json", write_schema(SCHEMA) if schema is None else schema)
        writer.add_file("registry.yaml", registry)
        now = datetime(2026, 1, 1, tzinfo=UTC)
        writer.publish(order=list(tables), source_product="sqlite", source_version="3", created=now)
    return path


def event(document: str) -> bytes:
    return f'{{"name":"e{len(document)}","doc":{document}}}'.encode()


def log(type_key: str, form: str) -> bytes:
    return f'{{"name":"x","type_id":{type_key},"object_id":{form}}}'.encode()


GOOD = [
    {},
    {"users": []},
    {"users": [A, B]},
    {"users": [B, A]},
    {"users": [b'{"id":1,"name":"a","boss_id":["a"]}']},
    {"users": [b'{"id":1,"name":"a","boss_id":{"$dangling":77}}']},
    {"types": [T], "users": [A], "log": [log('["a.user"]', '["a"]')] * 3},
    {"types": [T], "log": [log("null", "null"), log("null", '{"$dangling":"7"}')]},
    {"users": [A], "events": [event('{"a":{"$ref":["a"]}}'), event('{"a":7,"b":{"$ref":["z"]}}'), event("null"),
                              event('{"$json":"{\\"a\\":\\n{\\"$ref_text\\":[\\"a\\"]}}"}'),
                              event('{"a":{"$raw": {"$ref":["z"]}}}'), event('{"$json":"{no document"}')]},
    # What the archive does not hold is the target's to resolve.
    {"types": [T], "log": [log('["a.user"]', '["a"]')]},
    {"types": [T, b'{"id":2,"name":"b.gone"}'], "users": [A], "log": [log('["b.gone"]', '["z"]')]},
]  # fmt: skip


@pytest.mark.parametrize("tables", GOOD)
def test_sound(tmp_path: Path, tables: dict[str, list[bytes]]) -> None:
    report = api.verify(write(tmp_path / "a.tar", tables))
    assert report.ok, report.problems
    assert report.rows == sum(map(len, tables.values()))
    assert report.parts == sum((len(lines) + 1) // 2 for lines in tables.values())


@pytest.mark.parametrize(
    "tables, found",
    [
        ({"users": [A, A]}, [("duplicate-key", "users", ["a"], None, "2 rows of users have the same key [\"a\"]")]),
        ({"users": [A, B, A, B, A]}, [
            ("duplicate-key", "users", ["a"], None, "3 rows"), ("duplicate-key", "users", ["b"], None, "2 rows")]),
        ({"users": [B]}, [("unresolved-reference", "users", None, "boss_id", 'boss_id refers to users ["a"]')]),
        ({"users": [B], "types": [b'{"id":1,"name":"a"}']}, [
            ("unresolved-reference", "users", None, "boss_id", "1 rows of users")]),
        ({"types": [T], "users": [A], "log": [log('["a.user"]', '["b"]'), log('["a.user"]', '["b"]')]}, [
            ("unresolved-reference", "log", None, "object_id", 'object_id refers to users ["b"]')]),
        ({"users": [A], "events": [event('{"a":{"$ref":["b c"]}}')]}, [
            ("unresolved-reference", "events", None, "doc $.a", 'doc $.a refers to users ["b c"]')]),
        ({"types": [], "log": [log('["a.user"]', "null")]}, [
            ("unresolved-reference", "log", None, "type_id", "which is not in the archive")]),
    ],
)  # fmt: skip
def test_unsound(
    tmp_path: Path, tables: dict[str, list[bytes]], found: list[tuple[str, str, list[str] | None, str | None, str]]
) -> None:
    report = api.verify(write(tmp_path / "a", tables))
    assert not report.ok
    problems = sorted(report.problems, key=lambda problem: str(problem.key))
    assert [(p.code, p.table, p.key, p.column) for p in problems] == [each[:4] for each in found]
    for problem, each in zip(problems, found, strict=True):
        assert each[4] in problem.message


def test_not_everything_is_shown(tmp_path: Path) -> None:
    users = [f'{{"id":1,"name":"u{n}","boss_id":["gone{n}"]}}'.encode() for n in range(30)]
    report = api.verify(write(tmp_path / "a", {"users": [*users, *users]}))
    codes = [problem.code for problem in report.problems]
    assert codes == ["duplicate-key"] * 20 + ["unresolved-reference"] * 20


@pytest.mark.parametrize(
    "line, message",
    [
        (b"x", "row 3 of table users cannot be read"),
        (b'{"id":1,"name":"a"}', "row 3 of table users cannot be read"),
        (b'{"id":1,"name":"a","boss_id":7}', "boss_id is neither a key value nor a dangling reference"),
        (b'{"id":1,"name":"a","boss_id":{"$raw":7}}', "boss_id is neither a key value nor a dangling reference"),
    ],
)
def test_edited_lines(tmp_path: Path, line: bytes, message: str) -> None:
    report = api.verify(write(tmp_path / "a", {"users": [A, B, line]}))
    assert [problem.code for problem in report.problems] == ["damaged"]
    assert message in report.problems[0].message
    assert (report.rows, report.parts) == (0, 0)


@pytest.mark.parametrize("document", ['{"a":{"$ref":7}}', '{"a":{"$ref":[],"b":1}}', '{"a":{"$raw":7}}'])
def test_edited_documents(tmp_path: Path, document: str) -> None:
    archive = write(tmp_path / "a", {"users": [A], "events": [event("{}"), event(document)]})
    report = api.verify(archive)
    assert [problem.code for problem in report.problems] == ["damaged"]
    assert "row 2 of table events cannot be read: doc $.a: " in report.problems[0].message
    database = tmp_path / "db.sqlite3"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE users (id integer PRIMARY KEY, name text UNIQUE, boss_id integer)")
        connection.execute("CREATE TABLE events (name text PRIMARY KEY, doc json)")
    connection.close()
    with pytest.raises(ArchiveError, match=r"row 2 of table events cannot be read: doc \$\.a: "):
        api.restore(Source(f"sqlite:///{database}"), archive, RestoreOptions())


@pytest.mark.parametrize(
    "schema, registry, message",
    [
        (b"{}", b"version: 1\n", "schema.json of the archive cannot be read"),
        (write_schema(SourceSchema("sqlite", "3", (TYPES,))), b"version: 1\n", "users"),
        (None, b"version: 2\n", "registry.yaml of the archive"),
        (None, b"tables: [\n", "registry.yaml of the archive"),
    ],
)
def test_files_beside_the_manifest(tmp_path: Path, schema: bytes | None, registry: bytes, message: str) -> None:
    report = api.verify(write(tmp_path / "a", {"users": [A]}, schema, registry))
    assert [problem.code for problem in report.problems] == ["damaged"]
    assert message in report.problems[0].message


@pytest.mark.parametrize("left_out", ["schema.json", "registry.yaml"])
def test_a_file_that_is_missing(tmp_path: Path, left_out: str) -> None:
    with ArchiveWriter(tmp_path / "a") as writer:
        for name, content in {"schema.json": write_schema(SCHEMA), "registry.yaml": b"version: 1\n"}.items():
            if name != left_out:
                writer.add_file(name, content)
        writer.publish(order=[], source_product="sqlite", source_version="3", created=datetime.now(UTC))
    report = api.verify(tmp_path / "a")
    assert [problem.code for problem in report.problems] == ["damaged"]
    assert left_out in report.problems[0].message


def test_keys_of_other_tables_do_not_count(tmp_path: Path) -> None:
    types = [b'{"id":1,"name":"a"}', b'{"id":2,"name":"b"}']
    assert api.verify(write(tmp_path / "a", {"types": types, "users": [A, B]})).ok
