"""One tenant with servers in every power state, all else of it already moved, and the real engine on a SQLite file; used by test_migrate_servers.py."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.migration import MIGRATE_KIND, Method
from pumphouse.domain.operation import Operation
from pumphouse.domain.plan import Plan
from pumphouse.domain.resource import Move, MoveState, Resource, ResourceKind, ref
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.step import Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.migrate_tenant.copying import rows_key
from pumphouse.workflows.migrate_tenant.packing import packed
from pumphouse.workflows.migrate_tenant.planner import Row
from pumphouse.workflows.migrate_tenant.servers import CopyServers
from tests.fakes.clock import FakeClock
from tests.fakes.database import new_database
from tests.fakes.moves import MemoryMoves
from tests.fakes.servers import ServerClouds
from tests.fakes.toolbox import FakeToolbox
from tests.fakes.transfers import FakeImages, FakeVolumes
from tests.unit.workflows.mortal import Life, Mortal
from tests.unit.workflows.rig import Rig

K = ResourceKind
TENANT, THERE = "tenant-old", "tenant-new"
DISK, VOLUME = b"the root disk", b"the data of a volume"


class Tools(FakeToolbox):
    """As one process sees them."""

    def __init__(self, rig: "ServerRig") -> None:
        super().__init__(rig.clock)
        self._rig = rig

    @override
    def resources(self, environment: str) -> Any:
        return self._rig.clouds[environment]

    @property
    @override
    def moves(self) -> Any:
        return Mortal(self._rig.moves, self._rig.life, counted=True)

    @property
    @override
    def images(self) -> Any:
        return Mortal(self._rig.images, self._rig.life, counted=False)

    @property
    @override
    def volumes(self) -> Any:
        return Mortal(self._rig.volumes, self._rig.life, counted=False)


class Rows(Step):
    """What the inventory leaves behind."""

    name: ClassVar[str] = "rows"
    title: ClassVar[str] = "Rows"

    @override
    def do(self, ctx: StepContext) -> None:
        for kind in (K.SERVER, K.FLOATING_IP):
            found = ctx.tools.resources("old").kind(kind).of_tenant(TENANT)
            ctx.remember(**{rows_key(kind): [packed(Row(each, Method.CREATE)) for each in found]})


class MigrateServers(Workflow):
    kind: ClassVar[str] = MIGRATE_KIND

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return params

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return "servers"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return "old"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return []

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        return Plan(self.kind, "servers", "", self.planned_steps(params))

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [Rows(), CopyServers()]


class ServerRig(Rig):
    """`old` has the servers; `new` the counterparts of everything that they need."""

    _template: ClassVar[Path | None] = None
    workflows: ClassVar[tuple[type[Workflow], ...]] = (MigrateServers,)

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.clock = FakeClock()
        self.clouds: dict[str, ServerClouds] = {
            name: ServerClouds(name, self.clock) for name in ("old", "new")
        }  # type: ignore[assignment]  # other clouds than those of Rig
        self.moves = MemoryMoves()
        self.images, self.volumes = FakeImages(self.clouds), FakeVolumes(self.clouds)
        self.pair(K.PROJECT, "acme", TENANT, THERE)
        for name in ("small",):
            self.pair(K.FLAVOR, name, "flavor-old", "flavor-new")
        self.pair(K.IMAGE, "cirros", "image-old", "image-new", data=b"the base image")
        self.database = folder / "rig.db"
        self._open: list[Stores] = []
        self.stores = Stores(new_database(self.database), clock=self.clock)
        self.engine = self.new_engine()

    @property
    def source(self) -> ServerClouds:
        return self.clouds["old"]

    @property
    def target(self) -> ServerClouds:
        return self.clouds["new"]

    def pair(
        self, kind: ResourceKind, name: str, old: str, new: str, *, data: bytes = b"", **fields: Any
    ) -> Resource:
        """Something that has been moved before; fields are those of the source, without references."""
        made = self.source.add(kind, name, TENANT, id=old, data=data, **fields)
        self.target.add(kind, name, THERE, id=new, data=data if kind is K.IMAGE else b"", **fields)
        state = MoveState.MADE if kind is K.VOLUME else MoveState.VERIFIED
        self.moves.put_moves([Move("old", TENANT, "new", kind, old, name, state, new, ours=True)])
        return made

    def server(
        self, name: str, status: str = "ACTIVE", *, root: bool = False, volumes: int = 0, **fields: Any
    ) -> Resource:
        """A server with a port, as many volumes as asked for (with `root` one of them is booted from)."""
        self.pair(K.PORT, "", f"port-{name}-old", f"port-{name}-new")
        attached = []
        for number in range(volumes):
            old, new = f"volume-{name}-{number}-old", f"volume-{name}-{number}-new"
            self.pair(K.VOLUME, "data", old, new, data=VOLUME)
            self.target.data[f"volume/{new}"] = bytes(len(VOLUME))
            attached.append(
                {"volume": ref(K.VOLUME, old), "root": root and not number, "delete_on_termination": True}
            )
        known: dict[str, Any] = {
            "flavor": ref(K.FLAVOR, "flavor-old"),
            "image": None if root else ref(K.IMAGE, "image-old"),
            "tags": ["a", "b"],
            "locked": False,
            "locked_reason": "",
            "keypair": None,
            "key_name": "",
            "ports": [ref(K.PORT, f"port-{name}-old")],
            "volumes": attached,
            "devices": [f"/dev/vd{letter}" for letter in "abc"[:volumes]],
        }
        return self.source.add_server(name, TENANT, status, b"" if root else DISK, **{**known, **fields})

    def floating_ip(self, name: str) -> str:
        """The id of one that leads to the server in the source, and to nothing in the destination."""
        nothing = {"port": None, "fixed_ip_address": None, "port_forwardings": [], "address": "203.0.113.5"}
        made = self.pair(K.FLOATING_IP, "203.0.113.5", f"fip-{name}-old", f"fip-{name}-new", **nothing)
        leads = {"port": ref(K.PORT, f"port-{name}-old"), "fixed_ip_address": "10.0.0.5"}
        self.source.things[made.key] = replace(made, fields={**made.fields, **leads})
        return made.id

    @override
    def new_engine(self) -> Engine:
        self.life = Life()
        for cloud in self.clouds.values():
            cloud.between = self.life.point
        stores = Stores(f"sqlite:///{self.database}", clock=self.clock)
        self.life.guard(stores.database)
        self._open.append(stores)
        settings = EngineSettings(poll_s=0.05, owner_timeout_s=100_000.0)
        clock: Any = Mortal(self.clock, self.life, counted=False)
        return Engine(stores, Tools(self), [each() for each in self.workflows], clock, settings)

    @override
    def submit(self, kind: str = MIGRATE_KIND, **params: Any) -> Operation:
        known = {
            "environment": "old", "destination": "new", "tenant": TENANT, "name": "acme", "parallel": 1, "keep_addresses": True,
            "stateless": False, "names": {}, "on_failure": "skip",
        }  # fmt: skip
        return self.engine.submit(kind, {**known, **params}, self.engine.plan(kind, {**known, **params}))

    @override
    def run(self, kind: str = MIGRATE_KIND, **params: Any) -> Operation:
        return self.engine.run(self.submit(kind, **params).id)

    def forget_operation(self) -> None:
        """As if the records were those of an operation that is long gone."""
        self.moves.put_moves([replace(move, operation_id="earlier") for move in self.moves.known.values()])

    def moved(self, server: Resource) -> Resource:
        """Its counterpart."""
        move = next(m for m in self.moves.known.values() if m.source_id == server.id)
        return self.target.things[f"server/{move.destination_id}"]

    def move(self, server: Resource) -> Move | None:
        return next((m for m in self.moves.known.values() if m.source_id == server.id), None)

    def world(self) -> Any:
        return self.source.world(), self.target.world()
