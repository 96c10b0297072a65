"""Every error this tool raises on purpose, and the exit code that each one means.

An error is one line that says what happened and where (lower case, no full stop), followed by a hint that
says what to do. `cli` prints it; nothing else turns errors into text or exit codes.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command line (CONTRACT: a public interface)."""

    DONE = 0
    ENVIRONMENT = 1
    USAGE = 2
    ARCHIVE = 3
    REFUSED = 4
    DIFFERENT = 5
    LOCKED = 6
    INTERRUPTED = 130


class BackupError(Exception):
    """Base of all errors raised on purpose: `message` says what and where, `hint` what to do."""

    exit_code = ExitCode.ENVIRONMENT
    code = "environment"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class EnvironmentFailed(BackupError):
    """The database, the disk or a permission failed; nothing is wrong with the input."""


class UsageError(BackupError):
    """A flag or a setting cannot be used as given."""

    exit_code = ExitCode.USAGE
    code = "usage"


class RegistryError(UsageError):
    """The registry is wrong, or does not fit the database."""

    code = "registry"


class ArchiveError(BackupError):
    """The archive is incomplete, damaged, hostile or of another format."""

    exit_code = ExitCode.ARCHIVE
    code = "archive"


class RestoreRefused(BackupError):
    """The restore would lose, invent or misplace something; nothing was written."""

    exit_code = ExitCode.REFUSED
    code = "refused"

    def __init__(
        self, message: str, *, hint: str | None = None, code: str | None = None, table: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code or self.code
        self.table = table


class LockHeld(BackupError):
    """Another run holds the lock."""

    exit_code = ExitCode.LOCKED
    code = "locked"
