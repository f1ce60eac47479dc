"""A process that forks one child for each job: every child is a whole Pumphouse process that can be killed, without paying the imports again.

Started by tests/crash/conftest.py; reads lists of jobs (JSON, one list a line) and answers the exit codes of their processes.
"""

import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, PumphouseError
from pumphouse.domain.operation import OperationStatus
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.ports.store import Change
from tests.fakes.marks import MarkWorkflow, ParentWorkflow, World

if TYPE_CHECKING:
    from pumphouse.ports.toolbox import Toolbox

REFUSED = 42
"""Exit code: another process runs the operation."""
UNFINISHED = 43
"""Exit code: it came back without an end."""


@dataclass
class Job:
    """What one process does: `run` the operation (submitted first when there is none), or `undo` and run it.

    It kills itself at the point `kill` (with SIGSTOP for `stop`). Points are the hooks of the fake steps and `apply:N:before|after`,
    the N-th transaction of the engine.
    """

    database: str
    world: str
    wish: str = "run"
    kind: str = "mark"
    params: dict[str, Any] = field(default_factory=dict)
    kill: str = ""
    stop: str = ""
    fail: list[str] = field(default_factory=list)
    slow_s: float = 0.0
    owner_timeout_s: float = 15.0


class CountingStores(Stores):
    """Stores that tell of each transaction of the engine."""

    def __init__(self, url: str, world: World) -> None:
        super().__init__(url)
        self._world = world
        self._count = 0

    @override
    def apply(self, operation_id: str, change: Change, **rest: Any) -> None:
        self._count += 1
        number = self._count
        self._world.hook(f"apply:{number}:before")
        super().apply(operation_id, change, **rest)
        self._world.hook(f"apply:{number}:after")


def work(job: Job) -> int:
    """Be a Pumphouse process."""
    world = World(Path(job.world))
    trace = Path(job.world) / "trace"
    seen: Counter[str] = Counter()

    def hook(point: str) -> None:
        seen[point] += 1
        with trace.open("a") as file:
            file.write(f"{point} {time.time():.3f} {os.getpid()}\n")
        if point == job.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if point == job.stop and seen[point] == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        if point in job.fail:
            raise ConflictError(f"injected at {point}")
        if job.slow_s and point.endswith(":before") and not point.startswith("apply"):
            time.sleep(job.slow_s)  # a real process takes real time

    stores = CountingStores(job.database, world)
    settings = EngineSettings(owner_timeout_s=job.owner_timeout_s, poll_s=0.1)
    engine = Engine(
        stores, cast("Toolbox", None), [MarkWorkflow(world), ParentWorkflow(world)], SystemClock(), settings
    )
    world.hook = hook
    known = stores.operations(roots_only=True)
    operation = known[0] if known else engine.submit(job.kind, job.params, engine.plan(job.kind, job.params))
    if job.wish == "undo" and operation.status not in (OperationStatus.UNDOING, OperationStatus.UNDONE):
        engine.undo(operation.id)
    try:
        ended = engine.run(operation.id)
    except ConflictError:
        return REFUSED
    return UNFINISHED if ended.status in ("running", "accepted", "undoing") else 0


def serve(lines: Iterable[str]) -> None:
    """Fork a process for each job of a list, wait for all, answer their exit codes (negative: the signal)."""
    for line in lines:
        message = json.loads(line)
        if "wait" in message:
            print(json.dumps([_exit_code(message["wait"])]), flush=True)
            continue
        pids = [_fork(Job(**job)) for job in message["jobs"]]
        answer = pids if message["background"] else [_exit_code(pid) for pid in pids]
        print(json.dumps(answer), flush=True)


def _fork(job: Job) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = work(job)
    except PumphouseError as error:
        print(f"{type(error).__name__}: {error.message}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve(sys.stdin)
