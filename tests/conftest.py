"""Fixtures that all tests share: fresh databases of every product, and the real EDMS data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import edms_data
from tests.servers import PRODUCTS, Database, Servers, Unavailable

NewDatabase = Callable[[str], Database]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this run; with xdist each worker has its own."""
    running = Servers()
    yield running
    running.close()


@pytest.fixture
def new_database(servers: Servers, tmp_path: Path) -> Iterator[NewDatabase]:
    """Makes an empty database of the product asked for; all are dropped after the test."""
    with ExitStack() as stack:
        count = 0

        def make(product: str) -> Database:
            nonlocal count
            if product == "sqlite":
                count += 1
                return Database(product, f"sqlite:///{tmp_path / f'database{count}.sqlite3'}")
            try:
                return stack.enter_context(servers.database(product))
            except Unavailable as reason:
                if _servers_required():
                    pytest.fail(str(reason))
                pytest.skip(str(reason))

        yield make


def _servers_required() -> bool:
    """Where a missing server is a failure: on CI, or where asked for."""
    names = ("EDMS_TEST_REQUIRE_SERVERS", "CI")
    return any(os.environ.get(name, "").lower() not in {"", "0", "false"} for name in names)


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> str:
    """Each product in turn."""
    name: str = request.param
    return name


@pytest.fixture
def database_factory(new_database: NewDatabase, product: str) -> Callable[[], Database]:
    """Makes empty databases of one product; a test that asks for it runs once for each product."""
    return lambda: new_database(product)


@pytest.fixture
def database(database_factory: Callable[[], Database]) -> Database:
    """One empty database; a test that asks for it runs once for each product."""
    return database_factory()


@pytest.fixture(scope="session")
def edms_folder() -> Path:
    """The folder of the real EDMS data; skips where there is none."""
    return edms_data.folder()
