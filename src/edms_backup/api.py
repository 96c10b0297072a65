"""The commands as functions: what `cli` calls, and what a Python program may call.

Each imports its work when it is called: `--help` must not wait for SQLAlchemy and networkx.
"""

from __future__ import annotations

from pathlib import Path

from edms_backup.options import CreateOptions, DiffOptions, RestoreOptions, Source
from edms_backup.progress import NoProgress, Progress
from edms_backup.report import (
    CreateReport,
    DiffReport,
    FingerprintReport,
    Inventory,
    RestoreReport,
    VerifyReport,
)

QUIET = NoProgress()
EVERYTHING = DiffOptions()


def create(source: Source, options: CreateOptions, progress: Progress = QUIET) -> CreateReport:
    """Write one archive of the database. Raises EnvironmentFailed, UsageError, RegistryError."""
    from edms_backup.execute.backup import create as run

    return run(source, options, progress)


def restore(source: Source, archive: Path, options: RestoreOptions, progress: Progress = QUIET) -> RestoreReport:
    """Write an archive into the database, or say what that would do. Raises ArchiveError, EnvironmentFailed.

    A refusal is no exception but a report with problems, `applied` false: nothing was written.
    """
    from edms_backup.execute.restore import restore as run

    return run(source, archive, options, progress)


def inventory(source: Source, progress: Progress = QUIET) -> Inventory:
    """Say what is in the database and what protects it."""
    from edms_backup.execute.inventory import inventory as run

    return run(source, progress)


def verify(archive: Path, progress: Progress = QUIET, source: Source | None = None) -> VerifyReport:
    """Read a whole archive: checksums, rows, references. Damage is in the report's problems.

    With `source` also say which rows of that database are others than those of the archive.
    """
    from edms_backup.execute.verify import verify as run

    return run(archive, progress, source)


def fingerprint(source: Source | Path, progress: Progress = QUIET) -> FingerprintReport:
    """Hash the content of a database or of an archive (a Path)."""
    from edms_backup.execute.fingerprint import fingerprint_archive, fingerprint_database

    if isinstance(source, Path):
        return fingerprint_archive(source, progress)
    return fingerprint_database(source, progress)


def diff(
    left: Source | Path, right: Source | Path, options: DiffOptions = EVERYTHING, progress: Progress = QUIET
) -> DiffReport:
    """Name the rows that are different between two databases or archives (Paths), by their natural keys."""
    from edms_backup.execute.diff import diff as run

    return run(left, right, options, progress)
