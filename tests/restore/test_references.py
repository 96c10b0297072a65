"""References of every kind, into databases where the ids mean other rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.options import Source
from tests.restore.helpers import Case, call, counts, error_line
from tests.servers import Database


@pytest.fixture
def case(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> Case:
    return Case(product, database_factory, tmp_path)


# --- references of several columns ------------------------------------------------------------------------------------

TENANTS = """
CREATE TABLE tenants (id {id}, code varchar(20) NOT NULL UNIQUE);
CREATE TABLE people (id {id}, tenant_id {ref} NOT NULL, name varchar(20) NOT NULL UNIQUE,
    UNIQUE (tenant_id, id), FOREIGN KEY (tenant_id) REFERENCES tenants (id));
"""
DOCS = """
CREATE TABLE docs (id {id}, tenant_id {ref}, num varchar(20) NOT NULL UNIQUE, author_id {ref}, reviewer_id {ref}{more});
"""
TWO_KEYS = DOCS.replace(
    "{more}",
    """, FOREIGN KEY (tenant_id, author_id) REFERENCES people (tenant_id, id),
    FOREIGN KEY (tenant_id, reviewer_id) REFERENCES people (tenant_id, id)""",
)
PEOPLE = """
INSERT INTO tenants (id, code) VALUES (1, 'A'), (2, 'B');
INSERT INTO people (id, tenant_id, name) VALUES (1, 1, 'ann'), (2, 1, 'bob'), (3, 2, 'eve');
"""
WHOSE = """
SELECT num, t.code, a.name, r.name FROM docs d LEFT JOIN tenants t ON t.id = d.tenant_id
LEFT JOIN people a ON a.id = d.author_id LEFT JOIN people r ON r.id = d.reviewer_id ORDER BY num
"""


def test_two_composite_references_share_a_column(case: Case) -> None:
    """Either may be off: what is left of it still names the same tenant and the same person."""
    source = case.database(
        TENANTS + TWO_KEYS,
        PEOPLE,
        "INSERT INTO docs (id, num, tenant_id, author_id, reviewer_id) VALUES (1, 'both', 1, 1, 2),"
        "(2, 'author', 1, 1, NULL), (3, 'reviewer', 1, NULL, 2), (4, 'tenant', 2, NULL, NULL),"
        "(5, 'nothing', NULL, NULL, NULL), (6, 'nobody''s', NULL, 3, NULL)",
    )
    target = case.database(
        TENANTS + TWO_KEYS,
        "INSERT INTO tenants (id, code) VALUES (1, 'B'), (2, 'C'), (3, 'A');"
        "INSERT INTO people (id, tenant_id, name) VALUES (1, 1, 'eve'), (2, 3, 'ann'), (3, 3, 'zed')",
    )
    archive = case.archive(source)
    report = case.restored(target, archive)
    assert counts(report, "docs") == {"read": 6, "inserted": 6}
    assert target.fetch(WHOSE) == source.fetch(WHOSE)
    fingerprints = [api.fingerprint(side).tables["docs"] for side in (archive, Source(source.url), Source(target.url))]
    assert fingerprints[0] == fingerprints[1] == fingerprints[2]


def test_a_pair_that_the_target_would_refuse(case: Case) -> None:
    """The author is there and the tenant too, but the author belongs to another one here."""
    source = case.database(
        TENANTS + TWO_KEYS, PEOPLE, "INSERT INTO docs (num, tenant_id, author_id) VALUES ('D', 1, 1), ('E', 2, 3)"
    )
    archive = case.archive(source)
    moved = "INSERT INTO tenants (id, code) VALUES (1, 'A'), (2, 'B');"
    moved += "INSERT INTO people (id, tenant_id, name) VALUES (1, 2, 'ann'), (3, 2, 'eve')"
    target = case.database(TENANTS + TWO_KEYS, moved)
    refused = case.refused(target, archive, "--tables", "docs")
    assert "tenant_id, author_id" in refused.problem("unresolved-reference", "docs", ["D"])["message"]
    assert counts(refused.document, "docs") == {"read": 2, "inserted": 1, "failed": 1}
    # Where the person comes along, the pair is right.
    assert counts(case.restored(target, archive), "people") == {"read": 3, "inserted": 1, "updated": 1, "unchanged": 1}
    assert target.fetch(WHOSE) == source.fetch(WHOSE)


NUMBERED = """
CREATE TABLE people (tenant_id {ref} NOT NULL, no integer NOT NULL, name varchar(20) NOT NULL UNIQUE,
    PRIMARY KEY (tenant_id, no), FOREIGN KEY (tenant_id) REFERENCES tenants (id));
"""


def test_a_composite_reference_to_nothing_is_not_taken_for_one_of_its_columns(case: Case) -> None:
    """The tenant exists, and person 9 of another tenant; person 9 of this tenant does not."""
    schema = TENANTS.partition(");")[0] + ");" + NUMBERED + DOCS.replace("{more}", "")
    reference = "{columns: [tenant_id, author_id], table: people, referred_columns: [tenant_id, no]}"
    keys = case.registry(f"people: {{key: [name]}}\ndocs: {{key: [num], references: [{reference}]}}")
    rows = "INSERT INTO tenants (id, code) VALUES (1, 'A'), (2, 'B'); INSERT INTO people VALUES (1, 1, 'ann')"
    source = case.database(schema, rows, "INSERT INTO docs (num, tenant_id, author_id) VALUES ('D', 1, 1), ('E', 1, 9)")
    archive = case.archive(source, "--registry", keys)
    target = case.database(schema, "INSERT INTO tenants (id, code) VALUES (1, 'B'), (2, 'A')")
    case.run(target, "INSERT INTO people VALUES (1, 9, 'eve')")
    report = case.restored(target, archive)
    assert report["tables"]["docs"]["references"] == {"resolved": 3, "dangling": 1, "unresolved": 0}
    assert target.fetch("SELECT num, tenant_id, author_id FROM docs ORDER BY 1") == [("D", 2, 1), ("E", 2, 9)]
    # A stranger who has taken that place is no such person.
    taken = case.database(schema, "INSERT INTO tenants (id, code) VALUES (1, 'B'), (2, 'A')")
    case.run(taken, "INSERT INTO people VALUES (2, 9, 'eve')")
    assert case.refused(taken, archive).problem("dangling-reference", "docs", ["E"])["column"] == "author_id"


NODES = """
CREATE TABLE nodes (id {id}, tenant_no integer NOT NULL, name varchar(20) NOT NULL, parent_id {ref},
    UNIQUE (tenant_no, name), UNIQUE (tenant_no, id),
    FOREIGN KEY (tenant_no, parent_id) REFERENCES nodes (tenant_no, id));
"""


def test_a_column_that_a_row_and_its_parent_share_is_the_rows_own(case: Case) -> None:
    source = case.database(
        NODES, "INSERT INTO nodes VALUES (1, 1, 'r', NULL), (2, 1, 'a', 1), (3, 1, 'b', 2), (4, 2, 'r', NULL)"
    )
    target = case.database(NODES, "INSERT INTO nodes VALUES (1, 1, 'b', NULL), (2, 2, 'r', NULL)")
    report = case.restored(target, case.archive(source))
    assert counts(report, "nodes") == {"read": 4, "inserted": 2, "updated": 1, "unchanged": 1}
    tree = "SELECT n.tenant_no, n.name, p.name FROM nodes n LEFT JOIN nodes p ON p.id = n.parent_id ORDER BY 1, 2"
    assert target.fetch(tree) == source.fetch(tree)


OWN_NUMBER = {
    "postgresql": "id bigint GENERATED BY DEFAULT AS IDENTITY, PRIMARY KEY (tenant_id, id)",
    "mariadb": "id bigint AUTO_INCREMENT, PRIMARY KEY (tenant_id, id), KEY (id)",
}


@pytest.mark.parametrize("product", ["postgresql", "mariadb"])
def test_an_id_of_the_database_within_a_composite_primary_key(case: Case) -> None:
    """It is free to change as any other; all that refers to it follows."""
    schema = f"""
    CREATE TABLE tenants (id {{id}}, code varchar(20) NOT NULL UNIQUE);
    CREATE TABLE people (tenant_id {{ref}} NOT NULL, {OWN_NUMBER[case.product]}, name varchar(20) NOT NULL,
        boss_id {{ref}}, UNIQUE (tenant_id, name), FOREIGN KEY (tenant_id) REFERENCES tenants (id),
        FOREIGN KEY (tenant_id, boss_id) REFERENCES people (tenant_id, id));
    """
    tenants = "INSERT INTO tenants (id, code) VALUES (1, 'A'), (2, 'B');"
    people = "INSERT INTO people (tenant_id, id, name, boss_id) VALUES"
    source = case.database(
        schema, tenants, f"{people} (1, 1, 'ann', NULL), (1, 2, 'bob', 1), (2, 3, 'ann', NULL), (2, 4, 'cid', 3)"
    )
    target = case.database(
        schema,
        tenants.replace("(1, 'A'), (2, 'B')", "(1, 'B'), (2, 'A')"),
        f"{people} (2, 1, 'bob', NULL), (1, 3, 'zed', NULL)",
    )
    report = case.restored(target, case.archive(source))
    assert counts(report, "people") == {"read": 4, "inserted": 3, "updated": 1}
    bosses = """
    SELECT t.code, p.name, b.name FROM people p JOIN tenants t ON t.id = p.tenant_id
    LEFT JOIN people b ON b.tenant_id = p.tenant_id AND b.id = p.boss_id WHERE p.name <> 'zed' ORDER BY 1, 2
    """
    assert target.fetch(bosses) == source.fetch(bosses)


# --- references to unique columns that are not the id -----------------------------------------------------------------

BY_ALT = """
CREATE TABLE things (id {id}, code varchar(20) NOT NULL UNIQUE, alt varchar(20) UNIQUE);
CREATE TABLE uses (id {id}, n varchar(9) NOT NULL UNIQUE, alt varchar(20), CHECK (n < '3' OR alt IS NOT NULL),
    FOREIGN KEY (alt) REFERENCES things (alt){action});
"""
ALT_ROWS = """
INSERT INTO things (id, code, alt) VALUES (1, 'a', 'new'), (2, 'b', NULL), (3, 'c', 'c'), (4, 'd', 'd');
INSERT INTO uses (id, n, alt) VALUES (1, '1', 'new'), (2, '2', NULL), (3, '3', 'd');
"""


def test_a_unique_column_that_changes_while_rows_refer_to_it(case: Case) -> None:
    schema = BY_ALT.replace("{action}", " ON UPDATE CASCADE" if case.product == "postgresql" else "")
    keys = case.registry("things: {key: [code]}\nuses: {key: [n]}")
    archive = case.archive(case.database(schema, ALT_ROWS), "--registry", keys)
    old = "INSERT INTO things (id, code, alt) VALUES (1, 'a', 'old'), (3, 'c', 'c'), (4, 'd', 'd');"
    # The last goes from one row to another that are both as they were: it is never empty, which its CHECK forbids.
    old += "INSERT INTO uses (id, n, alt) VALUES (7, '1', 'old'), (8, '3', 'c')"
    target = case.database(schema, old)
    report = case.restored(target, archive)
    assert counts(report, "things") == {"read": 4, "inserted": 1, "updated": 1, "unchanged": 2}
    assert counts(report, "uses") == {"read": 3, "inserted": 1, "updated": 2}
    assert target.fetch("SELECT n, alt FROM uses ORDER BY n") == [("1", "new"), ("2", None), ("3", "d")]
    # A row that the archive does not have is not changed, whatever the foreign key would do.
    stranger = case.database(schema, old.replace("'1'", "'9'"))
    refused = case.refused(stranger, archive)
    assert "uses refers to the old value (alt)" in refused.problem("still-referenced", "things", ["a"])["message"]


# --- cycles -----------------------------------------------------------------------------------------------------------

RING = (("a", "b"), ("b", "c"), ("c", "a"))


def ring(product: str, empty: str = "", late: str = "") -> str:
    """Three tables in a circle; the reference of the table `empty` may be empty."""
    tables, keys = "", ""
    for name, other in RING:
        key = f"FOREIGN KEY (r) REFERENCES {other} (id){late}"
        required = "" if name == empty else " NOT NULL"
        own = f", {key}" if product == "sqlite" else ""
        tables += f"CREATE TABLE {name} (id {{id}}, code varchar(9) NOT NULL UNIQUE, r {{ref}}{required}{own});"
        keys += f"ALTER TABLE {name} ADD CONSTRAINT of_{name} {key};"
    return tables if product == "sqlite" else tables + keys


RING_ROWS = """
INSERT INTO a (id, code, r) VALUES (1, 'a1', 5), (2, 'a2', 6);
INSERT INTO b (id, code, r) VALUES (5, 'b5', 9), (6, 'b6', 8);
INSERT INTO c (id, code, r) VALUES (8, 'c8', 1), (9, 'c9', 2);
"""
OTHER_RING = """
INSERT INTO a (id, code, r) VALUES (5, 'a1', 1), (2, 'ax', 1); INSERT INTO b (id, code, r) VALUES (1, 'b5', 8);
INSERT INTO c (id, code, r) VALUES (8, 'c9', 5);
"""
AROUND = (
    "SELECT a.code, b.code, c.code FROM a JOIN b ON b.id = a.r JOIN c ON c.id = b.r WHERE a.code <> 'ax' ORDER BY 1"
)


def test_a_ring_of_tables_where_one_reference_may_be_empty(case: Case) -> None:
    schema = ring(case.product, empty="b")
    source, target = case.database(schema), case.database(schema)
    case.without_foreign_keys(source, RING_ROWS)
    case.without_foreign_keys(target, OTHER_RING)
    case.restored(target, case.archive(source))
    assert target.fetch(AROUND) == source.fetch(AROUND)


def test_a_ring_of_tables_where_none_may_be_empty(case: Case) -> None:
    """Foreign keys that are checked at commit allow it; else the ring is named, where there is a row to insert."""
    schema = ring(case.product, late=" DEFERRABLE" if case.product == "postgresql" else "")
    source, target = case.database(schema), case.database(schema)
    nothing = case.archive(source)
    assert case.restored(target, nothing)["totals"]["read"] == 0
    case.without_foreign_keys(source, RING_ROWS)
    archive = case.archive(source)
    case.without_foreign_keys(target, OTHER_RING)
    if case.product == "mariadb":
        refused = call("restore", archive, "--db", target.url, "--quiet")
        assert refused.exit_code == 4
        assert "the tables a → c → b → a need each other" in error_line(refused)
    else:
        case.restored(target, archive)
        assert target.fetch(AROUND) == source.fetch(AROUND)


# --- polymorphic references -------------------------------------------------------------------------------------------

AUDIT = """
CREATE TABLE kinds (id {id}, label varchar(20) NOT NULL UNIQUE);
CREATE TABLE docs (id {id}, num varchar(20) NOT NULL UNIQUE);
CREATE TABLE audit (id {id}, code varchar(20) NOT NULL UNIQUE, kind_id {ref}, object_id varchar(40));
"""
AUDIT_KEYS = """
docs: {label: app.doc}
audit: {references: [{columns: [kind_id], table: kinds}, {columns: [kind_id, object_id], polymorphic: kinds}]}
"""
AUDIT_ROWS = """
INSERT INTO kinds (id, label) VALUES (1, 'app.doc');
INSERT INTO docs (id, num) VALUES (1234567890123456789, 'D'), (9223372036854775807, 'E');
INSERT INTO audit (id, code, kind_id, object_id) VALUES (1, 'D', 1, '1234567890123456789'),
    (2, 'E', 1, '9223372036854775807'),
    (3, 'text', 1, 'b6d1-4711'), (4, 'long', 1, '99999999999999999999'), (5, 'over', 1, '9223372036854775808'),
    (6, 'empty', 1, ''), (7, 'zero', 1, '01'), (8, 'negative', 1, '-5');
"""


def test_ids_in_text_that_are_none(case: Case) -> None:
    """Any text may stand there; it is dangling, not an error, and the largest ids are found."""
    archive = case.archive(case.database(AUDIT, AUDIT_ROWS), "--registry", case.registry(AUDIT_KEYS))
    target = case.database(AUDIT, "INSERT INTO docs (id, num) VALUES (1, 'E'), (2, 'D')")
    report = case.restored(target, archive)
    assert report["tables"]["audit"]["references"] == {"resolved": 10, "dangling": 6, "unresolved": 0}
    ids = [row[0] for row in target.fetch("SELECT object_id FROM audit ORDER BY id")]
    assert ids == ["2", "1", "b6d1-4711", "99999999999999999999", "9223372036854775808", "", "01", "-5"]


@pytest.mark.parametrize("ids, kind", [("preserve", "varchar(40)"), ("assign", "integer")])
def test_no_new_row_gets_the_number_of_one_that_is_missed(case: Case, ids: str, kind: str) -> None:
    schema = AUDIT.replace("varchar(40)", kind)
    source = case.database(
        schema,
        "INSERT INTO kinds (id, label) VALUES (1, 'app.doc'); INSERT INTO docs (id, num) VALUES (1, 'D'), (2, 'E');"
        "INSERT INTO audit (id, code, kind_id, object_id) VALUES (1, 'a', 1, 1), (2, 'b', 1, 5), (3, 'c', 1, 7)",
    )
    archive = case.archive(source, "--registry", case.registry(AUDIT_KEYS))
    target = case.database(schema, "INSERT INTO docs (id, num) VALUES (1, 'first'), (2, 'second'), (3, 'third')")
    report = case.restored(target, archive, "--ids", ids)
    assert report["tables"]["audit"]["references"] == {"resolved": 4, "dangling": 2, "unresolved": 0}
    new = [row[0] for row in target.fetch("SELECT id FROM docs WHERE num IN ('D', 'E') ORDER BY num")]
    assert new == [8, 9]
    assert [str(row[0]) for row in target.fetch("SELECT object_id FROM audit ORDER BY id")] == ["8", "5", "7"]


@pytest.mark.parametrize("product", ["postgresql", "mariadb"])
def test_a_uuid_that_a_stranger_has_is_replaced(case: Case) -> None:
    """And a polymorphic reference follows to the new one."""
    schema = AUDIT.replace("docs (id {id},", "docs (id uuid PRIMARY KEY,")
    one, two = "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc965ff"
    source = case.database(
        schema,
        f"INSERT INTO docs (id, num) VALUES ('{one}', 'D'), ('{two}', 'E');"
        "INSERT INTO kinds (id, label) VALUES (1, 'app.doc');"
        f"INSERT INTO audit (id, code, kind_id, object_id) VALUES (1, 'a', 1, '{one}'), (2, 'b', 1, '{two}')",
    )
    archive = case.archive(source, "--registry", case.registry(AUDIT_KEYS))
    target = case.database(schema, f"INSERT INTO docs (id, num) VALUES ('{one}', 'stranger')")
    assert counts(case.restored(target, archive), "docs") == {"read": 2, "inserted": 2}
    ids = {row[0]: str(row[1]) for row in target.fetch("SELECT num, id FROM docs")}
    assert ids["E"] == two
    assert ids["D"] not in (one, two)
    assert [row[0] for row in target.fetch("SELECT object_id FROM audit ORDER BY id")] == [ids["D"], ids["E"]]
