"""How a run shows that it gets on: bars on a terminal, a line a stage in a log, JSON lines for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Column
from rich.text import Text

from edms_backup.cli.text import safe

Warn = Callable[[str], None]


def _ignore(message: str) -> None:
    del message


class _Text(TextColumn):
    """A column whose content comes from a database: never markup, never more than one line."""

    def __init__(self, make: Callable[[Task], str], style: str = "", column: Column | None = None) -> None:
        super().__init__("", style=style, table_column=column or Column(no_wrap=True))
        self.make = make

    def render(self, task: Task) -> Text:
        """The text as it is."""
        return Text(self.make(task), style=str(self.style), overflow="ellipsis", no_wrap=True)


def _amount(task: Task) -> str:
    done = f"{int(task.completed):,}"
    return f"{done}/{int(task.total):,}" if task.total else done


def _rate(task: Task) -> str:
    rate = task.finished_speed or task.speed
    return f"{int(rate):,}/s" if rate else ""


class BarProgress:
    """One bar a stage; they disappear when the run ends and its result is shown."""

    def __init__(self, console: Console, warn: Warn) -> None:
        self.warn = warn
        self._stage: TaskID | None = None
        self._bars = Bars(
            SpinnerColumn(finished_text="✓"),
            _Text(lambda task: task.description),
            BarColumn(bar_width=None, table_column=Column(ratio=1, max_width=30)),
            _Text(_amount),
            _Text(_rate),
            _Text(lambda task: str(task.fields["detail"]), "dim", Column(no_wrap=True, ratio=1)),
            console=console,
            transient=True,
            expand=True,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal clean."""
        self._bars.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Complete the bar before, begin the next."""
        self._complete()
        self._stage = self._bars.add_task(safe(name), total=total, detail="")

    def advance(self, done: int, detail: str = "") -> None:
        """Move the bar."""
        if self._stage is not None:
            self._bars.update(self._stage, advance=done, detail=safe(detail))

    def _complete(self) -> None:
        if self._stage is None:
            return
        task = next(task for task in self._bars.tasks if task.id == self._stage)
        self._bars.update(self._stage, total=task.completed or 1, completed=task.completed or 1, detail="")


class PlainProgress:
    """One line a stage, for logs."""

    def __init__(self, console: Console, warn: Warn) -> None:
        self._console = console
        self.warn = warn

    def stage(self, name: str, total: int | None = None) -> None:
        """One line."""
        self._console.print(f"{safe(name)} …" if total is None else f"{safe(name)} ({total:,}) …")

    def advance(self, done: int, detail: str = "") -> None:
        """Nothing: a log is not a screen."""


class LogProgress:
    """Stages and warnings as JSON lines."""

    def __init__(self, stream: TextIO, warn: Warn = _ignore) -> None:
        self._stream = stream
        self._warn = warn

    def stage(self, name: str, total: int | None = None) -> None:
        """`{"event": "stage", …}`."""
        write_line(self._stream, "info", "stage", stage=name, total=total)

    def advance(self, done: int, detail: str = "") -> None:
        """Nothing: a stage is enough for a log."""

    def warn(self, message: str) -> None:
        """`{"event": "warning", …}`."""
        if self._warn is _ignore:
            write_line(self._stream, "warning", "warning", message=message)
        else:
            self._warn(message)


def write_line(stream: TextIO, level: str, event: str, **facts: Any) -> None:
    """One JSON line of the log, in ASCII so that nothing in it steers a terminal."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    stream.write(json.dumps({"time": now, "level": level, "event": event, **facts}, default=str) + "\n")
    stream.flush()
