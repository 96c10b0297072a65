"""`fingerprint`: a hash of the content, whatever the ids."""

from __future__ import annotations

import click
from rich.text import Text

from edms_backup import api
from edms_backup.cli.command import Command
from edms_backup.cli.output import Output
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.text import safe
from edms_backup.errors import ExitCode


@click.command(
    cls=Command,
    short_help="Hash the content of an archive or a database.",
    examples=(
        "edms-backup fingerprint edms.tar",
        "edms-backup fingerprint sqlite:///edms.sqlite3 --registry edms",
        "EDMS_BACKUP_DB=… edms-backup fingerprint -q",
    ),
    exits=(ExitCode.DONE, ExitCode.ENVIRONMENT, ExitCode.USAGE, ExitCode.ARCHIVE, ExitCode.INTERRUPTED),
)
@click.argument("source", required=False)
@common_options
@click.pass_obj
def fingerprint(session: Session, source: str | None) -> int:
    """Hash the content of SOURCE: an archive, or a database by its URL.

    Without SOURCE it is the database of --db. Equal fingerprints mean equal content, whatever the ids, the
    order of rows and the database product, as long as the registry is the same. -q prints the hash of the
    whole only.
    """
    screen = Output(session)
    with screen.progress() as progress:
        report = api.fingerprint(session.side(source), progress)
    if session.quiet:
        screen.answer(report.fingerprint)
    else:
        lines = [f"{hashed}  {safe(name)}" for name, hashed in report.tables.items()]
        screen.show(*(Text(line) for line in lines), Text(f"{report.fingerprint}  (the whole)", style="bold"))
    screen.document(report.as_json)
    return ExitCode.DONE
