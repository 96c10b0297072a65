"""Problems as people read them, grouped by table and kind, each with its reason; and differences of schemas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from edms_backup.cli.text import count, masked, safe
from edms_backup.report import Difference, DriftClass, Problem

SHOWN = 20


def problem_list(problems: Sequence[Problem], total: int, limit: int | None = SHOWN) -> Iterator[RenderableType]:
    """The first problems, and how many more there are."""
    shown = list(problems if limit is None else problems[:limit])
    yield Text(f"\n{count(total, 'problem')}:", style="bold red")
    for (table, code), group in groupby(shown, key=lambda p: (p.table, p.code)):
        title = f"{safe(table)}: {safe(code)}" if table else safe(code)
        yield Padding(Text(title, style="bold"), (0, 0, 0, 2), expand=False)
        for line, same in groupby(map(_line, group)):
            times = len(list(same))
            text = line if times == 1 else f"{line} (×{times})"
            yield Padding(Text(text), (0, 0, 0, 4), expand=False)
    if total > len(shown):
        yield Text(f"  … and {total - len(shown):,} more (all that were recorded with --json)", style="dim")


def differences_shown(drift: Sequence[Difference]) -> Iterator[RenderableType]:
    """The safe differences between the schemas of both sides; what is not safe is among the problems."""
    safe_ones = [difference for difference in drift if difference.level is DriftClass.SAFE]
    if safe_ones:
        yield Text(f"{count(len(safe_ones), 'safe difference')} between the schemas:", style="bold")
        for difference in safe_ones:
            yield Padding(Text(safe(masked(difference.message))), (0, 0, 0, 2), expand=False)
        yield Text("")


def _line(problem: Problem) -> str:
    # The message names row, column and value already.
    return safe(masked(problem.message))
