from __future__ import annotations

import errno
import json
import subprocess
import sys
from typing import Any

import pytest

from edms_backup.errors import (
    ArchiveError,
    BackupError,
    EnvironmentFailed,
    LockHeld,
    RegistryError,
    RestoreRefused,
    UsageError,
)

ERRORS = [
    (EnvironmentFailed("database unreachable"), 1, "environment"),
    (UsageError("a flag is wrong"), 2, "usage"),
    (RegistryError("line 3 is wrong"), 2, "registry"),
    (ArchiveError("cut short"), 3, "archive"),
    (RestoreRefused("no"), 4, "refused"),
    (LockHeld("locked"), 6, "locked"),
]


@pytest.mark.parametrize("error, exit_code, code", ERRORS)
def test_each_error_has_its_exit_code(fake: Any, run: Any, error: BackupError, exit_code: int, code: str) -> None:
    fake.error = error
    error.hint = "do this"
    result = run("restore", "a.tar")
    assert (result.exit_code, result.stderr) == (exit_code, f"error: {error.message}\nhint: do this\n")
    assert result.stdout == ""

    result = run("restore", "a.tar", "--json")
    assert result.exit_code == exit_code
    assert json.loads(result.stdout) == {"error": {"code": code, "message": error.message, "hint": "do this"}}


def test_an_error_is_one_line_and_cannot_steer_the_terminal(fake: Any, run: Any) -> None:
    fake.error = ArchiveError("table \x1b[2Jusers\nline two \u202e[bold]x[/bold]")
    result = run("verify", "a.tar")
    assert result.stderr == "error: table \\x1b[2Jusers\\nline two \\u202e[bold]x[/bold]\n"


@pytest.mark.parametrize("flags", [(), ("-vv",), ("--json",), ("--log-format", "json"), ("-vv", "--json")])
def test_a_password_is_never_shown(fake: Any, run: Any, flags: tuple[str, ...]) -> None:
    url = "postgresql+psycopg://edms:s3cret/p@ss@db.example.org:5432/edms?sslpassword=t0psecret&x=1"
    for error in (EnvironmentFailed(f"cannot connect to {url}", hint=f"is {url} right?"), ValueError(url)):
        fake.error = error
        result = run("restore", "a.tar", "--db", url, *flags)
        told = result.stdout + result.stderr
        assert result.exit_code == 1
        assert "postgresql+psycopg://edms:***@db.example.org:5432/edms?sslpassword=***" in told
        assert "s3cret" not in told
        assert "p@ss" not in told
        assert "t0psecret" not in told


def test_a_traceback_only_with_vv(fake: Any, run: Any) -> None:
    fake.error = ArchiveError("cut short")
    assert "Traceback" not in run("verify", "a.tar", "-v").stderr
    for flags in (("verify", "a.tar", "-vv"), ("-v", "verify", "a.tar", "-v")):
        result = run(*flags)
        assert result.stderr.startswith("Traceback (most recent call last):\n")
        assert result.stderr.endswith("error: cut short\n")


def test_what_nobody_expected_is_called_a_bug(fake: Any, run: Any) -> None:
    fake.error = KeyError("users")
    result = run("inventory")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: this is a bug of edms-backup: KeyError: 'users'\n"
        "hint: run the same command again with -vv, and report what it prints\n"
    )


def test_an_interruption(fake: Any, run: Any) -> None:
    fake.error = KeyboardInterrupt()
    result = run("create", "-o", "x")
    assert result.exit_code == 130
    assert result.stderr == "error: interrupted; nothing half-done is left\n"


def test_the_operating_system(fake: Any, run: Any) -> None:
    fake.error = OSError(errno.ENOSPC, "No space left on device", "/backups/x")
    result = run("create", "-o", "x")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: no space left on device: /backups/x\nhint: free some space, or write to another disk\n"
    )
    fake.error = MemoryError()
    assert run("create", "-o", "x").stderr == "error: out of memory\n"


@pytest.mark.parametrize(
    "arguments",
    [("create", "--nosuch"), ("nosuch",), ("restore",), ("restore", "a", "--mode", "x"), ("verify", "a", "b")],
)
def test_usage(fake: Any, run: Any, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert "--help" in result.stderr
    result = run(*arguments, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "usage"
    assert not fake.calls


def test_the_log_as_json_has_the_error_too(fake: Any, run: Any) -> None:
    fake.error = ArchiveError("cut short", hint="make a new one")
    result = run("verify", "a.tar", "--log-format", "json")
    line = json.loads(result.stderr)
    assert (line["level"], line["event"], line["code"]) == ("error", "error", "archive")
    assert (line["message"], line["hint"]) == ("cut short", "make a new one")
    assert result.exit_code == 3


def test_quiet_still_tells_errors(fake: Any, run: Any) -> None:
    fake.error = ArchiveError("cut short")
    assert run("verify", "a.tar", "-q").stderr == "error: cut short\n"


def test_a_signal_to_end_is_an_interruption() -> None:
    # The handler is installed only in the process's own entry point.
    program = (
        "import os, signal; from edms_backup import api; from edms_backup.cli.main import main\n"
        "api.inventory = lambda *_: os.kill(os.getpid(), signal.SIGTERM)\n"
        "main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, "inventory", "--db", "sqlite://"], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (130, "error: interrupted; nothing half-done is left\n")
