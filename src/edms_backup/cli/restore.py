"""`restore`: write an archive into a database, or say what that would do."""

from __future__ import annotations

from pathlib import Path

import click

from edms_backup import api
from edms_backup.cli.books import books_shown, closing_sentence
from edms_backup.cli.command import Command, separated
from edms_backup.cli.output import Output
from edms_backup.cli.problems import SHOWN, differences_shown, problem_list
from edms_backup.cli.session import Session, common_options
from edms_backup.errors import ExitCode
from edms_backup.options import Ids, Mode, OnUnresolved, RestoreOptions


@click.command(
    cls=Command,
    examples=(
        "edms-backup restore edms.tar --registry edms --dry-run",
        "edms-backup restore edms.tar --registry edms",
        "edms-backup restore edms.tar --db sqlite:///new.sqlite3 --mode insert --json",
    ),
    exits=(
        ExitCode.DONE,
        ExitCode.ENVIRONMENT,
        ExitCode.USAGE,
        ExitCode.ARCHIVE,
        ExitCode.REFUSED,
        ExitCode.INTERRUPTED,
    ),
)
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what the restore would do, and write nothing.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.MERGE.value,
    show_default=True,
    help="merge: insert missing rows, update changed ones. insert: never touch existing rows. "
    "mirror: also delete what the archive lacks.",
)
@click.option(
    "--ids",
    type=click.Choice([ids.value for ids in Ids]),
    default=Ids.PRESERVE.value,
    show_default=True,
    help="preserve: a new row keeps its id where that is free. assign: the database gives new ones.",
)
@click.option("--tables", multiple=True, callback=separated, metavar="GLOB,…", help="Only these tables; repeatable.")
@click.option(
    "--on-unresolved",
    type=click.Choice([choice.value for choice in OnUnresolved]),
    default=OnUnresolved.FAIL.value,
    show_default=True,
    help="Where a reference leads to no row: refuse, leave it empty, or skip the row.",
)
@common_options
@click.pass_obj
def restore(
    session: Session,
    archive: Path,
    dry_run: bool,
    mode: str,
    ids: str,
    tables: tuple[str, ...],
    on_unresolved: str,
) -> int:
    """Write ARCHIVE into a database, which may hold rows already.

    Rows are matched by their natural keys, whatever their ids. All is written or nothing: a restore that
    would lose, invent or misplace something is refused, with the reasons. Try --dry-run first: its counts and
    problems are those of the restore.
    """
    options = RestoreOptions(
        dry_run=dry_run,
        mode=Mode(mode),
        ids=Ids(ids),
        tables=tables,
        on_unresolved=OnUnresolved(on_unresolved),
    )
    source = session.source()
    screen = Output(session)
    with screen.progress() as progress:
        report = api.restore(source, archive, options, progress)
    for warning in report.warnings:
        screen.warn(warning)
    if screen.every_detail:
        screen.show(*differences_shown(report.drift))
    screen.show(*books_shown(report, screen.people.width, screen.every_detail))
    if report.refused:
        limit = None if screen.every_detail else SHOWN
        screen.bad_news(*problem_list(report.problems, report.problem_count, limit))
    (screen.bad_news if report.refused else screen.show)(closing_sentence(report))
    screen.document(report.as_json)
    return ExitCode.REFUSED if report.refused else ExitCode.DONE
