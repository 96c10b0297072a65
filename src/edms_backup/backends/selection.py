"""What one SELECT reads, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa

from edms_backup.backends.base import Backend, Expression
from edms_backup.backends.generic import Convert
from edms_backup.backends.joins import KeyJoins
from edms_backup.graph.keys import Leaf
from edms_backup.model import Column, Kind
from edms_backup.values.forms import json_text


class Selection:
    """The columns of one SELECT and what becomes of them."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.expressions: list[Expression] = []
        self.conversions: dict[int, Convert] = {}

    def add(self, column: Column, value: Expression, first: Convert | None = None) -> int:
        """Select a column's value in its lossless form, after what `first` makes of it; returns its position."""
        position = len(self.expressions)
        convert = _in_turn(first, self._backend.form(column))
        if convert is not None:
            self.conversions[position] = convert
        self.expressions.append(self._backend.readable(column, value).label(f"v{position}"))
        return position

    def add_leaf(self, joins: KeyJoins, leaf: Leaf, value: Expression) -> int:
        """Select a leaf of a key value, where a document stands as its text; returns its position."""
        if leaf.above:
            self.expressions.append(value.label(f"v{len(self.expressions)}"))
            position = len(self.expressions) - 1
            self.conversions[position] = joins.levels_form(leaf)
            return position
        column = joins.column_of(leaf)
        position = self.add(column, value)
        if column.kind is Kind.JSON:
            self.conversions[position] = partial(_leaf_form, self.conversions[position])
        return position

    def add_marker(self, value: Expression) -> int:
        """Select only whether a value is NULL; the driver may not know the value itself."""
        position = len(self.expressions)
        self.expressions.append(sa.case((value.is_not(None), 1)).label(f"v{position}"))
        return position

    def converted(self, row: Sequence[Any]) -> list[Any]:
        """A selected row in the archive's forms."""
        return [
            value if value is None or place not in self.conversions else self.conversions[place](value)
            for place, value in enumerate(row)
        ]


def _leaf_form(form: Convert, value: Any) -> Any:
    """A document as its own row's key value has it once a line is read."""
    return json_text(orjson.dumps(form(value)))


def _in_turn(first: Convert | None, second: Convert | None) -> Convert | None:
    if first is None or second is None:
        return first or second
    return lambda value: second(first(value))
