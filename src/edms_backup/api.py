"""The commands as functions: what `cli` calls, and what a Python program may call."""

from __future__ import annotations

from pathlib import Path

from edms_backup.options import CreateOptions, RestoreOptions, Source
from edms_backup.progress import NoProgress, Progress
from edms_backup.report import (
    CreateReport,
    FingerprintReport,
    Inventory,
    RestoreReport,
    VerifyReport,
)

QUIET = NoProgress()


def create(source: Source, options: CreateOptions, progress: Progress = QUIET) -> CreateReport:
    """Write one archive of the database. Raises EnvironmentFailed, UsageError, RegistryError."""
    raise NotImplementedError


def restore(source: Source, archive: Path, options: RestoreOptions, progress: Progress = QUIET) -> RestoreReport:
    """Write an archive into the database, or say what that would do. Raises ArchiveError, EnvironmentFailed.

    A refusal is no exception but a report with problems, `applied` false: nothing was written.
    """
    raise NotImplementedError


def inventory(source: Source, progress: Progress = QUIET) -> Inventory:
    """Say what is in the database and what protects it."""
    raise NotImplementedError


def verify(archive: Path, progress: Progress = QUIET) -> VerifyReport:
    """Read a whole archive: checksums, rows, references. Damage is in the report's problems."""
    raise NotImplementedError


def fingerprint(source: Source | Path, progress: Progress = QUIET) -> FingerprintReport:
    """Hash the content of a database or of an archive (a Path)."""
    raise NotImplementedError
