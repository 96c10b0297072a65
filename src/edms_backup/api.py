"""The commands as functions: what `cli` calls, and what a Python program may call."""

from __future__ import annotations

from pathlib import Path

from edms_backup.execute import backup as _backup
from edms_backup.execute import fingerprint as _fingerprint
from edms_backup.execute import inventory as _inventory
from edms_backup.execute import restore as _restore
from edms_backup.execute import verify as _verify
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
    return _backup.create(source, options, progress)


def restore(source: Source, archive: Path, options: RestoreOptions, progress: Progress = QUIET) -> RestoreReport:
    """Write an archive into the database, or say what that would do. Raises ArchiveError, EnvironmentFailed.

    A refusal is no exception but a report with problems, `applied` false: nothing was written.
    """
    return _restore.restore(source, archive, options, progress)


def inventory(source: Source, progress: Progress = QUIET) -> Inventory:
    """Say what is in the database and what protects it."""
    return _inventory.inventory(source, progress)


def verify(archive: Path, progress: Progress = QUIET, source: Source | None = None) -> VerifyReport:
    """Read a whole archive: checksums, rows, references. Damage is in the report's problems.

    With `source` also say which tables of that database have another content than the archive.
    """
    return _verify.verify(archive, progress, source)


def fingerprint(source: Source | Path, progress: Progress = QUIET) -> FingerprintReport:
    """Hash the content of a database or of an archive (a Path)."""
    if isinstance(source, Path):
        return _fingerprint.fingerprint_archive(source, progress)
    return _fingerprint.fingerprint_database(source, progress)
