"""The options of each command as data, as `cli` hands them to `api`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Mode(StrEnum):
    """What a restore may do to rows that the target already has."""

    MERGE = "merge"
    INSERT = "insert"
    MIRROR = "mirror"


class Ids(StrEnum):
    """Which surrogate key a new row gets."""

    PRESERVE = "preserve"
    ASSIGN = "assign"


class OnUnresolved(StrEnum):
    """What becomes of a reference whose target is in neither the archive nor the database."""

    FAIL = "fail"
    NULL = "null"
    SKIP = "skip"


@dataclass(frozen=True)
class Source:
    """A database and the registry to read it by."""

    url: str
    """SQLAlchemy URL."""
    registry: str | None = None
    """A file, `edms` for the shipped one, or None to infer everything."""


@dataclass(frozen=True)
class CreateOptions:
    """`create`: where to, and which tables."""

    output: Path | None = None
    """The archive itself: a folder, or a file ending in `.tar`."""
    into: Path | None = None
    """A folder of archives that gets one more, named by UTC time."""
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()


@dataclass(frozen=True)
class RestoreOptions:
    """`restore`: how."""

    dry_run: bool = False
    mode: Mode = Mode.MERGE
    ids: Ids = Ids.PRESERVE
    tables: tuple[str, ...] = ()
    on_unresolved: OnUnresolved = OnUnresolved.FAIL


@dataclass(frozen=True)
class DiffOptions:
    """`diff`: which tables, and how much of a difference is named."""

    tables: tuple[str, ...] = ()
    limit: int = 20
    """Rows that are named of each table and kind; all are counted."""
