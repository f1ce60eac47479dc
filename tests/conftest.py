"""Where tests write, and the database servers of those marked `database`: one of each kind for the whole session, started when first asked for."""

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests.database.servers import MariaDb, Postgres, ServerMissingError

Server = TypeVar("Server", Postgres, MariaDb)

# a run of tests keeps what it made: looking for garbage as often as a server should costs a sixth of its time
gc.set_threshold(50_000, 20, 50)

# a busy machine is no fault of what is tested: hypothesis' 200 ms for an example are none of our promises
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

# told to end, a run stops the servers that it has started
signal.signal(signal.SIGTERM, signal.default_int_handler)

MEMORY = Path("/dev/shm")
ENOUGH_MEMORY = 2 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Hundreds of small databases wait for no disk. The lab's tests keep to the disk: what they write is large."""
    wanted = "not lab" in config.option.markexpr
    if wanted and "PYTEST_DEBUG_TEMPROOT" not in os.environ and _serves(MEMORY):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


def _serves(folder: Path) -> bool:
    """Whether there is room, and programs may be run there: tests write scripts."""
    if not os.access(folder, os.W_OK | os.X_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free > ENOUGH_MEMORY


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
