"""Measures edms-backup and its peers as whole processes, by turns: `python -m benchmarks.run --help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table
from sqlalchemy.pool import NullPool

from benchmarks.data import Content, fill
from edms_backup import __version__

HERE = Path(__file__).parent
PRODUCTS = ("sqlite", "postgresql", "mariadb")
TOOL = "edms-backup"
WORKS = ("create", "dry run", "restore", "restore again")
PEERS = {
    "sqlite": ("sqlite3 .dump | zstd", "zstd | sqlite3", ("sqlite3", "zstd")),
    "postgresql": ("pg_dump -Fc", "pg_restore --data-only", ("pg_dump", "pg_restore")),
    "mariadb": ("mariadb-dump | zstd", "zstd | mariadb", ("mariadb-dump", "mariadb", "zstd")),
}


@dataclass(frozen=True)
class Took:
    """One process, or pipe of processes."""

    seconds: float
    cpu_seconds: float
    """Of the processes here; what a server works is not in it."""
    peak_mib: float
    """Of the largest process."""
    output: str


@dataclass
class Figures:
    """All runs of one work by one tool."""

    product: str
    tool: str
    work: str
    took: list[Took] = field(default_factory=list)
    archive_bytes: int | None = None

    def summary(self, rows: int) -> dict[str, Any]:
        """Medians, and the single times."""
        seconds = statistics.median(took.seconds for took in self.took)
        return {
            "product": self.product,
            "tool": self.tool,
            "work": self.work,
            "rows": rows,
            "seconds": round(seconds, 3),
            "rows_per_second": round(rows / seconds),
            "cpu_seconds": round(statistics.median(took.cpu_seconds for took in self.took), 3),
            "peak_mib": round(statistics.median(took.peak_mib for took in self.took), 1),
            "archive_bytes": self.archive_bytes,
            "all_seconds": [round(took.seconds, 3) for took in self.took],
        }


class Databases:
    """Databases of one product, made under names of their own and dropped at the end."""

    def __init__(self, product: str, server: sa.URL | None, folder: Path) -> None:
        self.product = product
        self._server = server
        self._folder = folder
        self._made: list[str] = []

    def new(self) -> sa.URL:
        """An empty database."""
        name = f"edms_bench_{uuid4().hex[:12]}"
        if self._server is None:
            return sa.make_url(f"sqlite:///{self._folder / name}.sqlite3")
        self._run_alone(f"CREATE DATABASE {name}")
        self._made.append(name)
        return self._server.set(database=name)

    def drop_all(self) -> None:
        """Drop what was made."""
        for name in self._made:
            self._run_alone(f"DROP DATABASE {name}")

    def _run_alone(self, sql: str) -> None:
        assert self._server is not None
        engine = sa.create_engine(self._server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(sql)


def filled(url: sa.URL, rows: Any = ()) -> int:
    """Make the tables in a database, with these rows."""
    return fill(sa.create_engine(url, poolclass=NullPool), rows)


def measured(command: Sequence[str | Path], env: Mapping[str, str] | None = None, expected: int = 0) -> Took:
    """Run a command as a process; exits where it ends with another status than `expected`."""
    watch = [sys.executable, "-I", "-S", str(HERE / "measure.py"), *map(str, command)]
    done = subprocess.run(watch, check=True, stdout=subprocess.PIPE, env={**os.environ, **(env or {})})
    found = json.loads(done.stdout)
    if found.pop("status") != expected:
        sys.exit(f"failed: {shlex.join(map(str, command))}\n{found['output']}")
    return Took(**found)


def piped(*commands: Sequence[str | Path]) -> list[str]:
    """Commands as one pipe, of which none may fail."""
    pipe = " | ".join(shlex.join(map(str, command)) for command in commands)
    return ["bash", "-c", f"set -o pipefail; {pipe}"]


def tool(url: sa.URL, *arguments: str | Path) -> Took:
    """One command of edms-backup, told where the database is by the environment."""
    env = {"EDMS_BACKUP_DB": url.render_as_string(hide_password=False), "EDMS_BACKUP_REGISTRY": "edms"}
    return measured([sys.executable, "-m", "edms_backup", *arguments], env)


@dataclass
class Round:
    """One run of everything on one product."""

    databases: Databases
    live: sa.URL
    content: Content
    rows: int
    folder: Path
    peer: bool
    figures: dict[tuple[str, str], Figures]

    def run(self, number: int) -> None:
        """Do each work with the tool and the peer; who begins changes from run to run."""
        for mine, peers in ((self._create, self._dump), (self._restore, self._load)):
            both: list[Callable[[], None]] = [mine, peers] if self.peer else [mine]
            for work in both if number % 2 == 0 else both[::-1]:
                work()

    def _note(self, who: str, work: str, took: Took, archive: Path | None = None) -> None:
        figures = self.figures.setdefault((who, work), Figures(self.databases.product, who, work))
        figures.took.append(took)
        if archive is not None:
            figures.archive_bytes = archive.stat().st_size

    @property
    def _archive(self) -> Path:
        return self.folder / "edms.tar"

    def _create(self) -> None:
        self._archive.unlink(missing_ok=True)
        self._note(TOOL, "create", tool(self.live, "create", "-q", "-o", self._archive), self._archive)

    def _restore(self) -> None:
        target = self.databases.new()
        filled(target, self.content.fresh())
        for work in WORKS[1:]:
            options = ["--dry-run"] if work == "dry run" else []
            took = tool(target, "restore", "--json", "-q", *options, self._archive)
            self._check(work, json.loads(took.output)["totals"])
            self._note(TOOL, work, took)
        asked = (("fingerprint", "-q"), ("fingerprint", "-q", self._archive))
        if len({tool(target, *arguments).output for arguments in asked}) != 1:
            sys.exit(f"{self.databases.product}: the restored database has another content than the archive")

    def _check(self, work: str, totals: Mapping[str, int]) -> None:
        """A figure of work that was not done is worth nothing."""
        wrote = totals["inserted"] + totals["updated"]
        right = wrote == 0 if work == "restore again" else wrote >= self.content.big_rows
        if totals["read"] != self.rows or not right:
            sys.exit(f"{self.databases.product}: {work} did something else: {dict(totals)}")

    def _dump(self) -> None:
        name, _, _ = PEERS[self.databases.product]
        dump = self.folder / "peer.dump"
        dump.unlink(missing_ok=True)
        self._note(name, "create", measured(*_dumping(self.databases.product, self.live, dump)), dump)

    def _load(self) -> None:
        _, name, _ = PEERS[self.databases.product]
        target = self.databases.new()
        if self.databases.product == "postgresql":
            filled(target)
        self._note(name, "restore", measured(*_loading(self.databases.product, target, self.folder / "peer.dump")))


def _dumping(product: str, url: sa.URL, dump: Path) -> tuple[list[str], dict[str, str]]:
    compress = ("zstd", "-q", "-o", dump)
    if product == "sqlite":
        return piped(("sqlite3", str(url.database), ".dump"), compress), {}
    if product == "postgresql":
        return ["pg_dump", "-Fc", "-f", str(dump)], _postgresql(url)
    options, env = _mariadb(url)
    return piped(("mariadb-dump", *options, "--single-transaction", str(url.database)), compress), env


def _loading(product: str, url: sa.URL, dump: Path) -> tuple[list[str], dict[str, str]]:
    read = ("zstd", "-q", "-dc", dump)
    if product == "sqlite":
        return piped(read, ("sqlite3", str(url.database))), {}
    if product == "postgresql":
        return ["pg_restore", "--data-only", "--single-transaction", "-d", str(url.database), str(dump)], _postgresql(
            url
        )
    options, env = _mariadb(url)
    return piped(read, ("mariadb", *options, str(url.database))), env


def _postgresql(url: sa.URL) -> dict[str, str]:
    found = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    return {name: str(value) for name, value in (found | {"PGDATABASE": url.database}).items() if value is not None}


def _mariadb(url: sa.URL) -> tuple[list[str], dict[str, str]]:
    found = {"--host": url.host, "--port": url.port, "--user": url.username}
    options = ["--no-defaults", *(f"{name}={value}" for name, value in found.items() if value is not None)]
    return options, {"MYSQL_PWD": str(url.password)} if url.password else {}


@contextmanager
def databases_of(product: str, folder: Path) -> Iterator[Databases]:
    """Databases of one product, dropped at the end."""
    address = os.environ.get(f"EDMS_TEST_{product.upper()}_URL")
    made = Databases(product, None if product == "sqlite" else sa.make_url(str(address)), folder)
    try:
        yield made
    finally:
        made.drop_all()


def benchmark(product: str, rows: int, runs: int) -> tuple[int, list[Figures]]:
    """All runs on one product: the number of rows, and the figures."""
    name, _, needs = PEERS[product]
    missing = [program for program in needs if shutil.which(program) is None]
    if missing:
        print(f"{product}: without {name}: {', '.join(missing)} is not installed", file=sys.stderr)
    figures: dict[tuple[str, str], Figures] = {}
    with tempfile.TemporaryDirectory(prefix="edms-bench-") as temporary:
        folder = Path(temporary)
        with databases_of(product, folder) as databases:
            content = Content(rows)
            live = databases.new()
            total = filled(live, content.live())
            for number in range(runs):
                print(f"{product}: {total:,} rows, run {number + 1} of {runs}", file=sys.stderr)
                Round(databases, live, content, total, folder, not missing, figures).run(number)
    order = {work: place for place, work in enumerate(WORKS)}
    return total, sorted(figures.values(), key=lambda f: (order[f.work], f.tool))


def show(results: Sequence[Mapping[str, Any]]) -> None:
    """The table on stdout."""
    table = Table("product", "work", "by", box=None, padding=(0, 2, 0, 0))
    for title in ("s", "rows/s", "CPU s", "peak MiB", "kB"):
        table.add_column(title, justify="right")
    for one in results:
        size = one["archive_bytes"]
        table.add_row(
            *(one["product"], one["work"], one["tool"], f"{one['seconds']:.2f}", f"{one['rows_per_second']:,}"),
            *(f"{one['cpu_seconds']:.2f}", f"{one['peak_mib']:.0f}", f"{size / 1000:,.0f}" if size else ""),
        )
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000, help="about how many rows the database has [50000]")
    parser.add_argument("--runs", type=int, default=3, help="the figures are medians of so many runs [3]")
    parser.add_argument("--products", default="", help="comma-separated [sqlite, and the servers with an address]")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON file")
    asked = parser.parse_args(arguments)
    known = [p for p in PRODUCTS if p == "sqlite" or os.environ.get(f"EDMS_TEST_{p.upper()}_URL")]
    products = asked.products.split(",") if asked.products else known
    if not set(products) <= set(known):
        parser.error(f"{asked.products}: a server's address goes into EDMS_TEST_POSTGRESQL_URL, EDMS_TEST_MARIADB_URL")
    began, load = datetime.now(UTC), os.getloadavg()[0]
    results = []
    for product in products:
        rows, figures = benchmark(product, asked.rows, asked.runs)
        results += [one.summary(rows) for one in figures]
    show(results)
    document = {
        "date": began.isoformat(timespec="seconds"),
        "version": __version__,
        "runs": asked.runs,
        "machine": {
            "processors": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
            # Above 0 before anything was measured: others were at work.
            "load_before": round(load, 2),
            "load_after": round(os.getloadavg()[0], 2),
        },
        "results": results,
    }
    asked.results.mkdir(parents=True, exist_ok=True)
    file = asked.results / f"{began:%Y-%m-%d}.json"
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"written: {file}", file=sys.stderr)


if __name__ == "__main__":
    main()
