"""The real EDMS data is the same on every product, so that what other tests compare was the same to begin with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests import edms_data
from tests.conftest import NewDatabase
from tests.servers import PRODUCTS, Database

Load = Callable[[Database], None]


def count_rows(database: Database) -> dict[str, int]:
    metadata = sa.MetaData()
    engine = database.engine()
    metadata.reflect(engine)
    with engine.connect() as connection:
        return {
            name: connection.scalars(sa.select(sa.func.count()).select_from(table)).one()
            for name, table in metadata.tables.items()
            if name != "sqlite_sequence"
        }


@pytest.mark.parametrize(
    "load, users, audit",
    [(edms_data.load_live, 7, 107), (edms_data.load_reinit, 15, 0)],
    ids=["live", "reinit"],
)
def test_every_product_has_the_same_number_of_rows_in_every_table(
    new_database: NewDatabase, load: Load, users: int, audit: int
) -> None:
    counts = {}
    for product in PRODUCTS:
        database = new_database(product)
        load(database)
        counts[product] = count_rows(database)
    assert len(counts["sqlite"]) == 82
    assert counts["sqlite"] == counts["postgresql"] == counts["mariadb"]
    assert counts["sqlite"]["users"] == users
    assert counts["sqlite"]["audit_trail"] == audit


def test_keys_and_foreign_keys_are_those_of_the_schema(database: Database) -> None:
    edms_data.load_live(database)
    metadata = sa.MetaData()
    metadata.reflect(database.engine())
    for name, facts in edms_data.tables().items():
        table = metadata.tables[name]
        keys = {
            (tuple(key.column_keys), key.referred_table.name, tuple(e.column.name for e in key.elements))
            for key in table.foreign_key_constraints
        }
        assert list(table.primary_key.columns.keys()) == facts["primary_key"]
        assert {c.name: c.nullable for c in table.columns} == {
            column: column_facts["nullable"] for column, column_facts in facts["columns"].items()
        }
        assert keys == {
            (tuple(key["columns"]), key["references"], tuple(key["referred_columns"])) for key in facts["foreign_keys"]
        }


def test_unique_constraints_are_those_of_the_schema(database: Database) -> None:
    edms_data.load_live(database)
    with database.engine().connect() as connection:
        found = sa.inspect(connection).get_multi_unique_constraints()
    uniques = {name: {tuple(u["column_names"]) for u in rows} for (_, name), rows in found.items()}
    for name, facts in edms_data.tables().items():
        assert uniques[name] == {tuple(columns) for columns in facts["unique"]}


def test_sqlite_has_no_dangling_foreign_key(new_database: NewDatabase) -> None:
    database = new_database("sqlite")
    edms_data.load_live(database)
    assert database.fetch("PRAGMA foreign_key_check") == []


NEXT_ID = {
    "postgresql": "SELECT nextval('audit_configurations_id_seq')",
    "mariadb": "SELECT auto_increment FROM information_schema.tables"
    " WHERE table_schema = database() AND table_name = 'audit_configurations'",
    "sqlite": "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'audit_configurations'",
}


def test_the_next_id_is_that_of_the_dump(database: Database) -> None:
    edms_data.load_live(database)
    assert database.fetch(NEXT_ID[database.product]) == [(436,)]


def test_values_are_stored_as_the_application_stores_them(database: Database) -> None:
    edms_data.load_live(database)
    [(uuid, is_staff, joined)] = database.fetch(
        "SELECT uuid, is_staff, date_joined FROM users WHERE username = 'author01'"
    )
    assert len(str(uuid)) == (32 if database.product == "sqlite" else 36)
    assert is_staff in (0, 1)
    assert str(joined).startswith("20")


@pytest.mark.parametrize(
    "text, number",
    [
        ("00:05:00", 300_000_000),
        ("2 days", 172_800_000_000),
        ("1 day 00:00:00.000001", 86_400_000_001),
        ("-1 days +00:00:01", None),
        ("-00:00:00.5", -500_000),
        ("1 mon", None),
    ],
)
def test_intervals_become_microseconds(text: str, number: int | None) -> None:
    if number is None:
        with pytest.raises(ValueError, match="interval"):
            edms_data.microseconds(text)
    else:
        assert edms_data.microseconds(text) == number
