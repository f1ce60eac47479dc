"""The database servers of the tests marked `database`: one of each kind for the whole session, started when first asked for."""

import gc
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from tests.database.servers import MariaDb, Postgres, ServerMissingError

Server = TypeVar("Server", Postgres, MariaDb)

# a run of tests keeps what it made: looking for garbage as often as a server should costs a sixth of its time
gc.set_threshold(50_000, 20, 50)

# told to end, a run stops the servers that it has started
signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with _started(Postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    with _started(MariaDb()) as server:
        yield server


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
