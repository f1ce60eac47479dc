"""One empty database for each test, on each kind of server."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from pumphouse.drivers.database.stores import Stores
from tests.database.servers import MariaDb, Postgres, ServerMissingError

NUMBERS = itertools.count(1)
Server = TypeVar("Server", Postgres, MariaDb)
KINDS = ("sqlite", "postgres", "mariadb")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.database)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with _started(Postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    with _started(MariaDb()) as server:
        yield server


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    if os.environ.get("PUMPHOUSE_SKIP_DATABASES"):
        pytest.skip("PUMPHOUSE_SKIP_DATABASES is set")
    server: Postgres | MariaDb = request.getfixturevalue(request.param)
    return server.create(f"test_{next(NUMBERS)}")


@pytest.fixture
def stores(url: str) -> Iterator[Stores]:
    """All stores on it."""
    stores = Stores(url)
    yield stores
    stores.close()


@contextmanager
def _started(server: Server) -> Iterator[Server]:
    try:
        server.__enter__()
    except ServerMissingError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield server
    finally:
        server.__exit__(None, None, None)
