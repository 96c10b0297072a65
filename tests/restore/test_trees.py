"""Natural keys that run through the table itself: folders by parent and name, and what lies in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
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


# --- roots ----------------------------------------------------------------------------------------------------------

NODES = """
CREATE TABLE nodes (id {id}, up {ref} NOT NULL, name varchar(20) NOT NULL, UNIQUE (id, up),
    FOREIGN KEY (up) REFERENCES nodes (id));
CREATE TABLE notes (id {id}, code varchar(20) NOT NULL UNIQUE, node_id {ref}, node_up {ref},
    FOREIGN KEY (node_id, node_up) REFERENCES nodes (id, up));
"""


def test_a_row_that_is_its_own_parent_is_a_root(case: Case) -> None:
    source, target = case.database(NODES), case.database(NODES)
    case.without_foreign_keys(
        source,
        "INSERT INTO nodes (id, up, name) VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 2, 'x'), (4, 4, 'y');"
        "INSERT INTO notes (id, code, node_id, node_up) VALUES (1, 'a', 4, 4), (2, 'b', 3, 2), (3, 'c', 1, 1)",
    )
    case.without_foreign_keys(target, "INSERT INTO nodes (id, up, name) VALUES (2, 2, 'x'), (1, 2, 'x')")
    keys = case.registry("nodes: {key: [up, name]}")
    archive = case.archive(source, "--registry", keys)
    report = case.restored(target, archive, "--ids", "assign")
    assert counts(report, "nodes") == {"read": 4, "inserted": 2, "unchanged": 2}
    assert call("diff", archive, target.url, "--registry", keys).exit_code == 0
    assert call("verify", archive).exit_code == 0
    assert target.fetch("SELECT count(*) FROM nodes WHERE id = up") == [(2,)]


def test_rows_without_a_root_and_roots_called_alike_are_refused(case: Case, tmp_path: Path) -> None:
    source = case.database(
        TREE, "INSERT INTO folders (id, parent_id, name) VALUES (1, NULL, 'a'), (2, 1, 'b'), (3, 2, 'c')"
    )
    case.without_foreign_keys(source, "UPDATE folders SET parent_id = 3 WHERE id = 2")
    refused = call("create", "--db", source.url, "-o", tmp_path / "ring.tar")
    assert refused.exit_code == 2
    assert "rows of table folders have no root above them" in refused.stderr
    assert "id = 2, parent_id = 3, name = b" in refused.stderr
    assert not (tmp_path / "ring.tar").exists()
    assert call("fingerprint", source.url).exit_code == 2
    folders = next(
        t for t in call("inventory", "--db", source.url, "--json").document["tables"] if t["name"] == "folders"
    )
    assert "no root above them" in folders["problems"][0]

    case.run(source, "UPDATE folders SET parent_id = NULL, name = 'a' WHERE id = 2")
    refused = call("create", "--db", source.url, "-o", tmp_path / "twins.tar")
    assert "2 rows of table folders have the same natural key (parent_id = [], name = a)" in refused.stderr


def test_roots_called_alike_in_the_target_are_ambiguous(case: Case) -> None:
    rows_of_source = "INSERT INTO folders (id, parent_id, name) VALUES (1, NULL, 'a'), (2, 1, 'b'), (3, NULL, 'c');"
    source = case.database(TREE, rows_of_source + "INSERT INTO docs (id, folder_id, title) VALUES (1, 2, 'd')")
    target = case.database(
        TREE,
        "INSERT INTO folders (id, parent_id, name) VALUES (1, NULL, 'a'), (2, NULL, 'a'), (3, 2, 'b'), (4, NULL, 'c')",
    )
    refused = case.refused(target, case.archive(source))
    assert "several rows with this key" in refused.problem("ambiguous-key", "folders", [[], "a"])["message"]
    below = refused.problem("ambiguous-key", "folders", [["a"], "b"])
    assert below["message"].endswith('parent_id refers to folders [[], "a"], which several rows of the target have')
    assert refused.document["tables"]["folders"]["unchanged"] == 1


# --- what a tree is made of -------------------------------------------------------------------------------------------

VALUES = {
    "sqlite": ("b blob, r real, n varchar(9)", "x'00ff'", "x'00'"),
    "postgresql": ("b bytea, r double precision, n money", "'\\x00ff'", "'1.5'"),
    "mariadb": ("b varbinary(9), r double, n enum('', 'é') CHARACTER SET latin1", "x'00ff'", "'é'"),
}
GROVE = """
CREATE TABLE tenants (id {id}, name varchar(20) NOT NULL UNIQUE);
CREATE TABLE kinds (id {id}, parent_id {ref} REFERENCES kinds (id), name varchar(20) NOT NULL,
    UNIQUE (parent_id, name));
CREATE TABLE nodes (id {id}, tenant_id {ref} NOT NULL REFERENCES tenants (id), up {ref}, kind_id {ref}, COLUMNS,
    UNIQUE (tenant_id, id), FOREIGN KEY (tenant_id, up) REFERENCES nodes (tenant_id, id),
    FOREIGN KEY (kind_id) REFERENCES kinds (id));
CREATE TABLE leaves (id {id}, code varchar(20) NOT NULL UNIQUE, tenant_id {ref} NOT NULL, node_id {ref},
    FOREIGN KEY (tenant_id, node_id) REFERENCES nodes (tenant_id, id));
"""


def grove(bytes_: str, odd: str, shift: int) -> str:
    a, b = shift + 1, shift + 2
    return f"""
        INSERT INTO tenants (id, name) VALUES ({a}, 'one'), ({b}, 'two');
        INSERT INTO kinds (id, parent_id, name) VALUES ({a}, NULL, 'k'), ({b}, {a}, 'k');
        INSERT INTO nodes (id, tenant_id, up, kind_id, b, r, n) VALUES
            ({a}, {a}, NULL, {b}, {bytes_}, 0.30000000000000004, {odd}),
            ({b}, {b}, NULL, {b}, {bytes_}, 0.30000000000000004, {odd}),
            ({shift + 3}, {b}, {b}, {a}, NULL, 1e300, NULL),
            ({shift + 4}, {b}, {shift + 3}, NULL, NULL, NULL, NULL),
            ({shift + 5}, {b}, {shift + 4}, {a}, {bytes_}, -1, {odd});
        INSERT INTO leaves (id, code, tenant_id, node_id) VALUES ({a}, 'x', {a}, {a}), ({b}, 'y', {b}, {shift + 5});
    """


def test_a_tree_by_tenant_and_by_another_tree_and_by_values_of_all_forms(case: Case) -> None:
    columns, bytes_, odd = VALUES[case.product]
    schema = GROVE.replace("COLUMNS", columns)
    keys = case.registry("nodes: {key: [tenant_id, up, kind_id, b, r, n]}")
    source = case.database(schema, grove(bytes_, odd, 0))
    archive = case.archive(source, "--registry", keys)
    target = case.database(schema, grove(bytes_, odd, 7) + "DELETE FROM leaves")
    assert counts(case.restored(target, archive, "--tables", "leaves"), "leaves") == {"read": 2, "inserted": 2}
    assert call("diff", archive, target.url, "--registry", keys).exit_code == 0
    case.run(target, "DELETE FROM leaves; DELETE FROM nodes WHERE id = 12")
    assert counts(case.restored(target, archive, again=False), "nodes") == {"read": 5, "inserted": 1, "unchanged": 4}
    assert call("diff", archive, target.url, "--registry", keys).exit_code == 0


def test_text_that_is_no_utf_8_in_the_key_of_a_tree(new_database: NewDatabase, tmp_path: Path) -> None:
    source, target = new_database("sqlite"), new_database("sqlite")
    for database in (source, target):
        database.execute_script(
            "CREATE TABLE f (id integer PRIMARY KEY, up int REFERENCES f, name text, UNIQUE (up, name))"
        )
    broken = "CAST(x'61ff00' AS TEXT)"
    source.execute_script(f"INSERT INTO f VALUES (1, NULL, {broken}), (2, 1, {broken}), (3, 2, 'c')")
    target.execute_script(f"INSERT INTO f VALUES (7, NULL, {broken})")
    archive = tmp_path / "broken.tar"
    assert call("create", "--db", source.url, "-o", archive).exit_code == 0
    report = call("restore", archive, "--db", target.url, "--json").document
    assert counts(report, "f") == {"read": 3, "inserted": 2, "unchanged": 1}
    assert call("diff", source.url, target.url).exit_code == 0
