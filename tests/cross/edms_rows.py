"""Generated rows for all tables of the real EDMS's schema, with the extremes that every product can hold."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from edms_backup.config.registry_file import read_registry
from tests import edms_data
from tests.servers import Database

ROWS = 5
"""Rows of a table; fewer where its unique keys do not allow as many."""

TEXTS = (
    *("", " ", "a'b\"c`d\\e%f:g", "ends in blanks  ", "two\nlines\r\nand a\ttab", "Grüße, 😀, 中文, \u2028, \u200d"),
    *("null", "NULL", "\\N", "0012", "1e5", "true", "2025-01-31 12:34:56", '{"a":1}'),
    "550E8400-E29B-41D4-A716-446655440000",
)
DOCUMENTS = (
    *("{}", "[]", "null", '"text"', "1.50", "12345678901234567890123", "-0.1e-3", "true", " [ 1,2 ] "),
    *('{"b": [1.0, 2.50, 1e2], "a": {"ü": "\\u00fc\\ud83d\\ude00", "$raw": 1}}', '{"$json": "x"}'),
    '{"long": "' + "x" * 5000 + '"}',
)
ADDRESSES = ("127.0.0.1", "255.255.255.255", "::1", "2001:db8::ff00:42:8329", "::ffff:10.0.0.1")
INTEGERS = (0, 1, 7, 2**31 - 1)
FLOATS = (0.0, 0.1, -1.5, 1e-300, 1.7976931348623157e308, 123456789.12345679, 3.0)
DECIMALS = ("0", "12.5", "-999.999999", "0.000001", "100")
SPANS = (0, 1, -1, 3_600_000_000, 86_400_000_000 * 366 + 5, -86_400_000_000)
MOMENTS = (
    *("0001-01-01 00:00:00", "1970-01-01 00:00:00", "2025-03-30 02:30:00.000001", "2025-01-31 12:34:56.500000"),
    "9999-12-31 23:59:59.999999",
)
DAYS = ("0001-01-01", "2024-02-29", "9999-12-31")


class Generator:
    """Rows as SQLite stores them, the same at every run."""

    def __init__(self) -> None:
        self._schema = edms_data.tables()
        self._registry = read_registry("edms")
        self._random = random.Random(1)  # noqa: S311
        self._labels = {
            rule.label: name for name, rule in self._registry.tables.items() if rule.label and rule.key != ("*",)
        }
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for name in self._schema:
            self._fill(name)

    def _fill(self, name: str) -> None:
        """Generate a table after those that it cannot do without."""
        if name in self.rows:
            return
        table = self._schema[name]
        for key in table["foreign_keys"]:
            if key["references"] != name and not table["columns"][key["columns"][0]]["nullable"]:
                self._fill(key["references"])
        rows = self.rows.setdefault(name, [])
        uniques = [tuple(columns) for columns in table["unique"]]
        declared = self._registry.tables[name].key
        if declared not in (None, ("*",)):
            uniques.append(tuple(declared or ()))
        if name == "notification_templates":
            uniques.append(("template_type", "event_type"))
        unique_columns = {column for columns in [*uniques, table["primary_key"]] for column in columns}
        for number in range(ROWS * 4):
            row = self._row(name, number, unique_columns)
            fresh = all(
                len({tuple(other[c] for c in columns) for other in (*rows, row)}) > len(rows) for columns in uniques
            )
            if fresh and len(rows) < ROWS:
                rows.append(row)

    def _row(self, name: str, number: int, unique: set[str]) -> dict[str, Any]:
        table = self._schema[name]
        references = {key["columns"][0]: key for key in table["foreign_keys"]}
        row: dict[str, Any] = {}
        for column, facts in table["columns"].items():
            if facts.get("identity"):
                row[column] = 1000 + 3 * number
            elif column in references:
                key = references[column]
                there = [other[key["referred_columns"][0]] for other in self.rows.get(key["references"], ())]
                row[column] = self._pick(there, nullable=facts["nullable"])
            elif facts["nullable"] and column not in unique and self._random.random() < 0.3:
                row[column] = None
            else:
                row[column] = self._value(column, facts["type"], number, unique=column in unique)
        if name == "document_dependencies" and row["document_id"] == row["depends_on_id"]:
            row["depends_on_id"] = next(d["id"] for d in self.rows["documents"] if d["id"] != row["document_id"])
        if name == "django_content_type":
            label = sorted(label for label in self._labels if label.count(".") == 1)[number * 3]
            row["app_label"], row["model"] = label.split(".")
        if "object_id" in row and row.get("content_type_id") is not None:
            row["object_id"] = self._object(row["content_type_id"])
        return row

    def _object(self, type_id: int) -> str:
        """The id of a row that a polymorphic reference points to, or of one that is gone."""
        (kind,) = (t for t in self.rows["django_content_type"] if t["id"] == type_id)
        there = self.rows.get(self._labels[f"{kind['app_label']}.{kind['model']}"], ())
        return str(self._random.choice([*(row["id"] for row in there if "id" in row), 987_654_321]))

    def _pick(self, values: Sequence[Any], *, nullable: bool) -> Any:
        return None if nullable and (not values or self._random.random() < 0.3) else self._random.choice(values)

    def _value(self, column: str, native: str, number: int, *, unique: bool) -> Any:
        choose = self._random.choice
        family, _, arguments = native.partition("(")
        if family in ("VARCHAR", "TEXT"):
            length = int(arguments.rstrip(")") or 70_000)
            # MariaDB's collation takes texts for equal that differ in case, accents or emoji.
            text = f"{column}-{number}" if unique else choose((*TEXTS, "x" * min(length, 30_000)))
            return text[:length]
        if column.startswith("version_m"):
            return 1 + number
        pools: Mapping[str, Sequence[Any]] = {
            "BOOLEAN": (0, 1),
            "JSONB": DOCUMENTS,
            "INET": ADDRESSES,
            "INTEGER": INTEGERS,
            "BIGINT": (*INTEGERS, 2**63 - 1),
            "DOUBLE PRECISION": FLOATS,
            "NUMERIC": DECIMALS,
            "INTERVAL": SPANS,
            "TIMESTAMP WITH TIME ZONE": MOMENTS,
            "DATE": DAYS,
            "TIME WITHOUT TIME ZONE": ("00:00:00", "23:59:59.999999", "12:30:00.5"),
        }
        if family == "UUID":
            return UUID(int=self._random.getrandbits(128)).hex
        if family == "SMALLINT" or (unique and family == "INTEGER"):
            return number
        if unique and family == "TIMESTAMP WITH TIME ZONE":
            return f"2025-01-{number + 1:02} 12:00:00"
        return choose(pools[family])


def fill(database: Database) -> int:
    """Make the EDMS's tables in an empty SQLite database, with generated rows; returns how many."""
    create(database)
    rows = Generator().rows
    dialect = edms_data.DIALECTS["sqlite"]
    with database.raw_connection() as connection:
        connection.execute(dialect.without_foreign_keys)
        for name, its_rows in rows.items():
            statement = dialect.insert(name, tuple(edms_data.tables()[name]["columns"]))
            connection.executemany(statement, [tuple(row.values()) for row in its_rows])
        connection.commit()
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    return sum(map(len, rows.values()))


def create(database: Database) -> None:
    """Make the EDMS's tables as Django does on this product, without rows."""
    if database.product == "postgresql":
        with database.raw_connection() as connection:
            for part in edms_data.parse_dump(edms_data.folder() / "data" / "live.pg.sql"):
                if isinstance(part, str):
                    connection.execute(part)
            connection.commit()
    else:
        dialect = edms_data.DIALECTS[database.product]
        database.execute_script(dialect.script(edms_data.tables(), {}))
