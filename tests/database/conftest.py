"""One empty database for each test, on each kind of server."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pumphouse.drivers.database.stores import Stores

if TYPE_CHECKING:
    from tests.database.servers import MariaDb, Postgres

NUMBERS = itertools.count(1)
KINDS = ("sqlite", "postgres", "mariadb")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.database)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    return empty_database(request, tmp_path)


def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Make one of the kind that a fixture's parameter names."""
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
