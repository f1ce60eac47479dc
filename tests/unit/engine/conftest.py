"""An engine with a fake clock and the tiny world, on an SQLite file; the tests marked `database` run the same on the other databases."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from pumphouse.domain.operation import Operation
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from tests.fakes.clock import FakeClock
from tests.fakes.marks import MarkWorkflow, ParentWorkflow, World

LONG_S = 60.0
"""Nothing takes so long, even where clouds leave hardly anything of the machine."""


class Bench:
    """Everything that an engine test needs."""

    def __init__(self, url: str) -> None:
        self.world = World()
        self.clock = FakeClock()
        self.stores = Stores(url, clock=self.clock)
        self._looks, self._looked = 0, threading.Condition()
        self.stores.beat = self._count_looks(self.stores.beat)  # type: ignore[method-assign]
        self.engines: list[Engine] = []
        self.engine = self.another()

    def another(self, **settings: Any) -> Engine:
        """One more engine, as if in another process."""
        workflows = [MarkWorkflow(self.world), ParentWorkflow(self.world)]
        values = EngineSettings(poll_s=0.02, **settings)
        engine = Engine(self.stores, cast("Any", None), workflows, self.clock, values)
        self.engines.append(engine)
        return engine

    def submit(self, kind: str = "mark", **params: Any) -> str:
        return self.engine.submit(kind, params, self.engine.plan(kind, params)).id

    def run(self, kind: str = "mark", **params: Any) -> Operation:
        return self.engine.run(self.submit(kind, **params))

    def fail_at(self, faults: Mapping[str, Exception]) -> None:
        def hook(point: str) -> None:
            if point in faults:
                raise faults[point]

        self.world.hook = hook

    def at(self, point: str, act: Callable[[], object]) -> None:
        """Do something when a point is reached for the first time."""
        pending = [point]

        def hook(reached: str) -> None:
            if pending == [reached]:
                pending.clear()
                act()

        self.world.hook = hook

    def heeded(self) -> None:
        """Wait until the watch has heard of every wish that was made so far, however little of the processor it gets.

        A look that begins after the wish reads it; that another begins behind it says that the first was carried out.
        """
        with self._looked:
            before = self._looks
            assert self._looked.wait_for(lambda: self._looks >= before + 2, LONG_S), "the watch does not look"

    def _count_looks(self, beat: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self._looked:
                self._looks += 1
                self._looked.notify_all()
            return beat(*args, **kwargs)

        return counted

    def types(self) -> list[str]:
        return [event.type for event in self.stores.events(limit=1000)]

    def close(self) -> None:
        for engine in self.engines:
            engine.close(timeout_s=5)
        self.stores.close()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose tables are there already."""
    file = tmp_path_factory.mktemp("engine") / "empty.db"
    Stores(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def server_urls() -> dict[str, str]:
    """The one database of each kind of server that these tests empty and use again: making the tables takes seconds there."""
    return {}


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.database),
        pytest.param("mariadb", marks=pytest.mark.database),
    ]
)
def bench(
    request: pytest.FixtureRequest, empty_database: Path, server_urls: dict[str, str], tmp_path: Path
) -> Iterator[Bench]:
    kind = request.param
    if kind == "sqlite":
        shutil.copy(empty_database, tmp_path / "test.db")
        url = f"sqlite:///{tmp_path / 'test.db'}"
    elif os.environ.get("PUMPHOUSE_SKIP_DATABASES"):
        pytest.skip("PUMPHOUSE_SKIP_DATABASES is set")
    else:
        if kind not in server_urls:
            server_urls[kind] = request.getfixturevalue(kind).create("engine")
        url = server_urls[kind]
    bench = Bench(url)
    yield bench
    bench.close()
    if kind != "sqlite":
        _empty(url)


def _empty(url: str) -> None:
    """Leave the tables as a migration leaves them, TaskFlow's included."""
    engine = sa.create_engine(url)
    metadata = sa.MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name == "counters":
                connection.execute(table.update().values(value=0))
            elif table.name != "alembic_version":
                connection.execute(table.delete())
    engine.dispose()
