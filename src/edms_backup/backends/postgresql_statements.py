"""Statements of PostgreSQL that SQLAlchemy has no class for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler


class LockTables(sa.Executable, sa.ClauseElement):
    """`LOCK TABLE a, b IN … MODE`."""

    inherit_cache = False

    def __init__(self, tables: Sequence[sa.FromClause], mode: str) -> None:
        self.tables = tables
        self.mode = mode


@compiles(LockTables)
def _lock_tables(element: LockTables, compiler: SQLCompiler, **options: Any) -> str:
    names = ", ".join(compiler.process(table, asfrom=True, **options) for table in element.tables)
    return f"LOCK TABLE {names} IN {element.mode} MODE"


class OverridingInsert(sa.Insert):
    """An INSERT that may write `GENERATED ALWAYS` identity columns."""

    inherit_cache = False


@compiles(OverridingInsert)
def _overriding_insert(element: OverridingInsert, compiler: SQLCompiler, **options: Any) -> str:
    statement = str(compiler.visit_insert(element, **options))  # type: ignore[no-untyped-call]
    assert element.select is not None
    rows = compiler.process(element.select, insert_into=True, **options)
    assert statement.endswith(rows)
    return f"{statement.removesuffix(rows)}OVERRIDING SYSTEM VALUE {rows}"
