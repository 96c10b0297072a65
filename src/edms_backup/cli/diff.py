"""`diff`: name the rows that are different between two archives or databases."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import click
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from edms_backup import api
from edms_backup.cli.command import Command, separated
from edms_backup.cli.output import Output
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.text import count, masked, safe
from edms_backup.errors import ExitCode
from edms_backup.options import DiffOptions
from edms_backup.report import DiffReport, KeyValue, TableDiff

_WIDEST_KEY = 200


@click.command(
    cls=Command,
    short_help="Name the rows that differ between two archives or databases.",
    examples=(
        "edms-backup diff monday.tar tuesday.tar",
        "edms-backup diff edms.tar postgresql://backup@localhost/edms",
        "edms-backup diff sqlite:///a.sqlite3 sqlite:///b.sqlite3 --limit 100 --json",
        "EDMS_BACKUP_DB=… edms-backup diff edms.tar --tables 'document*' -v",
    ),
    exits=(
        ExitCode.DONE,
        ExitCode.ENVIRONMENT,
        ExitCode.USAGE,
        ExitCode.ARCHIVE,
        ExitCode.DIFFERENT,
        ExitCode.INTERRUPTED,
    ),
)
@click.argument("left")
@click.argument("right", required=False)
@click.option("--tables", multiple=True, callback=separated, metavar="GLOB,…", help="Only these tables; repeatable.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=DiffOptions.limit,
    metavar="N",
    show_default=True,
    help="How many rows are named of each table and kind; all are counted.",
)
@common_options
@click.pass_obj
def diff(session: Session, left: str, right: str | None, tables: tuple[str, ...], limit: int) -> int:
    """Compare LEFT with RIGHT, each an archive or a database by its URL. Without RIGHT it is the database of --db.

    Rows are matched by their natural keys, whatever their ids: - is only in LEFT, + only in RIGHT, ~ is in both with
    other values in the columns that are named; -v shows these values. The keys of an archive are those it was
    written with; two databases are read by the same registry.
    """
    sides = session.side(left), session.side(right)
    screen = Output(session)
    with screen.progress() as progress:
        report = api.diff(*sides, DiffOptions(tables, limit), progress)
    screen.show(*_differences(report, screen.every_detail))
    (screen.show if report.equal else screen.bad_news)(_closing_sentence(report))
    screen.document(report.as_json)
    return ExitCode.DONE if report.equal else ExitCode.DIFFERENT


def _differences(report: DiffReport, values: bool) -> Iterator[RenderableType]:
    for name, table in report.tables.items():
        notes = [problem for problem in report.problems if problem.table == name]
        if not table.different and not notes:
            continue
        yield Text(f"{safe(name)}: {_counted(table.counts) or 'the rows are the same'}", style="bold")
        for note in notes:
            yield _line(f"! {masked(note.message)}", "magenta")
        for sign, style, keys, whole in (
            ("-", "red", table.only_left, table.counts["only_left"]),
            ("+", "green", table.only_right, table.counts["only_right"]),
        ):
            yield from (_line(f"{sign} {_key(key)}", style) for key in keys)
            yield from _more(sign, whole - len(keys))
        yield from _changed(table, values)
        yield Text()


def _changed(table: TableDiff, values: bool) -> Iterator[RenderableType]:
    for row in table.changed:
        yield _line(f"~ {_key(row.key)}: {', '.join(row.columns)}", "yellow")
        if values:
            for column, (left, right) in zip(row.columns, row.values, strict=True):
                yield _line(f"{column}: {masked(left)} → {masked(right)}", "", 6)
    yield from _more("~", table.counts["changed"] - len(table.changed))


def _line(text: str, style: str, indent: int = 2) -> RenderableType:
    return Padding(Text(safe(text), style=style), (0, 0, 0, indent), expand=False)


def _more(sign: str, number: int) -> Iterator[RenderableType]:
    if number:
        yield _line(f"{sign} … and {number:,} more", "dim")


def _key(key: KeyValue) -> str:
    text = masked(json.dumps(key, ensure_ascii=False))
    return text if len(text) <= _WIDEST_KEY else f"{text[:_WIDEST_KEY]}…"


def _counted(counts: Mapping[str, int]) -> str:
    words = {"only_left": "only left", "only_right": "only right", "changed": "changed"}
    return ", ".join(f"{counts[name]:,} {word}" for name, word in words.items() if counts[name])


def _closing_sentence(report: DiffReport) -> Text:
    totals = report.totals()
    tables = count(len(report.tables), "table")
    if report.equal:
        return Text(f"equal: {count(totals['same'], 'row')} of {tables}", style="green")
    named = {problem.table for problem in report.problems}
    different = sum(1 for name, table in report.tables.items() if table.different or name in named)
    rows = f"{counted}, " if (counted := _counted(totals)) else ""
    sentence = f"different: {different:,} of {tables}; rows: {rows}{totals['same']:,} the same"
    return Text(sentence, style="bold red")
