from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edms_backup.demo.build import build
from edms_backup.demo.data import FRESH_FIRST_ID, LIVE_FIRST_ID, fresh_rows, live_rows
from edms_backup.demo.proof import Proof, books_balance, dry_run_was_right, facts, nothing_left_to_do, same_content
from edms_backup.report import Books, FingerprintReport, RestoreReport


def report(dry_run: bool = False, problem_count: int = 0, **books: Books) -> RestoreReport:
    return RestoreReport(dry_run, "merge", not dry_run, books, problem_count=problem_count)


def test_same_content() -> None:
    one, same = FingerprintReport("1", {"a": "x", "b": "y"}), FingerprintReport("1", {"b": "y", "a": "x"})
    assert same_content({"live": one, "archive": same}).holds
    proof = same_content({"live": one, "archive": same, "restored": FingerprintReport("2", {"a": "x", "c": "y"})})
    assert not proof.holds
    assert proof.found == "they differ in restored: b; restored: c; restored: as a whole"


def test_a_dry_run_that_was_wrong() -> None:
    dry, real = report(True, users=Books(read=1, inserted=1)), report(users=Books(read=1, updated=1))
    assert dry_run_was_right(dry, report(users=Books(read=1, inserted=1))).holds
    proof = dry_run_was_right(dry, real)
    assert not proof.holds
    assert proof.found.startswith("users: dry run {")
    assert not dry_run_was_right(dry, report()).holds


def test_books() -> None:
    assert books_balance(report(users=Books(read=2, inserted=1, kept=1))).holds
    proof = books_balance(report(users=Books(read=2, inserted=1), roles=Books()))
    assert (proof.holds, proof.found) == (False, "do not balance: users")
    assert not books_balance(report(problem_count=1)).holds


def test_a_second_restore_that_writes() -> None:
    assert nothing_left_to_do(report(users=Books(read=2, unchanged=2))).holds
    proof = nothing_left_to_do(report(users=Books(read=2, updated=2)))
    assert (proof.holds, proof.found) == (False, "2 updated")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(tmp_path / "live", live_rows(), LIVE_FIRST_ID)
    build(tmp_path / "fresh", fresh_rows(), FRESH_FIRST_ID)
    return tmp_path


def by_claim(folder: Path, restored: str) -> dict[str, Proof]:
    return {proof.claim: proof for proof in facts(folder / "live", folder / "fresh", folder / restored)}


def test_nothing_restored_proves_nothing(folder: Path) -> None:
    proofs = by_claim(folder, "fresh")
    assert proofs["author01 has another id"].found == "822 in the live database, 4 now"
    failed = [claim for claim, proof in proofs.items() if not proof.holds]
    assert failed == [
        "every document has its author, reviewer and approver",
        "the audit trail points at the documents it was written about",
        "the application's next new document gets a free id",
    ]


def test_the_live_database_itself_is_no_restored_one(folder: Path) -> None:
    failed = [claim for claim, proof in by_claim(folder, "live").items() if not proof.holds]
    assert failed == ["author01 has another id", "rows that were there keep their ids"]


def test_an_id_that_is_taken(folder: Path) -> None:
    # The counter still says 1, and the table is full of rows: the application's insert fails.
    with closing(sqlite3.connect(folder / "live")) as database:
        database.execute("CREATE TRIGGER t BEFORE INSERT ON documents BEGIN SELECT RAISE(ABORT, 'taken'); END")
        database.commit()
    proof = by_claim(folder, "live")["the application's next new document gets a free id"]
    assert (proof.holds, proof.found) == (False, "taken")


def test_the_facts_change_nothing(folder: Path) -> None:
    before = (folder / "live").read_bytes()
    by_claim(folder, "live")
    assert (folder / "live").read_bytes() == before
