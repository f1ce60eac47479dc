"""A process that holds two fake clouds and forks Pumphouse processes that run the real workflows on them: the clouds outlive every SIGKILL.

Started by the fixture `clouds` of tests/crash/conftest.py; reads requests (JSON, one a line) and answers each with one line. A Pumphouse
process reaches clouds, deployers, maintenance records and the clock through a pipe, as a real one reaches them through the network.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from typing_extensions import override

from pumphouse.domain.environment import Environment
from pumphouse.domain.errors import PumphouseError
from pumphouse.domain.operation import ItemStatus, OperationStatus, StepStatus
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import Change
from pumphouse.ports.toolbox import Toolbox
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.latecomers import let_servers_come_late
from tests.fakes.toolbox import FakeToolbox
from tests.unit.workflows.rig import WORKFLOWS

MOVES = ("live_migrate", "cold_migrate")
WORDS: Mapping[str, str] = {
    StepStatus.RUNNING: "begin",
    StepStatus.DONE: "end",
    StepStatus.DONE_WITH_ERRORS: "end",
    StepStatus.UNDOING: "undo",
    StepStatus.UNDONE: "undone",
}
"""What a transaction that gives a step or an item this status is called in points; ItemStatus has the same words."""
assert {ItemStatus.RUNNING, ItemStatus.DONE, ItemStatus.UNDOING, ItemStatus.UNDONE} <= set(WORDS)


def no_progress(_message: str) -> None:
    """Goes over the pipe in place of a callback."""


class Wire:
    """One Pumphouse process's end of the pipe; its threads take turns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def call(self, target: str, name: str, *args: Any, **rest: Any) -> Any:
        args = tuple(no_progress if callable(a) else a for a in args)
        with self._lock:
            self._connection.send((target, name, args, rest))
            good, answer = self._connection.recv()
        if good:
            return answer
        kind, words, values = answer
        error = kind.__new__(kind, *words)
        error.__dict__.update(values)
        raise error


class Remote:
    """A cloud, a deployer or a store that is on the other side."""

    def __init__(self, wire: Wire, target: str, environment: str = "") -> None:
        self._wire, self._target = wire, target
        if environment:  # only a cloud has this; a store has a method of that name
            self.environment = environment

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **rest: self._wire.call(self._target, name, *args, **rest)


class RemoteClock(Clock):
    """The clouds' clock, so that their time passes while a process waits for them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @override
    def now(self) -> datetime:
        found: datetime = self._wire.call("clock", "now")
        return found

    @override
    def monotonic(self) -> float:
        return float(self._wire.call("clock", "monotonic"))

    @override
    def sleep(self, seconds: float) -> None:
        self._wire.call("clock", "sleep", seconds)

    @override
    def new_id(self) -> str:
        return str(self._wire.call("clock", "new_id"))


class RemoteToolbox(Toolbox):
    """What a workflow reaches."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    @override
    def environments(self) -> Any:
        return Remote(self._wire, "environments")

    @property
    @override
    def health(self) -> Any:
        return Remote(self._wire, "health")

    @override
    def environment(self, name: str) -> Environment:
        found: Environment = self._wire.call("environments", "environment", name)
        return found

    @override
    def cloud(self, environment: str) -> Any:
        return Remote(self._wire, f"cloud:{environment}", environment)

    @override
    def workbench(self, environment: str) -> Any:
        raise AssertionError(f"no health check of {environment} makes anything here")

    @override
    def deployer(self, environment: str) -> Any:
        return Remote(self._wire, f"deployer:{environment}")


class MortalStores(Stores):
    """Stores that name each transaction on a step or an item, `KIND/STEP:begin|end|undo|undone:before|after`, and die at one."""

    def __init__(self, url: str, wire: Wire, clock: Clock, kill: str) -> None:
        super().__init__(url, clock=clock)
        self._wire, self._kill = wire, kill
        self._kinds: dict[str, str] = {}

    @override
    def apply(self, operation_id: str, change: Change, **rest: Any) -> None:
        points = self._points(operation_id, change)
        self._pass(points, "before")
        super().apply(operation_id, change, **rest)
        self._pass(points, "after")

    def _points(self, operation_id: str, change: Change) -> list[str]:
        if operation_id not in self._kinds:
            self._kinds[operation_id] = self.operation(operation_id).kind
        kind = self._kinds[operation_id]
        steps = [(row.name, row.status.value) for row in change.steps]
        items = [(row.name, row.status.value) for row in change.items]
        return [f"{kind}/{name}:{WORDS[status]}" for name, status in (*steps, *items) if status in WORDS]

    def _pass(self, points: Iterable[str], when: str) -> None:
        for point in points:
            self._wire.call("trace", "append", f"{point}:{when}")
            if f"{point}:{when}" == self._kill:
                os.kill(os.getpid(), signal.SIGKILL)


def work(connection: Connection, database: str, life: Mapping[str, Any]) -> int:
    """Be a Pumphouse process: run the operation (submitted first when there is none), or undo it."""
    wire = Wire(connection)
    clock = RemoteClock(wire)
    stores = MortalStores(database, wire, clock, life["kill"])
    # the clouds' time flies: only a dead process id, never an old heartbeat, makes an owner replaceable
    settings = EngineSettings(poll_s=0.02, owner_timeout_s=1_000_000.0)
    engine = Engine(stores, RemoteToolbox(wire), WORKFLOWS, clock, settings)
    known = stores.operations(roots_only=True)
    kind, params = life["kind"], life["params"]
    operation = known[0] if known else engine.submit(kind, params, engine.plan(kind, params))
    if life["undo"] and operation.status not in (OperationStatus.UNDOING, OperationStatus.UNDONE):
        engine.undo(operation.id)
    engine.run(operation.id)
    return 0


class Scene:
    """`old` with three nodes and servers on the third, `new` without nodes, and a database."""

    def __init__(self, folder: str, *, servers: bool) -> None:
        self.database = f"sqlite:///{Path(folder) / 'test.db'}"
        self.clock = FakeClock()
        self.old, self.new = FakeCloud("old", self.clock), FakeCloud("new", self.clock)
        for number in (1, 2, 3):
            self.old.add_node(f"node-{number}")
        self.old.machines["node-3"].aggregates.add("fast")
        if servers:
            for name, status in (("web", "ACTIVE"), ("paused", "PAUSED"), ("off", "SHUTOFF")):
                self.old.add_server(name, "node-3", status)
            let_servers_come_late(self.old, "node-3", after="web")
        self.tools = FakeToolbox(self.clock, self.old, self.new)
        self.trace: list[str] = []
        self._targets: dict[str, Any] = {
            "clock": self.clock,
            "trace": self.trace,
            "environments": self.tools.environments,
            "health": self.tools.health,
            **{f"cloud:{name}": cloud for name, cloud in self.tools.clouds.items()},
            **{f"deployer:{name}": deployer for name, deployer in self.tools.deployers.items()},
        }

    def live(self, life: Mapping[str, Any]) -> dict[str, Any]:
        """One Pumphouse process from its birth to its end; `kill` is the point at which it is killed, if any."""
        self.trace.clear()
        here, there = Pipe()
        pid = os.fork()
        if not pid:
            here.close()
            _be(there, self.database, life)
        there.close()
        self._serve(here, pid, life["kill"])
        here.close()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return {"code": code, "trace": self.trace}

    def look(self) -> dict[str, Any]:
        """What there is."""
        servers = self.old.all_servers.values()
        return {
            "snapshot": [self.old.snapshot(), self.new.snapshot()],
            "maintenances": [m.node for m in self.tools.environments.maintenances()],
            "servers": {s.name: [s.status, s.host] for s in servers},
            "moves": {s.name: len(self.old.moves(s.id)) for s in servers},
            "nodes": {n.name: n.enabled for n in self.old.machines.values()},
            "new_nodes": {n.name: n.enabled for n in self.new.machines.values()},
            "new_servers": len(self.new.all_servers),
            "orphans": [*self.old.orphan_agents, *self.new.orphan_agents],
        }

    def forget(self, names: Iterable[str]) -> None:
        """Their owners delete these servers."""
        for server in [s for s in self.old.all_servers.values() if s.name in set(names)]:
            self.old.delete_server(server.id)

    def _serve(self, connection: Connection, pid: int, kill: str) -> None:
        waiting = ""
        while True:
            try:
                target, name, args, rest = connection.recv()
            except (EOFError, ConnectionResetError):
                return
            subject = self._name_of(args)
            if waiting and name == "server" and subject == waiting:
                self.trace.append(kill)
                os.kill(pid, signal.SIGKILL)
                continue
            try:
                answer: tuple[bool, Any] = True, getattr(self._targets[target], name)(*args, **rest)
            except (PumphouseError, AssertionError) as error:
                answer = False, (type(error), error.args, vars(error))
            if name in MOVES and kill == f"asked:{subject}":
                self.trace.append(kill)
                os.kill(pid, signal.SIGKILL)
                continue
            if name in MOVES and kill == f"waiting:{subject}":
                waiting = subject
            connection.send(answer)

    def _name_of(self, args: tuple[Any, ...]) -> str:
        server = self.old.all_servers.get(args[0]) if args and isinstance(args[0], str) else None
        return server.name if server else ""


def _be(connection: Connection, database: str, life: Mapping[str, Any]) -> None:
    code = 1
    try:
        code = work(connection, database, life)
    except PumphouseError as error:
        print(f"{type(error).__name__}: {error.message}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def serve(lines: Iterable[str]) -> None:
    """Answer requests: `open` a scene, `live` a process in it, `look`, `forget` servers."""
    scene: Scene | None = None
    for line in lines:
        message = json.loads(line)
        answer: object = None
        if "open" in message:
            scene = Scene(message["open"], servers=message["servers"])
        assert scene
        if "live" in message:
            answer = scene.live(message["live"])
        elif "forget" in message:
            scene.forget(message["forget"])
        print(json.dumps(answer if answer is not None else scene.look()), flush=True)


if __name__ == "__main__":
    serve(sys.stdin)
