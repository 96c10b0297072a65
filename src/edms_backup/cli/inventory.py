"""`inventory`: what is in a database, and what protects each table."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from edms_backup import api
from edms_backup.cli.command import Command
from edms_backup.cli.output import PIPED_WIDTH, Output, as_document, console_for, put
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.tables import NARROW, new_table
from edms_backup.cli.text import count, safe
from edms_backup.errors import ExitCode
from edms_backup.report import Inventory, InventoryTable

_SHORT_SOURCES = {
    "unique constraint": "unique",
    "link table": "link",
    "primary key": "pk",
    "whole row": "row",
}


@click.command(
    cls=Command,
    examples=(
        "edms-backup inventory --db sqlite:///edms.sqlite3 --registry edms",
        "edms-backup inventory --registry edms --format json -o inventory.json",
    ),
    exits=(ExitCode.DONE, ExitCode.ENVIRONMENT, ExitCode.USAGE),
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it there instead of to stdout.",
)
@common_options
@click.pass_obj
def inventory(session: Session, form: str, output: Path | None) -> int:
    """List every table of a database and what protects it.

    Rows, tier, natural key and where that comes from, references, restore level (0 refers to nothing) and
    problems: what a backup of this database would rest on.
    """
    if session.as_json:
        form = "json"
    elif form == "json" and output is None:
        session.as_json = True
    source = session.source()
    screen = Output(session)
    with screen.progress() as progress:
        report = api.inventory(source, progress)
    for warning in report.warnings:
        screen.warn(warning)
    if output is not None:
        output.write_text(_as_file(report, form), encoding="utf-8")
        screen.show(Text(f"written: {safe(output)}"))
    elif form == "table":
        screen.answer(*rendered(report, screen.people.width))
    screen.document(report.as_json)
    return ExitCode.DONE


def _as_file(report: Inventory, form: str) -> str:
    if form == "json":
        return as_document(report.as_json()) + "\n"
    buffer = io.StringIO()
    console = console_for(buffer, terminal=False)
    for part in rendered(report, PIPED_WIDTH):
        put(console, part)
    return buffer.getvalue()


def rendered(report: Inventory, width: int) -> Iterator[RenderableType]:
    """The table, what is wrong, and the totals."""
    yield _table(report, width)
    troubled = [table for table in report.tables if table.problems]
    if troubled:
        yield Text("\nproblems:", style="bold red")
        for table in troubled:
            for problem in table.problems:
                yield Text(f"  {safe(table.name)}: {safe(problem)}")
    yield Text()
    for cycle in report.cycles:
        yield Text(f"cycle: {' → '.join(safe(name) for name in (*cycle, cycle[0]))}")
    if report.excluded:
        yield Text(f"left out by the registry: {', '.join(safe(name) for name in report.excluded)}")
    totals = report.totals()
    yield Text(
        f"{count(totals['tables'], 'table')}, {count(totals['rows'], 'row')}, "
        f"{count(totals['references'], 'reference')}; {totals['keyed']:,} with a natural key, "
        f"{count(len(report.cycles), 'cycle')}, {count(len(troubled), 'table')} with problems",
        style="bold",
    )


def _table(report: Inventory, width: int) -> Table:
    narrow = width < NARROW
    piped = width > 1000
    table = new_table(width, "table", ("rows", "tier", "lvl" if narrow else "level"))
    table.add_column("natural key", overflow="fold", no_wrap=piped)
    if not narrow:
        table.add_column("from", no_wrap=True)
    table.add_column("refers to", overflow="fold", no_wrap=piped)
    for entry in report.tables:
        table.add_row(
            Text(safe(entry.name), style="red" if entry.problems else ""),
            f"{entry.rows:,}",
            "·" if entry.tier is None else str(entry.tier),
            str(entry.level),
            *_key(entry, narrow),
            Text(_references(entry), style="dim"),
        )
    return table


def _key(entry: InventoryTable, narrow: bool) -> tuple[Text, ...]:
    """The natural key and where it comes from; in one cell where there is little room."""
    key = ", ".join(safe(column) for column in entry.natural_key)
    if not entry.natural_key:
        text = Text("none", style="bold red")
    elif entry.natural_key == ("*",):
        text = Text("the whole row")
    elif entry.key_unique is False:
        text = Text(f"{key} (not unique)", style="red")
    else:
        text = Text(key)
    if not narrow:
        return text, Text(safe(entry.key_source))
    short = _SHORT_SOURCES.get(entry.key_source, safe(entry.key_source))
    return (text if short in {"row", "none"} else Text.assemble(text, (f" · {short}", "dim")),)


def _references(entry: InventoryTable) -> str:
    names = Counter(
        "any table" if reference.kind == "polymorphic" else reference.table for reference in entry.references
    )
    return ", ".join(f"{safe(name)} ×{times}" if times > 1 else safe(name) for name, times in names.items())
