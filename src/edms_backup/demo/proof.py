"""What the demo proves, each time with what was found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edms_backup.report import FingerprintReport, RestoreReport


@dataclass(frozen=True)
class Proof:
    """One claim, whether it holds, and what was found."""

    claim: str
    holds: bool
    found: str

    def as_json(self) -> dict[str, Any]:
        """One of `proofs` in `demo --json`."""
        return asdict(self)


def same_content(prints: dict[str, FingerprintReport]) -> Proof:
    """The first of `prints` is what the others must be, as a whole and table by table."""
    (first, wanted), *others = prints.items()
    differing = [
        f"{name}: {table}"
        for name, other in others
        for table in sorted({*wanted.tables, *other.tables})
        if wanted.tables.get(table) != other.tables.get(table)
    ]
    differing += [f"{name}: as a whole" for name, other in others if wanted.fingerprint != other.fingerprint]
    claim = f"{first}, {' and '.join(name for name, _ in others)} have the same content"
    found = f"fingerprint {wanted.fingerprint[:16]}… of {len(wanted.tables)} tables"
    return Proof(claim, not differing, found if not differing else f"they differ in {'; '.join(differing)}")


def dry_run_was_right(dry: RestoreReport, real: RestoreReport) -> Proof:
    """Promise 4: the dry run's counts are those of the restore."""
    differing = [
        f"{name}: dry run {_counts(dry, name)}, restore {_counts(real, name)}"
        for name in sorted({*dry.tables, *real.tables})
        if _counts(dry, name) != _counts(real, name)
    ]
    found = "; ".join(differing) or f"{len(real.tables)} tables, every count the same"
    return Proof("the dry run told the truth", not differing, found)


def _counts(report: RestoreReport, table: str) -> dict[str, Any] | None:
    return report.tables[table].as_json() if table in report.tables else None


def books_balance(report: RestoreReport) -> Proof:
    """Promise 2: every row that was read is accounted for."""
    open_books = [name for name, books in report.tables.items() if not books.balanced]
    found = (
        f"do not balance: {', '.join(open_books)}" if open_books else f"{report.totals()['read']} rows accounted for"
    )
    return Proof("the books balance", not open_books and not report.refused, found)


def nothing_left_to_do(again: RestoreReport) -> Proof:
    """Promise 7: a second restore writes zero rows."""
    totals = again.totals()
    written = {name: totals[name] for name in ("inserted", "updated", "deleted", "failed") if totals[name]}
    found = ", ".join(f"{count} {name}" for name, count in written.items()) or "0 inserted, 0 updated, 0 deleted"
    return Proof("the same restore once more writes nothing", not written and not again.refused, found)


def facts(live: Path, fresh: Path, restored: Path) -> Iterator[Proof]:
    """Read back by plain SQLite, without any of this tool's code."""
    with closing(sqlite3.connect(live)) as then, closing(sqlite3.connect(restored)) as now:
        yield _author(then, now)
        yield _owned(then, now)
        yield _audited(then, now)
        yield _sound(now)
        yield _next_id(now)
    with closing(sqlite3.connect(fresh)) as before, closing(sqlite3.connect(restored)) as now:
        yield _not_renumbered(before, now)


def _author(then: sqlite3.Connection, now: sqlite3.Connection) -> Proof:
    statement = "SELECT id FROM users WHERE username = 'author01'"
    old, new = _all(then, statement), _all(now, statement)
    holds = len(old) == len(new) == 1 and old != new
    return Proof("author01 has another id", holds, f"{_first(old)} in the live database, {_first(new)} now")


def _owned(then: sqlite3.Connection, now: sqlite3.Connection) -> Proof:
    statement = """
        SELECT document_number, author.username, reviewer.username, approver.username
        FROM documents
        LEFT JOIN users AS author ON author.id = author_id
        LEFT JOIN users AS reviewer ON reviewer.id = reviewer_id
        LEFT JOIN users AS approver ON approver.id = approver_id
        ORDER BY document_number
    """
    old, new = _all(then, statement), _all(now, statement)
    own = [row[0] for row in new if row[1] == "author01"]
    some = ", ".join([number for number in own if number.startswith("SOP")][:2])
    found = f"author01 still owns {len(own)} of {len(new)}, among them {some}"
    return Proof("every document has its author, reviewer and approver", bool(own) and old == new, found)


def _audited(then: sqlite3.Connection, now: sqlite3.Connection) -> Proof:
    statement = """
        SELECT audit_trail.uuid, document_number
        FROM audit_trail
        JOIN django_content_type AS type ON type.id = content_type_id
        JOIN documents ON type.model = 'document' AND documents.id = CAST(object_id AS INTEGER)
        ORDER BY audit_trail.uuid
    """
    old, new = _all(then, statement), _all(now, statement)
    claim = "the audit trail points at the documents it was written about"
    return Proof(claim, bool(new) and old == new, f"{len(new)} entries, by type and id")


def _sound(now: sqlite3.Connection) -> Proof:
    broken = _all(now, "PRAGMA foreign_key_check")
    return Proof("SQLite finds no broken foreign key", not broken, f"{len(broken)} broken")


def _next_id(now: sqlite3.Connection) -> Proof:
    claim = "the application's next new document gets a free id"
    taken = {row[0] for row in _all(now, "SELECT id FROM documents")}
    statement = """
        INSERT INTO documents
            (uuid, document_number, title, status, document_type_id, author_id, metadata, created_at)
        SELECT 'next', 'NEXT-0001', title, status, document_type_id, author_id, metadata, created_at
        FROM documents LIMIT 1
    """
    try:
        new = now.execute(statement).lastrowid
    except sqlite3.IntegrityError as error:
        return Proof(claim, False, str(error))
    finally:
        now.rollback()
    return Proof(claim, bool(taken) and new not in taken, f"{new}")


def _not_renumbered(before: sqlite3.Connection, now: sqlite3.Connection) -> Proof:
    statement = "SELECT id, username FROM users"
    old, new = _all(before, statement), _all(now, statement)
    found = f"{len(old)} users of the new installation, {len(set(old) - set(new))} with another id"
    return Proof("rows that were there keep their ids", set(old) <= set(new), found)


def _all(database: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    return database.execute(statement).fetchall()


def _first(rows: list[tuple[Any, ...]]) -> Any:
    return rows[0][0] if rows else "missing"
