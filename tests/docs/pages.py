"""The documents of the project as tests see them: blocks of commands, headings, links, options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"(?P<ticks>`{3,})(?P<language>\w*)\s*")
_HEADING = re.compile(r"#{1,6} (?P<title>.+)")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_INLINE_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    line: int
    """Of its first line, from 1."""
    lines: tuple[str, ...]


@dataclass
class Command:
    """One command that a document shows."""

    text: str
    line: int
    shown: list[str] = field(default_factory=list)
    """The output under it; `…` stands for anything."""


def blocks(text: str) -> Iterator[Block]:
    """All fenced blocks."""
    fence = ""
    found: list[str] = []
    language, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        opening = _FENCE.fullmatch(line)
        if fence:
            if line.strip() == fence:
                yield Block(language, start, tuple(found))
                fence = ""
            else:
                found.append(line)
        elif opening:
            fence, language, start, found = opening["ticks"], opening["language"], number + 1, []
    assert not fence, f"the block from line {start} on is not closed"


def commands(page: Path) -> list[Command]:
    """The commands of ```console blocks (after `$ `) and ```bash blocks (each line), in order."""
    found: list[Command] = []
    for block in blocks(page.read_text(encoding="utf-8")):
        for number, line in enumerate(block.lines, block.line):
            if block.language == "console":
                if line.startswith("$ "):
                    found.append(Command(line[2:], number))
                else:
                    found[-1].shown.append(line)
            elif block.language == "bash" and line.strip() and not line.startswith("#"):
                found.append(Command(line, number))
    return found


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    lines = text.splitlines()
    for block in blocks(text):
        for number in range(block.line - 1, block.line + len(block.lines) + 1):
            lines[number - 1] = ""
    return "\n".join(lines)


def anchors(page: Path) -> set[str]:
    """What a link to a heading of the page may be called."""
    found = set()
    for line in prose(page.read_text(encoding="utf-8")).splitlines():
        heading = _HEADING.fullmatch(line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading["title"].lower())
            found.add(words.replace(" ", "-"))
    return found


def links(page: Path) -> list[str]:
    """Targets of all links, without those to other sites."""
    targets = [match["target"] for match in _LINK.finditer(prose(page.read_text(encoding="utf-8")))]
    return [target for target in targets if "://" not in target]


def section(text: str, title: str) -> str:
    """The text under a heading, up to the next heading."""
    _, _, rest = text.partition(f" {title}\n")
    return re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]


def options_in_prose(text: str) -> set[str]:
    """Long options that inline code names."""
    return {option for code in _INLINE_CODE.findall(text) for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code)}
