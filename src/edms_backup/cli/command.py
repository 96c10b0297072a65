"""The shape of every command: what it takes, examples, exit codes, and its help page."""

from __future__ import annotations

from typing import Any

import click

from edms_backup.errors import ExitCode

MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.ENVIRONMENT: "the environment failed: database unreachable, disk full, no permission",
    ExitCode.USAGE: "usage, settings or registry wrong",
    ExitCode.ARCHIVE: "the archive is incomplete, damaged or of another format",
    ExitCode.REFUSED: "refused: the restore would lose or misplace something; nothing written",
    ExitCode.DIFFERENT: "differences found",
    ExitCode.INTERRUPTED: "interrupted; nothing half-done is left",
}


class Command(click.Command):
    """A command whose help page stands alone."""

    def __init__(self, *args: Any, examples: tuple[str, ...], exits: tuple[ExitCode, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.exits = exits

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples as they are typed, then the exit codes that matter."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), MEANINGS[code]) for code in self.exits])


def separated(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Values of a repeatable option, each of which may hold several, separated by commas."""
    del context, parameter
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def separated_numbers(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[int, ...]:
    """The same for whole numbers from 1."""
    parts = separated(context, parameter, values)
    wrong = next((part for part in parts if not part.isdecimal() or int(part) < 1), None)
    if wrong is not None:
        raise click.BadParameter(f"{wrong!r} is not a tier: give 1, 2, 3 or 4", context, parameter)
    return tuple(int(part) for part in parts)
