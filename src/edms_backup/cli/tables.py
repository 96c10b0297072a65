"""Tables for people: numbers to the right, columns of zeros left out, the same look everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from edms_backup.cli.text import safe

NARROW = 110
"""Below this many columns headings are short."""


def new_table(width: int, first: str, numbers: Iterable[str] = ()) -> Table:
    """A table of names, then numbers; `width` is the screen's."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    # In a pipe nothing limits the width, and the name stands whole; on a terminal it folds.
    table.add_column(first, overflow="fold", no_wrap=width > 1000)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def counted(table: Table, name: str, numbers: Sequence[int], style: str = "") -> None:
    """One row; a zero is a dot, so that the others are seen."""
    table.add_row(Text(safe(name), style=style), *(Text(_number(n), style=style) for n in numbers))


def _number(number: int) -> str:
    return f"{number:,}" if number else "·"
