"""The demo's two databases: the live one, and the same application freshly re-initialised."""

from __future__ import annotations

import json
from collections.abc import Mapping

from edms_backup.demo.build import Row, To
from edms_backup.demo.documents import written
from edms_backup.demo.people import CONTENT_TYPES, made_uuid, people

LIVE_FIRST_ID: Mapping[str, int] = {
    # Years of use: ids begin late, and some meet ids that the new installation gives to other rows.
    "django_content_type": 4,
    "auth_group": 2,
    "roles": 3,
    "users": 819,
    "users_groups": 61,
    "user_roles": 746,
    "document_types": 1,
    "documents": 351,
    "document_versions": 902,
    "version_approvals": 40,
    "document_dependencies": 77,
    "document_workflows": 210,
    "document_transitions": 1300,
    "document_comments": 58,
    "saved_searches": 9,
    "audit_trail": 372,
    "system_events": 5,
}
FRESH_FIRST_ID: Mapping[str, int] = dict.fromkeys(LIVE_FIRST_ID, 1)
INSTALLED = Row("installed", {"kind": "install", "message": "schema ready", "happened_at": "2024-12-31 23:59:59"})


def live_rows() -> dict[str, list[Row]]:
    """The EDMS in use, some hundred rows."""
    rows = {**people("live", fresh=False), **written()}
    rows["saved_searches"] = _searches()
    rows["audit_trail"] = _audit(rows)
    rows["system_events"] = _events(rows)
    rows["login_log"] = _logins()
    return rows


def fresh_rows() -> dict[str, list[Row]]:
    """The same application just installed; the live one has each of its rows by key, with other values."""
    return {**people("fresh", fresh=True), "system_events": [INSTALLED]}


def _searches() -> list[Row]:
    owners = ("author01", "reviewer01", "auditor01", "director", None)
    return [
        Row(
            (owner, name),
            {
                "owner_id": To("users", owner) if owner else None,
                "name": name,
                "query": json.dumps({"n": number}),
            },
        )
        for number, owner in enumerate(owners)
        for name in ("Overdue", "Mine – übrig")
    ]


def _audit(rows: Mapping[str, list[Row]]) -> list[Row]:
    found = [
        _entry(table, row.name, number)
        for table in CONTENT_TYPES
        for number, row in enumerate(rows[table])
        if number % 2 == 0
    ]
    # A job of the system, about nothing in particular; and a document that somebody has deleted since.
    job = {
        "user_id": None,
        "content_type_id": None,
        "object_id": None,
        "action": "NIGHTLY_JOB",
        "changes": None,
    }
    gone = {
        "user_id": To("users", "admin"),
        "content_type_id": To("django_content_type", "documents.document"),
        "object_id": "350",
        "action": "DELETE",
        "changes": json.dumps({"document_number": {"old": "SOP-2024-0099", "new": None}}),
    }
    return found + [
        Row(name, {"uuid": made_uuid("live", "audit", name), **values, "happened_at": "2025-12-24 03:00:00"})
        for name, values in (("job", job), ("gone", gone))
    ]


def _entry(table: str, name: object, number: int) -> Row:
    values = {
        "uuid": made_uuid("live", "audit", table, name),
        "user_id": To("users", ("author01", "admin", "reviewer01")[number % 3]) if number % 5 else None,
        "content_type_id": To("django_content_type", CONTENT_TYPES[table]),
        "object_id": To(table, name, as_text=True),
        "action": ("CREATE", "UPDATE", "SIGN")[number % 3],
        "changes": json.dumps({"status": {"old": "DRAFT", "new": "EFFECTIVE"}, "n": number}) if number % 3 else "{}",
        "happened_at": f"2025-07-{number % 28 + 1:02d} 08:30:{number % 60:02d}.5",
    }
    return Row((table, name), values)


def _events(rows: Mapping[str, list[Row]]) -> list[Row]:
    document = rows["documents"][0].name
    indexed = {
        "kind": "index",
        "document_id": To("documents", document),
        "message": "indexed ✓",
        "happened_at": "2025-08-01 00:00:00",
    }
    ping = {"kind": "ping", "document_id": None, "message": "alive", "happened_at": "2025-08-01 00:00:00"}
    twice = [Row(("index", n), indexed) for n in range(2)] + [Row(("ping", n), ping) for n in range(12)]
    return [INSTALLED, Row("installed again", INSTALLED.values), *twice]


def _logins() -> list[Row]:
    # The person who mistypes: the very same row several times.
    return [
        Row(
            n,
            {
                "username": ("author01", "reviewer01", "nobody")[n % 3],
                "address": None if n % 4 == 0 else "192.0.2.7",
                "success": n % 3 != 2,
                "seconds": (0.1, 0.25, 1e-07)[n % 3],
                "day": f"2025-09-{n % 6 + 1:02d}",
            },
        )
        for n in range(36)
    ]
