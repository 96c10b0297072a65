"""The case that this project exists for: a populated EDMS into a re-initialised one, where every id differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.config.registry_file import read_registry
from edms_backup.options import CreateOptions, Ids, Mode, RestoreOptions, Source
from tests import edms_data
from tests.oracle import Facts, content, everything
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("edms_folder")


def edms_facts() -> dict[str, Facts]:
    """Keys of the shipped registry, references of the schema itself."""
    registry = read_registry("edms")
    facts = {}
    for name, table in edms_data.tables().items():
        if name in registry.exclude:
            continue
        rule = registry.tables[name]
        if rule.key == ("*",) or rule.key is None:
            continue
        references = {
            f["columns"][0]: (f["references"], f["referred_columns"][0])
            for f in table["foreign_keys"]
            if registry.tables[f["references"]].key not in (("*",), None)
        }
        surrogate = "id" if "id" in table["columns"] else None
        facts[name] = Facts(rule.key, surrogate, references)
    return facts


@pytest.fixture
def live(database_factory: Callable[[], Database]) -> Database:
    """The populated EDMS."""
    database = database_factory()
    edms_data.load_live(database)
    return database


@pytest.fixture
def target(database_factory: Callable[[], Database]) -> Database:
    """The re-initialised EDMS."""
    database = database_factory()
    edms_data.load_reinit(database)
    return database


@pytest.fixture
def archive(live: Database, tmp_path: Path) -> Path:
    """An archive of the populated EDMS."""
    path = tmp_path / "live.tar"
    api.create(Source(live.url, "edms"), CreateOptions(output=path))
    return path


@pytest.mark.parametrize("ids", list(Ids))
def test_restore_into_a_reinitialised_edms(live: Database, target: Database, archive: Path, ids: Ids) -> None:
    facts = edms_facts()
    before = content(target, facts)
    untouched = everything(target)
    rehearsal = api.restore(Source(target.url), archive, RestoreOptions(dry_run=True, ids=ids))
    assert everything(target) == untouched, "the dry run changed something"
    report = api.restore(Source(target.url), archive, RestoreOptions(ids=ids))

    assert not report.problems
    assert report.applied
    assert {n: b.as_json() for n, b in rehearsal.tables.items()} == {n: b.as_json() for n, b in report.tables.items()}
    assert all(books.balanced for books in report.tables.values())

    source, after = content(live, facts), content(target, facts)
    for name in facts:
        for key, row in source[name].items():
            assert after[name][key] == row, name
        for key in before[name].keys() - source[name].keys():
            assert after[name][key] == before[name][key], f"{name} {key} was not in the archive"
        assert after[name].keys() == source[name].keys() | before[name].keys(), name

    written = report.tables
    assert written["documents"].inserted == len(source["documents"]) == 4
    assert written["document_workflows"].inserted == 2
    assert written["document_transitions"].inserted == 6
    assert written["audit_trail"].inserted == 107
    (author,) = target.fetch("SELECT id FROM users WHERE username = 'author01'")
    assert author[0] == 4
    assert target.fetch("SELECT count(*) FROM documents WHERE author_id = 4") == [(4,)]


def test_a_second_restore_writes_nothing(target: Database, archive: Path) -> None:
    api.restore(Source(target.url), archive, RestoreOptions())
    complete = everything(target)
    again = api.restore(Source(target.url), archive, RestoreOptions())
    assert not again.problems
    totals = again.totals()
    assert (totals["inserted"], totals["updated"], totals["deleted"]) == (0, 0, 0)
    assert totals["read"] == totals["unchanged"]
    assert everything(target) == complete


def test_the_applications_next_insert_gets_a_free_id(target: Database, archive: Path) -> None:
    api.restore(Source(target.url), archive, RestoreOptions())
    engine = target.engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO auth_group (name) VALUES ('new')")
        highest = connection.exec_driver_sql("SELECT max(id) FROM auth_group WHERE name <> 'new'").scalar()
        new = connection.exec_driver_sql("SELECT id FROM auth_group WHERE name = 'new'").scalar()
    engine.dispose()
    assert new is not None
    assert highest is not None
    assert new > highest


def test_the_archive_verifies(archive: Path) -> None:
    report = api.verify(archive)
    assert report.ok, report.problems
    assert report.rows == 677
    assert archive.stat().st_mode & 0o777 == 0o600


def test_mirror_makes_the_target_equal(live: Database, target: Database, archive: Path) -> None:
    source = Source(target.url, "edms")
    rehearsal = api.restore(source, archive, RestoreOptions(dry_run=True, mode=Mode.MIRROR))
    report = api.restore(source, archive, RestoreOptions(mode=Mode.MIRROR))
    assert not report.problems
    assert rehearsal.totals() == report.totals()
    assert report.totals()["deleted"] > 0
    assert content(target, edms_facts()) == content(live, edms_facts())
    assert api.fingerprint(source) == api.fingerprint(Source(live.url, "edms"))
