"""Measures `diff` of two databases that are equal, and of two that differ in ten rows: `python -m benchmarks.diff`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from benchmarks.data import Content, tables
from benchmarks.run import PRODUCTS, Took, databases_of, filled, measured
from edms_backup.errors import ExitCode

EQUAL, TEN = "of equal databases", "that differ in ten rows"


def make_ten_differences(left: sa.URL, right: sa.URL, documents: int) -> dict[str, int]:
    """Change four rows, and delete three of each side; returns how `diff` must count them."""
    spread = [1 + n * (documents - 1) // 3 for n in range(4)]
    metadata = tables(left.get_backend_name())
    titles, audit = metadata.tables["documents"], metadata.tables["audit_trail"]
    audits = [n * 5 + step for n in spread for step in range(5)]
    _execute(right, titles.update().where(titles.c.id.in_(spread)).values(title="another title"))
    _execute(right, audit.delete().where(audit.c.id.in_(audits[:3])))
    _execute(left, audit.delete().where(audit.c.id.in_(audits[-3:])))
    return {"only_left": 3, "only_right": 3, "changed": 4}


def _execute(url: sa.URL, statement: sa.sql.expression.Executable) -> None:
    with sa.create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(statement)


def compared(left: sa.URL, right: sa.URL, status: ExitCode) -> tuple[Took, dict[str, Any]]:
    """One run of `diff`, and what it says."""
    sides = [url.render_as_string(hide_password=False) for url in (left, right)]
    command = [sys.executable, "-m", "edms_backup", "diff", "--registry", "edms", "--json", "-q", *sides]
    took = measured(command, expected=status)
    return took, json.loads(took.output)


def benchmark(product: str, rows: int) -> None:
    """Both runs on one product."""
    with tempfile.TemporaryDirectory(prefix="edms-bench-") as folder, databases_of(product, Path(folder)) as databases:
        content = Content(rows)
        left, right = databases.new(), databases.new()
        total = filled(left, content.live())
        filled(right, content.live())
        took, found = compared(left, right, ExitCode.DONE)
        show(product, total, EQUAL, took)
        expected = make_ten_differences(left, right, content.documents)
        took, found = compared(left, right, ExitCode.DIFFERENT)
        if {**found["totals"], "same": 0} != {**expected, "same": 0} or named(found) != expected:
            sys.exit(f"{product}: not the ten rows: {found['totals']}")
        show(product, total, TEN, took)


def named(found: dict[str, Any]) -> dict[str, int]:
    """How many rows of each kind are named."""
    kinds = ("only_left", "only_right", "changed")
    return {kind: sum(len(table[kind]) for table in found["tables"].values()) for kind in kinds}


def show(product: str, rows: int, work: str, took: Took) -> None:
    """One line of the table in benchmarks/README.md."""
    speed = f"{2 * rows / took.seconds:,.0f}"
    figures = f"{took.seconds:.1f} | {speed} | {took.cpu_seconds:.1f} | {took.peak_mib:.0f}"
    print(f"| {product} | {rows:,} | {work} | {figures} |", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.diff", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="about how many rows each database has [1000000]")
    parser.add_argument("--products", default="sqlite", help="comma-separated [sqlite]")
    asked = parser.parse_args(arguments)
    products = asked.products.split(",")
    known = [p for p in PRODUCTS if p == "sqlite" or os.environ.get(f"EDMS_TEST_{p.upper()}_URL")]
    if not set(products) <= set(known):
        parser.error(f"{asked.products}: a server's address goes into EDMS_TEST_POSTGRESQL_URL, EDMS_TEST_MARIADB_URL")
    print("| product | rows a side | `diff` | s | rows/s | CPU s | peak MiB |")
    print("|---|--:|---|--:|--:|--:|--:|")
    for product in products:
        benchmark(product, asked.rows)


if __name__ == "__main__":
    main()
