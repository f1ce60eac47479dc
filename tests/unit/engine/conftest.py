"""An engine on an SQLite file with a fake clock and the tiny world."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from pumphouse.domain.operation import Operation
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from tests.fakes.clock import FakeClock
from tests.fakes.marks import MarkWorkflow, ParentWorkflow, World


class Bench:
    """Everything that an engine test needs."""

    def __init__(self, database: Path) -> None:
        self.world = World()
        self.clock = FakeClock()
        self.stores = Stores(f"sqlite:///{database}", clock=self.clock)
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


@pytest.fixture
def bench(empty_database: Path, tmp_path: Path) -> Iterator[Bench]:
    database = tmp_path / "test.db"
    shutil.copy(empty_database, database)
    bench = Bench(database)
    yield bench
    bench.close()
