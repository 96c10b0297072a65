from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from edms_backup.report import Books, ChangedRow, FingerprintReport, Problem, TableWritten, VerifyReport

from .conftest import LONG, compared_table, problems

ANSI = re.compile(r"\x1b\[[0-9;]*m")
COMMANDS = [
    ("create", "-o", "x"),
    ("restore", "a.tar"),
    ("inventory",),
    ("verify", "a.tar"),
    ("diff", "a.tar", "b.tar"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_wider_than_the_terminal(
    fake: Any, run: Any, terminal: dict[str, str], command: tuple[str, ...]
) -> None:
    fake.restored = replace(fake.restored, problems=problems(25), problem_count=30)
    shown = ANSI.sub("", run(*command, **terminal).stdout)
    assert shown
    assert all(cell_len(line) <= int(terminal["COLUMNS"]) for line in shown.splitlines())
    assert "\x1b" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_in_a_pipe_no_colour_no_wrapping_no_blanks(fake: Any, run: Any, command: tuple[str, ...]) -> None:
    fake.restored = replace(fake.restored, problems=problems(2), problem_count=2)
    result = run(*command)
    assert "\x1b" not in result.stdout + result.stderr
    assert all(line == line.rstrip() for line in result.stdout.splitlines())


def test_no_color_is_honoured(run: Any, terminal: dict[str, str]) -> None:
    shown = run("create", "-o", "x", **terminal, NO_COLOR="1").stdout
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


def test_create(run: Any) -> None:
    result = run("create", "-o", "x")
    lines = result.stdout.splitlines()
    assert lines[2].split() == ["users", "7", "812"]
    assert lines[3].split() == [LONG, "500,000", "12,345,678"]
    assert lines[4].split() == ["1", "empty", "table", "·", "13"]
    assert lines[-1] == "created edms.tar: 500,007 rows of 3 tables, 12.3 MB (3.2 s, 156,252 rows/s)"
    assert result.stderr.splitlines() == [
        "reading (100) …", "warning: something to know", "writing …", "warning: 2 references are dangling",
    ]  # fmt: skip
    assert "empty table" not in run("create", "-o", "x", "-v").stdout


def test_create_without_a_rate(fake: Any, run: Any) -> None:
    fake.created = replace(fake.created, tables={"users": TableWritten(1, 1)}, seconds=0.01)
    assert run("create", "-o", "x").stdout.endswith("created edms.tar: 1 row of 1 table, 1 B (0.0 s)\n")


def test_restore_leaves_out_what_is_zero(run: Any) -> None:
    lines = run("restore", "a.tar").stdout.splitlines()
    assert lines[0].split("  ")[0] == "table"
    assert [word for word in lines[0].split() if word != "refs"] == [
        "table", "read", "inserted", "updated", "unchanged", "kept", "resolved", "dangling",
    ]  # fmt: skip
    assert lines[2].split() == ["users", "7", "5", "1", "1", "·", "9", "·"]
    assert lines[4].split()[:3] == ["1", "empty", "table"]
    assert lines[6].split() == ["total", "1,234,574", "1,234,005", "1", "8", "560", "2,469,143", "3"]
    assert lines[-1] == (
        "restored: 1,234,005 rows inserted, 1 updated, 8 left as they were, 560 kept as the target has them."
    )
    assert "empty  " in run("restore", "a.tar", "-v").stdout


def test_restore_on_a_narrow_screen_tells_references_below(run: Any) -> None:
    shown = ANSI.sub("", run("restore", "a.tar", COLUMNS="80", FORCE_COLOR="1").stdout)
    assert LONG in shown
    assert "references: 2,469,143 resolved, 3 dangling" in shown


@pytest.mark.parametrize(
    "books, dry, sentence",
    [
        (Books(read=1, inserted=1), True, "dry run: nothing was written. The restore would insert 1 row."),
        (
            Books(read=17, inserted=2, updated=3, unchanged=4, kept=5, skipped=3, deleted=6),
            True,
            (
                "dry run: nothing was written. The restore would insert 2 rows, update 3, delete 6, "
                "leave 4 as they are, keep the target's side of 5, skip 3."
            ),
        ),
        (
            Books(read=4, unchanged=4),
            True,
            "dry run: nothing was written. The restore would write nothing, leave 4 as they are.",
        ),
        (Books(read=4, unchanged=4), False, "restored: nothing had to be written, 4 left as they were."),
        (Books(deleted=2, skipped=1, read=1), False, "restored: 2 deleted, 1 skipped, as asked."),
    ],
)
def test_the_closing_sentence(fake: Any, run: Any, books: Books, dry: bool, sentence: str) -> None:
    fake.restored = replace(fake.restored, dry_run=dry, applied=not dry, tables={"users": books})
    assert run("restore", "a.tar").stdout.splitlines()[-1] == sentence


def test_a_restore_of_no_table(fake: Any, run: Any) -> None:
    fake.restored = replace(fake.restored, tables={})
    result = run("restore", "a.tar")
    assert result.exit_code == 0
    assert result.stdout.endswith("restored: nothing had to be written.\n")


@pytest.mark.parametrize("flags", [(), ("-q",)])
def test_a_refusal(fake: Any, run: Any, flags: tuple[str, ...]) -> None:
    fake.restored = replace(fake.restored, applied=False, problems=problems(25), problem_count=1030)
    result = run("restore", "a.tar", *flags)
    assert result.exit_code == 4
    text = result.stderr if flags else result.stdout
    assert text.count("SOP-") == 20
    assert '  documents: unresolved-reference\n    documents ["SOP-0"]: author_id leads to a user' in text
    assert "… and 1,010 more (all that were recorded with --json)" in text
    assert text.endswith("refused: nothing was written. 1,030 problems stand in the way, see above.\n")
    assert run("restore", "a.tar", "-v").stdout.count("SOP-") == 25


def test_a_refusal_as_json(fake: Any, run: Any) -> None:
    fake.restored = replace(fake.restored, applied=False, problems=problems(1), problem_count=1)
    result = run("restore", "a.tar", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stdout) == json.loads(json.dumps(fake.restored.as_json()))
    assert "1 problem stands in the way" in result.stderr


@pytest.mark.parametrize("command", [*COMMANDS, ("fingerprint", "a.tar")])
def test_json_is_one_document_and_the_rest_is_on_stderr(run: Any, command: tuple[str, ...]) -> None:
    result = run(*command, "--json")
    assert result.exit_code == 0
    assert isinstance(json.loads(result.stdout), dict)
    assert "reading (100) …" in result.stderr

    result = run(*command, "--json", "-q")
    assert isinstance(json.loads(result.stdout), dict)
    assert result.stderr == ""

    result = run(*command, "--json", "--log-format", "json")
    assert isinstance(json.loads(result.stdout), dict)
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert [event["event"] for event in events][:3] == ["stage", "warning", "stage"]
    assert events[0] | {"time": ""} == {
        "time": "", "level": "info", "event": "stage", "stage": "reading", "total": 100,
    }  # fmt: skip


def test_json_is_lossless_and_cannot_steer_the_terminal(fake: Any, run: Any) -> None:
    for value in (2**70, "\x9b2J\u202e", "\ud800", {"a": None, "b": [1.5]}):
        problem = Problem("x", "y", "t", [value], "c", value)
        fake.restored = replace(fake.restored, problems=(problem,), problem_count=1)
        stdout = run("restore", "a.tar", "--json").stdout
        assert "\x9b" not in stdout
        assert "\u202e" not in stdout
        assert json.loads(stdout)["problems"][0]["value"] == value


def test_what_an_archive_holds_cannot_steer_the_terminal(fake: Any, run: Any, terminal: dict[str, str]) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\r\n[red]x[/red]"
    fake.restored = replace(
        fake.restored,
        tables={evil: Books(read=1, inserted=1)},
        problems=(Problem("code", evil, evil, [evil, 1], evil, evil),),
        problem_count=1,
        warnings=(evil,),
    )
    result = run("restore", "a.tar", **terminal)
    for text in (result.stdout, result.stderr):
        assert "\x1b]" not in text
        assert "\x07" not in text
        assert "\x1b[2J" not in text
    assert "[red]" in result.stdout


def test_equal_problems_are_counted(fake: Any, run: Any) -> None:
    fake.verified = VerifyReport(
        "x", 1, 1, (Problem("bad", "no", "t", ["k"], "c", "v" * 1000), *[Problem("a", "b")] * 2)
    )
    result = run("verify", "x")
    assert result.exit_code == 3
    assert "  t: bad\n    no\n" in result.stdout
    assert "  a\n    b (×2)\n" in result.stdout
    assert result.stdout.endswith("damaged: x, 1 row in 1 part read; do not rely on this archive\n")


def test_verify(run: Any) -> None:
    assert run("verify", "x").stdout == "whole: edms.tar, 7 rows in 3 parts, nothing wrong\n"
    assert run("verify", "x", "-q").stdout == ""


def test_fingerprint(fake: Any, run: Any) -> None:
    assert run("fingerprint", "x").stdout == f"{'cd' * 32}  users\n{'ab' * 32}  (the whole)\n"
    assert run("fingerprint", "x", "-q").stdout == f"{'ab' * 32}\n"
    fake.printed = FingerprintReport("0", {})
    assert json.loads(run("fingerprint", "x", "--json").stdout) == {"fingerprint": "0", "tables": {}}


CHANGED = (
    ChangedRow(["b"], ("email", "metadata"), (('"old"', '"new"'), ("null", '"mysql://u:secret@h/d \x1b[2J"'))),
    ChangedRow(["k" * 300], ("email",), (("1", "2"),)),
)


def test_diff(fake: Any, run: Any, terminal: dict[str, str]) -> None:
    assert run("diff", "a", "b").stdout == "equal: 1,200 rows of 2 tables\n"
    tables = {
        "users": compared_table(*CHANGED, same=5, only_left=2, only_right=1, more=1000),
        "same": compared_table(same=7),
        LONG: compared_table(),
    }
    fake.compared = replace(fake.compared, tables=tables, problems=(Problem("missing-table", "only left", LONG),))
    result = run("diff", "a", "b")
    assert result.exit_code == 5
    assert result.stdout == (
        "users: 1,002 only left, 1 only right, 1,002 changed\n"
        '  - ["l 0", null]\n  - ["l 1", null]\n  - … and 1,000 more\n'
        '  + ["r 0", null]\n'
        f'  ~ ["b"]: email, metadata\n  ~ ["{"k" * 198}…: email\n  ~ … and 1,000 more\n\n'
        f"{LONG}: the rows are the same\n  ! only left\n\n"
        "different: 2 of 3 tables; rows: 1,002 only left, 1 only right, 1,002 changed, 12 the same\n"
    )
    detailed = run("diff", "a", "b", "-v").stdout
    assert '      email: "old" → "new"\n      metadata: null → "mysql://u:***@h/d \\x1b[2J"\n' in detailed
    quiet = run("diff", "a", "b", "-q")
    assert (quiet.exit_code, quiet.stdout) == (5, "")
    assert quiet.stderr.startswith("different: 2 of 3 tables; ")
    shown = run("diff", "a", "b", "-v", **terminal).stdout
    assert "\x1b[2J" not in shown
    assert all(cell_len(line) <= int(terminal["COLUMNS"]) for line in ANSI.sub("", shown).splitlines())
    document = json.loads(run("diff", "a", "b", "--json").stdout)
    assert document["equal"] is False
    assert document["tables"]["users"]["changed"][0] == {"key": ["b"], "columns": ["email", "metadata"]}
    assert document["tables"]["users"]["only_left"] == [["l 0", None], ["l 1", None]]
    assert document["tables"]["same"]["counts"] == {"only_left": 0, "only_right": 0, "changed": 0, "same": 7}
    assert document["totals"] == {"only_left": 1002, "only_right": 1, "changed": 1002, "same": 12}
    assert document["problems"][0]["code"] == "missing-table"


def test_inventory(run: Any) -> None:
    text = run("inventory").stdout
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert rows["users"].split() == ["users", "7", "1", "0", "username", "registry", "users"]
    assert rows["documents"].endswith("users ×2, document_types")
    assert "name (not unique)" in rows["odd"]
    assert rows[LONG].split()[1:4] == ["3", "·", "0"]
    assert "the whole row" in rows[LONG]
    assert rows["audit_trail"].endswith("any table")
    assert "  odd: 2 rows share the key (a)" in text
    assert "cycle: documents → document_versions → documents" in text
    assert "left out by the registry: django_session" in text
    assert text.endswith("6 tables, 1,320 rows, 5 references; 5 with a natural key, 1 cycle, 1 table with problems\n")


def test_bars_on_a_terminal_leave_it_clean(run: Any, terminal: dict[str, str]) -> None:
    result = run("create", "-o", "x", **terminal)
    assert "reading" in result.stderr
    assert re.search(r"reading ━+ +\d+/100", ANSI.sub("", result.stderr))
    assert "warning: something to know" in ANSI.sub("", result.stderr)
    assert result.stderr.rstrip("\n").endswith(("\x1b[2K", "dangling\x1b[0m"))


def test_a_dumb_terminal_gets_lines(run: Any, terminal: dict[str, str]) -> None:
    assert "reading (100) …" in ANSI.sub("", run("create", "-o", "x", **{**terminal, "TERM": "dumb"}).stderr)
