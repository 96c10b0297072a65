"""The group of commands, and the entry point."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import click

from edms_backup import __version__
from edms_backup.cli import failures
from edms_backup.cli.create import create
from edms_backup.cli.demo import demo
from edms_backup.cli.diff import diff
from edms_backup.cli.fingerprint import fingerprint
from edms_backup.cli.inventory import inventory
from edms_backup.cli.restore import restore
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.verify import verify
from edms_backup.errors import ExitCode


class Application(click.Group):
    """A group that ends every call with the exit code of the contract."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                click.echo(err=True)  # the line that shows ^C
            raise click.Abort from None  # click itself would put an empty line into every log

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, tell of errors, and exit; `standalone_mode` is always on."""
        del standalone_mode
        arguments = list(sys.argv[1:] if args is None else args)
        session = Session()
        try:
            code = super().main(
                arguments,
                prog_name or "edms-backup",
                complete_var,
                standalone_mode=False,
                obj=session,
                **extra,
            )
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort, and it loses nothing
            code = failures.report(error, session, arguments)
        sys.exit(int(code or 0))


@click.group(cls=Application, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@common_options
@click.version_option(__version__, prog_name="edms-backup")
@click.pass_context
def cli(context: click.Context) -> None:
    """Database backups that survive a change of ids.

    An archive names every row by its natural key (a user by the user name), so that it can be restored into a
    re-initialised, newer or different database: whole, or not at all with the reason.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(int(ExitCode.USAGE))


for _command in (create, restore, inventory, verify, diff, fingerprint, demo):
    cli.add_command(_command)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    # As Ctrl-C: the restore rolls back, the half-written archive goes, and the exit code says so.
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of `edms-backup`."""
    signal.signal(signal.SIGTERM, _terminate)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character is no reason to lose a restore's report.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    cli.main()
