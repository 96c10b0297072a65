"""An EDMS of a chosen size: the heaviest tables of the real schema with its names and columns, and generated rows."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

Row = dict[str, Any]

STATES = ("draft", "review", "approved", "effective", "obsolete")
LABELS = ("users.user", "documents.document", "documents.documentversion", "workflows.documentworkflow")
TYPES = ("SOP", "POL", "WIN", "FRM", "MAN", "REC")
WORDS = (
    "batch",
    "release",
    "audit",
    "training",
    "supplier",
    "deviation",
    "cleaning",
    "of",
    "for",
    "and",
    "the",
    "label",
)
START = datetime(2024, 1, 1, tzinfo=UTC)

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
ADDRESS = sa.String(45).with_variant(postgresql.INET(), "postgresql")


def tables(product: str) -> sa.MetaData:
    """The tables of this benchmark."""
    metadata = sa.MetaData()
    waits: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED"} if product == "postgresql" else {}

    def table(name: str, *parts: sa.Column[Any] | sa.Constraint) -> None:
        identity = [] if name == "workflow_document_states" else [sa.Column("id", BIG, primary_key=True)]
        sa.Table(name, metadata, *identity, *parts)

    def to(name: str, target: str, *, null: bool = False) -> sa.Column[Any]:
        return sa.Column(name, sa.ForeignKey(target, **waits), nullable=null, index=True)

    def own_uuid() -> sa.Column[Any]:
        return sa.Column("uuid", sa.Uuid(), nullable=False, unique=True)

    def text(*names: str, length: int | None = None, index: bool = False) -> list[sa.Column[Any]]:
        kind = sa.Text() if length is None else sa.String(length)
        return [sa.Column(name, kind, nullable=False, index=index) for name in names]

    def some(kind: Any, *names: str, null: bool = False, index: bool = False) -> list[sa.Column[Any]]:
        return [sa.Column(name, kind, nullable=null, index=index) for name in names]

    table(
        "django_content_type",
        *text("app_label", "model", length=100),
        sa.UniqueConstraint("app_label", "model"),
    )
    table(
        "users",
        own_uuid(),
        sa.Column("username", sa.String(150), nullable=False, unique=True),
        *text("first_name", "last_name", "email", length=150),
        *some(sa.Boolean(), "is_active"),
        *some(TIME, "last_login", null=True),
        *some(TIME, "created_at"),
        *some(JSON, "metadata"),
        to("manager_id", "users.id", null=True),
    )
    table(
        "document_types",
        own_uuid(),
        sa.Column("code", sa.String(10), nullable=False, unique=True),
        *text("name", length=100),
        *some(sa.Integer(), "retention_years"),
        to("created_by_id", "users.id"),
    )
    table(
        "workflow_document_states",
        sa.Column("code", sa.String(50), primary_key=True),
        *text("name", length=100),
        *some(sa.Boolean(), "is_initial", "is_final"),
    )
    table(
        "documents",
        own_uuid(),
        sa.Column("document_number", sa.String(50), nullable=False, unique=True),
        *text("title", "file_name", "file_path", length=255),
        *text("status", "priority", length=30, index=True),
        *text("description", "reason_for_change", "search_vector"),
        *text("file_checksum", length=64),
        *some(sa.BigInteger(), "file_size"),
        *some(sa.Integer(), "version_major", "version_minor"),
        *some(sa.Boolean(), "is_active", "is_controlled"),
        *some(TIME, "created_at", "updated_at", index=True),
        *some(sa.Date(), "effective_date", null=True, index=True),
        *some(JSON, "metadata"),
        to("document_type_id", "document_types.id"),
        to("author_id", "users.id"),
        to("reviewer_id", "users.id", null=True),
        to("approver_id", "users.id", null=True),
        to("supersedes_id", "documents.id", null=True),
    )
    table(
        "document_versions",
        own_uuid(),
        *some(sa.Integer(), "version_major", "version_minor"),
        *text("file_name", "file_path", length=255),
        *text("file_checksum", length=64),
        *text("status", length=30, index=True),
        *text("version_comment", "change_summary"),
        *some(sa.BigInteger(), "file_size"),
        *some(TIME, "created_at", index=True),
        *some(JSON, "metadata"),
        to("created_by_id", "users.id"),
        to("document_id", "documents.id"),
        sa.UniqueConstraint("document_id", "version_major", "version_minor"),
    )
    table(
        "document_workflows",
        own_uuid(),
        *some(TIME, "created_at", "updated_at"),
        *some(TIME, "due_date", null=True),
        *some(JSON, "workflow_data"),
        *text("workflow_type", length=50),
        *some(sa.Boolean(), "is_terminated"),
        sa.Column("document_id", sa.ForeignKey("documents.id", **waits), nullable=False, unique=True),
        to("current_state_id", "workflow_document_states.code"),
        to("initiated_by_id", "users.id"),
        to("current_assignee_id", "users.id", null=True),
    )
    table(
        "document_transitions",
        own_uuid(),
        *some(TIME, "transitioned_at"),
        *text("comment"),
        *some(JSON, "transition_data"),
        to("from_state_id", "workflow_document_states.code"),
        to("to_state_id", "workflow_document_states.code"),
        to("transitioned_by_id", "users.id"),
        to("workflow_id", "document_workflows.id"),
    )
    table(
        "audit_trail",
        own_uuid(),
        *some(TIME, "timestamp", index=True),
        *text("action", "module", length=30, index=True),
        *text("severity", "request_method", "verification_status", length=20),
        *text("user_display_name", "object_representation", "request_path", length=200),
        *text("session_id", length=40, index=True),
        *text("checksum", length=64),
        *text("user_agent", "description"),
        *some(ADDRESS, "ip_address", null=True, index=True),
        *some(sa.String(100), "object_id", null=True, index=True),
        *some(JSON, "field_changes", "old_values", "new_values", "metadata"),
        *some(sa.Boolean(), "is_tampered"),
        to("content_type_id", "django_content_type.id", null=True),
        to("user_id", "users.id", null=True),
    )
    return metadata


class Content:
    """The rows of an EDMS in use; every call gives the same."""

    def __init__(self, rows: int) -> None:
        # The proportions of a full-size EDMS of 1.4 million rows: 14 rows and a hundredth of a user a document.
        self.documents = max(2, round(rows / 14))
        self.users = max(3, self.documents // 100)
        self.big_rows = self.documents * 14
        """Rows of the tables that a new installation has nothing in."""

    def live(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """All rows, parents first."""
        yield from self._basis(range(1, self.users + 1), "live")
        random_ = _seeded("documents")
        documents = range(1, self.documents + 1)
        yield "documents", (self._document(n, random_) for n in documents)
        yield "document_versions", (self._version(n, major, random_) for n in documents for major in range(3))
        yield "document_workflows", (self._workflow(n, random_) for n in documents)
        yield "document_transitions", (self._transition(n, step, random_) for n in documents for step in range(4))
        yield "audit_trail", (self._audit(n, step, random_) for n in documents for step in range(5))

    def fresh(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """What the application makes anew when it is installed again: the same people and types under other ids."""
        yield from self._basis(range(self.users * 2, self.users, -1), "fresh")

    def _basis(self, ids: range, uuids: str) -> Iterator[tuple[str, Iterator[Row]]]:
        random_ = _seeded(uuids)
        numbers = range(len(LABELS), 0, -1) if uuids == "fresh" else range(1, len(LABELS) + 1)
        labels = [label.split(".") for label in LABELS]
        yield (
            "django_content_type",
            ({"id": i, "app_label": a, "model": m} for i, (a, m) in zip(numbers, labels, strict=True)),
        )
        yield "users", (self._user(n, i, ids[0], random_) for n, i in enumerate(ids))
        yield "document_types", (self._type(n, ids[0], random_) for n in range(len(TYPES)))
        yield (
            "workflow_document_states",
            (
                {"code": code, "name": code.title(), "is_initial": code == "draft", "is_final": code == "obsolete"}
                for code in STATES
            ),
        )

    def _user(self, n: int, identity: int, first: int, random_: random.Random) -> Row:
        return {
            "id": identity,
            "uuid": _uuid(random_),
            "username": f"user{n:05d}",
            "first_name": f"First {n}",
            "last_name": f"Last {n}",
            "email": f"user{n}@example.com",
            "is_active": n % 10 != 9,
            "last_login": _moment(n),
            "created_at": START,
            "metadata": {},
            "manager_id": first if n else None,
        }

    def _type(self, n: int, author: int, random_: random.Random) -> Row:
        name = f"Type {TYPES[n]}"
        return {
            "id": n + 1,
            "uuid": _uuid(random_),
            "code": TYPES[n],
            "name": name,
            "retention_years": n,
            "created_by_id": author,
        }

    def _somebody(self, random_: random.Random) -> int:
        return random_.randint(1, self.users)

    def _document(self, n: int, random_: random.Random) -> Row:
        return {
            "id": n,
            "uuid": _uuid(random_),
            "document_number": _number(n),
            "title": _words(random_, 6),
            "file_name": f"{_number(n)}.docx",
            "file_path": f"storage/documents/{_uuid(random_)}",
            "status": STATES[n % 5].upper(),
            "priority": "normal",
            "description": _words(random_, 20),
            "reason_for_change": _words(random_, 8),
            "search_vector": "",
            "file_checksum": _hash(random_),
            "file_size": random_.randrange(10_000_000),
            "version_major": 2,
            "version_minor": 0,
            "is_active": True,
            "is_controlled": n % 2 == 0,
            "created_at": _moment(n),
            "updated_at": _moment(n + 7),
            "effective_date": _moment(n).date() if n % 2 else None,
            "metadata": {"pages": n % 90, "tags": [random_.choice(WORDS)]},
            "document_type_id": n % len(TYPES) + 1,
            "author_id": self._somebody(random_),
            "reviewer_id": self._somebody(random_),
            "approver_id": self._somebody(random_) if n % 3 else None,
            "supersedes_id": n - 1 if n % 20 == 0 else None,
        }

    def _version(self, n: int, major: int, random_: random.Random) -> Row:
        return {
            "id": n * 3 + major,
            "uuid": _uuid(random_),
            "version_major": major,
            "version_minor": 0,
            "file_name": f"{_number(n)}-{major}.docx",
            "file_path": f"storage/versions/{_uuid(random_)}",
            "file_checksum": _hash(random_),
            "status": STATES[major].upper(),
            "version_comment": _words(random_, 6),
            "change_summary": _words(random_, 10),
            "file_size": random_.randrange(10_000_000),
            "created_at": _moment(n + major),
            "metadata": {},
            "created_by_id": self._somebody(random_),
            "document_id": n,
        }

    def _workflow(self, n: int, random_: random.Random) -> Row:
        return {
            "id": n,
            "uuid": _uuid(random_),
            "created_at": _moment(n),
            "updated_at": _moment(n + 3),
            "due_date": _moment(n + 900) if n % 3 else None,
            "workflow_data": {"round": n % 4},
            "workflow_type": "REVIEW",
            "is_terminated": False,
            "document_id": n,
            "current_state_id": STATES[n % 5],
            "initiated_by_id": self._somebody(random_),
            "current_assignee_id": self._somebody(random_) if n % 2 else None,
        }

    def _transition(self, n: int, step: int, random_: random.Random) -> Row:
        return {
            "id": n * 4 + step,
            "uuid": _uuid(random_),
            "transitioned_at": _moment(n + step),
            "comment": _words(random_, 5),
            "transition_data": {},
            "from_state_id": STATES[step],
            "to_state_id": STATES[step + 1],
            "transitioned_by_id": self._somebody(random_),
            "workflow_id": n,
        }

    def _audit(self, n: int, step: int, random_: random.Random) -> Row:
        # Polymorphic: a user, a document, a version, a workflow by turns.
        kind = step % len(LABELS)
        rows = (n % self.users + 1, n, n * 3, n)
        return {
            "id": n * 5 + step,
            "uuid": _uuid(random_),
            "timestamp": _moment(n + step),
            "action": "UPDATE",
            "module": "O1",
            "severity": "INFO",
            "request_method": "POST",
            "verification_status": "VERIFIED",
            "user_display_name": f"First {n % self.users}",
            "object_representation": _number(n),
            "request_path": f"/api/v1/documents/{n}/",
            "session_id": _hash(random_)[:40],
            "checksum": _hash(random_),
            "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
            "description": _words(random_, 8),
            "ip_address": f"10.0.{n % 200}.{step}",
            "object_id": str(rows[kind]),
            "field_changes": {"status": [STATES[n % 5], STATES[step % 5]]},
            "old_values": {"status": STATES[n % 5]},
            "new_values": {"status": STATES[step % 5]},
            "metadata": {},
            "is_tampered": False,
            "content_type_id": kind + 1,
            "user_id": self._somebody(random_),
        }


def fill(engine: sa.Engine, rows: Iterable[tuple[str, Iterator[Row]]]) -> int:
    """Make the tables, insert the rows, and return how many there are."""
    product = engine.dialect.name
    metadata = tables(product)
    total = 0
    with engine.begin() as connection:
        metadata.create_all(connection)
        for name, its_rows in rows:
            while some := list(islice(its_rows, 2_000)):
                connection.execute(sa.insert(metadata.tables[name]), some)
                total += len(some)
    if product == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    return total


def _number(n: int) -> str:
    return f"{TYPES[n % len(TYPES)]}-2025-{n:06d}"


def _moment(n: int) -> datetime:
    return START + timedelta(minutes=n % 800_000, microseconds=n * 7919 % 1_000_000)


def _seeded(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - test data, the same in every run


def _uuid(random_: random.Random) -> UUID:
    return UUID(int=random_.getrandbits(128), version=4)


def _hash(random_: random.Random) -> str:
    return f"{random_.getrandbits(256):064x}"


def _words(random_: random.Random, number: int) -> str:
    return " ".join(random_.choices(WORDS, k=number))
