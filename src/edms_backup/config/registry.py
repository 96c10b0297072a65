"""The registry as data. `config.registry_file` reads and checks the YAML; `config.apply` meets a live schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from edms_backup.model import Policy


class Unlisted(StrEnum):
    """What to do with a table that the registry does not list."""

    INFER = "infer"
    ERROR = "error"
    SKIP = "skip"


@dataclass(frozen=True)
class ReferenceRule:
    """A reference that the database does not declare.

    Either `table` and `referred_columns` name what `columns` points to, or `polymorphic` names the table whose
    natural key, joined by dots, is the label of the table that a row points into; `columns` is then (type, id).
    """

    columns: tuple[str, ...]
    table: str | None = None
    referred_columns: tuple[str, ...] = ()
    """Empty: the primary key of `table`."""
    polymorphic: str | None = None
    path: str | None = None
    """Where the ids are inside the JSON documents of the one column."""
    optional: bool = False
    """Left out, with a warning, where the table lacks a column: another version of the application."""
    line: int = 0


WHOLE_ROW = "*"


@dataclass(frozen=True)
class TableRule:
    """What the registry says of one table. What is None or empty is inferred."""

    name: str
    label: str | None = None
    tier: int | None = None
    key: tuple[str, ...] | None = None
    """Columns; `("*",)` where a row is identified by all its values."""
    references: tuple[ReferenceRule, ...] = ()
    policy: Policy = field(default_factory=Policy)
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each field that was given, and of each entry of a mapping (`renames.old`), for messages."""


@dataclass(frozen=True)
class Registry:
    """A registry in force; the default one lists nothing and infers everything."""

    tables: Mapping[str, TableRule] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    """Names or globs of tables that take no part."""
    unlisted: Unlisted = Unlisted.INFER
    renames: Mapping[str, str] = field(default_factory=dict)
    """Tables of an archive that have another name in the target of a restore."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """The line of each entry of `renames`, by its old name."""
    path: str | None = None
    """Where it was read from, for messages: `configs/edms.yaml`."""
    text: bytes = b"version: 1\n"
    """The YAML itself, stored in every archive as `registry.yaml`."""
