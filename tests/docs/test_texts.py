"""What documents say of the command line exists, what exists is said, and links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from edms_backup.cli.main import cli
from edms_backup.errors import ExitCode
from tests.docs.pages import PAGES, README, ROOT, anchors, blocks, commands, links, options_in_prose, prose, section

TEXT = README.read_text(encoding="utf-8")
FUTURE = "Not there yet"


def _options(command: click.Command) -> set[str]:
    context = click.Context(command, help_option_names=["-h", "--help"])
    return {option for parameter in command.get_params(context) for option in parameter.opts}


EVERY_OPTION = _options(cli).union(*(_options(command) for command in cli.commands.values()))


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_in_the_readme(name: str) -> None:
    assert re.search(rf"edms-backup {name}\b", TEXT) or f"`{name}`" in TEXT or f"`make {name}`" in TEXT


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_option_is_in_some_document(name: str) -> None:
    everything = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    long = {option for option in _options(cli.commands[name]) if option.startswith("--")}
    # An option that both names are of is said by one of them.
    said = {option for option in long if re.search(rf"(?<![\w-]){option}(?![\w-])", everything)}
    assert sorted(long - said - {"--quiet", "--verbose", "--output", "--exclude"}) == []


def test_short_names_stand_for_the_long_ones() -> None:
    for option in ("-q", "-v", "-o"):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", TEXT)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    future = options_in_prose(section(text, FUTURE)) if page == README else set()
    assert sorted(options_in_prose(prose(text)) - EVERY_OPTION - future) == []


def test_what_is_not_there_yet_is_not_there() -> None:
    text = section(TEXT, FUTURE)
    assert text
    assert options_in_prose(text) & (EVERY_OPTION - {"--db"}) == set()
    words = {code.split()[0] for code in re.findall(r"`([^`-][^`]*)`", text)}
    assert words & (set(cli.commands) - {"inventory"}) == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_of_commands_that_are_shown_exist(page: Path) -> None:
    """Also of those that are not run here."""
    lines = [command.text for command in commands(page)]
    lines += [
        line
        for block in blocks(page.read_text(encoding="utf-8"))
        if block.language == "crontab"
        for line in block.lines
    ]
    for line in lines:
        for part in re.findall(r"(?:^|[\s/])edms-backup ([^|&>]+)", line):
            name, *words = shlex.split(part)
            assert name in cli.commands, line
            named = {word.partition("=")[0] for word in words if word.startswith("-")}
            assert sorted(named - _options(cli.commands[name]) - {"-q"}) == [], line


def test_every_exit_code_has_its_line() -> None:
    rows = re.findall(r"^\| (\d+) \|", section(TEXT, "For scripts"), flags=re.MULTILINE)
    assert [int(code) for code in rows] == sorted(int(code) for code in ExitCode)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(file), target


def test_every_document_is_linked_in_the_readme() -> None:
    linked = {(ROOT / target.partition("#")[0]).resolve() for target in links(README)}
    assert {page for page in PAGES if page != README} <= linked


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:src|docs|tests|configs|benchmarks)/[\w./-]+)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []
