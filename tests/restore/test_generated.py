"""Whatever the schema and the data: a restore makes of the target what plain Python says it must become.

Examples for each product are as many as CI has time for. A longer run:
`EDMS_TEST_EXAMPLES=5000 pytest tests/restore/test_generated.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from edms_backup import api
from edms_backup.errors import RegistryError
from edms_backup.options import CreateOptions, Ids, RestoreOptions, Source
from edms_backup.report import RestoreReport, TableDiff
from tests.conftest import NewDatabase
from tests.restore.generate.content import content, merged
from tests.restore.generate.databases import build, read, registry
from tests.restore.generate.model import Schema
from tests.restore.generate.worlds import World, worlds
from tests.servers import Database

QUICK = {"sqlite": 20, "postgresql": 5, "mariadb": 5}
WANTED = os.environ.get("EDMS_TEST_EXAMPLES")


def examples(product: str) -> settings:
    """How many examples, and nothing that depends on how fast the machine is."""
    return settings(
        max_examples=int(WANTED) if WANTED else QUICK[product],
        deadline=None,
        derandomize=not WANTED,
        database=None,
        phases=[Phase.generate] + [Phase.shrink] * (not os.environ.get("EDMS_TEST_NO_SHRINK")),
        suppress_health_check=list(HealthCheck),
    )


class Scene:
    """Databases that every example of a test makes afresh, and one archive."""

    def __init__(self, new_database: NewDatabase, product: str, folder: Path, count: int) -> None:
        self.databases = [new_database(product) for _ in range(count)]
        self.folder = folder
        self.archive = folder / "archive"
        self.registry: str | None = None
        self.schema: Schema = {}

    def begin(self, world: World, *, declared: bool) -> None:
        """Nothing is left of the last example."""
        shutil.rmtree(self.archive, ignore_errors=True)
        self.schema = world.schema
        self.registry = (
            registry(world.schema, self.folder / "registry.yaml") if declared or "kinds" in world.schema else None
        )

    def source(self, database: Database) -> Source:
        return Source(database.url, self.registry)

    def create(self, database: Database) -> None:
        api.create(self.source(database), CreateOptions(output=self.archive))

    def restore(self, database: Database, ids: Ids = Ids.PRESERVE) -> RestoreReport:
        """Restore after a dry run that told the truth, and once more without writing anything."""
        before = dump(database, self.schema)
        rehearsal = api.restore(Source(database.url), self.archive, RestoreOptions(dry_run=True, ids=ids))
        assert dump(database, self.schema) == before, "the dry run changed something"
        report = api.restore(Source(database.url), self.archive, RestoreOptions(ids=ids))
        assert not report.problems
        assert report.applied
        assert not rehearsal.applied
        for field in ("tables", "problems", "problem_count", "warnings"):
            assert getattr(rehearsal, field) == getattr(report, field), f"the dry run had other {field}"
        assert all(books.balanced for books in report.tables.values())
        after = dump(database, self.schema)
        again = api.restore(Source(database.url), self.archive, RestoreOptions(ids=ids))
        assert not again.problems
        assert again.applied
        totals = again.totals()
        assert totals["unchanged"] == totals["read"] == report.totals()["read"], "the second restore wrote something"
        assert dump(database, self.schema) == after
        return report


def dump(database: Database, schema: Schema) -> dict[str, list[str]]:
    """Every row with its ids."""
    return {name: sorted(map(repr, rows)) for name, rows in read(database, schema).items()}


def written(report: RestoreReport) -> dict[str, dict[str, int]]:
    """What was read, inserted, updated and left as it was."""
    names = ("read", "inserted", "updated", "unchanged")
    return {table: {name: getattr(books, name) for name in names} for table, books in report.tables.items()}


def differing(table: TableDiff) -> dict[str, int]:
    """What a restore of the left side into the right one has to do."""
    left, changed, same = (table.counts[kind] for kind in ("only_left", "changed", "same"))
    return {"read": left + changed + same, "inserted": left, "updated": changed, "unchanged": same}


@pytest.fixture
def scene(new_database: NewDatabase, product: str, tmp_path: Path) -> Callable[[int], Scene]:
    return lambda count: Scene(new_database, product, tmp_path, count)


def tell(world: World) -> None:
    """For `--hypothesis-show-statistics`: whether the examples are worth their time."""
    event(f"tables: {len(world.schema)}")
    event(f"references: {min(5, sum(len(spec.links) for spec in world.schema.values()))}")
    event(f"rows: {min(10, sum(map(len, world.source.tables.values()))) // 2 * 2}")


def test_restore_into_an_empty_schema(scene: Callable[[int], Scene], product: str) -> None:
    stage = scene(2)

    @examples(product)
    @given(worlds(), st.booleans(), st.sampled_from(Ids))
    def check(world: World, declared: bool, ids: Ids) -> None:
        tell(world)
        source, target = stage.databases
        stage.begin(world, declared=declared)
        build(source, world.schema, world.source.tables)
        build(target, world.schema)
        stage.create(source)
        report = api.verify(stage.archive)
        assert report.ok, report.problems
        books = written(stage.restore(target, ids))
        tables = world.source.tables
        assert {name: found["inserted"] for name, found in books.items()} == {n: len(r) for n, r in tables.items()}
        assert content(world.schema, read(target, world.schema)) == content(world.schema, tables)
        fingerprints = [
            api.fingerprint(stage.archive),
            *(api.fingerprint(stage.source(database)) for database in stage.databases),
        ]
        assert fingerprints[0] == fingerprints[1] == fingerprints[2]

    check()


def test_restore_into_the_same_under_other_ids(scene: Callable[[int], Scene], product: str) -> None:
    stage = scene(2)

    @examples(product)
    @given(worlds(), st.booleans(), st.sampled_from(Ids))
    def check(world: World, declared: bool, ids: Ids) -> None:
        source, target = stage.databases
        stage.begin(world, declared=declared)
        build(source, world.schema, world.source.tables)
        build(target, world.schema, world.renumbered.tables)
        stage.create(source)
        before = dump(target, world.schema)
        books = written(stage.restore(target, ids))
        assert all(found["unchanged"] == found["read"] for found in books.values()), books
        assert dump(target, world.schema) == before
        assert api.fingerprint(stage.source(source)) == api.fingerprint(stage.source(target))

    check()


def test_restore_into_a_part_of_it_with_other_values(scene: Callable[[int], Scene], product: str) -> None:
    stage = scene(2)

    @examples(product)
    @given(worlds(), st.sampled_from(Ids))
    def check(world: World, ids: Ids) -> None:
        source, target = stage.databases
        stage.begin(world, declared=True)
        build(source, world.schema, world.source.tables)
        build(target, world.schema, world.target.tables)
        stage.create(source)
        difference = api.diff(stage.archive, Source(target.url)).tables
        books = written(stage.restore(target, ids))
        found = {name: differing(table) for name, table in difference.items()}
        assert found == books, "the difference was another one than what had to be written"
        after, expected = merged(world.schema, world.source.tables, world.target.tables)
        assert content(world.schema, read(target, world.schema)) == after
        assert books == expected

    check()


# --- what the generator leaves out ----------------------------------------------------------------------------------

PARENT = "CREATE TABLE t (id integer PRIMARY KEY, code varchar(20) NOT NULL UNIQUE);"
PAIR = "CREATE TABLE t (p varchar(20) NOT NULL, q integer NOT NULL, PRIMARY KEY (p, q));"


def round_trip(
    new_database: NewDatabase, product: str, folder: Path, ddl: str, rows: str, before: str = ""
) -> Database:
    """The target, after a restore that tells the truth and a second one that writes nothing."""
    source, target = new_database(product), new_database(product)
    source.execute_script(ddl + rows)
    target.execute_script(ddl + before)
    archive = folder / "archive"
    api.create(Source(source.url), CreateOptions(output=archive))
    verified = api.verify(archive)
    assert verified.ok, verified.problems
    rehearsal = api.restore(Source(target.url), archive, RestoreOptions(dry_run=True))
    report = api.restore(Source(target.url), archive, RestoreOptions())
    assert not report.problems
    assert rehearsal.tables == report.tables
    again = api.restore(Source(target.url), archive, RestoreOptions())
    assert again.totals()["unchanged"] == report.totals()["read"], again.totals()
    if not before:
        assert api.fingerprint(Source(target.url)) == api.fingerprint(archive) == api.fingerprint(Source(source.url))
    return target


def test_one_to_one(new_database: NewDatabase, product: str, tmp_path: Path) -> None:
    """A table whose primary key is its parent's."""
    ddl = PARENT + (
        "CREATE TABLE base (t_id integer NOT NULL PRIMARY KEY, v integer, FOREIGN KEY (t_id) REFERENCES t (id));"
        "CREATE TABLE leaf (base_id integer NOT NULL, n integer NOT NULL, PRIMARY KEY (base_id, n),"
        " FOREIGN KEY (base_id) REFERENCES base (t_id));"
    )
    rows = (
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO base VALUES (2, 20), (1, 10);"
        "INSERT INTO leaf VALUES (2, 1);"
    )
    before = "INSERT INTO t VALUES (1, 'b'), (3, 'c'); INSERT INTO base VALUES (1, 5);"
    target = round_trip(new_database, product, tmp_path, ddl, rows, before)
    assert target.fetch("SELECT code, v FROM t JOIN base ON t_id = id ORDER BY code") == [("a", 10), ("b", 20)]
    assert target.fetch("SELECT code, n FROM t JOIN leaf ON base_id = id") == [("b", 1)]


def test_a_composite_foreign_key_that_is_partly_null(new_database: NewDatabase, product: str, tmp_path: Path) -> None:
    """It refers to nothing, and no database checks it."""
    ddl = PAIR + (
        "CREATE TABLE c (n integer PRIMARY KEY, p varchar(20), q integer, FOREIGN KEY (p, q) REFERENCES t (p, q));"
    )
    rows = "INSERT INTO t VALUES ('a', 1);"
    rows += "INSERT INTO c VALUES (1, 'a', 1), (2, 'zz', NULL), (3, NULL, 7), (4, NULL, NULL);"
    target = round_trip(new_database, product, tmp_path, ddl, rows)
    there = target.fetch("SELECT n, p, q FROM c ORDER BY n")
    assert there == [(1, "a", 1), (2, "zz", None), (3, None, 7), (4, None, None)]


def test_a_unique_column_that_is_referred_to_has_another_value(
    new_database: NewDatabase, product: str, tmp_path: Path
) -> None:
    """The archive's value arrives, and does so before the row that refers to it."""
    ddl = (
        "CREATE TABLE t (id integer PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, alt varchar(20) NOT NULL UNIQUE);"
        "CREATE TABLE c (n varchar(9) PRIMARY KEY, alt varchar(20), FOREIGN KEY (alt) REFERENCES t (alt));"
    )
    source, target = new_database(product), new_database(product)
    source.execute_script(ddl + "INSERT INTO t VALUES (1, 'a', 'new'); INSERT INTO c VALUES ('1', 'new');")
    target.execute_script(ddl + "INSERT INTO t VALUES (1, 'a', 'old');")
    registry = tmp_path / "registry.yaml"
    registry.write_text("{version: 1, tables: {t: {key: [code]}, c: {key: [n]}}}")
    archive = tmp_path / "archive"
    api.create(Source(source.url, str(registry)), CreateOptions(output=archive))
    report = api.restore(Source(target.url), archive, RestoreOptions())
    assert report.applied, report.problems
    assert target.fetch("SELECT alt FROM t") == [("new",)]
    assert report.tables["t"].updated == 1


def test_a_null_parent_is_not_a_parent_whose_key_is_null(
    new_database: NewDatabase, product: str, tmp_path: Path
) -> None:
    """Both make the key value [null, 1]: create must refuse what no restore could take."""
    ddl = (
        "CREATE TABLE t (id integer PRIMARY KEY, code varchar(20) UNIQUE);"
        "CREATE TABLE c (id integer PRIMARY KEY, t_id integer, n integer NOT NULL, UNIQUE (t_id, n),"
        " FOREIGN KEY (t_id) REFERENCES t (id));"
    )
    source = new_database(product)
    source.execute_script(ddl + "INSERT INTO t VALUES (1, NULL); INSERT INTO c VALUES (1, NULL, 1), (2, 1, 1);")
    registry = tmp_path / "registry.yaml"
    registry.write_text("{version: 1, tables: {t: {key: [code]}, c: {key: [t_id, n]}}}")
    with pytest.raises(RegistryError, match="same natural key"):
        api.create(Source(source.url, str(registry)), CreateOptions(output=tmp_path / "archive"))


@pytest.mark.parametrize("product", ["sqlite", "postgresql"])
@pytest.mark.parametrize("initially", ["IMMEDIATE", "DEFERRED"])
def test_a_cycle_that_may_not_be_empty(new_database: NewDatabase, product: str, tmp_path: Path, initially: str) -> None:
    late = f"REFERENCES {{}} (id) DEFERRABLE INITIALLY {initially}"
    columns = "id integer PRIMARY KEY, code varchar(20) NOT NULL UNIQUE, other_id integer NOT NULL"
    if product == "sqlite":
        ddl = f"CREATE TABLE a ({columns} {late.format('b')}); CREATE TABLE b ({columns} {late.format('a')});"
    else:
        ddl = f"CREATE TABLE a ({columns}); CREATE TABLE b ({columns} {late.format('a')});"
        ddl += f"ALTER TABLE a ADD FOREIGN KEY (other_id) {late.format('b')};"
    begin = "BEGIN; " if product == "sqlite" else "SET CONSTRAINTS ALL DEFERRED; "
    rows = begin + "INSERT INTO a VALUES (1, 'a', 8), (2, 'b', 9); INSERT INTO b VALUES (8, 'x', 2), (9, 'y', 1);"
    before = begin + "INSERT INTO a VALUES (8, 'z', 1); INSERT INTO b VALUES (1, 'z', 8);"
    target = round_trip(new_database, product, tmp_path, ddl, rows, before)
    there = target.fetch("SELECT a.code, b.code FROM a JOIN b ON b.id = a.other_id ORDER BY 1")
    assert there == [("a", "x"), ("b", "y"), ("z", "z")]
