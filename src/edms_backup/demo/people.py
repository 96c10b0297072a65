"""Who works with the demo's EDMS, and the defaults that every installation gets."""

from __future__ import annotations

from uuid import NAMESPACE_DNS, uuid5

from edms_backup.demo.build import Row, To

CONTENT_TYPES = {
    "users": "users.user",
    "roles": "users.role",
    "document_types": "documents.documenttype",
    "documents": "documents.document",
    "document_versions": "documents.documentversion",
    "document_comments": "documents.documentcomment",
    "document_workflows": "workflows.documentworkflow",
}
GROUPS = ("Quality", "Production", "Administrators", "Readers")
ROLES = (
    # name, module, permission level, inherits from
    ("Document Viewer", "O1", "read", None),
    ("Document Author", "O1", "write", "Document Viewer"),
    ("Document Reviewer", "O1", "review", "Document Author"),
    ("Document Approver", "O1", "approve", "Document Reviewer"),
    ("Administrator", "S1", "admin", None),
    ("Auditor", "S2", "read", None),
)
USERS = (
    # username, full name, manager, group
    ("admin", "Administrator", None, "Administrators"),
    ("director", "Ilse Adeyemi", None, "Quality"),
    ("quality01", "Zoë Lindqvist", "director", "Quality"),
    ("author01", "Amara Petit", "quality01", "Production"),
    ("author02", "Bo Ščepanović", "quality01", "Production"),
    ("author03", "李雷", "author01", "Production"),
    ("reviewer01", "Renée Okafor", "quality01", "Quality"),
    ("reviewer02", "Ørjan Dahl", "reviewer01", "Quality"),
    ("approver01", "Magnús Þórsson", "director", "Quality"),
    ("approver02", "Ελένη Παππά", "director", "Quality"),
    ("auditor01", "Siobhán O'Neill", None, "Readers"),
    *((f"reader{n:02d}", f"Reader Number {n}", "author02", "Readers") for n in range(1, 13)),
    ("zoë", "Zoë with the dots in her user name 🗂", "author03", "Readers"),
)
DOCUMENT_TYPES = (
    # code, name, years kept, fee
    ("POL", "Policy", 10, 120.5),
    ("SOP", "Standard Operating Procedure", 7, 80.25),
    ("WI", "Work Instruction", 5, 12.75),
    ("FORM", "Form", None, None),
    ("REC", "Record", 30, 0.5),
    ("PROT", "Protocol", 15, 19.99),
)
STATES = (
    ("DRAFT", "Draft"),
    ("PENDING_REVIEW", "Pending Review"),
    ("UNDER_REVIEW", "Under Review"),
    ("PENDING_APPROVAL", "Pending Approval"),
    ("EFFECTIVE", "Effective"),
    ("SUPERSEDED", "Superseded"),
)

DEFAULT_USERS = ("admin", "reviewer01", "approver01", "author01")
DEFAULT_TYPES = ("SOP", "POL", "FORM", "WI")
DEFAULT_ROLES = (
    "Administrator",
    "Document Viewer",
    "Document Author",
    "Document Reviewer",
    "Document Approver",
)
DEFAULT_GROUPS = ("Administrators", "Readers", "Quality")


def made_uuid(installation: str, *names: object) -> str:
    """The same on every run, another one on every installation; 32 hex digits, as Django keeps it."""
    return uuid5(NAMESPACE_DNS, ".".join([installation, *map(str, names)])).hex


def people(installation: str, fresh: bool) -> dict[str, list[Row]]:
    """The rows every installation begins with; the live one has more of them, and changed some."""
    roles = [row for row in ROLES if not fresh or row[0] in DEFAULT_ROLES]
    return {
        "django_content_type": _content_types(reverse=fresh),
        "auth_group": [Row(g, {"name": g}) for g in (DEFAULT_GROUPS if fresh else GROUPS)],
        "roles": [_role(installation, fresh, role) for role in (reversed(roles) if fresh else roles)],
        "users": _users(installation, fresh),
        "users_groups": [
            Row((user, group), {"user_id": To("users", user), "group_id": To("auth_group", group)})
            for user, group in _memberships(fresh)
        ],
        "user_roles": [_user_role(fresh, user, role) for user, role in _roles_held(fresh)],
        "document_types": _document_types(installation, fresh),
        "workflow_document_states": [_state(fresh, *state) for state in enumerate(STATES)],
    }


def _content_types(reverse: bool) -> list[Row]:
    labels = sorted([*CONTENT_TYPES.values(), "sessions.session"], reverse=reverse)
    split = [label.split(".") for label in labels]
    return [Row(f"{app}.{model}", {"app_label": app, "model": model}) for app, model in split]


def _role(installation: str, fresh: bool, role: tuple[str, str, str, str | None]) -> Row:
    name, module, level, inherits_from = role
    values = {
        "uuid": made_uuid(installation, "role", name),
        "name": name,
        "module": module,
        "permission_level": level,
        "description": f"{name} (default)" if fresh else f"{name}: may {level}\nagreed with the “Quality” group",
        "is_system": True,
        "inherits_from_id": None if fresh or inherits_from is None else To("roles", inherits_from),
    }
    return Row(name, values)


def _users(installation: str, fresh: bool) -> list[Row]:
    known = {user[0]: user for user in USERS}
    return [
        _user(installation, fresh, number, known[name]) for number, name in enumerate(DEFAULT_USERS if fresh else known)
    ]


def _user(installation: str, fresh: bool, number: int, user: tuple[str, str, str | None, str]) -> Row:
    username, full_name, manager, _ = user
    day = f"2026-02-{number + 1:02d}"
    values = {
        "uuid": made_uuid(installation, "user", username),
        "username": username,
        "full_name": username.title() if fresh else full_name,
        "email": f"{username}@example.org",
        "is_active": username != "reader12",
        "manager_id": None if fresh or manager is None else To("users", manager),
        "last_login": None if fresh or number % 3 == 2 else f"{day} 07:{number:02d}:30.125000",
        "created_at": "2026-03-01 00:00:00" if fresh else f"2025-01-{number + 1:02d} 08:00:00",
    }
    return Row(username, values)


def _memberships(fresh: bool) -> list[tuple[str, str]]:
    if fresh:
        return [("admin", "Administrators"), ("reviewer01", "Quality")]
    own = [(user[0], user[3]) for user in USERS]
    return own + [(user[0], "Readers") for user in USERS if user[3] == "Production"]


def _roles_held(fresh: bool) -> list[tuple[str, str]]:
    if fresh:
        return [("admin", "Administrator")]
    held = {
        "author": "Document Author",
        "reviewer": "Document Reviewer",
        "approver": "Document Approver",
        "admin": "Administrator",
        "auditor": "Auditor",
    }
    own = [(user[0], held.get(user[0].rstrip("0123456789"), "Document Viewer")) for user in USERS]
    return [*own, ("admin", "Auditor"), ("approver01", "Document Author")]


def _user_role(fresh: bool, user: str, role: str) -> Row:
    values = {
        "user_id": To("users", user),
        "role_id": To("roles", role),
        "assigned_by_id": None if fresh or user == "admin" else To("users", "admin"),
        "assigned_at": "2026-03-01 00:00:00" if fresh else "2025-02-01 09:30:00.000250",
    }
    return Row((user, role), values)


def _document_types(installation: str, fresh: bool) -> list[Row]:
    known = {row[0]: row for row in DOCUMENT_TYPES}
    rows = []
    for code in DEFAULT_TYPES if fresh else known:
        _, name, years, fee = known[code]
        values = {
            "uuid": made_uuid(installation, "type", code),
            "code": code,
            "name": name,
            "retention_years": None if fresh else years,
            "filing_fee": None if fresh else fee,
            "requires_review": code != "REC",
        }
        rows.append(Row(code, values))
    return rows


def _state(fresh: bool, position: int, state: tuple[str, str]) -> Row:
    code, name = state
    values = {
        "code": code,
        "name": name.upper() if fresh and code == "EFFECTIVE" else name,
        "position": position,
        "is_initial": position == 0,
        "is_final": code == "SUPERSEDED",
    }
    return Row(code, values)
