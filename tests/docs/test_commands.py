"""Every command that a document shows is run, and what is shown of its output is what it prints."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from edms_backup import api
from edms_backup.cli.main import cli
from edms_backup.demo.build import build, registry_yaml
from edms_backup.demo.data import FRESH_FIRST_ID, LIVE_FIRST_ID, fresh_rows, live_rows
from edms_backup.options import CreateOptions, Source
from tests.conftest import NewDatabase
from tests.docs.pages import PAGES, README, ROOT, Command, blocks, commands

SECONDS = 240
_SERVER_URL = re.compile(r"(?P<product>postgresql|mariadb)://\S+")
_ONCE = re.compile(r"[0-9a-f]{16,}|[\d,.]+ (?:s|rows/s|kB|B)\b")


@dataclass(frozen=True)
class Ran:
    output: str
    status: int


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run commands in, with `edms-backup` and `sqlite3` on the PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    _program(programs / "edms-backup", "-m edms_backup")
    shown = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.executescript(sys.argv[2]); c.close()"
    _program(programs / "sqlite3", f"-c {shlex.quote(shown)}")
    for name in [name for name in os.environ if name.startswith("EDMS_BACKUP_")] + ["COLUMNS", "FORCE_COLOR"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep + path if path else ''}")
    work = tmp_path / "work"
    work.mkdir()
    return work


def _program(path: Path, arguments: str) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {arguments} "$@"\n')
    path.chmod(0o755)


def _run(folder: Path, texts: Sequence[str], status: int = 0) -> list[Ran]:
    """Run commands one after the other in one shell, as they would be typed."""
    mark = "=== end of a command:"
    script = [f"s={status}"]
    for text in texts:
        # `echo $?` is asked of the command before, not of our own lines.
        script += ["(exit $s)", text, "s=$?", f'printf "\\n%s %s\\n" "{mark}" $s']
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    parts = re.split(rf"\n{mark} (\d+)\n", done.stdout)
    found = [Ran(output, int(status)) for output, status in zip(parts[0::2], parts[1::2], strict=False)]
    assert len(found) == len(texts), done.stdout
    return found


def _run_one(folder: Path, text: str, status: int) -> Ran:
    """Run one command after one that ended with `status`: of ours without a new process, others in a shell."""
    if not re.fullmatch(r"edms-backup [\w./:, =-]+", text):
        (done,) = _run(folder, [text], status)
        return done
    with chdir(folder):
        result = CliRunner().invoke(cli, text.split()[1:])
    return Ran(result.output, result.exit_code)


def _check(page: Path, shown: Sequence[Command], ran: Sequence[Ran]) -> None:
    for position, (command, result) in enumerate(zip(shown, ran, strict=True)):
        where = f"{page.name}:{command.line}: {command.text}\n{result.output}"
        asked = position + 1 < len(shown) and shown[position + 1].text == "echo $?"
        assert (result.status != 0) == asked, f"exit {result.status}: {where}"
        missing = first_missing(command.shown, result.output.splitlines())
        assert missing is None, f"not printed: {missing!r}\n{where}"


def first_missing(shown: Iterable[str], printed: Sequence[str]) -> str | None:
    """The first line that is shown but not printed after those before it; `…` stands for anything."""
    rest = list(printed)
    for line in shown:
        if line in {"…", ""}:
            continue
        pattern = re.compile(".*".join(re.escape(part) for part in _steady(line).split("…")))
        position = next((i for i, text in enumerate(rest) if pattern.fullmatch(_steady(text))), None)
        if position is None:
            return line
        del rest[: position + 1]
    return None


def _steady(line: str) -> str:
    """A line without what another run prints otherwise: seconds, sizes, hashes."""
    return _ONCE.sub("#", line).rstrip()


def _is_local(command: Command) -> bool:
    """Whether a command runs here as it is: no server, nothing to install, no `make`."""
    words = command.text.split()
    if _SERVER_URL.search(command.text) or words[0] in {"make", "export"}:
        return False
    return not words[0].startswith(("/opt/", "python3"))


def _with_server(page: Path) -> list[Command]:
    """The commands that follow `export EDMS_BACKUP_DB=<server>` or name a server themselves."""
    found: list[Command] = []
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "bash" and any(_SERVER_URL.search(line) for line in block.lines):
            found += [Command(line, number) for number, line in enumerate(block.lines, block.line)]
    return found


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem)
def test_every_command_runs_and_prints_what_is_shown(page: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    missing = [tool for tool in ("jq", "zstd") if shutil.which(tool) is None]
    with_server = {command.line for command in _with_server(page)}
    shown = [
        command
        for command in commands(page)
        if _is_local(command)
        and command.line not in with_server
        and not any(re.search(rf"\b{tool}\b", command.text) for tool in missing)
    ]
    if page != README:
        request.getfixturevalue("tour")(folder)
    ran = [Ran("", 0)]
    for command in shown:
        ran.append(_run_one(folder, command.text, ran[-1].status))
    _check(page, shown, ran[1:])


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Puts into a folder what the README's tour leaves there: other documents go on from it."""
    made = tmp_path_factory.mktemp("tour")
    (made / "play").mkdir()
    live, registry = made / "play" / "live.sqlite3", made / "play" / "registry.yaml"
    build(live, live_rows(), LIVE_FIRST_ID)
    build(made / "play" / "fresh.sqlite3", fresh_rows(), FRESH_FIRST_ID)
    registry.write_text(registry_yaml(), encoding="utf-8")
    api.create(Source(f"sqlite:///{live}", str(registry)), CreateOptions(output=made / "edms.tar"))

    def copy(folder: Path) -> None:
        shutil.copytree(made, folder, dirs_exist_ok=True)

    return copy


@pytest.fixture
def filled(new_database: NewDatabase) -> Callable[[str], str]:
    """The URL of a database of a product that has something in it."""

    def fill(product: str) -> str:
        database = new_database(product)
        database.execute_script(
            "CREATE TABLE users (id integer PRIMARY KEY, username varchar(100) NOT NULL UNIQUE);"
            "CREATE TABLE documents (id integer PRIMARY KEY, document_number varchar(100) NOT NULL UNIQUE,"
            " author_id integer NOT NULL REFERENCES users (id));"
            "INSERT INTO users VALUES (822, 'author01'); INSERT INTO documents VALUES (1, 'SOP-1', 822)"
        )
        return database.url

    return fill


def test_commands_for_a_server(folder: Path, filled: Callable[[str], str]) -> None:
    shown = [command for page in PAGES for command in _with_server(page)]
    assert shown
    products = {match["product"] for command in shown for match in _SERVER_URL.finditer(command.text)}
    urls = {product: filled(product) for product in products}
    texts = [_SERVER_URL.sub(lambda match: f"'{urls[match['product']]}'", command.text) for command in shown]
    for command, result in zip(shown, _run(folder, texts), strict=True):
        assert result.status == 0, f"{command.text}\n{result.output}"


def test_the_crontab_line(folder: Path, filled: Callable[[str], str]) -> None:
    lines = [
        line
        for block in blocks(README.read_text(encoding="utf-8"))
        if block.language == "crontab"
        for line in block.lines
    ]
    assert lines
    url = filled("postgresql")
    for line in lines:
        *times, text = line.split(None, 5)
        assert len(times) == 5
        # What cron does to a line: a percent sign ends it unless it is escaped, and then the backslash goes.
        assert not re.search(r"(?<!\\)%", text)
        text = _SERVER_URL.sub(lambda _: f"'{url}'", text.replace(r"\%", "%")).replace("/var/backups/edms", str(folder))
        old = folder / "old.tar"
        old.touch()
        os.utime(old, (0, 0))
        (result,) = _run(folder, [text])
        assert (result.status, result.output) == (0, "")
        archives = [path.name for path in folder.iterdir()]
        assert len(archives) == 1
        assert re.fullmatch(r"\d{4}-\d\d-\d\d\.tar", archives[0])


def test_commands_of_make_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w-]+):(?!=)", makefile, flags=re.MULTILINE))
    shown = [
        command.text.split()[1:] for page in PAGES for command in commands(page) if command.text.startswith("make ")
    ]
    assert ["demo"] in shown
    assert ["test"] in shown
    assert {target for words in shown for target in words} <= targets


def test_extras_that_are_installed_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shown = {
        extra
        for page in PAGES
        for command in commands(page)
        if " install " in command.text
        for extras in re.findall(r"\.\[([\w,]+)\]", command.text)
        for extra in extras.split(",")
    }
    assert shown
    assert shown <= set(project["optional-dependencies"])


def test_shown_output_that_is_not_printed_is_found() -> None:
    printed = ["created x: 7 rows (0.3 s)", "", "total  7  ·"]
    assert first_missing(["created … (9.9 s)", "…", "total  7  ·"], printed) is None
    assert first_missing(["total  7  ·", "created …"], printed) == "created …"
    assert first_missing(["total  8  ·"], printed) == "total  8  ·"
