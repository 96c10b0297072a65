from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edms_backup.cli import demo as demo_command
from edms_backup.cli.main import cli
from edms_backup.demo.plain_copy import PlainCopy
from edms_backup.demo.proof import Proof
from edms_backup.demo.run import DemoReport
from edms_backup.report import Books, CreateReport, Problem, RestoreReport


def test_the_demo_proves_all_of_it(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["demo", "--keep", str(tmp_path / "kept")])
    assert result.exit_code == 0, result.output
    assert "✗" not in result.stdout
    assert "author01 has another id: 822 in the live database, 4 now" in result.stdout
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        "live.sqlite3", "fresh.sqlite3", "restored.sqlite3", "backup.tar", "registry.yaml",
    }  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "kept" / "restored.sqlite3")) as database:
        statement = "SELECT count(*) FROM documents JOIN users u ON u.id = author_id WHERE username = 'author01'"
        assert database.execute(statement).fetchone()[0] > 0


def test_the_demo_as_json() -> None:
    result = CliRunner().invoke(cli, ["demo", "--json", "-q"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["ok"] is True
    assert document["dry_run"]["tables"] == document["restore"]["tables"]
    assert all(proof["holds"] for proof in document["proofs"])


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    result = CliRunner().invoke(cli, ["demo", "--keep", str(tmp_path)])
    assert result.exit_code == 2
    assert "is not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def played(folder: Path, narrator: Any, holds: bool) -> DemoReport:
    books = RestoreReport(True, "merge", False, {"users": Books(read=1, inserted=1)})
    refused = replace(books, problems=(Problem("c", "m", "users"),), problem_count=1)
    proofs = (Proof("first", True, "yes"), Proof("second", holds, "what differs"))
    narrator.step("one")
    narrator.say("said")
    narrator.step("two")
    narrator.warn("warned")
    narrator.books(books)
    narrator.books(replace(books if holds else refused, dry_run=False))
    for proof in proofs:
        narrator.proof(proof)
    created = CreateReport("backup.tar", {}, 0.1)
    return DemoReport(folder, created, PlainCopy(1, 2, 3), books, books, proofs, 0.5)


@pytest.mark.parametrize("holds", [True, False])
def test_how_it_is_told(monkeypatch: pytest.MonkeyPatch, holds: bool) -> None:
    monkeypatch.setattr(demo_command, "run_demo", lambda folder, _, story: played(folder, story, holds))
    result = CliRunner().invoke(cli, ["demo"])
    assert result.exit_code == (0 if holds else 5)
    assert result.stdout.startswith("1. one\n   said\n\n2. two\n   warned\n")
    assert "   ✓ first: yes\n" in result.stdout
    if holds:
        assert result.stdout.endswith("\nAll 2 proofs hold (0.5 s).\n")
    else:
        assert "   ✗ second: what differs\n" in result.stdout
        assert "1 proof of 2 did not hold." in result.stdout
        assert "differs: second: what differs" in CliRunner().invoke(cli, ["demo", "-q"]).stderr
    assert json.loads(CliRunner().invoke(cli, ["demo", "--json", "--log-format", "json"]).stdout)["ok"] is holds
