"""The demo itself: back up, re-initialise, restore, prove."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from edms_backup import api
from edms_backup.demo.build import build, registry_yaml
from edms_backup.demo.data import FRESH_FIRST_ID, LIVE_FIRST_ID, fresh_rows, live_rows
from edms_backup.demo.plain_copy import PlainCopy, plain_copy
from edms_backup.demo.proof import (
    Proof,
    books_balance,
    dry_run_was_right,
    facts,
    nothing_left_to_do,
    same_content,
)
from edms_backup.errors import UsageError
from edms_backup.options import CreateOptions, RestoreOptions, Source
from edms_backup.progress import Progress
from edms_backup.report import CreateReport, RestoreReport


class Narrator(Protocol):
    """Tells the demo's story while it happens."""

    def step(self, title: str) -> None:
        """The next step begins."""

    def say(self, text: str) -> None:
        """One sentence about the step."""

    def warn(self, text: str) -> None:
        """One sentence that should catch the eye."""

    def books(self, report: RestoreReport) -> None:
        """What a dry run or a restore counted."""

    def proof(self, proof: Proof) -> None:
        """One claim, and whether it holds."""


@dataclass(frozen=True)
class DemoReport:
    """What the demo did and proved."""

    folder: Path
    created: CreateReport
    plain_copy: PlainCopy
    dry_run: RestoreReport
    restored: RestoreReport
    proofs: tuple[Proof, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Every claim holds."""
        return all(proof.holds for proof in self.proofs)

    def as_json(self) -> dict[str, Any]:
        """`demo --json`."""
        return {
            "ok": self.ok,
            "folder": str(self.folder),
            "create": self.created.as_json(),
            "plain_copy": asdict(self.plain_copy),
            "dry_run": self.dry_run.as_json(),
            "restore": self.restored.as_json(),
            "proofs": [proof.as_json() for proof in self.proofs],
            "seconds": round(self.seconds, 3),
        }


def run_demo(folder: Path, progress: Progress, narrator: Narrator) -> DemoReport:
    """Play the whole story in `folder`, which must be empty or not exist yet."""
    started = time.monotonic()
    live, fresh, restored = (folder / f"{name}.sqlite3" for name in ("live", "fresh", "restored"))
    archive, registry = folder / "backup.tar", folder / "registry.yaml"
    _prepare(folder, registry)
    source, target = (
        Source(f"sqlite:///{live}", str(registry)),
        Source(f"sqlite:///{restored}", str(registry)),
    )

    narrator.step("An EDMS in use")
    rows = live_rows()
    count = build(live, rows, LIVE_FIRST_ID)
    narrator.say(f"{count} rows in {len(rows)} tables. author01 has id {_id_of(rows, LIVE_FIRST_ID)}.")

    narrator.step("Back it up")
    created = api.create(source, CreateOptions(output=archive), progress)
    narrator.say(f"{created.rows} rows in {archive.name}, {created.bytes:,} bytes, {created.seconds:.1f} s.")

    narrator.step("Re-initialise: the same application, newly installed")
    rows = fresh_rows()
    count = build(fresh, rows, FRESH_FIRST_ID)
    shutil.copyfile(fresh, restored)
    narrator.say(
        f"{count} rows that every installation begins with, under other ids and uuids. "
        f"author01 has id {_id_of(rows, FRESH_FIRST_ID)}."
    )
    copied = plain_copy(live, fresh)
    narrator.warn(
        f"Of {copied.lost + copied.wrong + copied.right:,} references to users, roles and types, a dump that "
        f"copies ids would leave {copied.lost} pointing at nothing and {copied.wrong} at the wrong row."
    )

    narrator.step("Dry run: what would a restore do?")
    untouched = restored.read_bytes()
    dry = api.restore(target, archive, RestoreOptions(dry_run=True), progress)
    unchanged = restored.read_bytes() == untouched
    narrator.books(dry)

    narrator.step("Restore")
    real = api.restore(target, archive, RestoreOptions(), progress)
    narrator.books(real)

    narrator.step("Proof")
    proofs: list[Proof] = []

    def prove(proof: Proof) -> None:
        proofs.append(proof)
        narrator.proof(proof)

    found = "the file is the same, byte for byte" if unchanged else "the file is another one"
    prove(Proof("the dry run changed nothing", unchanged, found))
    prove(dry_run_was_right(dry, real))
    prove(books_balance(real))
    prints = {
        "live database": api.fingerprint(source, progress),
        "archive": api.fingerprint(archive, progress),
        "restored database": api.fingerprint(target, progress),
    }
    prove(same_content(prints))
    _prove_facts(prove, live, fresh, restored)
    prove(nothing_left_to_do(api.restore(target, archive, RestoreOptions(), progress)))
    return DemoReport(folder, created, copied, dry, real, tuple(proofs), time.monotonic() - started)


def _prepare(folder: Path, registry: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"folder {folder} is not empty", hint="name an empty folder, or one that does not exist yet")
    registry.write_text(registry_yaml(), encoding="utf-8")


def _id_of(rows: dict[str, list[Any]], first_id: Any) -> int:
    names = [row.name for row in rows["users"]]
    return int(first_id["users"]) + names.index("author01")


def _prove_facts(prove: Callable[[Proof], None], live: Path, fresh: Path, restored: Path) -> None:
    for proof in facts(live, fresh, restored):
        prove(proof)
