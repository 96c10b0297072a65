"""The one place that turns an error into a line for people, a document for programs, and an exit code."""

from __future__ import annotations

import errno
import sys
import traceback
from dataclasses import dataclass

import click

from edms_backup.cli.live import write_line
from edms_backup.cli.output import as_document, console_for
from edms_backup.cli.session import Session
from edms_backup.cli.text import masked, safe
from edms_backup.errors import BackupError, ExitCode

_OS_HINTS = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EACCES: "check who owns the file and the folder",
    errno.EPERM: "check who owns the file and the folder",
    errno.EROFS: "write to another disk",
    errno.ENOENT: "check the path",
}


@dataclass(frozen=True)
class Failure:
    """What is told of an error."""

    exit_code: int
    code: str
    message: str
    hint: str | None = None


def report(error: BaseException, session: Session, arguments: list[str]) -> int:
    """Tell of `error` and return the exit code."""
    failure = _explained(error)
    message, hint = masked(failure.message), masked(failure.hint) if failure.hint else None
    if session.tracebacks and not isinstance(error, click.ClickException):
        lines = masked("".join(traceback.format_exception(error))).splitlines()
        sys.stderr.write("".join(f"{safe(line)}\n" for line in lines))
    if session.json_log:
        write_line(sys.stderr, "error", "error", code=failure.code, message=message, hint=hint)
    else:
        console = console_for(sys.stderr)
        console.print(f"error: {safe(message)}", style="bold red", soft_wrap=True)
        if hint:
            console.print(f"hint: {safe(hint)}", soft_wrap=True)
    # Where the arguments themselves are wrong, --json may not have been reached.
    if session.as_json or "--json" in arguments:
        document = {"error": {"code": failure.code, "message": message, "hint": hint}}
        sys.stdout.write(as_document(document) + "\n")
    return int(failure.exit_code)


def _explained(error: BaseException) -> Failure:
    if isinstance(error, BackupError):
        return Failure(error.exit_code, error.code, error.message, error.hint)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return Failure(ExitCode.INTERRUPTED, "interrupted", "interrupted; nothing half-done is left")
    if isinstance(error, click.ClickException):
        context = error.ctx if isinstance(error, click.UsageError) else None
        path = context.command_path if context else "edms-backup"
        return Failure(ExitCode.USAGE, "usage", _lower(error.format_message()), f"see {path} --help")
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        hint = _OS_HINTS.get(error.errno or 0)
        return Failure(ExitCode.ENVIRONMENT, "environment", f"{error.strerror.lower()}{where}", hint)
    if isinstance(error, MemoryError):
        return Failure(ExitCode.ENVIRONMENT, "environment", "out of memory")
    return Failure(
        ExitCode.ENVIRONMENT,
        "bug",
        f"this is a bug of edms-backup: {type(error).__name__}: {error}".rstrip(": "),
        "run the same command again with -vv, and report what it prints",
    )


def _lower(message: str) -> str:
    return f"{message[:1].lower()}{message[1:]}".rstrip(".")
