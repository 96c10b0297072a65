"""What each command found or did: plain data, with the JSON shape that CONTRACT promises (`as_json`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

KeyValue = list[Any]
"""The leaves of a natural key, as in an archive."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    code: str
    """`unresolved-reference`, `duplicate-key`, `ambiguous-key`, `unique-conflict`, `row-exists`, `null-value`, …"""
    message: str
    table: str | None = None
    key: KeyValue | None = None
    column: str | None = None
    value: Any = None

    def as_json(self) -> dict[str, Any]:
        """The shape of `problems` in the contract."""
        return {
            "code": self.code,
            "table": self.table,
            "key": self.key,
            "column": self.column,
            "value": self.value,
            "message": self.message,
        }


class DriftClass(StrEnum):
    """What a difference between the schemas of an archive and of its target means."""

    SAFE = "safe"
    MAP = "map"
    BLOCKING = "blocking"


@dataclass(frozen=True)
class Difference:
    """One thing in which the schema of an archive and that of its target differ."""

    what: str
    """`missing-table`, `new-column`, `other-type`, `shorter-text`, …"""
    message: str
    level: DriftClass = DriftClass.SAFE
    table: str | None = None
    column: str | None = None

    def as_problem(self) -> Problem:
        """The same as what stops a restore."""
        return Problem(self.what, self.message, self.table, column=self.column)

    def as_json(self) -> dict[str, Any]:
        """The shape of `drift` in the contract."""
        return {
            "table": self.table,
            "column": self.column,
            "class": self.level.value,
            "what": self.what,
            "message": self.message,
        }


@dataclass(frozen=True)
class TableWritten:
    """One table of a new archive."""

    rows: int
    bytes: int
    """Compressed."""


@dataclass(frozen=True)
class CreateReport:
    """What `create` wrote."""

    archive: str
    tables: Mapping[str, TableWritten]
    seconds: float
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        """Compressed bytes of all tables."""
        return sum(table.bytes for table in self.tables.values())

    def as_json(self) -> dict[str, Any]:
        """`create --json`."""
        return {
            "archive": self.archive,
            "tables": {name: asdict(table) for name, table in self.tables.items()},
            "rows": self.rows,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "warnings": list(self.warnings),
        }


@dataclass
class Books:
    """The counts of one table. They balance when `read` is the sum of where the rows went."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: int = 0
    skipped: int = 0
    failed: int = 0
    deleted: int = 0
    resolved: int = 0
    dangling: int = 0
    unresolved: int = 0

    @property
    def balanced(self) -> bool:
        """No row is unaccounted for."""
        gone = self.inserted + self.updated + self.unchanged + self.kept + self.skipped + self.failed
        return self.read == gone

    def rows_json(self) -> dict[str, int]:
        """The row counts, without the references."""
        names = ("read", "inserted", "updated", "unchanged", "kept", "skipped", "failed", "deleted")
        return {name: getattr(self, name) for name in names}

    def as_json(self) -> dict[str, Any]:
        """One table of `restore --json`."""
        references = {"resolved": self.resolved, "dangling": self.dangling, "unresolved": self.unresolved}
        return {**self.rows_json(), "references": references}


@dataclass(frozen=True)
class RestoreReport:
    """What a restore did, or a dry run says that it would do."""

    dry_run: bool
    mode: str
    applied: bool
    tables: Mapping[str, Books]
    """In the order of the restore."""
    problems: tuple[Problem, ...] = ()
    """What stops the restore. At most some per table and kind; `problem_count` has them all."""
    problem_count: int = 0
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    drift: tuple[Difference, ...] = ()
    """Every difference between the schemas; those that are not safe are among the problems too."""

    @property
    def refused(self) -> bool:
        """Whether the restore would not, or did not, write."""
        return self.problem_count > 0

    def totals(self) -> dict[str, int]:
        """Each count summed over the tables."""
        sums = Books().rows_json()
        for books in self.tables.values():
            for name, count in books.rows_json().items():
                sums[name] += count
        return sums

    def as_json(self) -> dict[str, Any]:
        """`restore --json`."""
        return {
            "dry_run": self.dry_run,
            "mode": self.mode,
            "applied": self.applied,
            "tables": {name: books.as_json() for name, books in self.tables.items()},
            "totals": self.totals(),
            "problems": [problem.as_json() for problem in self.problems],
            "problem_count": self.problem_count,
            "warnings": list(self.warnings),
            "drift": [difference.as_json() for difference in self.drift],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class InventoryReference:
    """One reference of a table."""

    columns: tuple[str, ...]
    table: str
    kind: str


@dataclass(frozen=True)
class InventoryTable:
    """One table as `inventory` shows it."""

    name: str
    rows: int
    tier: int | None
    natural_key: tuple[str, ...]
    """`("*",)` where the whole row is the key; empty where there is none."""
    key_source: str
    key_unique: bool | None
    """None where there is no key to check."""
    surrogate_key: tuple[str, ...]
    references: tuple[InventoryReference, ...]
    many_to_many: bool
    complexity: str
    """`simple`, `medium` or `complex`."""
    level: int
    """Restore level: 0 refers to nothing; else one more than the highest level it refers to."""
    problems: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One table of `inventory --json`."""
        return asdict(self)


@dataclass(frozen=True)
class Inventory:
    """The live schema, and what protects each table."""

    tables: tuple[InventoryTable, ...]
    order: tuple[str, ...]
    cycles: tuple[tuple[str, ...], ...]
    excluded: tuple[str, ...] = ()
    """Tables that the registry leaves out."""
    warnings: tuple[str, ...] = field(default=())

    def totals(self) -> dict[str, int]:
        """Counts over all tables."""
        return {
            "tables": len(self.tables),
            "rows": sum(table.rows for table in self.tables),
            "references": sum(len(table.references) for table in self.tables),
            "keyed": sum(1 for table in self.tables if table.natural_key),
        }

    def as_json(self) -> dict[str, Any]:
        """`inventory --json`."""
        return {
            "tables": [table.as_json() for table in self.tables],
            "order": list(self.order),
            "cycles": [list(cycle) for cycle in self.cycles],
            "excluded": list(self.excluded),
            "warnings": list(self.warnings),
            "totals": self.totals(),
        }


@dataclass(frozen=True)
class VerifyReport:
    """Whether an archive is whole and consistent in itself."""

    archive: str
    rows: int
    parts: int
    problems: tuple[Problem, ...] = ()
    differences: tuple[Problem, ...] = ()
    """Tables whose content is not that of the database, where one was compared."""

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems and not self.differences

    def as_json(self) -> dict[str, Any]:
        """`verify --json`."""
        problems = [problem.as_json() for problem in (*self.problems, *self.differences)]
        return {"ok": self.ok, "rows": self.rows, "parts": self.parts, "problems": problems}


@dataclass(frozen=True)
class FingerprintReport:
    """A hash over the canonical rows, independent of row order and ids."""

    fingerprint: str
    tables: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """`fingerprint --json`."""
        return {"fingerprint": self.fingerprint, "tables": dict(self.tables)}


@dataclass(frozen=True)
class ChangedRow:
    """A row that both sides have, with other values."""

    key: KeyValue
    columns: tuple[str, ...]
    values: tuple[tuple[str, str], ...]
    """Of each of `columns` left and right, as short text around the first difference."""

    def as_json(self) -> dict[str, Any]:
        """One of `changed`."""
        return {"key": self.key, "columns": list(self.columns)}


@dataclass(frozen=True)
class TableDiff:
    """What is different in one table. At most some rows are named, `counts` has them all."""

    counts: Mapping[str, int]
    """`only_left`, `only_right`, `changed` and `same` rows."""
    only_left: tuple[KeyValue, ...] = ()
    only_right: tuple[KeyValue, ...] = ()
    changed: tuple[ChangedRow, ...] = ()

    @property
    def different(self) -> int:
        """Rows that are not the same on both sides."""
        return sum(self.counts.values()) - self.counts["same"]

    def as_json(self) -> dict[str, Any]:
        """One table of `diff --json`."""
        return {
            "only_left": list(self.only_left),
            "only_right": list(self.only_right),
            "changed": [row.as_json() for row in self.changed],
            "counts": dict(self.counts),
        }


@dataclass(frozen=True)
class DiffReport:
    """What is different between two sides, each an archive or a database."""

    left: str
    right: str
    tables: Mapping[str, TableDiff]
    """All that were compared."""
    problems: tuple[Problem, ...] = ()
    """Tables and columns that only one side has, and what makes rows hard to tell apart."""

    @property
    def equal(self) -> bool:
        """Nothing is different."""
        return not self.problems and not any(table.different for table in self.tables.values())

    def totals(self) -> dict[str, int]:
        """Each count summed over the tables."""
        names = ("only_left", "only_right", "changed", "same")
        return {name: sum(table.counts[name] for table in self.tables.values()) for name in names}

    def as_json(self) -> dict[str, Any]:
        """`diff --json`."""
        return {
            "equal": self.equal,
            "left": self.left,
            "right": self.right,
            "tables": {name: table.as_json() for name, table in self.tables.items()},
            "totals": self.totals(),
            "problems": [problem.as_json() for problem in self.problems],
        }
