from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edms_backup import api
from edms_backup.cli.main import cli
from edms_backup.progress import Progress
from edms_backup.report import (
    Books,
    ChangedRow,
    CreateReport,
    DiffReport,
    FingerprintReport,
    Inventory,
    InventoryReference,
    InventoryTable,
    Problem,
    RestoreReport,
    TableDiff,
    TableWritten,
    VerifyReport,
)

LONG = "workflow_templates_document_types"


class FakeApi:
    """Stands in for the core: remembers what it was asked, and answers what the test sets."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: BaseException | None = None
        self.created = CreateReport(
            "edms.tar",
            {"users": TableWritten(7, 812), "a": TableWritten(0, 13), LONG: TableWritten(500_000, 12_345_678)},
            3.2,
            ("2 references are dangling",),
        )
        self.restored = RestoreReport(
            dry_run=False,
            mode="merge",
            applied=True,
            tables={
                "users": Books(read=7, inserted=5, updated=1, unchanged=1, resolved=9),
                "empty": Books(),
                LONG: Books(read=1_234_567, inserted=1_234_000, kept=560, unchanged=7, resolved=2_469_134, dangling=3),
            },
            seconds=1.5,
        )
        self.inventory_found = Inventory(
            tables=(
                inventory_table("users", 7, ("username",), references=("users",)),
                inventory_table("documents", 1200, ("number",), references=("users", "users", "document_types")),
                inventory_table(LONG, 3, ("*",), source="whole row", tier=None),
                inventory_table("odd", 2, ("name",), unique=False, problems=("2 rows share the key (a)",)),
                inventory_table("nokey", 1, (), source="none"),
                InventoryTable(
                    "audit_trail", 107, 4, ("uuid",), "registry", True, ("id",),
                    (InventoryReference(("t", "o"), "django_content_type", "polymorphic"),), False, "medium", 2,
                ),
            ),
            order=("users",),
            cycles=(("documents", "document_versions"),),
            excluded=("django_session",),
        )  # fmt: skip
        self.verified = VerifyReport("edms.tar", 7, 3)
        self.compared = DiffReport("a.tar", "b.tar", {"users": compared_table(same=1200), LONG: compared_table()})
        self.printed = FingerprintReport("ab" * 32, {"users": "cd" * 32})

    def _answer(self, progress: Progress, answer: Any, *call: Any) -> Any:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        progress.stage("reading", 100)
        progress.advance(60, "users")
        progress.warn("something to know")
        progress.stage("writing")
        progress.advance(5, LONG)
        return answer

    def create(self, source: Any, options: Any, progress: Progress) -> Any:
        return self._answer(progress, self.created, source, options)

    def restore(self, source: Any, archive: Any, options: Any, progress: Progress) -> Any:
        return self._answer(progress, self.restored, source, archive, options)

    def inventory(self, source: Any, progress: Progress) -> Any:
        return self._answer(progress, self.inventory_found, source)

    def verify(self, archive: Any, progress: Progress, source: Any = None) -> Any:
        return self._answer(progress, self.verified, archive)

    def diff(self, left: Any, right: Any, options: Any, progress: Progress) -> Any:
        return self._answer(progress, self.compared, left, right, options)

    def fingerprint(self, source: Any, progress: Progress) -> Any:
        return self._answer(progress, self.printed, source)


def compared_table(
    *changed: ChangedRow, same: int = 0, only_left: int = 0, only_right: int = 0, more: int = 0
) -> TableDiff:
    """Rows of each kind, all of them named but `more`."""
    counts = {
        "only_left": only_left + more,
        "only_right": only_right,
        "changed": len(changed) + more,
        "same": same,
    }
    left, right = (
        [[f"{side} {n}", None] for n in range(number)] for side, number in (("l", only_left), ("r", only_right))
    )
    return TableDiff(counts, tuple(left), tuple(right), changed)


def inventory_table(
    name: str,
    rows: int,
    key: tuple[str, ...],
    *,
    source: str = "registry",
    tier: int | None = 1,
    unique: bool = True,
    references: tuple[str, ...] = (),
    problems: tuple[str, ...] = (),
) -> InventoryTable:
    found = tuple(InventoryReference((f"{table}_id",), table, "foreign-key") for table in references)
    return InventoryTable(name, rows, tier, key, source, unique, ("id",), found, False, "simple", 0, problems)


def problems(number: int) -> tuple[Problem, ...]:
    message = 'documents ["SOP-{}"]: author_id leads to a user that is neither in the archive nor in the target'
    return tuple(
        Problem("unresolved-reference", message.format(n), "documents", [f"SOP-{n}", None], "author_id", ["ghost"])
        for n in range(number)
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    for name in ("create", "restore", "inventory", "verify", "diff", "fingerprint"):
        monkeypatch.setattr(api, name, getattr(fake, name))
    return fake


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, fake: FakeApi) -> Run:
    """Call the command line on top of `fake`, in an environment of its own."""
    assert not fake.calls
    for name in ("EDMS_BACKUP_DB", "EDMS_BACKUP_REGISTRY", "COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path, **env: str) -> Result:
        return CliRunner().invoke(cli, [str(a) for a in arguments], env={"EDMS_BACKUP_DB": "sqlite:///x.db", **env})

    return run


@pytest.fixture(params=["80", "200"])
def terminal(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"COLUMNS": request.param, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
