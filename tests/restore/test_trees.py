"""Natural keys that run through the table itself: folders by parent and name, and what lies in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.restore.helpers import Case, call, counts
from tests.servers import Database

TREE = """
CREATE TABLE folders (id {id}, parent_id {ref} REFERENCES folders (id), name varchar(50) NOT NULL, note varchar(50),
    UNIQUE (parent_id, name));
CREATE TABLE docs (id {id}, folder_id {ref} REFERENCES folders (id), title varchar(50) NOT NULL, body varchar(50),
    UNIQUE (folder_id, title));
CREATE TABLE comments (id {id}, code varchar(20) NOT NULL UNIQUE, doc_id {ref} REFERENCES docs (id),
    about_id {ref} REFERENCES folders (id));
"""
DEPTH = 30


def rows(shift: int, names: str = "abc", depth: int = DEPTH) -> str:
    """Two roots called alike but for their case, a chain of `depth` folders that all have the same name, documents."""
    folders = [f"({shift + 1}, NULL, 'top', 'r')", f"({shift + 2}, {shift + 1}, 'Ümläut \"x\"\\n', NULL)"]
    folders += [f"({shift + 10 + i}, {shift + 9 + i if i else shift + 1}, 'sub', 'n{i}')" for i in range(depth)]
    folders += [f"({shift + 60 + i}, {shift + 1}, '{name}', NULL)" for i, name in enumerate(names)]
    last = shift + 9 + depth
    return f"""
        INSERT INTO folders (id, parent_id, name, note) VALUES {", ".join(folders)};
        INSERT INTO docs (id, folder_id, title, body) VALUES ({shift + 1}, {last}, 'deep', 'd'),
            ({shift + 2}, {shift + 1}, 'deep', 'top'), ({shift + 3}, NULL, 'deep', 'none');
        INSERT INTO comments (id, code, doc_id, about_id) VALUES ({shift + 1}, 'x', {shift + 1}, {last}),
            ({shift + 2}, 'y', {shift + 3}, {shift + 2}), ({shift + 3}, 'z', NULL, {shift + 1});
    """


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


def fingerprint(source: Database | Path) -> dict[str, str]:
    answer = call("fingerprint", source if isinstance(source, Path) else source.url, "--json")
    assert answer.exit_code == 0, answer.text
    tables: dict[str, str] = answer.document["tables"]
    return tables


def test_a_tree_comes_back_under_other_ids(case: Case) -> None:
    source = case.database(TREE, rows(0))
    archive = case.archive(source)
    assert call("verify", archive, "--db", source.url).exit_code == 0
    empty = case.database(TREE)
    assert counts(case.restored(empty, archive), "folders") == {"read": DEPTH + 5, "inserted": DEPTH + 5}
    assert fingerprint(empty) == fingerprint(source) == fingerprint(archive)

    # The same rows under other ids, some of which are those of other rows in the source.
    renumbered = case.database(TREE, rows(7))
    report = case.restored(renumbered, archive, again=False)
    assert report["totals"]["unchanged"] == report["totals"]["read"]

    # Half of it is there, a part of it differs, and there is more.
    half = case.database(TREE, rows(7, names="ad", depth=20))
    case.run(half, "UPDATE folders SET note = 'changed' WHERE id = 20; DELETE FROM folders WHERE name = 'd' AND id = 0")
    report = case.restored(half, archive, "--ids", "assign")
    assert counts(report, "folders") == {"read": DEPTH + 5, "inserted": 12, "updated": 1, "unchanged": 22}
    report = case.restored(half, archive, "--mode", "mirror")
    assert (report["tables"]["folders"]["deleted"], report["tables"]["docs"]["deleted"]) == (1, 1)
    assert fingerprint(half) == fingerprint(source)


def test_rows_below_rows_that_only_the_target_has(case: Case) -> None:
    source = case.database(TREE, rows(0))
    archive = case.archive(source)
    target = case.database(TREE, rows(5))
    case.run(target, "DELETE FROM comments")
    report = case.restored(target, archive, "--tables", "comments")
    assert report["tables"]["comments"]["references"] == {"resolved": 5, "dangling": 0, "unresolved": 0}
    assert fingerprint(target) == fingerprint(source)
