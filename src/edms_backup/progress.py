"""How the core tells that it gets on, without knowing a screen."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives what a run is doing. Calls come in order: `stage`, any number of `advance`, the next `stage`."""

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins (`reading`, `staging`, `matching`, `writing`); `total` rows or tables, if known."""

    def advance(self, done: int, detail: str = "") -> None:
        """`done` more rows or tables of the stage are done; `detail` names the table at work."""

    def warn(self, message: str) -> None:
        """Something that a person should know, and that does not stop the run."""


class NoProgress:
    """Says nothing."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Ignore."""

    def advance(self, done: int, detail: str = "") -> None:
        """Ignore."""

    def warn(self, message: str) -> None:
        """Ignore."""
