"""Values that databases hold, one column a type: what comes back is what was there, digit for digit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.options import CreateOptions, RestoreOptions, Source
from tests.conftest import NewDatabase
from tests.restore.generate.databases import wipe
from tests.servers import Database, Servers

TEXTS = (
    "",
    " ",
    "a",
    "'",
    '"',
    "\\",
    "\\n",
    "a\nb\r\n\tc",
    "\u2028\u2029\x85",
    "😀é\u0301ß",
    "null",
    "NULL",
    "%s :x {}",
    "[1]",
    '{"$raw": 1}',
    '{"$dangling": 2}',
    "\ufeffx",
    "x" * 5000,
    "\x01\x1f\x7f",
    "\\N",
    "\\.",
)

DOCUMENTS = (
    "null",
    "true",
    "0",
    "-0",
    '"x"',
    "[]",
    "{}",
    "1.10",
    "1e400",
    "1E+2",
    "-0.0",
    '""',
    '{"$json": "x"}',
    '{"$json": "x", "a": 1}',
    '{"$dangling": 1}',
    '{"$raw": 1}',
    '{"a": {"$json": 1}}',
    "12345678901234567890123456789",
    "0.1000000000000000055511151231257827",
    '{"a": 1.10, "b": [1e400, null]}',
    '{"b": 1, "a": 2}',
    '{ "a" :  1 }',
    '{"a":\n 1}',
    '"\\u2028 😀 \\n"',
    '"\u2028"',
    "[" * 50 + "]" * 50,
    '["$json"]',
    ' {"$json": "x"}',
    " null ",
    '{"$json":"x"}',
)

INTEGERS = ("0", "-1", "9223372036854775807", "-9223372036854775808")
FLOATS = (
    "0",
    "-0.0",
    "0.1",
    "1e308",
    "5e-324",
    "-1.7976931348623157e308",
    "3.0",
    "123456789.123456789",
    "1e22",
    "1e-7",
)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def escaped(text: str) -> str:
    """For MariaDB's literals."""
    return quoted(text.replace("\\", "\\\\"))


POSTGRESQL: dict[str, tuple[str, ...]] = {
    "smallint": ("-32768", "32767"),
    "integer": ("-2147483648", "2147483647"),
    "bigint": INTEGERS,
    "numeric": (
        "0",
        "1.10",
        "-0.00",
        "1e30",
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "123456789012345678901234567890.123456789",
        "1e-20",
    ),
    "numeric(9,6)": ("0", "1.5", "-123.456789", "'NaN'"),
    "real": ("0", "'-0.0'", "0.1", "3.4028235e38", "'NaN'", "'Infinity'", "'-Infinity'", "16777217"),
    "double precision": (*map(quoted, FLOATS), "'NaN'", "'Infinity'", "'-Infinity'"),
    "text": tuple(map(quoted, TEXTS)),
    "varchar(20)": tuple(quoted(text) for text in TEXTS if len(text) < 20),
    "char(4)": ("''", "'a'", "' a'", "'abcd'", "'é😀'"),
    '"char"': ("'a'", "''"),
    "name": ("'x'",),
    "bytea": ("''", r"'\x00'", r"'\xdeadbeef5c275c6e'"),
    "boolean": ("true", "false"),
    "date": (
        "'2025-01-31'",
        "'0001-01-01'",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 BC'",
        "'10000-01-01'",
        "'5874897-12-31'",
    ),
    "time": ("'00:00'", "'24:00'", "'23:59:59.999999'", "'12:00:00.5'", "'12:00:10'", "'12:00:00.10'"),
    "time(0)": ("'12:00:00'",),
    "timetz": ("'00:00+00'", "'12:34:56.50+05:30'", "'12:34:56.789-11'", "'24:00:00-15:59'"),
    "timestamp": (
        "'2025-01-31 12:34:56.123456'",
        "'2025-01-31 12:34:56.5'",
        "'2025-01-31 12:34:50'",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 12:00:00.50 BC'",
        "'10000-01-01 00:00:00.000001'",
        "'294276-12-31 23:59:59.999999'",
    ),
    "timestamp(3)": ("'2025-01-31 12:34:56.120'",),
    "timestamptz": (
        "'2025-01-31 12:34:56.123456+00'",
        "'2025-03-30 02:30:00+05:30'",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 12:00:00.5+00 BC'",
        "'10000-01-01 00:00:00+00'",
        "'1900-01-01 00:00:00+00'",
    ),
    "interval": (
        "'1 mon'",
        "'30 days'",
        "'1 day -00:00:01.5'",
        "'-1 year -2 mons +3 days -04:05:06.789'",
        "'0'",
        "'720:00:00'",
    ),
    "interval day to second": ("'1 day 2 hours'",),
    "uuid": ("'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    "json": tuple(map(quoted, DOCUMENTS)),
    "jsonb": tuple(quoted(d.replace("1e400", "1.2e40")) for d in DOCUMENTS),
    "xml": ("'<a>x</a>'",),
    "inet": ("'127.0.0.1'", "'10.0.0.0/8'", "'::1/128'"),
    "cidr": ("'10.0.0.0/8'",),
    "macaddr": ("'08:00:2b:01:02:03'",),
    "money": ("'12.50'",),
    "bit(3)": ("B'101'",),
    "varbit": ("B''", "B'10'"),
    "point": ("'(0.1,-2)'",),
    "int4range": ("'[1,5)'", "'empty'", "'(,)'"),
    "tstzrange": ("'[2025-01-01 00:00+00,infinity)'",),
    "tsvector": ("'a:1 ''b c'':2'",),
    "integer[]": ("'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[2:3]={1,2}'"),
    "text[]": ("""'{"a b",NULL,"NULL","\\"","\\\\","é\u2028",""}'""",),
    "numeric(9,6)[]": ("'{1.10,NaN}'",),
    "timestamp[]": ("""'{"2025-01-31 12:34:56.5"}'""",),
    "jsonb[]": ("""ARRAY['{"a": 1.10}'::jsonb, 'null'::jsonb]""",),
    "mood": ("'sad'", "'it''s \"ok\"'"),
    "positive": ("1", "9"),
    "pair": ("ROW(1, 'x y')", "ROW(NULL, '')"),
    "oid": ("4294967295",),
    "hstore_like": (r"""'"a"=>"b"'""",),
}

MARIADB: dict[str, tuple[str, ...]] = {
    "tinyint": ("-128", "127"),
    "tinyint(1)": ("0", "1", "2", "-1"),
    "tinyint unsigned": ("255",),
    "int": ("-2147483648",),
    "int unsigned": ("4294967295",),
    "int(5) zerofill": ("42",),
    "bigint": INTEGERS,
    "bigint unsigned": ("0", "18446744073709551615"),
    "decimal(9,6)": ("0", "1.5", "-123.456789"),
    "decimal(65,30)": ("12345678901234567890123456789012345.123456789012345678901234567890", "-0"),
    "float": ("0", "-0e0", "0.1", "3.40282e38", "16777217", "1.17549e-38"),
    "double": tuple(f"{v}e0" if "e" not in v else v for v in FLOATS if v != "5e-324"),
    "varchar(2000)": tuple(escaped(text) for text in TEXTS if len(text) < 2000),
    "varchar(20) collate utf8mb4_bin": tuple(escaped(text) for text in TEXTS if len(text) < 20),
    "longtext": tuple(map(escaped, TEXTS)),
    "char(4)": ("''", "'a'", "' a'", "'abcd'"),
    "varchar(9) character set latin1": ("'é'",),
    "binary(4)": ("'a'", "x'00ff0d0a'"),
    "varbinary(9)": ("''", "x'00ff275c'"),
    "longblob": ("''", "x'00'", "x'deadbeef5c275c6e'"),
    "bit(1)": ("b'0'", "b'1'"),
    "bit(3)": ("b'101'",),
    "bit(64)": ("b'1111111111111111111111111111111111111111111111111111111111111111'", "b'0'"),
    "enum('a','it''s','é')": ("'a'", "'it''s'", "'é'"),
    "set('a','b','c d')": ("''", "'a'", "'a,c d'"),
    "year": ("2025", "1901"),
    "date": ("'2025-01-31'", "'0000-00-00'", "'2025-00-00'", "'9999-12-31'"),
    "time": ("'00:00:00'", "'838:59:59'", "'-838:59:59'", "'-00:00:01'"),
    "time(6)": ("'838:59:58.999999'", "'-00:00:00.000001'", "'12:00:00.100000'", "'12:00:10'"),
    "datetime": ("'2025-01-31 12:34:56'", "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'"),
    "datetime(6)": ("'2025-01-31 12:34:56.123456'", "'2025-01-31 12:34:50'", "'2025-01-31 12:34:56.100000'"),
    "datetime(3)": ("'2025-01-31 12:34:56.120'",),
    "timestamp(6)": ("'2025-01-31 12:34:56.123456'", "'2025-03-30 02:30:00'"),
    "json": tuple(escaped(text) for text in DOCUMENTS if not text.startswith("[[")),  # at most 32 deep
    "uuid": ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",),
    "inet6": ("'::1'",),
    "inet4": ("'127.0.0.1'",),
}

# SQLite: every column can hold all of these.
STORED = (
    "0",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "1.5",
    "-0.0",
    "9e999",
    "-9e999",
    "1e22",
    "3.0",
    "0.1",
    "x''",
    "x'00ff'",
    "''",
    "'12'",
    "'1.50'",
    "'true'",
    "'2025-01-31'",
    "'2025-01-31 12:34:56.123456'",
    "'2025-01-31T12:34:56'",
    "'2025-01-31 12:34:56.500000'",
    "'12:34:56.50'",
    "'NaN'",
    "'Infinity'",
    "'null'",
    "'{\"a\": 1.10}'",
    '\'{"$json": "x"}\'',
    '\'{"$bytes": "AA=="}\'',
    "' '",
    "'é😀'",
    "'2025-01-31 12:34:56.100000'",
    "'2025-02-30 12:34:56'",
    "1738324496",
    "'not json'",
    "'1e400'",
    "'{\"a\":\n1}'",
    "'A0EEBC999C0B4EF8BB6D6BB9BD380A11'",
    "'+5'",
    "'1_000'",
    "' 7 '",
    "'0x10'",
    "'12345678901234567890'",
    "1e18",
    "'1e2'",
    "'007'",
    "'.5'",
    "'a' || char(8232) || 'b'",
)
DECLARED = (
    "integer",
    "bigint",
    "bool",
    "real",
    "double precision",
    "decimal(9,6)",
    "numeric",
    "text",
    "varchar(3)",
    "char(32)",
    "blob",
    "date",
    "time",
    "datetime",
    "timestamp",
    "json",
    "uuid",
    "",
    "whatever",
    "integer unsigned",
)

PREPARE = {
    "sqlite": "",
    "mariadb": "",
    "postgresql": (
        "CREATE TYPE mood AS ENUM ('sad', 'it''s \"ok\"'); CREATE DOMAIN positive AS integer CHECK (VALUE > 0); "
        "CREATE TYPE pair AS (a integer, b text); CREATE DOMAIN hstore_like AS text;"
    ),
}
CASES = [
    *(pytest.param("postgresql", type_, values, id=f"postgresql-{type_}") for type_, values in POSTGRESQL.items()),
    *(pytest.param("mariadb", type_, values, id=f"mariadb-{type_}") for type_, values in MARIADB.items()),
    *(pytest.param("sqlite", type_, STORED, id=f"sqlite-{type_ or 'untyped'}") for type_ in DECLARED),
]


def fetch(database: Database) -> list[tuple[object, ...]]:
    """The column as the server itself writes it, and as it stores it."""
    shown = {
        "postgresql": "n, v::text",
        "mariadb": "n, v, HEX(v)",
        "sqlite": "n, typeof(v), quote(v), hex(v)",
    }
    column = shown[database.product]
    engine = database.engine()
    with engine.connect() as connection:
        if database.product == "mariadb":
            connection.exec_driver_sql("SET sql_mode = ''")
        rows = connection.exec_driver_sql(f"SELECT {column} FROM t ORDER BY n").all()
    engine.dispose()
    return [tuple(repr(value) for value in row) for row in rows]


Pair = tuple[Database, Database]
CHECKED: set[str] = set()


@pytest.fixture(scope="module")
def pairs(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Pair]]:
    """Two databases of a product, which all tests of this file share."""
    made: dict[str, Pair] = {}
    with ExitStack() as stack:

        def one(product: str, name: str) -> Database:
            if product == "sqlite":
                return Database(product, f"sqlite:///{tmp_path_factory.getbasetemp() / f'{name}.sqlite3'}")
            return stack.enter_context(servers.database(product))

        def pair(product: str) -> Pair:
            if product not in made:
                made[product] = one(product, "values1"), one(product, "values2")
            return made[product]

        yield pair


@pytest.mark.parametrize("product, type_, values", CASES)
def test_round_trip(
    new_database: NewDatabase,
    pairs: Callable[[str], Pair],
    tmp_path: Path,
    product: str,
    type_: str,
    values: tuple[str, ...],
) -> None:
    if product not in CHECKED:
        new_database(product)  # skips or fails where there is no server
        CHECKED.add(product)
    source, target = pairs(product)
    null = " NULL" if product == "mariadb" else ""
    for database in (source, target):
        wipe(database)
        database.execute_script(f"{PREPARE[product]} CREATE TABLE t (n varchar(9) PRIMARY KEY, v {type_}{null})")
    every = ("NULL", *values)
    session = "SET sql_mode = ''; SET time_zone = '+00:00';" if product == "mariadb" else ""
    source.execute_script(
        f"{session} INSERT INTO t VALUES " + ", ".join(f"('{n:03}', {v})" for n, v in enumerate(every))
    )
    there = fetch(source)
    assert len(there) == len(every)
    archive = tmp_path / "archive"
    api.create(Source(source.url), CreateOptions(output=archive))
    assert api.verify(archive).ok
    report = api.restore(Source(target.url), archive, RestoreOptions())
    assert not report.problems
    assert report.totals()["inserted"] == len(every)
    assert fetch(target) == there
    again = api.restore(Source(target.url), archive, RestoreOptions())
    assert not again.problems
    assert again.totals()["unchanged"] == len(every)
    assert api.fingerprint(Source(target.url)) == api.fingerprint(archive) == api.fingerprint(Source(source.url))
