"""Trees: tables whose natural key runs through the table itself, by parent and name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from edms_backup.backends.base import Expression
from edms_backup.backends.generic import Convert
from edms_backup.model import Reference


def points_to_itself(row: sa.FromClause, reference: Reference) -> Expression:
    """Whether a row is its own parent: a root, where the parent may not be empty."""
    pairs = zip(reference.columns, reference.referred_columns, strict=True)
    return sa.and_(*(row.c[ours] == row.c[theirs] for ours, theirs in pairs))


def is_root(row: sa.FromClause, reference: Reference) -> Expression:
    """Whether a row has no parent but itself."""
    return sa.or_(*(row.c[name].is_(None) for name in reference.columns), points_to_itself(row, reference))


def is_child(row: sa.FromClause, parent: sa.FromClause, reference: Reference, names: Sequence[str]) -> Expression:
    """Whether a row is below `parent`, whose referred columns are called `names`, and not that row itself."""
    same = (row.c[ours] == parent.c[name] for ours, name in zip(reference.columns, names, strict=True))
    return sa.and_(*same, sa.not_(points_to_itself(row, reference)))


def read_levels(text: str, forms: Sequence[Convert | None]) -> list[Any]:
    """What is above a row of a tree, from arrays of the rows' own leaves, each followed by a comma."""
    levels = orjson.loads(f"[{text.removesuffix(',')}]")
    pairs = (pair for level in levels for pair in zip(forms, level, strict=True))
    return [value if form is None or value is None else form(value) for form, value in pairs]
