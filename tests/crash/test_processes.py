"""Two processes and one operation: one runs it, a stopped one is replaced and refused, another one can pause it."""

import os
import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from pumphouse.domain.operation import ItemStatus, Operation, OperationStatus
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from tests.crash.conftest import Nursery
from tests.crash.nursery import REFUSED, Job
from tests.fakes.marks import MarkWorkflow, World

if TYPE_CHECKING:
    from pumphouse.ports.toolbox import Toolbox

# what they show is said in seconds
pytestmark = pytest.mark.timed

ONCE = Counter(
    {("do", mark): 1 for mark in ("prepare", "commit", "finish", *(f"move-{n}" for n in range(6)))}
)


class Here:
    """This test's own process, beside those of the nursery."""

    def __init__(self, directory: Path, *, owner_timeout_s: float = 15.0, parallel: int = 2) -> None:
        self.directory = directory
        self.url = f"sqlite:///{directory / 'test.db'}"
        self.world = World(directory / "world")
        self.stores = Stores(self.url)
        settings = EngineSettings(owner_timeout_s=owner_timeout_s, poll_s=0.1)
        self.engine = Engine(
            self.stores, cast("Toolbox", None), [MarkWorkflow(self.world)], SystemClock(), settings
        )
        params = {"count": 6, "parallel": parallel}
        self.id = self.engine.submit("mark", params, self.engine.plan("mark", params)).id

    def job(self, **values: object) -> Job:
        return Job(self.url, str(self.directory / "world"), **values)  # type: ignore[arg-type]

    def effects(self) -> Counter[tuple[str, str]]:
        return Counter(self.world.effects())

    def wait_for(self, point: str) -> None:
        until = time.monotonic() + 20
        trace = self.directory / "world" / "trace"
        while not (trace.exists() and any(line.startswith(point) for line in trace.read_text().splitlines())):
            assert time.monotonic() < until, f"{point} was never reached"
            time.sleep(0.02)  # real processes take real time


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_of_four_that_race_one_runs_it(nursery: Nursery, here: Here) -> None:
    codes = nursery.run(*(here.job(slow_s=0.05) for _ in range(4)))
    assert sorted(codes) == [0, *([REFUSED] * 3)]
    assert here.effects() == ONCE


def test_the_next_goes_on_at_once_after_a_kill(nursery: Nursery, here: Here) -> None:
    assert nursery.run(here.job(kill="move-2:after")) == [-9]
    began = time.monotonic()
    assert [operation.id for operation in here.engine.recover()] == [here.id]
    while here.engine.operation(here.id).status is not OperationStatus.DONE:
        assert time.monotonic() - began < 10
        time.sleep(0.02)  # real processes take real time
    assert time.monotonic() - began < here.engine._kit.settings.owner_timeout_s / 2, (
        "a dead process's heartbeat need not get old"
    )
    assert here.effects() == ONCE


def test_a_stopped_owner_is_replaced_and_what_it_writes_is_refused(nursery: Nursery, tmp_path: Path) -> None:
    # one item at a time: hardly ever is another thread in a transaction when it is stopped between two
    here = Here(tmp_path, owner_timeout_s=1.0, parallel=1)
    pid = nursery.start(here.job(stop="move-2:after", owner_timeout_s=1.0))
    here.wait_for("move-2:after")
    done = _take_over(here, pid)
    assert done.status is OperationStatus.DONE
    before = here.stores.items(here.id)
    last = here.stores.events(newest=True, limit=1)[0].seq
    _go_on(pid)
    assert nursery.wait(pid) != 0
    assert here.stores.items(here.id) == before
    assert here.stores.events(newest=True, limit=1)[0].seq == last
    assert here.effects() == ONCE


def _take_over(here: Here, pid: int) -> Operation:
    """Run what a stopped process owns. One that was stopped in the middle of a transaction keeps everybody out of SQLite: it gets a moment."""
    for _ in range(100):
        if _is_free(here.directory / "test.db"):
            time.sleep(1.3)  # its heartbeat has to get old
            return here.engine.run(here.id)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)
        os.kill(pid, signal.SIGSTOP)
    raise AssertionError("it was stopped in a transaction again and again")


def _is_free(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=0.2, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def test_pause_from_another_process_stops_new_items_within_a_second(nursery: Nursery, here: Here) -> None:
    pid = nursery.start(here.job(slow_s=0.25))
    here.wait_for("move-0:before")
    asked = time.time()
    assert here.engine.pause(here.id).status is OperationStatus.PAUSING
    assert nursery.wait(pid) == 0
    operation = here.engine.operation(here.id)
    assert operation.status is OperationStatus.PAUSED
    assert operation.owner is None
    lines = [line.split() for line in (here.directory / "world" / "trace").read_text().splitlines()]
    starts = [float(at) for point, at, _ in lines if point.startswith("move-") and point.endswith(":before")]
    assert max(starts) < asked + 1
    counts = operation.steps[1].counts
    assert ItemStatus.RUNNING not in counts
    assert counts[ItemStatus.PENDING] > 0
    here.engine.resume(here.id)
    assert here.engine.run(here.id).status is OperationStatus.DONE
    assert here.effects() == ONCE


@pytest.mark.parametrize("verb", ["resume", "retry", "undo"])
def test_cancel_from_another_process_leaves_a_way_on_and_back(
    nursery: Nursery, here: Here, verb: str
) -> None:
    pid = nursery.start(here.job(slow_s=0.1))
    here.wait_for("move-1:before")
    here.engine.cancel(here.id)
    assert nursery.wait(pid) == 0
    assert here.engine.operation(here.id).status is OperationStatus.CANCELLED
    getattr(here.engine, verb)(here.id)
    ended = here.engine.run(here.id).status
    if verb == "undo":
        assert ended is OperationStatus.UNDONE
        assert here.world.marks() == set()
    else:
        assert ended is OperationStatus.DONE
        assert here.effects() == ONCE


def test_pause_of_a_killed_one_is_settled_by_whoever_asks(nursery: Nursery, here: Here) -> None:
    nursery.run(here.job(kill="move-2:after"))
    assert here.engine.pause(here.id).status is OperationStatus.PAUSED
    assert here.engine.recover() == []
    here.engine.resume(here.id)
    assert here.engine.run(here.id).status is OperationStatus.DONE
    assert here.effects() == ONCE


def _go_on(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)
