"""References of every kind, into databases where the ids mean other rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.options import Source
from tests.restore.helpers import Case, counts
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
