from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import Any

import click
import pytest

from edms_backup import __version__
from edms_backup.cli.command import Command
from edms_backup.cli.main import cli

NAMES = ("create", "restore", "inventory", "verify", "diff", "fingerprint", "demo")
COMMANDS = [cli.commands[name] for name in NAMES]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_each_page_stands_alone(run: Any, command: Command) -> None:
    result = run(str(command.name), "--help")
    assert result.exit_code == 0
    page = result.stdout
    assert all(len(line) <= 80 for line in page.splitlines())
    assert "Examples:\n  " in page
    assert re.search(r"Exit codes:\n  0 +done\n", page)
    for flag in ("--db URL", "--registry", "--json", "--quiet", "--verbose", "--log-format"):
        assert flag in page


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.name))
def test_each_example_can_be_parsed(command: Command) -> None:
    for example in command.examples:
        words = [word for word in shlex.split(example.split(" && ")[0]) if "=" not in word]
        assert words[:2] == ["edms-backup", command.name]
        command.make_context(str(command.name), words[2:])


def test_no_command_shows_the_commands(run: Any) -> None:
    result = run()
    assert result.exit_code == 2
    for command in COMMANDS:
        assert str(command.name) in result.stderr


def test_summaries_are_not_cut(run: Any) -> None:
    assert "..." not in run("--help").stdout.split("Commands:")[1]


def test_version(run: Any) -> None:
    assert run("--version").stdout == f"edms-backup, version {__version__}\n"


def test_the_commands_are_the_groups() -> None:
    assert isinstance(cli, click.Group)
    assert all(isinstance(command, Command) for command in cli.commands.values())


def test_as_a_module() -> None:
    ran = subprocess.run([sys.executable, "-m", "edms_backup", "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"edms-backup, version {__version__}\n"
