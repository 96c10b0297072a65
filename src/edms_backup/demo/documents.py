"""What the demo's people have written: documents, versions, workflows, comments."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from edms_backup.demo.build import Row, To
from edms_backup.demo.people import DOCUMENT_TYPES, STATES, made_uuid

AUTHORS = ("author01", "author02", "author03")
REVIEWERS = ("reviewer01", "reviewer02")
APPROVERS = ("approver01", "approver02")
TOPICS = (
    "Cleaning",
    "Übergabe",
    "Sampling",
    "Étiquetage",
    "Training",
    "Release",
    "標準作業",
    'Recall\'s "rules"',
)
COUNT = 48


def written() -> dict[str, list[Row]]:
    """All documents and what hangs on them."""
    numbers = [_number(n) for n in range(COUNT)]
    versions = [version for n in range(COUNT) for version in _versions(n)]
    workflows = [n for n in range(COUNT) if n % 4 != 3]
    return {
        "documents": [_document(n) for n in range(COUNT)],
        "document_versions": versions,
        "version_approvals": [_approval(row) for row in versions if row.values["version_major"] > 0],
        "document_dependencies": [
            row for n in range(2, COUNT, 2) for row in (_dependency(n, n - 1, "uses"), _dependency(n, n // 2, "cites"))
        ],
        "document_readers": [
            Row((number, reader), {"document_id": To("documents", number), "user_id": To("users", reader)})
            for n, number in enumerate(numbers)
            for reader in (f"reader{n % 12 + 1:02d}", AUTHORS[(n + 1) % 3])
        ],
        "document_workflows": [_workflow(n) for n in workflows],
        "document_transitions": [row for n in workflows for row in _transitions(n)],
        "document_comments": [row for n in range(0, COUNT, 3) for row in _comments(n)],
    }


def _number(n: int) -> str:
    code = DOCUMENT_TYPES[n % len(DOCUMENT_TYPES)][0]
    return f"{code}-2025-{n // len(DOCUMENT_TYPES) + 1:04d}"


def _document(n: int) -> Row:
    number = _number(n)
    major = _majors(n)
    # The same kind of document, one year on, takes the place of the former.
    former = _number(n - 2 * len(DOCUMENT_TYPES)) if n % 5 == 0 and n >= 2 * len(DOCUMENT_TYPES) else None
    metadata: dict[str, Any] = {
        "pages": n * 3 + 1,
        "keywords": [TOPICS[n % len(TOPICS)], "naïve", "🧪"],
        "weights": {"kg": 0.1 + n, "empty": None},
    }
    values = {
        "uuid": made_uuid("live", "document", number),
        "document_number": number,
        "title": f"{TOPICS[n % len(TOPICS)]} {n}",
        "status": _state(n),
        "document_type_id": To("document_types", number.split("-")[0]),
        "author_id": To("users", AUTHORS[n // 2 % 3]),
        "reviewer_id": None if n % 4 == 3 else To("users", REVIEWERS[n % 2]),
        "approver_id": None if n % 3 == 2 else To("users", APPROVERS[n % 2]),
        "supersedes_id": None if former is None else To("documents", former),
        "current_version_id": None if n % 7 == 6 else To("document_versions", (number, major, 0)),
        "metadata": json.dumps(metadata, ensure_ascii=False),
        "effective_date": f"2025-06-{n % 28 + 1:02d}" if n % 2 else None,
        "created_at": f"2025-03-{n % 28 + 1:02d} 10:{n:02d}:00.{n:06d}",
    }
    return Row(number, values)


def _majors(n: int) -> int:
    return n % 3


def _state(n: int) -> str:
    return STATES[n % len(STATES)][0]


def _versions(n: int) -> list[Row]:
    number = _number(n)
    rows = []
    for major in range(_majors(n) + 1):
        digest = hashlib.sha256(f"{number} {major}".encode()).digest()
        values = {
            "document_id": To("documents", number),
            "version_major": major,
            "version_minor": 0,
            "created_by_id": To("users", AUTHORS[n // 2 % 3]),
            "size_kb": n * 17 + major + 0.125,
            "content": None if major == 0 and n % 6 == 0 else digest * (n % 4),
            "remark": ["", None, "second thoughts;\ttabs, “quotes”\r\nand lines"][major],
            "created_at": f"2025-04-{n % 28 + 1:02d} 11:00:{major:02d}",
        }
        rows.append(Row((number, major, 0), values))
    return rows


def _approval(version: Row) -> Row:
    same = ("document_id", "version_major", "version_minor")
    major = version.values["version_major"]
    values = {
        **{column: version.values[column] for column in same},
        "approver_id": To("users", APPROVERS[major % 2]),
        "decision": "approved" if major == 2 else "approved with remarks",
        "decided_at": f"2025-05-{major:02d} 16:45:00",
    }
    return Row(version.name, values)


def _dependency(n: int, other: int, kind: str) -> Row:
    values = {
        "document_id": To("documents", _number(n)),
        "depends_on_id": To("documents", _number(other)),
        "dependency_type": kind,
        "created_by_id": None if n % 4 else To("users", AUTHORS[n % 3]),
    }
    return Row((n, other, kind), values)


def _workflow(n: int) -> Row:
    values = {
        "document_id": To("documents", _number(n)),
        "current_state_id": _state(n),
        "initiated_by_id": To("users", AUTHORS[n // 2 % 3]),
        "assignee_id": To("users", REVIEWERS[n % 2]) if n % 2 else None,
        "due_date": f"2026-01-{n % 28 + 1:02d}" if n % 3 else None,
        "started_at": f"2025-04-{n % 28 + 1:02d} 12:00:00",
    }
    return Row(_number(n), values)


def _transitions(n: int) -> list[Row]:
    rows = []
    for step in range(n % len(STATES) + 1):
        performers = (AUTHORS[n // 2 % 3], REVIEWERS[n % 2], APPROVERS[n % 2])
        values = {
            "workflow_id": To("document_workflows", _number(n)),
            "step": step + 1,
            "from_state_id": STATES[step - 1][0] if step else None,
            "to_state_id": STATES[step][0],
            "performed_by_id": To("users", performers[step % 3]),
            "reason": "as agreed" if step > 1 else None,
            "performed_at": f"2025-05-{n % 28 + 1:02d} 09:{step:02d}:00",
        }
        rows.append(Row((n, step), values))
    return rows


def _comments(n: int) -> list[Row]:
    texts = ("Please check § 4.2.", "Checked — fine by me 👍", "Then let us release it.")
    rows: list[Row] = []
    for depth, (author, text) in enumerate(zip((REVIEWERS[0], AUTHORS[n // 2 % 3], REVIEWERS[0]), texts, strict=True)):
        values = {
            "document_id": To("documents", _number(n)),
            "author_id": To("users", author),
            "parent_id": To("document_comments", (n, depth - 1)) if depth else None,
            "body": text,
            "created_at": f"2025-05-{n % 28 + 1:02d} 14:0{depth}:00",
        }
        rows.append(Row((n, depth), values))
    return rows
