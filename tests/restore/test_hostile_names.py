"""Names that bite: in tables, columns, schemas, constraints, indexes and sequences, through every command."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from tests.conftest import NewDatabase
from tests.restore.helpers import Case, call, counts, error_line
from tests.servers import Database

COMMON = (
    'quote"s',
    "apo'strophe",
    "back`tick",
    "100%",
    "%s and %(x)s",
    "co:lon :x",
    "dot.ted",
    "[bracket]",
    "back\\slash",
    "semi; DROP TABLE x --",
    "select",
    "order by",
    "?, $1 {0}",
    "Zoë Łódź 東京",
    # Those of our own temporary tables and statements.
    "row_no",
    "edms_backup_final_0",
    "t",
    "action",
    "matched",
    "key_digest",
    "c0",
    "f0",
    "x0",
    "i",
    "r1",
    "held",
    "claims",
    "present",
    "stage",
    "edms_backup_row",
    "rowid",
    "a/b",
)
OWN = {
    "sqlite": ("emoji 😀", "n" * 100, " blank ", "", "oid"),
    "postgresql": ("emoji 😀", "p" * 63, "Case", "case", "CASE", " blank ", "é" * 31, "oid"),
    "mariadb": ("m" * 64, "é" * 64, " blank", "oid"),
}
DOCUMENT = 'back`ed "j]son"'
BROKEN = "co\nde"
TABLE_NAMES = (
    "100% of %(x)s",
    'co:lon "quote" `tick`',
    "dot.ted",
    "select",
    "apo'strophe \\",
    "edms_backup_final_0",
    "t",
)
OWN_TABLE_NAMES = {"sqlite": ("emoji 😀",), "postgresql": ("T", "é" * 31), "mariadb": ("T", "m" * 64)}
SCHEMA = 'we"ird.%s schema'
TYPES, MODEL = ":types%", 'mo"del.%:'


@dataclass(frozen=True)
class Hostile:
    """One table, and the names of its columns by what they are there for."""

    number: int
    name: str
    schema: str | None
    id: str
    code: str
    parent: str
    amount: str
    double: str
    note: str
    type: str

    @property
    def known_as(self) -> str:
        """The name that archives and registries have for it."""
        return self.name if self.schema is None else ".".join(_part(word) for word in (self.schema, self.name))

    @property
    def checked(self) -> set[str]:
        """The names that its CHECK and its unique index have in them."""
        return {self.amount, self.double, self.code, self.note}

    @property
    def key(self) -> list[str]:
        """Every third has its parent in the key."""
        return [self.parent, self.code] if self.number % 3 == 2 else [self.code]


def _part(word: str) -> str:
    return '"{}"'.format(word.replace('"', '""')) if set(word) & {'"', "."} else word


def _tables(product: str) -> list[Hostile]:
    endless = itertools.cycle([*OWN[product], *COMMON])
    found = []
    for number, table in enumerate((*TABLE_NAMES, *OWN_TABLE_NAMES[product])):
        columns: list[str] = []
        while len(columns) < 7:
            name = next(endless)
            if name.lower() not in [column.lower() for column in columns] or product == "postgresql":
                columns.append(name)
        schema = SCHEMA if product == "postgresql" and number > 5 else None
        found.append(Hostile(number, table, schema, *columns))
    return found


class Words:
    """Statements of one product, all names quoted."""

    def __init__(self, product: str) -> None:
        self._product = product
        self._quote = "`" if product == "mariadb" else '"'
        self._reference = "integer" if product == "sqlite" else "bigint"

    def q(self, name: str) -> str:
        """A name as the product quotes it."""
        return f"{self._quote}{name.replace(self._quote, self._quote * 2)}{self._quote}"

    def table(self, table: Hostile) -> str:
        """A table with its schema."""
        return self.q(table.name) if table.schema is None else f"{self.q(table.schema)}.{self.q(table.name)}"

    def own(self, table: Hostile, role: str) -> str:
        """The name of a constraint or an index, which is its own in the whole database."""
        return self.q(f"{table.number}{role}{table.code}"[:40])

    def schema(self, tables: list[Hostile], least: int = 0) -> str:
        """All tables; `least` is what every amount is above."""
        q = self.q
        head = f"CREATE SCHEMA {q(SCHEMA)};" if self._product == "postgresql" else ""
        types = f"CREATE TABLE {q(TYPES)} ({self._id(0)}, {q(MODEL)} varchar(20) NOT NULL UNIQUE);"
        return head + types.replace("#", "id") + ";".join(self._create(t, tables[t.number - 1], least) for t in tables)

    def _id(self, number: int) -> str:
        if self._product == "postgresql":
            return f"# {'serial' if number % 2 else 'bigint GENERATED ALWAYS AS IDENTITY'} PRIMARY KEY"
        word = "AUTOINCREMENT" if self._product == "sqlite" else "AUTO_INCREMENT"
        return f"# {self._reference} PRIMARY KEY {word}"

    def _create(self, table: Hostile, parent: Hostile, least: int) -> str:
        q = self.q
        parent = table if table.number == 0 else parent
        amount, double, note = q(table.amount), q(table.double), q(table.note)
        index = f"CREATE UNIQUE INDEX {self.own(table, 'i')} ON {self.table(table)} "
        index += f"({note}(7))" if self._product == "mariadb" else f"(lower({note})) WHERE {amount} > 0"
        return (
            f"CREATE TABLE {self.table(table)} ({self._id(table.number).replace('#', q(table.id))},"
            f"{q(table.code)} varchar(20) NOT NULL, {q(table.parent)} {self._reference},"
            f"{amount} integer NOT NULL, {double} integer GENERATED ALWAYS AS (length({q(table.code)}) * 2) STORED,"
            f"{note} varchar(50), {q(table.type)} {self._reference},"
            f"CONSTRAINT {self.own(table, 'u')} UNIQUE ({', '.join(map(q, table.key))}),"
            f"CONSTRAINT {self.own(table, 'c')} CHECK ({amount} > {least} AND {double} < 1000),"
            f"CONSTRAINT {self.own(table, 'f')} FOREIGN KEY ({q(table.parent)})"
            f" REFERENCES {self.table(parent)} ({q(parent.id)}));{index}"
        )

    def rows(self, tables: list[Hostile], first: int, codes: dict[str, tuple[int, str]]) -> str:
        """Rows by code with amount and note, numbered from `first`; all belong to the first one of the table above."""
        q = self.q
        over = "OVERRIDING SYSTEM VALUE " if self._product == "postgresql" else ""
        script = f"INSERT INTO {q(TYPES)} (id, {q(MODEL)}) {over}VALUES ({first}, 'app.%s:x');"
        for table in tables:
            names = (table.id, table.code, table.parent, table.amount, table.note, table.type)
            into = f"INSERT INTO {self.table(table)} ({', '.join(map(q, names))}) {over}VALUES "
            for n, (code, (amount, note)) in enumerate(codes.items()):
                parent = "NULL" if n == 0 and table.number == 0 else str(first)
                type_ = str(first) if table is tables[-1] else "NULL"
                script += f"{into} ({first + n}, '{code}', {parent}, {amount}, '{note}', {type_});"
        return script

    def more(self, tables: list[Hostile]) -> str:
        """What an application does afterwards: a new row in every table, under the next id."""
        q = self.q
        return "".join(f"INSERT INTO {self.table(t)} ({q(t.code)}, {q(t.amount)}) VALUES ('more', 7);" for t in tables)


def _registry(tables: list[Hostile]) -> str:
    """Polymorphic in the last table: its parent is named by type and id, too."""
    found: dict[str, object] = {TYPES: {"key": [MODEL]}}
    for table in tables:
        found[table.known_as] = {"key": table.key}
    first, last = tables[0], tables[-1]
    found[first.known_as] = {"key": first.key, "label": "app.%s:x"}
    found[last.known_as] = {
        "key": last.key,
        "references": [
            {"columns": [last.type], "table": TYPES},
            {"columns": [last.type, last.amount], "polymorphic": TYPES},
        ],
    }
    text = io.StringIO()
    YAML(typ="safe").dump({"version": 1, "tables": found}, text)
    return text.getvalue()


def test_hostile_names(product: str, database_factory: Callable[[], Database], tmp_path: Path) -> None:
    case, words, tables = Case(product, database_factory, tmp_path), Words(product), _tables(product)
    registry = tmp_path / "registry.yaml"
    registry.write_text(_registry(tables))
    codes = {"c0": (10, "%s :Note"), "c1": (11, "100% %(x)s")}
    source = database_factory()
    source.execute_script(words.schema(tables) + ";" + words.rows(tables, 10, codes))
    archive = case.archive(source, "--registry", registry, "-vv")
    assert call("verify", archive).exit_code == 0
    shown = call("inventory", "--db", source.url, "--registry", registry, "--json").document
    assert {t["name"] for t in shown["tables"]} == {TYPES, *(t.known_as for t in tables)}
    assert all(t["rows"] == 2 for t in shown["tables"] if t["name"] != TYPES)

    empty = database_factory()
    empty.execute_script(words.schema(tables))
    case.restored(empty, archive, again=False)
    renumbered = database_factory()
    renumbered.execute_script(words.schema(tables) + ";" + words.rows(tables, 70, {"c0": (3, "other")}))
    report = case.restored(renumbered, archive)
    for table in tables:
        assert counts(report, table.known_as) == {"read": 2, "inserted": 1, "updated": 1}
    registered = ("--registry", registry, "--json")
    found = {call("fingerprint", d.url, *registered).document["fingerprint"] for d in (source, empty, renumbered)}
    assert len(found) == 1
    renumbered.execute_script(words.more(tables))

    strict = database_factory()
    strict.execute_script(words.schema(tables, least=10) + ";" + words.rows(tables, 70, {"zz": (50, "100% %(X)s")}))
    refused = call("restore", archive, "--db", strict.url, "--dry-run", "--json")
    assert refused.exit_code == 4
    problems = {(p["code"], p["table"], p["key"][-1]) for p in refused.document["problems"]}
    checked = [table for table in tables[:-1] if {"", " blank"}.isdisjoint(table.checked)]
    assert problems >= {("check-violated", table.known_as, "c0") for table in checked}
    assert problems >= {("unique-conflict", table.known_as, "c1") for table in checked}
    assert len(checked) > len(tables) // 2


def test_a_line_break_and_json_under_a_hostile_name(product: str, new_database: NewDatabase, tmp_path: Path) -> None:
    case, q = Case(product, lambda: new_database(product), tmp_path), Words(product).q
    schema = f"CREATE TABLE docs (id {{id}}, code varchar(9) NOT NULL UNIQUE, {q(DOCUMENT)} json);"
    rows = f"INSERT INTO docs (code, {q(DOCUMENT)}) VALUES ('a', '{{\"n\": 1.10}}')"
    archive = case.archive(case.database(schema, rows), ending="")
    held = json.loads((archive / "schema.json").read_text())["tables"][0]["table"]["columns"]
    assert {column["name"]: column["kind"] for column in held}[DOCUMENT] == "json"
    source, target = (case.database(schema.replace("code", q(BROKEN))) for _ in range(2))
    source.execute_script(rows.replace("code", q(BROKEN)))
    if product == "mariadb":
        answer = call("create", "--db", source.url, "-o", tmp_path / "never.tar", "-q")
        assert answer.exit_code == 2
        assert "table docs has a column whose name has a line break: 'co\\nde'" in error_line(answer)
    else:
        case.restored(target, case.archive(source))
        assert target.fetch(f"SELECT {q(BROKEN)} FROM docs") == [("a",)]
