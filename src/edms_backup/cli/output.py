"""Where output goes: the JSON document to stdout, text for people there or to stderr."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import orjson
from rich.console import Console, RenderableType

from edms_backup.cli.live import BarProgress, LogProgress, PlainProgress
from edms_backup.cli.session import Session
from edms_backup.cli.text import masked, safe
from edms_backup.progress import NoProgress, Progress

# Nothing wraps a line in a file or a pipe, and nobody wants it cut.
PIPED_WIDTH = 100_000
# Legal in JSON as they are, but a terminal may obey them; escaped they mean the same.
_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def console_for(stream: TextIO, terminal: bool | None = None) -> Console:
    """A console that writes plain, unwrapped text unless the stream is a terminal."""
    console = Console(file=stream, markup=False, highlight=False, emoji=False, force_terminal=terminal)
    if not console.is_terminal:
        console.width, console.no_color = PIPED_WIDTH, True
    return console


def put(console: Console, part: RenderableType) -> None:
    """Print one part, without the blanks that fill up a table's lines where no screen needs them."""
    if console.is_terminal:
        console.print(part)
        return
    with console.capture() as captured:
        console.print(part)
    console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().split("\n")[:-1]))


def as_document(data: Any) -> str:
    """One JSON document, indented."""
    try:
        text = orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS, default=str).decode()
    except TypeError:
        # Integers of more than 64 bits and text that is no valid Unicode: lossless, only slower.
        text = json.dumps(data, indent=2, default=str)
    return _STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


class Output:
    """The output of one command."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.errors = console_for(sys.stderr)
        self.people = self.errors if session.as_json else console_for(sys.stdout)
        self._warned: set[str] = set()

    @property
    def chatty(self) -> bool:
        """Whether people read along: not with -q, nor where stderr is for programs."""
        return not self.session.quiet and not (self.session.as_json and self.session.json_log)

    @property
    def every_detail(self) -> bool:
        """`-v`."""
        return self.session.verbosity > 0

    def show(self, *parts: RenderableType) -> None:
        """Text for people; not with -q."""
        if self.chatty:
            for part in parts:
                put(self.people, part)

    def answer(self, *parts: RenderableType) -> None:
        """The very thing that was asked for, also with -q; with --json it is in the document."""
        if not self.session.as_json:
            for part in parts:
                put(self.people, part)

    def bad_news(self, *parts: RenderableType) -> None:
        """Text that also -q lets through, then on stderr."""
        if self.session.as_json and self.session.json_log:
            return
        console = self.errors if self.session.quiet else self.people
        for part in parts:
            put(console, part)

    def document(self, make: Callable[[], Any]) -> None:
        """The one JSON document, where --json asks for it."""
        if self.session.as_json:
            sys.stdout.write(as_document(make()) + "\n")

    def warn(self, message: str) -> None:
        """A warning, once, however often it is reported."""
        if message in self._warned or self.session.quiet:
            return
        self._warned.add(message)
        text = masked(message)
        if self.session.json_log:
            LogProgress(sys.stderr).warn(text)
        else:
            self.errors.print(f"warning: {safe(text)}", style="yellow")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars on a terminal, one line a stage elsewhere, JSON lines where asked, nothing with -q."""
        if self.session.quiet:
            yield NoProgress()
        elif self.session.json_log:
            yield LogProgress(sys.stderr, self.warn)
        elif self.errors.is_terminal and not self.errors.is_dumb_terminal:
            with BarProgress(self.errors, self.warn) as bars:
                yield bars
        else:
            yield PlainProgress(self.errors, self.warn)
