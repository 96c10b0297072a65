"""What one call of the command line was asked for: the options that every command takes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from edms_backup.errors import UsageError
from edms_backup.options import Source

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass
class Session:
    """Filled by the options before the command name, then by those after it, which win."""

    db: str | None = None
    registry: str | None = None
    as_json: bool = False
    quiet: bool = False
    verbosity: int = 0
    log_format: str = "text"

    @property
    def json_log(self) -> bool:
        """Whether stderr is for programs too."""
        return self.log_format == "json"

    @property
    def tracebacks(self) -> bool:
        """`-vv`."""
        return self.verbosity >= 2

    def registry_name(self) -> str | None:
        """The registry to use; None to infer."""
        return self.registry or os.environ.get("EDMS_BACKUP_REGISTRY") or None

    def source(self) -> Source:
        """The database to work on; raises UsageError where none is named."""
        url = self.db or os.environ.get("EDMS_BACKUP_DB")
        if not url:
            raise UsageError(
                "no database is named",
                hint="give --db URL or set EDMS_BACKUP_DB, e.g. postgresql+psycopg://user@host/edms",
            )
        return Source(url, self.registry_name())

    def side(self, name: str | None) -> Source | Path:
        """What an argument names: an archive, or a database by its URL; None is the database to work on."""
        if name is None:
            return self.source()
        return Source(name, self.registry_name()) if "://" in name else Path(name)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    session = context.ensure_object(Session)
    if parameter.name == "verbosity":
        session.verbosity += value
    elif value:
        setattr(session, str(parameter.name), value)


def common_options(function: Decorated) -> Decorated:
    """Add the options that work everywhere, before the command name and after it."""
    for option in reversed(_COMMON):
        function = option(function)
    return function


def _option(*names: str, **attributes: Any) -> Callable[[Decorated], Decorated]:
    return click.option(*names, callback=_remember, expose_value=False, **attributes)


_COMMON: tuple[Callable[[Any], Any], ...] = (
    _option("--db", metavar="URL", help="Database, as an SQLAlchemy URL.  [else EDMS_BACKUP_DB]"),
    _option(
        "--registry",
        metavar="FILE|edms",
        help="Natural keys: a file, or the shipped 'edms'.  [else EDMS_BACKUP_REGISTRY, else inferred]",
    ),
    _option("--json", "as_json", is_flag=True, help="One JSON document on stdout, all else on stderr."),
    _option("-q", "--quiet", is_flag=True, help="Only errors, and the answer where one was asked for."),
    _option("-v", "--verbose", "verbosity", count=True, help="Every table and problem; -vv: tracebacks."),
    _option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        help="Stages, warnings and errors on stderr as text or as JSON lines.",
    ),
)
