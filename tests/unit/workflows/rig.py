"""Everything a workflow test needs: two fake clouds, a fake toolbox, and the real engine on a SQLite file. Used by the tests of this folder."""

import shutil
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
from tests.fakes.cloud import Crash, FakeCloud
from tests.fakes.world import Death
from tests.fakes.toolbox import FakeToolbox


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


class Rig:
    """`old` with three nodes, `new` with none; servers are added by the test."""

    _template: ClassVar[Path | None] = None

    def __init__(self, folder: Path, *, nodes: int = 3) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.old = FakeCloud("old", self.clock)
        self.new = FakeCloud("new", self.clock)
        for number in range(1, nodes + 1):
            self.old.add_node(f"node-{number}")
        self.tools = FakeToolbox(self.clock, self.old, self.new)
        self.database = folder / "rig.db"
        self._prepare()
        self.stores = Stores(f"sqlite:///{self.database}", clock=self.clock)
        self.engine = self.new_engine()
        self.death: Death | None = None

    def _prepare(self) -> None:
        """Tables are made once and copied."""
        if Rig._template is None or not Rig._template.exists():
            template = self.folder / "template.db"
            Stores(f"sqlite:///{template}", clock=self.clock).close()
            Rig._template = template
        shutil.copy(Rig._template, self.database)

    def new_engine(self) -> Engine:
        workflows = [MaintainNode(), EvacuateNode(), ReassignNode(), DeleteNode(), CheckHealth()]
        return Engine(
            self.stores,
            self.tools,
            workflows,
            self.clock,
            EngineSettings(poll_s=0.05, owner_timeout_s=100_000.0),
        )

    def close(self) -> None:
        self.engine.close(timeout_s=1.0)
        self.stores.close()

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

    def reboot(self) -> None:
        """The process died: a new engine on the same database, the clouds as they are, the old owner's heartbeat long ago."""
        for cloud in (self.old, self.new):
            cloud.death = None
        self.clock.advance(200_000.0)
        self.engine = self.new_engine()

    def deaths_at(self, number: int) -> None:
        """Die at the n-th call of both clouds together."""
        self.death = Death(number)
        self.old.death = self.new.death = self.death

    @property
    def last_words(self) -> str:
        return self.death.last if self.death else ""

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


__all__ = ["Crash", "Rig"]
