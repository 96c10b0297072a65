"""`verify`: say whether an archive is whole."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from edms_backup import api
from edms_backup.cli.command import Command
from edms_backup.cli.output import Output
from edms_backup.cli.problems import SHOWN, problem_list
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.text import count, safe
from edms_backup.errors import ExitCode
from edms_backup.report import VerifyReport


@click.command(
    cls=Command,
    examples=(
        "edms-backup verify edms.tar",
        "edms-backup verify edms.tar -q && echo whole",
        "edms-backup verify edms.tar --db postgresql://backup@localhost/edms",
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
@click.argument("archive", type=click.Path(path_type=Path))
@common_options
@click.pass_obj
def verify(session: Session, archive: Path) -> int:
    """Read the whole of ARCHIVE and say whether it can be trusted.

    Every checksum is checked, every row parsed, every reference resolved inside the archive. No database is
    needed; with --db (the option, not the environment) the archive's tables are also compared with those of a
    database, whatever the ids are there.
    """
    screen = Output(session)
    with screen.progress() as progress:
        report = api.verify(archive, progress, session.source() if session.db else None)
    if found := report.problems or report.differences:
        limit = None if screen.every_detail else SHOWN
        screen.bad_news(*problem_list(found, len(found), limit))
    (screen.show if report.ok else screen.bad_news)(_closing_sentence(report))
    screen.document(report.as_json)
    if report.problems:
        return ExitCode.ARCHIVE
    return ExitCode.DIFFERENT if report.differences else ExitCode.DONE


def _closing_sentence(report: VerifyReport) -> Text:
    read = f"{count(report.rows, 'row')} in {count(report.parts, 'part')}"
    if report.ok:
        return Text(f"whole: {safe(report.archive)}, {read}, nothing wrong", style="green")
    if report.differences:
        tables = count(len(report.differences), "table")
        return Text(f"\nwhole: {safe(report.archive)}, {read}; but {tables} of the database differ", style="bold red")
    return Text(f"\ndamaged: {safe(report.archive)}, {read} read; do not rely on this archive", style="bold red")
