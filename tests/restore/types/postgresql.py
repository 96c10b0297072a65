"""PostgreSQL's types, each with its extremes."""

from __future__ import annotations

from tests.restore.types.common import DOCUMENTS, FLOATS, INTEGERS, SHORT, TEXTS, every_character, quoted

PREPARE = """
CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION cube;
CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions;
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', '', 'NULL');
CREATE TYPE pair AS (a integer, b text, c timestamptz);
CREATE TYPE nested AS (p pair, f double precision[]);
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive;
CREATE DOMAIN amount AS numeric(9,2);
CREATE DOMAIN document AS json;
CREATE DOMAIN content AS bytea;
CREATE DOMAIN moment AS timestamptz(3);
CREATE DOMAIN ratio AS real;
CREATE DOMAIN flag AS boolean;
CREATE DOMAIN identifier AS uuid;
CREATE DOMAIN email AS extensions.citext;
CREATE DOMAIN label AS varchar(20);
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN tags AS text[];
CREATE DOMAIN couple AS pair;
"""

FLOAT = (*map(quoted, FLOATS), "'NaN'", "'Infinity'", "'-Infinity'")
REAL = ("0", "'-0.0'", "0.1", "3.4028235e38", "1e-45", "'NaN'", "'Infinity'", "'-Infinity'", "16777216", "0.3")
NUMERIC = (
    "0",
    "1.1",
    "1.10",
    "-0.00",
    "1e30",
    "'NaN'",
    "'Infinity'",
    "'-Infinity'",
    "123456789012345678901234567890.123456789",
    "1e-20",
    "(repeat('9', 2000) || '.' || repeat('1', 2000))::numeric",
)
DATES = (
    "'2025-01-31'",
    "'0001-01-01'",
    "'infinity'",
    "'-infinity'",
    "'0044-03-15 BC'",
    "'4713-01-01 BC'",
    "'10000-01-01'",
    "'5874897-12-31'",
)
TIMESTAMPS = (
    "'2025-01-31 12:34:56.123456'",
    "'2025-01-31 12:34:56.5'",
    "'2025-01-31 12:34:50'",
    "'2025-01-31 00:00:00'",
    "'infinity'",
    "'-infinity'",
    "'0044-03-15 12:00:00.50 BC'",
    "'4714-11-24 00:00:00 BC'",
    "'10000-01-01 00:00:00.000001'",
    "'294276-12-31 23:59:59.999999'",
)
INSTANTS = (
    "'2025-01-31 12:34:56.123456+00'",
    "'2025-03-30 02:30:00+05:30'",
    "'infinity'",
    "'-infinity'",
    "'0044-03-15 12:00:00.5+00 BC'",
    "'10000-01-01 00:00:00+00'",
    "'1900-01-01 00:00:00+00'",
    "'294276-12-31 23:59:59.999999+00'",
)
BYTES = ("''", r"'\x00'", r"'\x0000'", r"'\xdeadbeef5c275c6e'", r"'\xff'", "decode(repeat('0aff', 9000), 'hex')")
UUIDS = ("'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'")
JSON = tuple(map(quoted, DOCUMENTS))
JSONB = tuple(quoted(document.replace("1e400", "1.2e40")) for document in DOCUMENTS)
MOODS = ("'sad'", "'it''s \"ok\"'", "''", "'NULL'")
PAIRS = ("ROW(1, 'x y', '2025-01-31 12:00+05:30')::pair", "ROW(NULL, '', NULL)::pair", "ROW(NULL, NULL, NULL)::pair")
TEXT_ARRAYS = (
    "'{}'",
    """'{"a b",NULL,"NULL","null","\\"","\\\\","é\u2028","","{","a,b","\n"}'""",
    """'{{"a","b"},{"c",NULL}}'""",
    "'[2:3]={1,2}'",
    "'[0:1][-1:0]={{1,2},{3,4}}'",
)

TYPES: dict[str, tuple[str, ...]] = {
    "smallint": ("-32768", "32767"),
    "integer": ("-2147483648", "2147483647"),
    "bigint": INTEGERS,
    "numeric": NUMERIC,
    "numeric(9,6)": ("0", "1.5", "-123.456789", "'NaN'"),
    "numeric(3,-2)": ("12300", "-99900"),
    "numeric(2,5)": ("0.00012",),
    "real": REAL,
    "double precision": FLOAT,
    "text": (*map(quoted, TEXTS), *map(quoted, every_character())),
    'text COLLATE "C"': ("'a'", "'A'", "'ß'"),
    "varchar": ("'a '", "''"),
    "varchar(20)": tuple(map(quoted, SHORT)),
    "char(4)": ("''", "'a'", "' a'", "'abcd'", "'é😀'"),
    "char": ("'a'", "' '"),
    "bpchar": ("'a'", "'a  '", "''"),
    '"char"': ("'a'", "''", "'\\'", "' '", "'\"'"),
    "name": ("'x'", "'a b'", quoted("n" * 63)),
    "bytea": BYTES,
    "boolean": ("true", "false"),
    "date": DATES,
    "time": ("'00:00'", "'24:00'", "'23:59:59.999999'", "'12:00:00.5'", "'12:00:10'", "'12:00:00.10'"),
    "time(0)": ("'12:00:00'",),
    "timetz": ("'00:00+00'", "'12:34:56.50+05:30'", "'12:34:56.789-11'", "'24:00:00-15:59'", "'23:30:30+15:59:59'"),
    "timetz(2)": ("'12:34:56.25+05:30'",),
    "timestamp": TIMESTAMPS,
    "timestamp(3)": ("'2025-01-31 12:34:56.120'",),
    "timestamptz": INSTANTS,
    "timestamptz(0)": ("'2025-01-31 12:34:56+01'",),
    "interval": (
        "'1 mon'",
        "'30 days'",
        "'720:00:00'",
        "'1 day -00:00:01.5'",
        "'-1 year -2 mons +3 days -04:05:06.789'",
        "'0'",
        "'-00:00:00.000001'",
        "'178000000 years'",
        "'-178000000 years -2147483648 days -2562047788:00:54.775807'",
    ),
    "interval day to second": ("'1 day 2 hours'",),
    "interval year to month": ("'1 year 2 months'",),
    "interval(2)": ("'1 day 00:00:00.25'",),
    "uuid": UUIDS,
    "json": JSON,
    "jsonb": JSONB,
    "xml": (
        "'<a>x</a>'",
        "'<a>x</a> '",
        "'text only'",
        "''",
        "'<a b=\"&quot;&amp;é😀\"><![CDATA[<]]></a>'",
        '\'<?xml version="1.0" encoding="ISO-8859-1"?><a/>\'',
        '\'<?xml version="1.0" standalone="yes"?>\n<a/>\'',
        "XMLPARSE(DOCUMENT '<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>')",
    ),
    "inet": ("'127.0.0.1'", "'127.0.0.1/8'", "'10.0.0.0/8'", "'::1'", "'::ffff:1.2.3.4/96'", "'0.0.0.0/0'"),
    "cidr": ("'10.0.0.0/8'", "'2001:db8::/32'"),
    "macaddr": ("'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"),
    "macaddr8": ("'08:00:2b:01:02:03:04:05'",),
    "money": ("'12.50'", "'-92233720368547758.08'", "'92233720368547758.07'", "'0'"),
    "bit(3)": ("B'101'",),
    "bit(70)": (f"B'{'10' * 35}'",),
    "varbit": ("B''", "B'10'", "B'010'"),
    "varbit(9)": ("B'1'",),
    "point": ("'(0.1,-2)'", "'(-0,NaN)'", "'(Infinity,1e308)'", "'(0.30000000000000004,5e-324)'"),
    "line": ("'{1,-2,0.1}'",),
    "lseg": ("'[(0.1,-2),(3,4)]'",),
    "box": ("'(3,4),(0.1,-2)'",),
    "path": ("'((0.1,-2),(3,4))'", "'[(0.1,-2),(3,4)]'"),
    "polygon": ("'((0.1,-2),(3,4),(5,6))'",),
    "circle": ("'<(0.1,-2),3>'",),
    "int4range": ("'[1,5)'", "'[1,5]'", "'empty'", "'(,)'"),
    "int8range": ("'[1,9223372036854775807)'",),
    "numrange": ("'[1.1,2]'", "'[1.10,2]'", "'(1.1,2)'", "'[-Infinity,)'"),
    "daterange": ("'[2025-01-01,2025-02-01)'", "'[-infinity,infinity]'", "'(0044-03-15 BC,)'"),
    "tsrange": ('\'["2025-01-01 00:00:00.000001","10000-01-01 12:00"]\'', "'(\"0044-03-15 12:00 BC\",]'"),
    "tstzrange": ("'[2025-01-01 00:00+00,infinity)'", "'[2025-01-01 00:00+00,)'"),
    "floatrange": ("'[0.1,NaN)'",),
    "int4multirange": ("'{}'", "'{[1,3),[5,9)}'"),
    "nummultirange": ("'{[1.10,2],[3,)}'",),
    "datemultirange": ("'{[2025-01-01,2025-02-01),[2026-01-01,infinity)}'",),
    "tstzmultirange": ("'{[2025-01-01 00:00+00,2025-01-02 00:00+05:30]}'",),
    "tsvector": ("'a:1 ''b c'':2'", "'''it''''s'':1A,2B'", "''"),
    "tsquery": ("'a & !b:*A | (c <-> d)'", "'''b c'''", "''"),
    "jsonpath": ("'$.a[*] ? (@ > 1.10)'", "'strict $'"),
    "pg_lsn": ("'0/0'", "'16/B374D848'", "'FFFFFFFF/FFFFFFFF'"),
    "pg_snapshot": ("'10:20:10,14,15'",),
    "txid_snapshot": ("'10:20:10,14,15'",),
    "xid": ("'4294967295'",),
    "xid8": ("'18446744073709551615'",),
    "cid": ("'4294967295'",),
    "tid": ("'(4294967295,65535)'",),
    "oid": ("4294967295", "0"),
    "regclass": ("'pg_class'", "'own'"),
    "regtype": ("'integer'", "'mood'"),
    "regconfig": ("'english'",),
    "oidvector": ("'1 2 4294967295'",),
    "int2vector": ("'1 2 -3'",),
    "refcursor": ("'x'",),
    "integer[]": ("'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[2:3]={1,2}'"),
    "text[]": TEXT_ARRAYS,
    "varchar(3)[]": ("'{abc,NULL}'",),
    "char(4)[]": ("'{a}'",),
    "bytea[]": (r"ARRAY['\x00ff'::bytea, '', NULL]",),
    "boolean[]": ("'{t,NULL,f}'",),
    "numeric(9,6)[]": ("'{1.10,NaN}'",),
    "real[]": ("'{0.1,-0,NaN,Infinity}'",),
    "double precision[]": ("'{0.30000000000000004,-0,5e-324,NaN,-Infinity}'",),
    "date[]": ("'{infinity,\"0044-03-15 BC\"}'",),
    "timestamp[]": ("""'{"2025-01-31 12:34:56.5"}'""",),
    "timestamptz[]": ("""'{"2025-01-31 12:34:56.5+05:30",infinity}'""",),
    "interval[]": ("'{1 mon,30 days}'",),
    "uuid[]": ("'{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'",),
    "json[]": ("""ARRAY['{"a": 1.10}'::json, 'null'::json, NULL]""",),
    "jsonb[]": ("""ARRAY['{"a": 1.10}'::jsonb, 'null'::jsonb]""",),
    "inet[]": ("'{127.0.0.1/8}'",),
    "money[]": ("ARRAY[12.50::money, '-92233720368547758.08'::money]",),
    "box[]": ("ARRAY['(3,4),(0.1,-2)'::box, '(1,1),(0,0)'::box]",),
    "mood[]": ("""ARRAY['sad', 'it''s "ok"', '', 'NULL', NULL]::mood[]""",),
    "positive[]": ("'{1,2}'",),
    "pair[]": ("ARRAY[ROW(1, 'x \"y\"', NULL)::pair, NULL]",),
    "int4range[]": ("ARRAY['[1,5)'::int4range, 'empty']",),
    "hstore[]": ("""ARRAY['"a b"=>"c\\"d"'::hstore]""",),
    "mood": MOODS,
    "pair": PAIRS,
    "nested": ("ROW(ROW(1, '(\"', NULL), '{0.1,NaN}')::nested", "ROW(NULL, '{}')::nested"),
    "positive": ("1", "9"),
    "small_positive": ("1", "2147483647"),
    "amount": ("1.10", "-9999999.99", "'NaN'"),
    "document": JSON[-4:],
    "content": BYTES[:3],
    "moment": ("'2025-01-31 12:34:56.120+00'", "'infinity'", "'0044-03-15 12:00:00.5+00 BC'"),
    "ratio": REAL[1:4],
    "flag": ("true", "false"),
    "identifier": UUIDS,
    "extensions.citext": ("'a'", "'A'", "'ß'", "'a '", "''"),
    "email": ("'a@x'", "'A@x'"),
    "label": ("'a'", "'a '"),
    "feeling": MOODS,
    "tags": TEXT_ARRAYS[1:3],
    "couple": PAIRS,
    "hstore": (r"""'"a"=>"b"'""", r"""'"a b"=>NULL, "c\"d"=>"e\\f", ""=>""'""", "''"),
    "ltree": ("'a.b.c'", "''"),
    "lquery": ("'*.a|b@.*{1,2}'",),
    "cube": ("'(0.1,0.30000000000000004),(1,2)'",),
}

KEYS: dict[str, tuple[str, ...]] = {
    "numeric": ("0", "1.10", "'NaN'", "'Infinity'", "123456789012345678901234567890.123456789"),
    "double precision": ("0.30000000000000004", "5e-324", "'NaN'", "'Infinity'", "'-0'"),
    "text": tuple(map(quoted, SHORT)),
    "char(4)": ("''", "'a'", "' a'", "'abcd'"),
    "bytea": ("''", r"'\x00'", r"'\x0000'", r"'\xdeadbeef5c275c6e'"),
    "date": DATES,
    "timetz": ("'12:34:56.50+05:30'", "'12:34:56.50+05:00'"),
    "timestamptz": INSTANTS,
    "interval": ("'1 mon'", "'720:00:01'", "'-1 year +3 days'"),
    "uuid": UUIDS,
    "jsonb": ("""'{"a": 1.10}'""", "'null'", "'\"x\"'", """'{"$json": 1}'"""),
    "inet": ("'127.0.0.1'", "'127.0.0.1/8'", "'::1'"),
    "money": ("'12.50'", "'-92233720368547758.08'"),
    "bit(3)": ("B'101'", "B'011'"),
    "int4range": ("'[1,5)'", "'empty'"),
    "integer[]": ("'{}'", "'{1,NULL}'", "'[2:3]={1,2}'"),
    "mood": MOODS,
    "pair": ("ROW(1, 'x y', NULL)::pair", "ROW(2, NULL, NULL)::pair"),
    "extensions.citext": ("'a'", "'B'", "''"),
    "email": ("'a@x'", "'B@x'"),
    "small_positive": ("1", "2"),
    "moment": ("'2025-01-31 12:34:56.120+00'", "'infinity'"),
    "hstore": (r"""'"a"=>"b"'""", "''"),
}
"""Types that have equality, each with values that differ by it."""
