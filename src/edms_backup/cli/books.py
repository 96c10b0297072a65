"""The books of a restore: the table of counts, and the one sentence that sums them up."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from edms_backup.cli.tables import NARROW, counted, new_table
from edms_backup.cli.text import count
from edms_backup.report import Books, RestoreReport

# Field of Books, heading, heading where there is little room.
_COLUMNS = (
    ("read", "read", "read"),
    ("inserted", "inserted", "ins"),
    ("updated", "updated", "upd"),
    ("unchanged", "unchanged", "same"),
    ("kept", "kept", "kept"),
    ("skipped", "skipped", "skip"),
    ("failed", "failed", "fail"),
    ("deleted", "deleted", "del"),
    ("resolved", "refs resolved", ""),
    ("dangling", "dangling", ""),
    ("unresolved", "unresolved", ""),
)


_REFERENCES = ("resolved", "dangling", "unresolved")


def books_shown(report: RestoreReport, width: int, every_table: bool = False) -> Iterator[RenderableType]:
    """The table of counts; on a narrow screen the references are one line below it."""
    narrow = width < NARROW
    fields = [name for name, _, _ in _COLUMNS]
    sums = {name: sum(getattr(books, name) for books in report.tables.values()) for name in fields}
    columns = [
        (name, short if narrow else long)
        for name, long, short in _COLUMNS
        if (sums[name] and not (narrow and name in _REFERENCES)) or name == "read"
    ]
    yield _table(report, new_table(width, "table", [title for _, title in columns]), columns, every_table)
    if narrow and any(sums[name] for name in _REFERENCES):
        yield Text(f"references: {', '.join(f'{sums[name]:,} {name}' for name in _REFERENCES if sums[name])}")


def _table(report: RestoreReport, table: Table, columns: list[tuple[str, str]], every_table: bool) -> Table:
    """One row a table; tables with nothing in them are one line."""

    def values(books: Books) -> list[int]:
        return [getattr(books, name) for name, _ in columns]

    empty = 0
    for name, books in report.tables.items():
        if every_table or any(vars(books).values()):
            counted(table, name, values(books), "red" if books.failed or books.unresolved else "")
        else:
            empty += 1
    if empty:
        counted(table, count(empty, "empty table"), [0] * len(columns), "dim")
    table.add_section()
    totals = [sum(column) for column in zip(*map(values, report.tables.values()), strict=True)]
    counted(table, "total", totals or [0] * len(columns), "bold")
    return table


def closing_sentence(report: RestoreReport) -> Text:
    """What a tired person has to know."""
    if report.refused:
        problems = count(report.problem_count, "problem")
        stand = "stands" if report.problem_count == 1 else "stand"
        return Text(f"\nrefused: nothing was written. {problems} {stand} in the way, see above.", style="bold red")
    if report.dry_run:
        return Text(f"\ndry run: nothing was written. {_would(report)}", style="green")
    return Text(f"\nrestored: {_did(report)}", style="green")


def _would(report: RestoreReport) -> str:
    sums = report.totals()
    parts = [
        f"insert {count(sums['inserted'], 'row')}" if sums["inserted"] else "",
        f"update {sums['updated']:,}" if sums["updated"] else "",
        f"delete {sums['deleted']:,}" if sums["deleted"] else "",
    ]
    written = [part for part in parts if part] or ["write nothing"]
    left = [
        f"leave {sums['unchanged']:,} as they are" if sums["unchanged"] else "",
        f"keep the target's side of {sums['kept']:,}" if sums["kept"] else "",
        f"skip {sums['skipped']:,}" if sums["skipped"] else "",
    ]
    return f"The restore would {', '.join(written + [part for part in left if part])}."


def _did(report: RestoreReport) -> str:
    sums = report.totals()
    parts = [
        f"{count(sums['inserted'], 'row')} inserted" if sums["inserted"] else "",
        f"{sums['updated']:,} updated" if sums["updated"] else "",
        f"{sums['deleted']:,} deleted" if sums["deleted"] else "",
    ]
    written = [part for part in parts if part] or ["nothing had to be written"]
    left = [
        f"{sums['unchanged']:,} left as they were" if sums["unchanged"] else "",
        f"{sums['kept']:,} kept as the target has them" if sums["kept"] else "",
        f"{sums['skipped']:,} skipped, as asked" if sums["skipped"] else "",
    ]
    return f"{', '.join(written + [part for part in left if part])}."
