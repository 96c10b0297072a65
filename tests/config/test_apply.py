from __future__ import annotations

from dataclasses import replace

import pytest

from edms_backup.config.apply import Applied, apply_registry
from edms_backup.config.registry_file import parse_registry
from edms_backup.errors import RegistryError
from edms_backup.model import (
    Check,
    Column,
    KeyPart,
    KeySource,
    Kind,
    Reference,
    ReferenceKind,
    Schema,
    Table,
    UniqueKey,
)

KINDS = {"uuid": Kind.UUID, "int": Kind.INTEGER, "text": Kind.TEXT, "json": Kind.JSON}


def table(name: str, columns: str, *uniques: str, pk: str = "id") -> Table:
    """A table in short: `id+ code:text? boss_id->people` (+ numbered, ? nullable, = computed, -> refers)."""
    found: list[Column] = []
    references: list[Reference] = []
    for text in columns.split():
        word, _, target = text.partition("->")
        column, _, kind = word.strip("+?=").partition(":")
        found.append(
            Column(column, KINDS[kind or "int"], kind or "int", nullable="?" in word, auto_assigned="+" in word,
                   generated="=" in word)
        )  # fmt: skip
        if target:
            references.append(Reference((column,), target, ("id",)))
    constraints = tuple(
        UniqueKey(f"u{n}", tuple(text.strip("%~").split()), partial="%" in text, nulls_equal="~" in text)
        for n, text in enumerate(uniques)
    )
    return Table(name, tuple(found), tuple(pk.split()), tuple(references), constraints)


def schema(*tables: Table) -> Schema:
    return Schema("postgresql", "15", {t.name: t for t in tables})


def applied(text: str, *tables: Table) -> Applied:
    return apply_registry(parse_registry(f"version: 1\n{text}".encode(), "reg.yaml"), schema(*tables))


A, B = table("a", "id+ name:text", "name"), table("b", "id+ name:text", "name")
INFERRED = [
    ("natural primary key", table("t", "code:text x:text", "x", pk="code"), "code", KeySource.PRIMARY_KEY),
    ("composite primary key", table("t", "p:text q:int", pk="p q"), "p q", KeySource.PRIMARY_KEY),
    ("primary key that refers", table("t", "a_id->a x:text?", pk="a_id"), "a_id", KeySource.PRIMARY_KEY),
    ("id handed out by the application", table("t", "id code:text", "code"), "code", KeySource.UNIQUE),
    ("id and nothing else", table("t", "id x:text"), "id", KeySource.PRIMARY_KEY),
    ("uuid primary key, business key", table("t", "id:uuid code:text", "code"), "code", KeySource.UNIQUE),
    ("uuid primary key alone", table("t", "id:uuid x:text"), "id", KeySource.PRIMARY_KEY),
    ("uuid as text", table("t", "id+ row_uuid:text x:int", "row_uuid", "x"), "x", KeySource.UNIQUE),
    ("business key before uuid", table("t", "id+ uuid:uuid name:text", "uuid", "name"), "name", KeySource.UNIQUE),
    ("uuid last", table("t", "id+ uuid:uuid x:text", "uuid"), "uuid", KeySource.UNIQUE),
    ("nullable before uuid", table("t", "id+ uuid:uuid x:text?", "uuid", "x"), "x", KeySource.UNIQUE),
    ("not null before nullable", table("t", "id+ n:text? m:int o:int", "n", "m o"), "m o", KeySource.UNIQUE),
    ("nulls not distinct", table("t", "id+ n:text? m:int o:int", "n~", "m o"), "n", KeySource.UNIQUE),
    ("fewest columns", table("t", "id+ m:text o:text n:text", "m o", "n"), "n", KeySource.UNIQUE),
    ("text before number", table("t", "id+ n:int m:text", "n", "m"), "m", KeySource.UNIQUE),
    (
        "code before name",
        table("t", "id+ name:text type_code:text", "name", "type_code"),
        "type_code",
        KeySource.UNIQUE,
    ),
    ("partial index is none", table("t", "id+ n:text uuid:uuid", "n%", "uuid"), "uuid", KeySource.UNIQUE),
    ("index over expressions", table("t", "id+ n:text uuid:uuid", "", "uuid"), "uuid", KeySource.UNIQUE),
    ("computed column", table("t", "id+ n:text= uuid:uuid", "n", "uuid"), "uuid", KeySource.UNIQUE),
    ("unique index on the id", table("t", "id+ n:text", "id", "n"), "n", KeySource.UNIQUE),
    ("link, primary key", table("t", "a_id->a b_id->b", pk="a_id b_id"), "a_id b_id", KeySource.LINK_TABLE),
    ("link, unique", table("t", "id+ a_id->a b_id->b x:text", "a_id b_id", "x"), "a_id b_id", KeySource.LINK_TABLE),
    ("link, unconstrained", table("t", "id+ a_id->a b_id->b"), "a_id b_id", KeySource.LINK_TABLE),
    ("link without any id", table("t", "a_id->a b_id->b", pk=""), "a_id b_id", KeySource.LINK_TABLE),
    ("one reference is no link", table("t", "id+ a_id->a n:int", "a_id n"), "a_id n", KeySource.UNIQUE),
    ("whole row", table("t", "id+ a_id->a x:text y:json= z:int?"), "a_id x z", KeySource.WHOLE_ROW),
    ("whole row, no primary key", table("t", "x:text z:int?", pk=""), "x z", KeySource.WHOLE_ROW),
    ("an id alone", table("t", "id+"), "", KeySource.NONE),
    ("tree by parent and name", table("t", "id+ t_id?->t n:text", "t_id n"), "t_id n", KeySource.UNIQUE),
    ("tree before an id", table("t", "id t_id?->t n:text", "t_id n"), "t_id n", KeySource.UNIQUE),
    ("chain", table("t", "id+ t_id->t n:int", "t_id"), "", KeySource.NONE),
    ("tree by code", table("t", "id+ t_id?->t n:text code:text", "t_id n", "code"), "code", KeySource.UNIQUE),
]


@pytest.mark.parametrize("live,key,source", [c[1:] for c in INFERRED], ids=[c[0] for c in INFERRED])
def test_inference(live: Table, key: str, source: KeySource) -> None:
    found = applied("", A, B, live).tables["t"]
    assert (" ".join(found.key), found.key_source) == (key, source)
    assert found.whole_row is (source is KeySource.WHOLE_ROW)


def test_no_key_is_said_and_not_raised() -> None:
    found = applied("", table("a", "id+ x:text"), table("b", "id+ a_id->a n:text", "a_id n"), table("c", "id+ y:text"))
    assert found.tables["a"].key_source is KeySource.NONE
    assert found.tables["c"].whole_row
    assert found.warnings == (
        'table "a" has no natural key: declare one in the registry',
        'the key of "b" goes through "a", which has no natural key',
        'table "c" has no key: its rows are identified by all their values',
    )


def test_a_key_that_rests_on_nothing_gives_way() -> None:
    keyless = table("a", "id+ x:text")
    found = applied("", keyless, table("b", "id+ a_id->a uuid:uuid", "a_id", "uuid"))
    assert found.tables["b"].key == ("uuid",)


def test_inferred_keys_never_run_in_a_circle() -> None:
    left = table("left", "id+ right_id->right n:int uuid:uuid", "right_id", "uuid")
    right = table("right", "id+ left_id->left", "left_id")
    found = applied("", left, right).tables
    assert found["left"].key == ("uuid",)
    assert found["right"].key == ("left_id",)
    bare = table("left", "id+ right_id->right", "right_id")
    found = applied("", bare, right).tables
    assert sorted(t.key_source for t in found.values()) == [KeySource.NONE, KeySource.UNIQUE]
    forced = applied("tables: {left: {key: [right_id]}}", left, right).tables
    assert (forced["left"].key, forced["right"].key) == (("right_id",), ())


def test_declared_keys_in_a_circle_are_refused_by_name() -> None:
    left, right = table("left", "id+ right_id->right"), table("right", "id+ left_id->left")
    text = "tables:\n  right: {key: [left_id]}\n  left: {key: [right_id]}"
    with pytest.raises(RegistryError, match=r'reg\.yaml:4: the key of "left" runs through itself: left → right → left'):
        applied(text, left, right)


def test_declared_keys_through_the_table_itself() -> None:
    tree = table("t", "id+ t_id->t n:text")
    assert applied("tables: {t: {key: [t_id, n]}}", tree).tables["t"].key_parent == tree.references[0]
    with pytest.raises(RegistryError, match=r'reg\.yaml:2: the key of "t" has nothing but the parent of a row'):
        applied("tables: {t: {key: [t_id]}}", tree)


TYPES = table("types", "id+ app:text model:text", "app model")
LOG = table("log", "id+ type_id?->types object_id:text? uuid:uuid size=", "uuid")
POLYMORPHIC = "references: [{columns: [type_id, object_id], polymorphic: types}]"


def test_declared_references() -> None:
    live = table("t", "id+ a_id:int b_id->b name:text", "name")
    text = (
        "tables: {t: {label: x.t, tier: 2, on_match: keep, references: [{columns: [a_id], table: a}, "
        "{columns: [b_id], table: b}, {columns: [name], table: a, referred_columns: [name]}]}}"
    )
    found = applied(text, A, B, live).tables["t"]
    assert found.references[0].kind is ReferenceKind.FOREIGN_KEY
    assert found.references[1:] == (
        Reference(("a_id",), "a", ("id",), ReferenceKind.DECLARED, enforced=False),
        Reference(("name",), "a", ("name",), ReferenceKind.DECLARED, enforced=False),
    )
    assert (found.label, found.tier, found.policy.on_match, found.key_source) == ("x.t", 2, "keep", KeySource.UNIQUE)


def test_polymorphic_references() -> None:
    found = applied(f"tables: {{log: {{{POLYMORPHIC}}}}}", TYPES, LOG).tables["log"]
    assert found.references[-1] == Reference(
        ("type_id", "object_id"), "types", (), ReferenceKind.POLYMORPHIC, enforced=False
    )
    assert found.resolving["object_id"].kind is ReferenceKind.POLYMORPHIC
    whole = applied(f'tables: {{log: {{key: "*", {POLYMORPHIC}}}}}', TYPES, LOG).tables["log"]
    assert whole.whole_row
    assert whole.key_source is KeySource.REGISTRY
    assert whole.key == ("type_id", "object_id", "uuid")
    undeclared = table("log", "id+ type_id? object_id:text? n:int", "type_id object_id", "n")
    text = POLYMORPHIC.replace("[{", "[{columns: [type_id], table: types}, {", 1)
    assert applied(f"tables: {{log: {{{text}}}}}", TYPES, undeclared).tables["log"].key == ("n",)


EVENTS = table("events", "id+ code:text doc:json body:text size:int made:json=", "code doc", "code")
INSIDE = "references: [{columns: [doc], path: $.a_id, table: a}, {columns: [doc], path: '$.b[*]', table: a}]"


def test_references_inside_documents() -> None:
    found = applied(f"tables: {{events: {{{INSIDE}}}}}", A, EVENTS).tables["events"]
    kind = ReferenceKind.JSON
    assert found.references == (
        Reference(("doc",), "a", ("id",), kind, enforced=False, path="$.a_id"),
        Reference(("doc",), "a", ("id",), kind, enforced=False, path="$.b[*]"),
    )
    assert found.resolving == {}
    assert found.key == ("code",)
    # What a document refers to needs a key, and no key is made of documents.
    bare = applied(f"tables: {{log: {{{INSIDE.replace('table: a', 'table: t')}}}}}",
                   table("log", "id+ doc:json code:text", "doc", "code"), table("t", "id+ x:text"))  # fmt: skip
    assert bare.tables["log"].key == ("code",)
    assert bare.tables["t"].key_source is KeySource.NONE


MISFITS = [
    (f"tables: {{events: {{key: [doc], {INSIDE}}}}}", "has references inside its documents", "every database"),
    (f'tables: {{events: {{key: "*", {INSIDE}}}}}', "identified by all their values", "name the columns"),
    (f"tables: {{events: {{{INSIDE.replace('[doc]', '[size]')}}}}}", "events.size is int", "JSON documents"),
    (f"tables: {{events: {{{INSIDE.replace('[doc]', '[made]')}}}}}", "computed by the database", "JSON documents"),
    (f"tables: {{events: {{{INSIDE.replace('[doc]', '[docs]')}}}}}", 'no column "docs"', '"doc"'),
    (f"tables: {{events: {{{INSIDE.replace('$.b[*]', '$.a_id')}}}}}", "the paths into doc meet", "values of its own"),
    (f"tables: {{events: {{{INSIDE.replace('$.b[*]', '$.a_id.x')}}}}}", "$.a_id.x leads through $.a_id", "of its own"),
    (f"tables: {{events: {{{INSIDE.replace('[{', '[{columns: [doc], table: a}, {')}}}}}", "refers to a row itself", ""),
    (
        "tables: {events: {references: [{columns: [doc], path: $.a, table: events, referred_columns: [doc]}]}}",
        "events.doc, which is json",
        "whole numbers",
    ),
    ("tables: {a: {key: [nme]}}", 'table "a" has no column "nme"', 'did you mean "name"?'),
    ("tables: {a: {key: [zzz]}}", 'table "a" has no column "zzz"', "its columns are id, name"),
    ("tables: {a: {key: [id]}}", 'the database\'s own id of "a"', '"*"'),
    ("tables: {a: {keep_columns: [nam]}}", 'has no column "nam"', 'did you mean "name"?'),
    ("tables: {log: {key: [size]}}", "is computed by the database", "computed from"),
    (f"tables: {{log: {{key: [object_id], {POLYMORPHIC}}}}}", "is a polymorphic reference", "same table"),
    (
        "tables: {log: {references: [{columns: [uuid, type_id], polymorphic: types}]}}",
        "does not refer to",
        "declare it",
    ),
    ("tables: {log: {references: [{columns: [type_id, x], polymorphic: types}]}}", 'no column "x"', "its columns"),
    (f"tables: {{log: {{{POLYMORPHIC.replace('types', 'typos')}}}}}", 'points to "typos"', 'did you mean "types"?'),
    ("tables: {a: {references: [{columns: [name], table: zzz}]}}", 'points to "zzz"', "of this database"),
    ("tables: {a: {references: [{columns: [nam], table: log}]}}", 'no column "nam"', "name"),
    ("tables: {a: {references: [{columns: [name], table: log, referred_columns: [uid]}]}}", 'no column "uid"', "uuid"),
    ("tables: {a: {references: [{columns: [name, id], table: log}]}}", "which has 1", "referred_columns"),
    ('tables: {types: {key: "*"}}', 'key of "types" is "*", but log.type_id refers to it', "name the columns"),
]


@pytest.mark.parametrize("text,message,hint", MISFITS)
def test_what_does_not_fit_the_database_is_refused(text: str, message: str, hint: str) -> None:
    with pytest.raises(RegistryError) as caught:
        applied(text, A, TYPES, LOG, EVENTS)
    assert caught.value.message.startswith("reg.yaml:2: ")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_unlisted_tables() -> None:
    assert set(applied("tables: {a: {}}", A, B).tables) == {"a", "b"}
    skipped = applied("defaults: {unlisted: skip}\ntables: {a: {}}", A, B)
    assert (set(skipped.tables), skipped.excluded) == ({"a"}, ("b",))
    with pytest.raises(RegistryError, match='does not list "b", and says unlisted: error'):
        applied("defaults: {unlisted: error}\ntables: {a: {}}", A, B)


def test_excluded_tables_and_what_refers_to_them() -> None:
    live = table("t", "id+ a_id->a gone_id->gone n:text", "n")
    found = applied('exclude: [a, "tmp_*", nothing]\ntables: {a: {key: [no_such]}}', A, live, table("tmp_1", "id+"))
    assert (set(found.tables), found.excluded) == ({"t"}, ("a", "tmp_1"))
    assert found.warnings == (
        't.a_id refers to "a", which is left out',
        't.gone_id refers to "gone", which is not in the database (or not visible)',
    )
    assert len(found.tables["t"].references) == 2


def test_a_listed_table_that_is_not_there_is_said() -> None:
    found = applied("tables: {b: {key: [x]}}", A)
    assert found.warnings == (
        'table "b" is listed in the registry but not in the database (or not visible to this user)',
    )


@pytest.mark.parametrize("optional", [True, False])
def test_an_optional_reference_may_lack_its_columns(optional: bool) -> None:
    text = f"""version: 1
tables:
  log:
    key: [number]
    references:
      - {{columns: [user_id], table: users, optional: {str(optional).lower()}}}
"""
    number = Column("number", Kind.INTEGER, "integer", nullable=False)
    schema = Schema("sqlite", "3", {n: Table(n, (number,), ("number",)) for n in ("log", "users")})
    registry = parse_registry(text.encode(), "r.yaml")
    if not optional:
        with pytest.raises(RegistryError, match=r"r\.yaml:6"):
            apply_registry(registry, schema)
        return
    applied = apply_registry(registry, schema)
    assert applied.tables["log"].references == ()
    assert any("user_id" in warning for warning in applied.warnings)


def test_what_is_left_out_is_nowhere() -> None:
    parts = (KeyPart(expression="lower(secret)"), KeyPart("name"))
    live = replace(
        table("t", "id+ name:text secret:text", "name", "secret"),
        uniques=(
            UniqueKey("u0", ("name",)),
            UniqueKey("u1", ("secret",)),
            UniqueKey("u2", ("name",), True, parts=parts),
        ),
        checks=(Check("c0", "secret <> ''"), Check("c1", "name <> ''")),
    )
    found = applied("tables: {t: {omit_columns: [secret]}}", live).tables["t"]
    assert found.table.column_names == ("id", "name")
    assert ([u.name for u in found.table.uniques], [c.name for c in found.table.checks]) == (["u0"], ["c1"])
    warning = "t.secret is left out of the archive, but NOT NULL without a default"
    assert any(warning in w for w in applied("tables: {t: {omit_columns: [secret]}}", live).warnings)
    given = applied("tables: {t: {omit_columns: [secret], column_defaults: {secret: x}}}", live)
    assert not any(warning in w for w in given.warnings)


def test_half_of_a_reference_cannot_be_left_out() -> None:
    """Unless what remains is carried by another one, or is the row's own."""
    tenants = table("tenants", "id+ name:text", "name")
    columns = "id+ n:int tenant_id->tenants parent:int?"
    both = (("tenant_id", "parent"), ("tenant_id", "id"))
    node = table("node", columns, "n", "tenant_id id")
    node = replace(node, references=(*node.references, Reference(both[0], "node", both[1])))
    found = applied("tables: {node: {omit_columns: [parent]}}", tenants, node).tables["node"]
    assert [r.columns for r in found.references] == [("tenant_id",)]
    other = replace(table("other", "id+ n:int tenant:int parent:int?", "n"),
                    references=(Reference(("tenant", "parent"), "node", both[1]),))  # fmt: skip
    with pytest.raises(RegistryError, match='half of a reference; leave out "tenant" too'):
        applied("tables: {other: {omit_columns: [parent]}}", tenants, node, other)
    assert applied("tables: {other: {omit_columns: [parent, tenant]}}", tenants, node, other).tables["other"].key
