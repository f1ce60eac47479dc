"""Everything a workflow test needs: two fake clouds, a fake toolbox, and the real engine on a SQLite file. Used by the tests of this folder."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.events import Event
from pumphouse.domain.operation import Operation
from pumphouse.domain.plan import Plan
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.step import Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.evacuate_node import EvacuateNode
from pumphouse.workflows.maintain_node import MaintainNode
from pumphouse.workflows.reassign_node import DeleteNode, ReassignNode
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.database import new_database
from tests.fakes.toolbox import FakeToolbox
from tests.unit.workflows.mortal import Crash, Life, Mortal, mortal_tools


class Sanity(Step):
    name: ClassVar[str] = "sanity"
    title: ClassVar[str] = "Check"

    @override
    def do(self, ctx: StepContext) -> None:
        environment = ctx.params["environment"]
        up = [s.host for s in ctx.tools.cloud(environment).services() if s.kind == "compute" and s.up]
        ctx.tools.health.put_health_run(
            {
                "id": ctx.operation.id,
                "environment": environment,
                "set": "sanity",
                "status": "passed" if up else "failed",
                "operation_id": ctx.operation.id,
                "checks": [
                    {
                        "name": "services",
                        "title": "Services",
                        "status": "passed" if up else "failed",
                        "seconds": 0.1,
                        "detail": "",
                    }
                ],
            }
        )


class CheckHealth(Workflow):
    """Stands in for workflows/check_health: one check, whether there is a compute service."""

    kind: ClassVar[str] = "check_health"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return params

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return "check"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return []

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        return Plan(self.kind, "check", "", self.planned_steps(params))

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [Sanity()]


WORKFLOWS: Sequence[Workflow] = (MaintainNode(), EvacuateNode(), ReassignNode(), DeleteNode(), CheckHealth())


class Rig:
    """`old` with three nodes, `new` with none; servers are added by the test."""

    def __init__(self, folder: Path, *, nodes: int = 3) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.old = FakeCloud("old", self.clock)
        self.new = FakeCloud("new", self.clock)
        for number in range(1, nodes + 1):
            self.old.add_node(f"node-{number}")
        self.tools = FakeToolbox(self.clock, self.old, self.new)
        self.database = folder / "rig.db"
        self._open: list[Stores] = []
        self.stores = Stores(new_database(self.database), clock=self.clock)
        self.engine = self.new_engine()

    def new_engine(self) -> Engine:
        """A process: its own engine, database connections and life."""
        self.life = Life()
        stores = Stores(f"sqlite:///{self.database}", clock=self.clock)
        self.life.guard(stores.database)
        self._open.append(stores)
        settings = EngineSettings(poll_s=0.05, owner_timeout_s=100_000.0)
        clock: Any = Mortal(self.clock, self.life, counted=False)
        return Engine(stores, mortal_tools(self.tools, self.life), WORKFLOWS, clock, settings)

    def close(self) -> None:
        if not self.life.ended.is_set():
            self.engine.close(timeout_s=1.0)
        self.life.ended.set()
        for stores in (self.stores, *self._open):
            stores.close()

    def plan(self, kind: str, **params: Any) -> Plan:
        return self.engine.plan(kind, self._params(params))

    def submit(self, kind: str, **params: Any) -> Operation:
        params = self._params(params)
        return self.engine.submit(kind, params, self.engine.plan(kind, params))

    def run(self, kind: str, **params: Any) -> Operation:
        return self.engine.run(self.submit(kind, **params).id)

    def undo(self, operation: Operation) -> Operation:
        self.engine.undo(operation.id)
        return self.engine.run(operation.id)

    def retry(self, operation: Operation) -> Operation:
        self.engine.retry(operation.id)
        return self.engine.run(operation.id)

    def run_until_death(self, operation: Operation, number: int) -> bool:
        """Run it in a process that dies at the n-th point; whether it died."""
        self.life.die_at(number)
        ended = threading.Event()

        def go() -> None:
            try:
                self.engine.run(operation.id)
            except Crash:
                pass
            finally:
                ended.set()

        threading.Thread(target=go, daemon=True).start()
        while not (ended.wait(0.002) or self.life.ended.is_set()):
            pass
        return self.life.ended.is_set()

    def reboot(self) -> None:
        """A new process on the same database; the clouds are as they are, and the dead owner's heartbeat is long ago."""
        self.life.ended.set()
        self.clock.advance(200_000.0)
        self.engine = self.new_engine()

    def refuse(self, call: str | None) -> None:
        """Both clouds refuse this call until told otherwise."""
        self.old.refused = self.new.refused = call

    def snapshot(self) -> tuple[Any, Any]:
        return self.old.snapshot(), self.new.snapshot()

    def events(self, type: str = "") -> list[Event]:
        return [e for e in self.stores.events(limit=100_000) if not type or e.type == type]

    def errors(self, operation: Operation) -> str:
        fresh = self.engine.operation(operation.id)
        items = [f"{i.name}: {i.error}" for i in self.engine.items(operation.id) if i.error]
        steps = [f"{s.name}: {s.status} {s.error}" for s in fresh.steps if s.error]
        return f"{fresh.status}: {fresh.error} | {steps} | {items}"

    @staticmethod
    def _params(params: dict[str, Any]) -> dict[str, Any]:
        return {"environment": "old", "node": "node-3", **params}


__all__ = ["WORKFLOWS", "Rig"]
