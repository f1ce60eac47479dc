"""A whole application on a SQLite file with fake clouds and toy workflows; used by the tests of services, API, client and command line.

The engine, the stores and the toolbox are the real ones. `gate` holds every item of an evacuation until it is opened; `failing` names servers
whose items fail; a reason of "block" makes every plan critical.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI
from typing_extensions import override

from pumphouse.api.app import create_app
from pumphouse.client.client import Client
from pumphouse.client.connect import in_process
from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import CloudRefusedError, InvalidInputError
from pumphouse.domain.finding import Finding, critical, warning
from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.database.stores import Stores
from pumphouse.drivers.openstack.variables import settings_from
from pumphouse.drivers.toolbox import DriverToolbox
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.step import ItemStep, NewItem, Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.ports.access import CloudEntries
from pumphouse.services.access import Actor, Authenticator, LocalOperator, Role
from pumphouse.services.door import Services
from pumphouse.services.environments import AddEnvironment, Environments
from pumphouse.services.events import Events
from pumphouse.services.fences import Fences
from pumphouse.services.health import Health
from pumphouse.services.migrations import Migrations
from pumphouse.services.nodes import Nodes
from pumphouse.services.operations import Operations
from pumphouse.services.settings import EnvironmentSettings
from pumphouse.services.tenants import Tenants
from pumphouse.workflows.duplicate_environment import DeleteEnvironment, DuplicateEnvironment
from tests.fakes.cloud import FakeCloud
from tests.fakes.database import new_database
from tests.fakes.fencing import Fencing, ToyTenants, toy_fencing
from tests.fakes.migrating import Migrating, toy_migrating
from tests.fakes.sites import Sites

# structlog prints to stdout unless told otherwise, and stdout is what the command line is judged by
structlog.configure(
    processors=[structlog.stdlib.filter_by_level, structlog.processors.KeyValueRenderer()],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)
OPERATOR = LocalOperator(Actor("tester", Role.ADMIN))


class FakeEntries(CloudEntries):
    """Knows the entries `old`, `new` and `broken`."""

    @override
    def find(self, cloud: str, config_file: str | None) -> CloudAccess:
        if cloud not in {"old", "new", "broken"}:
            raise InvalidInputError(
                "cloud", cloud, "no clouds.yaml has such an entry", hint="known: old, new"
            )
        return CloudAccess(cloud, config_file or "/etc/openstack/clouds.yaml")

    @override
    def seal(self, access: CloudAccess) -> CloudAccess:
        return replace(access, config_file=None, sealed="sealed-secret")

    @override
    def seal_variables(self, name: str, variables: Mapping[str, str]) -> CloudAccess:
        """A cloud of the toy is told by the last word of its OS_AUTH_URL."""
        settings = settings_from(name, variables)
        return CloudAccess(str(settings.auth["auth_url"]).rpartition("/")[2], sealed="sealed-secret")


@dataclass
class Controls:
    """What a test decides about the toy workflows."""

    gate: threading.Event = field(default_factory=threading.Event)
    failing: set[str] = field(default_factory=set)
    moved: list[str] = field(default_factory=list)
    undo_fails: bool = False
    undo_gate: threading.Event = field(default_factory=threading.Event)
    point_of_no_return: bool = False


class ToyStep(Step):
    name: ClassVar[str] = "prepare"
    title: ClassVar[str] = "Prepare the node"

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    @override
    def do(self, ctx: StepContext) -> None:
        ctx.emit("node.prepared", "the node is prepared", environment=ctx.operation.environment, notify=True)

    @override
    def undo(self, ctx: StepContext) -> None:
        ctx.poll(
            lambda: self._controls.undo_gate.is_set() or None, what="the gate", deadline_s=20, interval_s=0.01
        )
        if self._controls.undo_fails:
            raise CloudRefusedError("it cannot be put back", hint="try again")


class ToyMoves(ItemStep):
    name: ClassVar[str] = "move"
    title: ClassVar[str] = "Move the servers"

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        return [NewItem(i.id, i.name, "server") for i in ctx.plan.items]

    @override
    def parallel(self, ctx: StepContext) -> int:
        return 1

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any]:
        assert self._controls.gate.wait(20)
        if item.name in self._controls.failing:
            raise CloudRefusedError(f"{item.name} cannot be moved", hint="look at its fault")
        self._controls.moved.append(item.name)
        return {"host": "elsewhere"}


class ToyEnd(Step):
    name: ClassVar[str] = "burn"
    title: ClassVar[str] = "Burn the bridges"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        ctx.conclude("nothing is worse than before")


class Toy(Workflow):
    """A workflow of any kind whose parameters are not looked at closely."""

    def __init__(self, kind: str, controls: Controls) -> None:
        self.kind = kind  # type: ignore[misc]  # one class stands for several kinds here
        self._controls = controls

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"parallel": 4, **params} if self.kind == "evacuate_node" else dict(params)

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"{self.kind} {self.subject(params)}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params.get('node', '')}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [f"node:{self.subject(params)}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        findings: list[Finding] = [warning("local-disk", "node x", "local disks are copied", "be patient")]
        if params.get("reason") == "block":
            findings.append(critical("no-room", "server a", "it fits nowhere", "make room"))
        servers = ctx.tools.cloud(params["environment"]).servers(node=params.get("node"))
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary="all will be well",
            steps=self.planned_steps(params),
            items=[PlannedItem(s.id, s.name, "server", "live", "node-2", 3.0) for s in servers],
            findings=findings,
            estimate_s=5.0,
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [
            ToyStep(self._controls),
            *([ToyEnd()] if self._controls.point_of_no_return else []),
            *([ToyMoves(self._controls)] if self.kind == "evacuate_node" else []),
        ]


KINDS = ("maintain_node", "evacuate_node", "reassign_node", "delete_node", "check_health")


class Bench:
    """The application of one test; `cloud["old"]` has node-1 with three servers, and node-2."""

    def __init__(self, directory: Path) -> None:
        self.clock = SystemClock()
        self.controls = Controls()
        self.controls.gate.set()
        self.controls.undo_gate.set()
        self.fencing = Fencing()
        self.migrating = Migrating()
        self.clouds = {name: FakeCloud(name, self.clock) for name in ("old", "new", "broken")}
        for node in ("node-1", "node-2"):
            self.clouds["old"].add_node(node)
        for server in ("a", "b", "c"):
            self.clouds["old"].add_server(server, "node-1")
        self.sites = Sites(self.clock, self.clouds)
        for name in self.clouds:
            self.sites.add(name, "2026.2" if name == "new" else "2023.1")
        self.tenants = {name: ToyTenants(name) for name in self.clouds}
        self.stores = Stores(new_database(directory / "bench.db"), clock=self.clock)
        self.tools = DriverToolbox(
            self.stores,
            open_cloud=self._open,
            open_workbench=lambda environment: None,  # type: ignore[arg-type,return-value]  # no toy looks at it
            open_tenants=lambda environment: self.tenants[environment.access.cloud],
            open_prober=lambda environment: None,  # type: ignore[arg-type,return-value]
            open_settings=lambda environment: self.sites.reader(environment.access.cloud),
            open_furnisher=lambda environment: self.sites.furnisher(environment.access.cloud),
            open_resources=lambda environment: None,  # type: ignore[arg-type,return-value]
            load_deployer=lambda environment: self.sites.deployer(environment.access.cloud),
        )
        self.engine = self._new_engine()
        environments = Environments(
            store=self.stores,
            events=self.stores,
            tools=self.tools,
            entries=FakeEntries(),
            operations=self.stores,
            clock=self.clock,
            seal=lambda clear: "sealed:" + clear[::-1],
            try_deployer=try_deployer,
            changed=self.tools.forget,
        )
        operations = Operations(lambda: self.engine, store=self.stores, clock=self.clock)
        tenants = Tenants(environments=environments, tools=self.tools)
        self.services = Services(
            environments=environments,
            settings=EnvironmentSettings(
                store=self.stores, environments=environments, tools=self.tools, clock=self.clock
            ),
            nodes=Nodes(environments=environments, store=self.stores, tools=self.tools),
            tenants=tenants,
            fences=Fences(tools=self.tools, operations=operations, store=self.stores, clock=self.clock),
            migrations=Migrations(
                environments=environments,
                tenants=tenants,
                moves=self.stores,
                operations=self.stores,
                clock=self.clock,
            ),
            operations=operations,
            events=Events(self.stores),
            health=Health(store=self.stores, environments=environments),
        )

    def add(self, *names: str) -> None:
        for name in names:
            self.services.environments.add(AddEnvironment(name, name, deployer="lab"))

    def app(self, authenticator: Authenticator = OPERATOR) -> FastAPI:
        return create_app(self.services, authenticator, stream_poll_s=0.02)

    def client(self) -> Client:
        return in_process(self.app())

    def close(self) -> None:
        self.controls.gate.set()
        self.controls.undo_gate.set()
        self.fencing.gate.set()
        self.migrating.gate.set()
        self.engine.close(timeout_s=5)
        self.tools.close()
        self.stores.close()

    def end_process(self) -> None:
        """As if the process had ended, and another had begun."""
        self.engine.close(timeout_s=5)
        self.engine = self._new_engine()

    def _new_engine(self) -> Engine:
        return Engine(
            self.stores,
            self.tools,
            [
                *(Toy(kind, self.controls) for kind in KINDS),
                *toy_fencing(self.fencing),
                *toy_migrating(self.migrating),
                DuplicateEnvironment(),
                DeleteEnvironment(),
            ],
            self.clock,
            EngineSettings(poll_s=0.02, back_off_first_s=0.01),
        )

    def _open(self, environment: Environment) -> FakeCloud:
        return self.clouds[environment.access.cloud]


@contextmanager
def bench_in(directory: Path) -> Iterator[Bench]:
    """A bench with the environments `old` and `new`."""
    bench = Bench(directory)
    try:
        bench.add("old", "new")
        yield bench
    finally:
        bench.close()


def try_deployer(environment: Environment) -> None:
    """Like `main.load_deployer` with two drivers installed, one of which wants its options right."""
    if environment.deployer not in {"command", "lab"}:
        raise InvalidInputError(
            "deployer", environment.deployer, "it is not installed", hint="installed: command, lab"
        )
    if environment.deployer_options.get("install") == "wrong":
        raise InvalidInputError("deployer_options.install", "wrong", "must be a program with its arguments")
