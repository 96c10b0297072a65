"""What differs between two sides is named, whatever the ids, the product and the kind of side."""

from __future__ import annotations

import resource
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.run import measured
from edms_backup import api
from edms_backup.errors import ArchiveError, EnvironmentFailed, RegistryError, UsageError
from edms_backup.execute.digests import LEFT, RIGHT, open_digests
from edms_backup.model import Column, KeyedTable, KeySource, Kind, Table
from edms_backup.options import DiffOptions, Source
from edms_backup.plan.source import SourceSchema, write_schema
from edms_backup.progress import NoProgress
from edms_backup.report import DiffReport
from tests.conftest import NewDatabase
from tests.execute.test_verify import A, B, write
from tests.restore.helpers import COMMENTS, EDMS, EDMS_ROWS, Case
from tests.servers import Database

LOG = "CREATE TABLE log (word varchar(20), n integer); INSERT INTO log VALUES"
LEFT_ROWS = f"""
{EDMS_ROWS}
{LOG} ('a', NULL), ('a', NULL), ('a', NULL), ('b', 1);
CREATE TABLE here (code varchar(20) PRIMARY KEY);
INSERT INTO here VALUES ('x'), ('y');
"""
RIGHT_ROWS = f"""
INSERT INTO users (id, username, email) VALUES
    (1, 'rev01', NULL), (2, 'author01', 'a@x'), (3, 'admin', 'admin@elsewhere');
INSERT INTO documents (id, number, title, author_id, reviewer_id) VALUES
    (1, 'SOP-2', 'second', 1, 3), (2, 'SOP-1', 'first', 2, 1);
INSERT INTO comments (id, code, body, document_id) VALUES (1, 'c3', 'new', 2), (2, 'c1', 'good', 2);
{LOG} ('b', 1), ('a', NULL), ('b', 1), ('c', 1);
CREATE TABLE there (code varchar(20) PRIMARY KEY);
"""
NODES = """
CREATE TABLE node (id integer PRIMARY KEY, parent_id integer REFERENCES node (id), name text NOT NULL, note text);
INSERT INTO node VALUES (1, NULL, 'root', 'x'), (2, 1, 'branch', 'x'), (3, 2, 'leaf', 'x');
"""
MORE = COMMENTS.replace("body", "mood varchar(9), body")


def found(report: DiffReport) -> dict[str, Any]:
    """What is named in each table that differs."""
    assert all(table.counts["only_left"] == len(table.only_left) for table in report.tables.values())
    assert all(table.counts["only_right"] == len(table.only_right) for table in report.tables.values())
    assert all(table.counts["changed"] == len(table.changed) for table in report.tables.values())
    return {
        name: {
            "-": list(table.only_left), "+": list(table.only_right),
            "~": {str(row.key[0]): row.columns for row in table.changed}, "=": table.counts["same"],
        }
        for name, table in report.tables.items()
    }  # fmt: skip


def between(left: Database, right: Database, registry: Path | None = None) -> DiffReport:
    """The difference of two databases."""
    name = None if registry is None else str(registry)
    return api.diff(Source(left.url, name), Source(right.url, name))


class Meddler(NoProgress):
    """Makes another difference, and unmakes one, between the two readings."""

    def __init__(self, databases: tuple[Database, Database]) -> None:
        self.databases = databases
        self.done = False

    def stage(self, name: str, total: int | None = None) -> None:
        """The first reading is over."""
        del total
        if name == "naming rows":
            for database in self.databases:
                database.execute_script("UPDATE users SET email = 'both' WHERE username = 'admin'; DELETE FROM log")
            self.done = True


DIFFERENT = {
    "users": {"-": [], "+": [], "~": {"admin": ("email",)}, "=": 2},
    "documents": {"-": [], "+": [], "~": {"SOP-2": ("reviewer_id",)}, "=": 1},
    "comments": {"-": [["c2"]], "+": [["c3"]], "~": {}, "=": 1},
    "log": {"-": [["a", None], ["a", None]], "+": [["b", 1], ["c", 1]], "~": {}, "=": 2},
    "here": {"-": [["x"], ["y"]], "+": [], "~": {}, "=": 0},
    "there": {"-": [], "+": [], "~": {}, "=": 0},
}
NOTES = {
    ("missing-table", "here", None): "table here is only on the left",
    ("missing-table", "there", None): "table there is only on the right",
    ("missing-column", "comments", "mood"): "column mood of comments is only on the right",
}


def test_databases_and_archives(new_database: NewDatabase, product: str, tmp_path: Path) -> None:
    case = Case(product, lambda: new_database(product), tmp_path)
    databases = case.database(EDMS + LEFT_ROWS), case.database(EDMS.replace(COMMENTS, MORE) + RIGHT_ROWS)
    left, right = (Source(database.url) for database in databases)
    archives = tuple(case.archive(database) for database in databases)
    kinds = ((left, right), (archives[0], right), (left, archives[1]), archives)
    reports = [api.diff(one, other) for one, other in kinds]
    for report in reports:
        assert found(report) == DIFFERENT
        assert {(p.code, p.table, p.column): p.message for p in report.problems} == NOTES
        assert not report.equal
    assert reports[0].tables["documents"].changed[0].values == (("null", '["admin"]'),)
    back = found(api.diff(archives[1], left))
    assert {name: (table["+"], table["-"], table["="]) for name, table in back.items()} == {
        name: (table["-"], table["+"], table["="]) for name, table in DIFFERENT.items()
    }
    for side in (left, archives[0]):
        report = api.diff(archives[0], side)
        assert report.equal
        assert report.totals() == {"only_left": 0, "only_right": 0, "changed": 0, "same": 13}
    some = api.diff(left, right, DiffOptions(("log", "u*"), limit=1))
    assert list(some.tables) == ["log", "users"]
    assert some.tables["log"].only_left == (["a", None],)
    assert some.tables["log"].counts == {"only_left": 2, "only_right": 2, "changed": 0, "same": 2}

    verified = api.verify(archives[0], source=right)
    assert {problem.table: problem.message for problem in verified.differences} == {
        "users": '1 changed: ["admin"] (email)',
        "documents": '1 changed: ["SOP-2"] (reviewer_id)',
        "comments": "column mood of comments is only in the database; "
        '1 only in the archive: ["c2"]; 1 only in the database: ["c3"]',
        "log": '2 only in the archive: ["a",null], ["a",null]; 2 only in the database: ["b",1], ["c",1]',
        "here": 'table here is only in the archive; 2 only in the archive: ["x"], ["y"]',
    }
    assert {problem.code for problem in verified.differences} == {"content-differs"}
    assert api.verify(archives[0], source=left).ok
    if product != "sqlite":  # which keeps others from writing meanwhile
        meddler = Meddler(databases)
        assert found(api.diff(left, right, progress=meddler)) == DIFFERENT
        assert meddler.done
        assert found(api.diff(left, right))["users"]["~"] == {}


def keyed(key: tuple[str, ...], *columns: str, primary_key: tuple[str, ...] = ()) -> bytes:
    table = Table("users", tuple(Column(name, Kind.TEXT, "text") for name in columns), primary_key)
    return write_schema(SourceSchema("sqlite", "3", (KeyedTable(table, key, KeySource.REGISTRY),)))


def users(path: Path, schema: bytes, *lines: str) -> Path:
    return write(path, {"users": [line.encode() for line in lines]}, schema)


def test_of_several_rows_with_one_key_none_is_called_changed(tmp_path: Path) -> None:
    schema = keyed(("name",), "name", "mail")
    rows = [f'{{"name":"{name}","mail":"{mail}"}}' for name, mail in ("a1", "a2", "b1", "b2", "c1")]
    left, right = users(tmp_path / "l", schema, *rows), users(tmp_path / "r", schema, rows[1], rows[2], rows[4])
    report = api.diff(left, right)
    assert found(report)["users"] == {"-": [["a"], ["b"]], "+": [], "~": {}, "=": 3}
    assert [problem.code for problem in report.problems] == ["duplicate-key"]
    assert "2 of the keys of users are each the key of several rows" in report.problems[0].message
    right = users(tmp_path / "r2", schema, *(row.replace("1", "3").replace("2", "4") for row in rows))
    assert found(api.diff(left, right))["users"] == {
        "-": [["a"], ["a"], ["b"], ["b"]], "+": [["a"], ["a"], ["b"], ["b"]], "~": {"c": ("mail",)}, "=": 0,
    }  # fmt: skip


def test_a_number_in_another_form_is_the_same_and_text_is_not(tmp_path: Path) -> None:
    schema = keyed(("name",), "name", "mail")
    one, same, text = (
        users(tmp_path / name, schema, f'{{"name":"a","mail":{value}}}')
        for name, value in {"one": "1", "same": "1.0", "text": '"1"'}.items()
    )
    assert api.diff(one, same).equal
    changed = api.diff(one, text).tables["users"].changed
    assert [(row.columns, row.values) for row in changed] == [(("mail",), (("1", '"1"'),))]


def test_what_is_an_id_on_one_side_only_is_said(tmp_path: Path) -> None:
    left = users(tmp_path / "l", keyed(("name",), "id", "name", primary_key=("id",)), '{"id":"1","name":"a"}')
    right = users(tmp_path / "r", keyed(("name",), "id", "name"), '{"id":"2","name":"a"}')
    report = api.diff(left, right)
    assert (report.equal, report.tables["users"].different) == (False, 0)
    assert [problem.message for problem in report.problems] == [
        "column id of users says something only on the right; on the other side it is an id or computed"
    ]


def test_a_full_disk_is_no_bug() -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(EnvironmentFailed, match="cannot keep digests of rows in"), open_digests() as digests:
            digests.add(LEFT, ((number.to_bytes(16), number.to_bytes(32)) for number in range(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_long_values_are_cut_to_where_they_differ(tmp_path: Path) -> None:
    schema = keyed(("name",), "name", "mail")
    texts = "x" * 500 + "left" + "y" * 500, "x" * 500
    left, right = (users(tmp_path / str(len(v)), schema, f'{{"name":"a","mail":"{v}"}}') for v in texts)
    ((old, new),) = api.diff(left, right).tables["users"].changed[0].values
    assert old == f"…{'x' * 15}left{'y' * 41}…"
    assert new == f'…{"x" * 15}"'


def test_keys_that_differ_are_refused(new_database: NewDatabase, tmp_path: Path) -> None:
    line = '{"name":"a","mail":"b"}'
    left = users(tmp_path / "l", keyed(("name",), "name", "mail"), line)
    right = users(tmp_path / "r", keyed(("mail",), "name", "mail"), line)
    with pytest.raises(RegistryError, match=r"the key of table users is \(name\) in .*l, and \(mail\) in .*r"):
        api.diff(left, right)
    database = new_database("sqlite")
    database.execute_script(
        "CREATE TABLE users (name text, mail text NOT NULL UNIQUE); INSERT INTO users VALUES ('a', 'b')"
    )
    # What is inferred gives way to the archive's key, what is declared does not.
    assert api.diff(left, Source(database.url)).equal
    case = Case("sqlite", lambda: database, tmp_path)
    with pytest.raises(RegistryError, match=r"the key of users is \['mail'\] here"):
        api.diff(left, Source(database.url, str(case.registry("users: {key: [mail]}"))))
    database.execute_script("ALTER TABLE users RENAME COLUMN name TO login")
    with pytest.raises(RegistryError, match="has no column name, which is in the key of the archive's users"):
        api.diff(left, Source(database.url))
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    others = case.database(EDMS), case.database(EDMS.replace("username varchar(50) NOT NULL UNIQUE", "username text"))
    registry = case.registry("users: {key: [username]}\ndocuments: {key: [number]}")
    assert between(*others, registry).equal
    with pytest.raises(RegistryError, match="users"):
        between(*others)


def test_a_tree_is_a_tree_on_both_sides(new_database: NewDatabase, tmp_path: Path) -> None:
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    words = ("REFERENCES node (id)", "")
    left, right = (case.database(NODES.replace("REFERENCES node (id)", word)) for word in words)
    registry = case.registry("node: {key: [parent_id, name]}")
    with pytest.raises(RegistryError, match=r"\(parent_id: all rows above, name\) in .*, and \(parent_id, name\) in"):
        between(left, right, registry)
    archive = case.archive(left, "--registry", registry)
    right.execute_script("UPDATE node SET note = 'y' WHERE name = 'leaf'; INSERT INTO node VALUES (4, 2, 'twig', 'x')")
    report = api.diff(archive, Source(right.url))
    assert [row.key for row in report.tables["node"].changed] == [[["root", "branch"], "leaf"]]
    assert report.tables["node"].only_right == ([["root", "branch"], "twig"],)


def test_a_reference_that_only_one_side_has_is_said(new_database: NewDatabase, tmp_path: Path) -> None:
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    left, right = (
        case.database(EDMS.replace(" REFERENCES users (id)", words) + EDMS_ROWS)
        for words in (" REFERENCES users (id)", "")
    )
    report = between(left, right)
    assert {row.columns for row in report.tables["documents"].changed} == {
        ("author_id", "reviewer_id"), ("author_id",),
    }  # fmt: skip
    assert [problem.message for problem in report.problems] == [
        "column author_id of documents refers to users on the left, and refers to nothing on the right",
        "column reviewer_id of documents refers to users on the left, and refers to nothing on the right",
    ]
    # The references of an archive hold for a database that does not declare them.
    assert api.diff(case.archive(left), Source(right.url)).equal


def test_what_the_registry_renames_and_leaves_out(new_database: NewDatabase, tmp_path: Path) -> None:
    case = Case("sqlite", lambda: new_database("sqlite"), tmp_path)
    words = {"users": "people", "email": "mail"}
    newer = EDMS.replace("email", "secret varchar(9), email")
    older = newer
    for new, old in words.items():
        older = older.replace(new, old)
    rows = EDMS_ROWS.replace("(id, username, email)", "(id, username, {})").replace("users", "{}")
    archive = case.archive(case.database(older + rows.format("people", "mail")))
    target = case.database(
        newer + rows.format("users", "email") + "UPDATE users SET secret = 's', email = 'b@x' WHERE id = 822"
    )
    rule = "users: {key: [username], renames: {mail: email}, omit_columns: [secret]}"
    registry = case.registry(rule, "renames: {people: users}\n")
    report = api.diff(Source(target.url, str(registry)), archive)
    assert report.problems == ()
    assert found(report)["users"] == {"-": [], "+": [], "~": {"author01": ("email",)}, "=": 2}
    assert found(report)["documents"]["="] == 2
    verified = api.verify(archive, source=Source(target.url, str(registry)))
    assert [problem.message for problem in verified.differences] == ['1 changed: ["author01"] (email)']
    # Left out when the archive was written: nobody misses it afterwards.
    without = case.archive(target, "--registry", registry)
    assert api.diff(without, Source(target.url)).equal
    assert api.diff(without, Source(target.url, str(case.registry("users: {key: [username]}")))).equal


def test_what_cannot_be_compared(new_database: NewDatabase, tmp_path: Path) -> None:
    archive = write(tmp_path / "a", {"users": [A, B]})
    with pytest.raises(UsageError, match="no table is called 'nosuch'"):
        api.diff(archive, archive, DiffOptions(("nosuch",)))
    with pytest.raises(UsageError, match="there is no archive"):
        api.diff(archive, tmp_path / "nowhere")
    with pytest.raises(EnvironmentFailed):
        api.diff(archive, Source(f"sqlite:///{tmp_path / 'nowhere.sqlite3'}"))
    with pytest.raises(ArchiveError, match="says nothing of table t"):
        api.diff(write(tmp_path / "c", {"t": []}), archive)
    part = next((archive / "data" / "users").iterdir())
    part.write_bytes(part.read_bytes()[:-1] + b"\0")
    with pytest.raises(ArchiveError, match="00000"):
        api.diff(write(tmp_path / "b", {"users": [A, B]}), archive)
    nothing = Source(new_database("sqlite").url)
    new_database("sqlite")
    with closing(sqlite3.connect(nothing.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("VACUUM")
    assert api.diff(nothing, nothing).equal


PAIRS = st.lists(st.tuples(st.sampled_from([b"k", b"l", b"m"]), st.sampled_from([b"1", b"2", b"3"])), max_size=12)


@given(PAIRS, PAIRS)
def test_the_books_of_a_comparison_balance(left: list[tuple[bytes, bytes]], right: list[tuple[bytes, bytes]]) -> None:
    with open_digests() as digests:
        for _ in range(2):  # a table before leaves nothing behind
            digests.clear()
            digests.add(LEFT, left)
            digests.add(RIGHT, right)
            digests.settle()
        only_left, only_right, changed = digests.counts()
        same = sum((Counter(left) & Counter(right)).values())
        assert len(left) == same + changed + only_left
        assert len(right) == same + changed + only_right
        lonely, extra = Counter(left) - Counter(right), Counter(right) - Counter(left)
        keys = Counter(key for key, _ in lonely.elements()), Counter(key for key, _ in extra.elements())
        assert changed == sum(1 for key in keys[0] if keys[0][key] == keys[1][key] == 1)
        assert sorted((old.key, old.content, new.content) for old, new in digests.changed(99)) == sorted(
            (k, c, next(d for other, d in extra if other == k)) for k, c in lonely if keys[0][k] == keys[1][k] == 1
        )
        assert sum(row.extra for row in digests.only(LEFT, 99)) == only_left
        assert -sum(row.extra for row in digests.only(RIGHT, 99)) == only_right
        counts = (Counter(key for key, _ in side) for side in (left, right))
        shared = {key for count in counts for key in count if count[key] > 1}
        assert digests.shared_keys() == len(shared & (keys[0] | keys[1]).keys())


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """160 MB a side: whoever holds either of them is found out."""
    left, right = tmp_path / "left.sqlite3", tmp_path / "right.sqlite3"
    for path in (left, right):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                "CREATE TABLE t (id integer PRIMARY KEY, code text NOT NULL UNIQUE, body text);"
                "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
                "INSERT INTO t SELECT i, 'row ' || i, printf('%04000d', i) FROM n"
            )
    with closing(sqlite3.connect(right)) as connection:
        connection.executescript(
            "UPDATE t SET body = body || '!' WHERE id % 10000 = 0; DELETE FROM t WHERE id IN (7, 70, 700);"
            "INSERT INTO t VALUES (40001, 'new 1', ''), (40002, 'new 2', ''), (40003, 'new 3', '')"
        )
    command = [sys.executable, "-m", "edms_backup", "diff", "-v", f"sqlite:///{left}", f"sqlite:///{right}"]
    took = measured(command, expected=5)
    named = [line.split("[")[1].split("]")[0].strip('"') for line in took.output.splitlines() if "[" in line]
    changed = [f"row {n}0000" for n in (1, 2, 3, 4)]
    assert named == ["row 7", "row 70", "row 700", "new 1", "new 2", "new 3", *changed]
    assert took.peak_mib < 250
