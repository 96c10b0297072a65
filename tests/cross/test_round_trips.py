"""From product to product, in all six ordered pairs: one fingerprint, and a second restore writes nothing.

Two chains through the three products have each pair once. Each begins in SQLite and ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from edms_backup import api
from edms_backup.demo.build import registry_yaml
from edms_backup.options import CreateOptions, RestoreOptions, Source
from tests import edms_data
from tests.conftest import NewDatabase
from tests.cross import demo_tables, edms_rows
from tests.servers import Database

CHAINS = (("sqlite", "postgresql", "mariadb", "sqlite"), ("sqlite", "mariadb", "postgresql", "sqlite"))


@dataclass(frozen=True)
class World:
    """A schema on every product, and rows for SQLite."""

    fill: Callable[[Database], int]
    create: Callable[[Database], None]
    registry: str
    rows: int
    """What the world has at least; a generator that runs dry would prove nothing."""


DEMO = World(demo_tables.fill, demo_tables.create, registry_yaml(), 800)


def edms() -> World:
    """All 82 tables: the shipped registry without its exclusions."""
    shipped = (Path(__file__).parents[2] / "configs" / "edms.yaml").read_text(encoding="utf-8")
    head, _, tables = shipped.partition("exclude:")
    return World(edms_rows.fill, edms_rows.create, f"{head}tables:{tables.partition('tables:')[2]}", 390)


@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
@pytest.mark.parametrize("world", ["demo", "edms"])
def test_round_trip(world: str, chain: tuple[str, ...], new_database: NewDatabase, tmp_path: Path) -> None:
    here = DEMO if world == "demo" else edms()
    registry = tmp_path / "registry.yaml"
    registry.write_text(here.registry, encoding="utf-8")
    source = new_database(chain[0])
    if world == "edms":
        edms_data.folder()  # skips where it is missing
    assert here.fill(source) >= here.rows
    first = api.fingerprint(Source(source.url, str(registry)))
    for number, product in enumerate(chain[1:]):
        archive = tmp_path / f"archive{number}"
        created = api.create(Source(source.url, str(registry)), CreateOptions(output=archive))
        assert api.fingerprint(archive) == first, f"the archive from {source.product}"
        target = new_database(product)
        here.create(target)
        report = api.restore(Source(target.url), archive, RestoreOptions())
        assert report.applied, report.problems
        assert report.totals()["inserted"] == created.rows >= here.rows
        assert api.fingerprint(Source(target.url, str(registry))) == first, f"{source.product} to {product}"
        if world == "demo":
            again = api.restore(Source(target.url), archive, RestoreOptions())
            assert again.totals()["unchanged"] == created.rows, again.totals()
        source = target
    if world == "edms":
        assert len(first.tables) == 82
