"""Types that need care beside their values: domains that are never empty, what the server computes, odd keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.restore.helpers import Case, call, counts


@pytest.fixture
def postgresql(new_database: NewDatabase, tmp_path: Path) -> Case:
    return Case("postgresql", lambda: new_database("postgresql"), tmp_path)


@pytest.fixture
def mariadb(new_database: NewDatabase, tmp_path: Path) -> Case:
    return Case("mariadb", lambda: new_database("mariadb"), tmp_path)


@pytest.fixture
def sqlite(new_database: NewDatabase, tmp_path: Path) -> Case:
    return Case("sqlite", lambda: new_database("sqlite"), tmp_path)


def test_domains_are_what_they_are_over(postgresql: Case) -> None:
    """Ids of a domain are assigned anew, references of one that is never empty are resolved, citext ignores case."""
    schema = """
    CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
    CREATE DOMAIN number AS bigint NOT NULL CHECK (VALUE > 0); CREATE DOMAIN code AS extensions.citext NOT NULL;
    CREATE SEQUENCE ids;
    CREATE TABLE users (id number PRIMARY KEY DEFAULT nextval('ids'), name code UNIQUE, note text);
    CREATE TABLE notes (n text PRIMARY KEY, user_id number REFERENCES users, name code REFERENCES users (name));
    """
    source = postgresql.database(
        schema,
        "INSERT INTO users VALUES (1, 'Ann', 'new'), (2, 'Bob', 'new'); "
        "INSERT INTO notes VALUES ('a', 1, 'ann'), ('b', 2, 'Bob')",
    )
    target = postgresql.database(schema, "INSERT INTO users VALUES (1, 'Zoe', 'old'), (7, 'bob', 'old')")
    report = postgresql.restored(target, postgresql.archive(source))
    assert counts(report, "users") == {"read": 2, "inserted": 1, "updated": 1}
    # A reference is the row that it points to, and is spelled as that row is.
    rows = target.fetch("SELECT n, user_id, n.name::text, note FROM notes n JOIN users ON id = user_id ORDER BY n")
    assert rows == [("a", 8, "Ann", "new"), ("b", 7, "Bob", "new")]


@pytest.mark.parametrize("tables, missing", [("*", "refused itself"), ("notes", "neither the archive nor the target")])
def test_a_key_that_the_targets_type_does_not_know(postgresql: Case, tables: str, missing: str) -> None:
    """An enum with fewer members: what it cannot hold is named, and so are the references to it."""
    schema = """
    CREATE TYPE mood AS ENUM ({moods});
    CREATE TABLE moods (id {{id}}, mood mood NOT NULL UNIQUE);
    CREATE TABLE notes (n text PRIMARY KEY, mood_id bigint REFERENCES moods);
    """
    source = postgresql.database(
        schema.format(moods="'sad', 'glad'").replace("{{id}}", "{id}"),
        "INSERT INTO moods VALUES (1, 'sad'), (2, 'glad'); INSERT INTO notes VALUES ('a', 1), ('b', 2)",
    )
    target = postgresql.database(
        schema.format(moods="'sad'").replace("{{id}}", "{id}"), "INSERT INTO moods VALUES (5, 'sad')"
    )
    refused = postgresql.refused(target, postgresql.archive(source), "--tables", tables)
    assert missing in refused.problem("unresolved-reference", "notes", ["b"])["message"]
    assert counts(refused.document, "notes") == {"read": 2, "inserted": 1, "failed": 1}


def test_what_nothing_tells_apart_is_no_key(postgresql: Case) -> None:
    """json and xml have no equality, boxes are equal in area: neither side takes them for a key."""
    good = "CREATE TABLE t (place {type} NOT NULL, n int);"
    registry = postgresql.registry("t: {key: [place]}")
    boxes = postgresql.database(good.replace("{type}", "box"), "INSERT INTO t VALUES ('(1,1),(0,0)', 1)")
    answer = call("create", "--db", boxes.url, "--registry", registry, "-o", registry.with_suffix(".tar"))
    assert answer.exit_code == 2
    assert "t.place cannot be in a natural key: nothing tells two values of box apart" in answer.text
    texts = postgresql.database(good.replace("{type}", "text"), "INSERT INTO t VALUES ('(1,1),(0,0)', 1)")
    archive = postgresql.archive(texts, "--registry", registry)
    refused = postgresql.refused(postgresql.database(good.replace("{type}", "box")), archive)
    assert refused.problem("unfit-key", "t")["column"] == "place"


COMPUTED = {
    "sqlite": "id integer PRIMARY KEY, twice integer AS (a * 2) VIRTUAL, thrice integer AS (a * 3) STORED",
    "postgresql": "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (a * 2) STORED, "
    "thrice int GENERATED ALWAYS AS (a * 3) STORED",
    "mariadb": "id int AUTO_INCREMENT PRIMARY KEY, twice int AS (a * 2) VIRTUAL, thrice int AS (a * 3) PERSISTENT, "
    "stamp timestamp(3) NOT NULL DEFAULT '2020-01-01' ON UPDATE current_timestamp(3), hidden int INVISIBLE DEFAULT 3",
}


def test_the_server_computes_what_it_computes(product: str, new_database: NewDatabase, tmp_path: Path) -> None:
    """Generated columns are computed again, identities are written, and a time stamp is not stamped by the restore."""
    case = Case(product, lambda: new_database(product), tmp_path)
    schema = f"CREATE TABLE t (k varchar(9) NOT NULL UNIQUE, a int, {COMPUTED[product]});"
    source = case.database(schema, "INSERT INTO t (k, a) VALUES ('x', 1), ('y', 2)")
    target = case.database(schema, "INSERT INTO t (k, a) VALUES ('z', 5), ('x', 6)")
    report = case.restored(target, case.archive(source))
    assert counts(report, "t") == {"read": 2, "inserted": 1, "updated": 1}
    columns = "k, a, twice, thrice" + (", stamp, hidden" if product == "mariadb" else "")
    rows = f"SELECT {columns} FROM t WHERE k <> 'z' ORDER BY k"
    assert target.fetch(rows) == source.fetch(rows)


def test_text_that_is_no_utf_8(sqlite: Case) -> None:
    """A message shows it as far as it can be shown, and a database in UTF-16 cannot have it."""
    schema = "CREATE TABLE t (id integer PRIMARY KEY, k text NOT NULL UNIQUE, u text UNIQUE);"
    archive = sqlite.archive(sqlite.database(schema, "INSERT INTO t VALUES (1, 'a', CAST(x'61ff' AS text))"))
    taken = sqlite.database(schema, "INSERT INTO t VALUES (5, CAST(x'62ff' AS text), CAST(x'61ff' AS text))")
    refused = call("restore", archive, "--db", taken.url)
    assert refused.exit_code == 4
    assert 'u = a\ufffd is taken in the target by t ["b\ufffd"]' in refused.text
    wide = sqlite.database("PRAGMA encoding = 'UTF-16';" + schema)
    problem = sqlite.refused(wide, archive).problem("value-does-not-fit", "t", ["a"])
    assert (problem["column"], problem["value"]) == ("u", {"$text": "Yf8="})
    assert "no UTF-8" in problem["message"]


def test_a_foreign_key_compares_as_its_parent(sqlite: Case) -> None:
    schema = """
    CREATE TABLE users (id {id}, name text NOT NULL UNIQUE COLLATE NOCASE);
    CREATE TABLE notes (n text PRIMARY KEY, name text REFERENCES users (name));
    """
    source = sqlite.database(schema, "INSERT INTO users VALUES (1, 'Ann'); INSERT INTO notes VALUES ('a', 'ann')")
    target = sqlite.database(schema)
    report = sqlite.restored(target, sqlite.archive(source))
    assert report["tables"]["notes"]["references"] == {"resolved": 1, "dangling": 0, "unresolved": 0}
    assert target.fetch("SELECT name FROM notes") == [("Ann",)]


def test_an_enum_without_a_member_is_no_key(mariadb: Case) -> None:
    """Empty by mistake: as a value it comes back, as a primary key it is refused with the table's name."""
    schema = "CREATE TABLE t (e enum('a', 'b') PRIMARY KEY, n int);"
    source = mariadb.database(schema, "SET sql_mode = ''; INSERT INTO t VALUES (0, 1), ('a', 2)")
    refused = call("restore", mariadb.archive(source), "--db", mariadb.database(schema).url)
    assert refused.exit_code == 4
    assert "the target refused the restore at table t: Data truncated" in refused.text
