"""`create`: write an archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import RenderableType
from rich.text import Text

from edms_backup import api
from edms_backup.cli.command import Command, separated, separated_numbers
from edms_backup.cli.output import Output
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.tables import counted, new_table
from edms_backup.cli.text import count, safe, size, speed
from edms_backup.errors import ExitCode, UsageError
from edms_backup.options import CreateOptions
from edms_backup.report import CreateReport


@click.command(
    cls=Command,
    examples=(
        "edms-backup create --registry edms -o edms.tar",
        "edms-backup create --db sqlite:///edms.sqlite3 --into /backups --tier 1,2",
        "edms-backup create -o workflows --tables 'workflow_*,documents' --json",
    ),
    exits=(ExitCode.DONE, ExitCode.ENVIRONMENT, ExitCode.USAGE, ExitCode.INTERRUPTED),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The archive: one file where PATH ends in .tar, else a folder.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Add an archive to a FOLDER of archives, named by UTC time.",
)
@click.option("--tables", multiple=True, callback=separated, metavar="GLOB,…", help="Only these tables; repeatable.")
@click.option(
    "--exclude", multiple=True, callback=separated, metavar="GLOB,…", help="All but these tables; repeatable."
)
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    callback=separated_numbers,
    metavar="N,…",
    help="Only tables of these tiers: 1 critical, 2 important, 3 standard, 4 system; repeatable.",
)
@common_options
@click.pass_obj
def create(
    session: Session,
    output: Path | None,
    into: Path | None,
    tables: tuple[str, ...],
    exclude: tuple[str, ...],
    tiers: tuple[int, ...],
) -> int:
    """Write an archive of a database.

    The archive is one consistent snapshot, though others write meanwhile, and appears only when
    it is complete. Give either -o or --into.
    """
    if (output is None) == (into is None):
        raise UsageError("create needs either -o PATH or --into FOLDER", hint="e.g. -o backup.tar")
    options = CreateOptions(output=output, into=into, tables=tables, exclude=exclude, tiers=tiers)
    source = session.source()
    screen = Output(session)
    with screen.progress() as progress:
        report = api.create(source, options, progress)
    for warning in report.warnings:
        screen.warn(warning)
    screen.show(*rendered(report, screen.people.width, screen.every_detail))
    screen.document(report.as_json)
    return ExitCode.DONE


def rendered(report: CreateReport, width: int, every_table: bool = False) -> Iterator[RenderableType]:
    """The closing table and sentence."""
    filled = {name: table for name, table in report.tables.items() if table.rows or every_table}
    table = new_table(width, "table", ("rows", "bytes"))
    for name, written in filled.items():
        counted(table, name, (written.rows, written.bytes))
    if empty := [written for name, written in report.tables.items() if name not in filled]:
        counted(table, count(len(empty), "empty table"), (0, sum(one.bytes for one in empty)), "dim")
    table.add_section()
    counted(table, "total", (report.rows, report.bytes), "bold")
    yield table
    content = f"{count(report.rows, 'row')} of {count(len(report.tables), 'table')}, {size(report.bytes)}"
    took = speed(report.rows, report.seconds)
    yield Text(f"\ncreated {safe(report.archive)}: {content} ({took})", style="green")
