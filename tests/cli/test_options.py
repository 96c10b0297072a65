from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edms_backup.options import CreateOptions, DiffOptions, Ids, Mode, OnUnresolved, RestoreOptions, Source

SOURCE = Source("sqlite:///x.db")


def test_create_takes_values_repeated_and_separated_by_commas(fake: Any, run: Any) -> None:
    result = run(
        "create", "-o", "a.tar", "--tables", "users,doc*", "--tables", "roles", "--exclude", "x", "--tier", "1, 2"
    )
    assert result.exit_code == 0
    options = CreateOptions(output=Path("a.tar"), tables=("users", "doc*", "roles"), exclude=("x",), tiers=(1, 2))
    assert fake.calls == [(SOURCE, options)]


def test_create_into_a_folder(fake: Any, run: Any) -> None:
    assert run("create", "--into", "all").exit_code == 0
    assert fake.calls == [(SOURCE, CreateOptions(into=Path("all")))]


@pytest.mark.parametrize("where", [(), ("-o", "x", "--into", "y")])
def test_create_needs_exactly_one_place(fake: Any, run: Any, where: tuple[str, ...]) -> None:
    result = run("create", *where)
    assert result.exit_code == 2
    assert "either -o PATH or --into FOLDER" in result.stderr
    assert not fake.calls


@pytest.mark.parametrize("tier", ["a", "0", "1,-2", "1.5"])
def test_a_tier_is_a_number(fake: Any, run: Any, tier: str) -> None:
    result = run("create", "-o", "x", "--tier", tier)
    assert result.exit_code == 2
    assert "is not a tier" in result.stderr
    assert not fake.calls


def test_restore_defaults(fake: Any, run: Any) -> None:
    assert run("restore", "a.tar").exit_code == 0
    assert fake.calls == [(SOURCE, Path("a.tar"), RestoreOptions())]


def test_restore_options(fake: Any, run: Any) -> None:
    result = run(
        "restore", "a.tar", "--dry-run", "--mode", "mirror", "--ids", "assign", "--tables", "a,b",
        "--on-unresolved", "null", "--registry", "edms",
    )  # fmt: skip
    assert result.exit_code == 0
    options = RestoreOptions(True, Mode.MIRROR, Ids.ASSIGN, ("a", "b"), OnUnresolved.NULL)
    assert fake.calls == [(Source("sqlite:///x.db", "edms"), Path("a.tar"), options)]


def test_common_options_before_the_command_and_after_it(fake: Any, run: Any) -> None:
    assert run("--db", "sqlite:///before", "--json", "inventory").exit_code == 0
    assert run("--db", "sqlite:///before", "inventory", "--db", "sqlite:///after").exit_code == 0
    assert [call[0].url for call in fake.calls] == ["sqlite:///before", "sqlite:///after"]


def test_the_environment_gives_way_to_options(fake: Any, run: Any) -> None:
    run("inventory", EDMS_BACKUP_DB="sqlite:///env", EDMS_BACKUP_REGISTRY="env.yaml")
    run("inventory", "--registry", "own.yaml", EDMS_BACKUP_DB="sqlite:///env", EDMS_BACKUP_REGISTRY="env.yaml")
    assert [call[0] for call in fake.calls] == [
        Source("sqlite:///env", "env.yaml"),
        Source("sqlite:///env", "own.yaml"),
    ]


def test_no_database_is_said(fake: Any, run: Any) -> None:
    result = run("inventory", EDMS_BACKUP_DB="")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no database is named\nhint: give --db URL or set EDMS_BACKUP_DB")
    assert not fake.calls


def test_diff_of_archives_urls_and_the_database(fake: Any, run: Any) -> None:
    run("diff", "a.tar", "sqlite:///other", "--registry", "edms")
    run("diff", "sqlite:///other", "--limit", "3", "--tables", "a,b*", "--tables", "c")
    assert fake.calls == [
        (Path("a.tar"), Source("sqlite:///other", "edms"), DiffOptions()),
        (Source("sqlite:///other"), Source("sqlite:///x.db"), DiffOptions(("a", "b*", "c"), 3)),
    ]
    assert run("diff").exit_code == 2
    assert run("diff", "a", "b", "--limit", "-1").exit_code == 2


def test_fingerprint_of_an_archive_a_url_and_the_database(fake: Any, run: Any) -> None:
    run("fingerprint", "a.tar")
    run("fingerprint", "sqlite:///other", "--registry", "edms")
    run("fingerprint")
    assert [call[0] for call in fake.calls] == [Path("a.tar"), Source("sqlite:///other", "edms"), SOURCE]


def test_inventory_to_files(fake: Any, run: Any, tmp_path: Path) -> None:
    wanted = fake.inventory_found.as_json()
    assert run("inventory", "--format", "json", "-o", tmp_path / "i.json").stdout.startswith("written: ")
    assert json.loads((tmp_path / "i.json").read_text()) == json.loads(json.dumps(wanted))
    assert run("inventory", "-o", tmp_path / "i.txt").exit_code == 0
    text = (tmp_path / "i.txt").read_text()
    assert "username" in text
    assert all(line == line.rstrip() for line in text.splitlines())
    assert json.loads(run("inventory", "--format", "json").stdout) == json.loads(json.dumps(wanted))
