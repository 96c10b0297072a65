from __future__ import annotations

from pathlib import Path

import pytest

from edms_backup.config.located import MAX_BYTES
from edms_backup.config.registry import ReferenceRule, Registry, Unlisted
from edms_backup.config.registry_file import parse_registry, read_registry
from edms_backup.errors import ExitCode, RegistryError
from edms_backup.model import OnConflict, OnMatch, Policy

FULL = b"""\
version: 1
defaults: {unlisted: error}
exclude: [django_session, "tmp_*"]
renames: {people: users}
tables:
  users:
    label: users.user
    tier: 1
    key: [username]
    keep_columns: [last_login]
    on_conflict: update
    omit_columns: [password]
    renames:
      mail: email
    column_defaults:
      locale: ""
      score: 1.50
      level: -3
      active: true
      note: null
  log: {key: "*", tier: 4}
  bare: {}
  trail:
    key: [uuid]
    on_match: keep
    references:
      - {columns: [type_id, object_id], polymorphic: types}
      - {columns: [legacy], table: users, referred_columns: [username]}
      - {columns: [payload], path: '$.items[*]["the user"].id', table: users, optional: true}
"""


def table(body: str) -> str:
    """A registry whose table `t` stands on line 3."""
    return f"version: 1\ntables:\n  t: {body}\n"


MISTAKES = [
    ("", 1, "the registry is empty", "version: 1"),
    ("# nothing\n", 1, "the registry is empty", "version: 1"),
    ("tables: {}", 1, "the version is missing", "version: 1"),
    ("\nversion: 2", 2, "this version of the registry is not known", "write version: 1"),
    ('version: "1"', 1, "this version of the registry is not known", "write version: 1"),
    ("[1]", 1, "the registry must be a mapping, not a list", "version: 1"),
    ("version: 1\ntable: {}", 2, 'no field "table"', 'did you mean "tables"?'),
    ("version: 1\nzzz: {}", 2, 'no field "zzz"', "the fields are version, defaults, exclude, renames, tables"),
    ("version: 1\nversion: 1", 2, '"version" occurs twice', "line 1"),
    ("version: 1\ndefaults: {unlisted: infr}", 2, 'cannot be "infr"', 'did you mean "infer"?'),
    ("version: 1\ndefaults: infer", 2, "must be a mapping, not text", "{unlisted: infer}"),
    ("version: 1\nexclude: a", 2, "must be a list, not text", "globs"),
    ("version: 1\nexclude: [a,\n  a]", 3, '"a" occurs twice', "remove"),
    ("version: 1\ntables: [users]", 2, "must be a mapping, not a list", "users: {key: [username]}"),
    ("version: 1\ntables:\n  a: {}\n  b: {}\n  a: {}", 5, '"a" occurs twice in tables', "line 3"),
    ("version: 1\ntables:\n  2024: {}", 3, "must be text, not a number", '"2024"'),
    ("version: 1\ntables:\n  null: {}", 3, "must be text, not nothing", '"null"'),
    ("version: 1\ntables:\n  on: {}\n  true: {}", 4, "must be text, not true or false", '"true"'),
    ("version: 1\ntables:\n  2024-01-01: {}", 3, "must be text, not a date", '"2024-01-01"'),
    ("version: 1\ntables:\n  '': {}", 3, "is empty", ""),
    (f"version: 1\ntables:\n  {'x' * 300}: {{}}", 3, "longer than 256", ""),
    ('version: 1\ntables:\n  "a\\tb": {}', 3, "control characters", ""),
    ("version: 1\ntables:\n  ? [a]\n  : {}", 3, "must be text, not a list", ""),
    (table(""), 3, "tables.t must be a mapping, not nothing", "{}"),
    (table("{keys: [a]}"), 3, 'tables.t has no field "keys"', 'did you mean "key"?'),
    (table("\n    tier: 1\n    Label: x"), 5, 'no field "Label"', 'did you mean "label"?'),
    (table("{key: username}"), 3, 'must be a list of columns, not "username"', "write [username]"),
    (table("{key: *}"), 3, "not YAML", '"*", in quotes'),
    (table('{key: ["*"]}'), 3, '"*" in a list', 'key: "*"'),
    (table("{key: []}"), 3, "tables.t.key is empty", "[username]"),
    (table("{key: {a: 1}}"), 3, "must be a list, not a mapping", "[username]"),
    (table("{key: 5}"), 3, "must be a list, not a number", "[username]"),
    (table("{key: [a, a]}"), 3, '"a" occurs twice', "remove"),
    (table("{key: [a, 1]}"), 3, "must be text, not a number", '"1"'),
    (table("{tier: 5}"), 3, "a number from 1 to 4", "1 is critical"),
    (table('{tier: "1"}'), 3, "a number from 1 to 4", "1 is critical"),
    (table("{tier: critical}"), 3, "a number from 1 to 4", "1 is critical"),
    (table("{label: [a]}"), 3, "must be text, not a list", ""),
    (table("{on_match: updte}"), 3, 'cannot be "updte"', 'did you mean "update"?'),
    (table("{on_match: overwrite}"), 3, 'cannot be "overwrite"', "update, keep, fail"),
    (table("{on_conflict: 1}"), 3, "must be text, not a number", "fail, keep, update"),
    (table("{keep_columns: a}"), 3, "must be a list, not text", "[first_column"),
    (table("{key: [a], keep_columns: [a]}"), 3, '"a" is in the key of "t"', "remove it from keep_columns"),
    (table('{key: "*", keep_columns: [a]}'), 3, "all columns are the key", "remove keep_columns"),
    (table("{key: [a], omit_columns: [a]}"), 3, '"a" is in the key of "t"', "remove it from omit_columns"),
    (table("{renames: {a: b}, omit_columns: [a]}"), 3, '"a" of "t" is renamed', "remove one of them"),
    (table("{renames: [a, b]}"), 3, "must be a mapping, not a list", "{old_column: new_column}"),
    (table("{renames: {}}"), 3, "tables.t.renames is empty", "{old_column: new_column}"),
    (table("\n    renames:\n      a: 1"), 5, "must be text, not a number", "{old_column: new_column}"),
    ("version: 1\nrenames: {a: [b]}", 2, "must be text, not a list", "{old_table: new_table}"),
    (table("{column_defaults: a}"), 3, "must be a mapping, not text", "{column: value}"),
    (
        table("\n    column_defaults:\n      a: [1]"),
        5,
        "must be text, a plain number, true, false or null",
        "in quotes",
    ),
    (table("{column_defaults: {a: 2024-01-01}}"), 3, "not a date", "in quotes"),
    (table("{column_defaults: {a: .inf}}"), 3, "or null, not a number", "in quotes"),
    (table("{references: {columns: [a]}}"), 3, "must be a list, not a mapping", "list of mappings"),
    (table("{references: [{table: u}]}"), 3, "a reference has no columns", "{columns: [author_id], table: users}"),
    (table("{references: [{columns: [a]}]}"), 3, "neither table nor polymorphic", "polymorphic: type_table"),
    (table("{references: [{columns: [a], tabel: u}]}"), 3, 'no field "tabel"', 'did you mean "table"?'),
    (table("{references: [{columns: [a, b], table: u, referred_columns: [c]}]}"), 3, "cannot point to 1", "as many"),
    (table("\n    references:\n      - {columns: [a], polymorphic: u}"), 5, "has two columns, not 1", "type column"),
    (table("{references: [{columns: [a, b], polymorphic: u, table: v}]}"), 3, "has no table", "polymorphic"),
    (table("{references: [{columns: [a, b], polymorphic: u, path: $.x}]}"), 3, "has no path", "polymorphic"),
    (
        table("\n    references:\n      - {columns: [a, b], table: u,\n         path: $.x}"),
        6,
        "one column",
        "$.author_id",
    ),
    (table("{references: [{columns: [a], table: u, path: author}]}"), 3, "does not begin with $", "$.author_id"),
    (table("{references: [{columns: [a], table: u, path: $}]}"), 3, "the whole document", "$.author_id"),
    (table('{references: [{columns: [a], table: u, path: "$.a[0]"}]}'), 3, "[0] is no step", "$.reviewers[*]"),
    (table("{references: [{columns: [a], table: u, path: 5}]}"), 3, "must be text, not a number", "$.author_id"),
    ("version: 1\ntables:\n  a: {label: x}\n  b: {label: x}", 4, '"a" and "b" have the same label', "of its own"),
    ("version: 1\ntables:\n\ta: 1", 3, "not YAML", "indentation"),
    ("version: 1\n---\nversion: 1", 2, "not YAML", ""),
    ("version: &a 1\ntables: *a", 1, "anchors and aliases", "write it out"),
    ("version: !!python/name:os.system 1", 1, "tags (!)", "plain"),
    ("version: 1\n<<: {a: 1}", 2, "must be text", ""),
    ("version: 1\ntables: " + "[" * 500, 2, "nested deeper", "six"),
    ("version: 1\ntables: " + "{a: " * 500, 2, "nested deeper", "six"),
    ("version: 1\n\x00", 2, "not YAML", "printable"),
]


@pytest.mark.parametrize("text,line,message,hint", MISTAKES, ids=[f"{m[2]}-{n}" for n, m in enumerate(MISTAKES)])
def test_a_mistake_is_named_with_its_line_and_a_hint(text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_registry(text.encode(), "reg.yaml")
    assert caught.value.message.startswith(f"reg.yaml:{line}: ")
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code is ExitCode.USAGE


def test_what_is_no_utf8_is_refused_with_its_line() -> None:
    with pytest.raises(RegistryError, match=r"reg\.yaml:2: the registry is not UTF-8"):
        parse_registry(b"version: 1\n# \xff", "reg.yaml")


def test_a_registry_has_a_size() -> None:
    with pytest.raises(RegistryError, match="the limit is"):
        parse_registry(b"#" * (MAX_BYTES + 1), "reg.yaml")


def test_every_field_is_read() -> None:
    registry = parse_registry(FULL, "reg.yaml")
    assert registry.unlisted is Unlisted.ERROR
    assert registry.exclude == ("django_session", "tmp_*")
    assert registry.path == "reg.yaml"
    assert registry.text == FULL
    users = registry.tables["users"]
    assert (users.label, users.tier, users.key, users.line) == ("users.user", 1, ("username",), 6)
    assert users.lines["key"] == 9
    assert users.policy == Policy(
        OnMatch.UPDATE,
        OnConflict.UPDATE,
        ("last_login",),
        ("password",),
        {"mail": "email"},
        {"locale": "", "score": "1.50", "level": -3, "active": True, "note": None},
    )
    assert users.policy.column_defaults["active"] is True
    assert (users.lines["renames.mail"], users.lines["column_defaults.active"]) == (14, 19)
    assert (registry.renames, registry.lines) == ({"people": "users"}, {"people": 4})
    assert registry.tables["log"].key == ("*",)
    assert registry.tables["bare"].key is None
    assert registry.tables["bare"].policy == Policy()
    trail = registry.tables["trail"]
    assert trail.policy.on_match is OnMatch.KEEP
    assert trail.references == (
        ReferenceRule(("type_id", "object_id"), polymorphic="types", line=27),
        ReferenceRule(("legacy",), "users", ("username",), line=28),
        ReferenceRule(("payload",), "users", path='$.items[*]["the user"].id', optional=True, line=29),
    )


def test_the_least_registry_infers_everything() -> None:
    registry = parse_registry(b"version: 1\ndefaults: {}\nexclude: []\ntables: {}\n", "reg.yaml")
    assert registry.tables == {}
    assert registry.exclude == ()
    assert registry.unlisted is Unlisted.INFER


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert parse_registry(b"\xef\xbb\xbfversion: 1\n", "reg.yaml").tables == {}


def test_sources(tmp_path: Path) -> None:
    assert read_registry(None) == Registry()
    file = tmp_path / "mine.yaml"
    file.write_bytes(FULL)
    assert read_registry(str(file)).path == str(file)
    assert len(read_registry("edms").tables) == 82
    with pytest.raises(RegistryError, match="cannot be read: No such file"):
        read_registry(str(tmp_path / "other.yaml"))
