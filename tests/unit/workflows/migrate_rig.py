"""Two clouds of resources in memory with a tenant of all kinds in one of them, and the real engine on a SQLite file; used by the tests of migrations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.fence import EntryState, Fence, FenceEntry, FenceState
from pumphouse.domain.operation import Item, Operation
from pumphouse.domain.plan import Plan
from pumphouse.domain.resource import Move, Resource, ResourceKind, ref
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.database.stores import Stores
from pumphouse.engine.engine import Engine
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.step import ItemStep, Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.migrate_tenant import migration_workflows
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.copying import CopyKind
from pumphouse.workflows.migrate_tenant.data import copy_volume_data
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.planner import Row
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.fakes.database import new_database
from tests.fakes.kinds import TOY_KINDS
from tests.fakes.resources import FakeResources
from tests.fakes.toolbox import FakeToolbox
from tests.fakes.transfers import FakeImages, FakeVolumes
from tests.unit.workflows.mortal import Life, Mortal
from tests.unit.workflows.rig import Rig

K = ResourceKind


class ToyFencing(Step):
    """Takes the assignments and locks the servers, and keeps the journal that the real one keeps."""

    name: ClassVar[str] = "raise"
    title: ClassVar[str] = "Raise"
    cloud: ClassVar[Callable[[], FakeResources]]

    def __init__(self, cloud: FakeResources) -> None:
        self._cloud = cloud

    @override
    def do(self, ctx: StepContext) -> None:
        where = (str(ctx.params["environment"]), str(ctx.params["tenant"]))
        fences, reason = ctx.tools.fences, str(ctx.params.get("reason", ""))
        present = fences.fence(*where)
        if present is None:
            fences.put_fence(
                Fence(*where, "acme", "d", FenceState.ENTERING, reason, ctx.clock.now(), ctx.operation.id)
            )
        with self._cloud.lock:
            grants = [r for r in self._cloud.made(K.ASSIGNMENT) if r.owner == where[1]]
            servers = [
                r for r in self._cloud.made(K.SERVER) if r.owner == where[1] and not r.fields["locked"]
            ]
        entries = [_withdrawn(each) for each in grants]
        entries += [FenceEntry("lock", r.id, {"name": r.name}, EntryState.DONE) for r in servers]
        fences.put_entries(*where, entries)
        with self._cloud.lock:
            for each in grants:
                self._cloud.things.pop(each.key, None)
            for each in servers:
                self._cloud.change(each.key, locked=True)
        fence = fences.fence(*where)
        assert fence is not None
        fences.put_fence(
            Fence(*where, "acme", "d", FenceState.ON, reason, ctx.clock.now(), fence.operation_id)
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        lift(ctx, self._cloud)


class ToyLifting(ToyFencing):
    name: ClassVar[str] = "lift"

    @override
    def do(self, ctx: StepContext) -> None:
        lift(ctx, self._cloud)


def lift(ctx: StepContext, cloud: FakeResources) -> None:
    where = (str(ctx.params["environment"]), str(ctx.params["tenant"]))
    for entry in ctx.tools.fences.fence_entries(*where):
        with cloud.lock:
            if entry.kind == "lock":
                if f"{K.SERVER}/{entry.key}" in cloud.things:
                    cloud.change(f"{K.SERVER}/{entry.key}", locked=False)
            else:
                grant = entry.data
                fields = {
                    "holder": ref(K(grant["holder_kind"]), grant["holder_id"]),
                    "role": ref(K.ROLE, grant["role_id"]),
                    "place": ref(K(grant["place"]), grant["place_id"]),
                    "inherited": grant["inherited"],
                }
                if f"{K.ASSIGNMENT}/{entry.key}" not in cloud.things:
                    name = f"{grant['role_name']} of user {grant['holder_name']}"
                    cloud.add(K.ASSIGNMENT, name, where[1], id=entry.key, **fields)
    ctx.tools.fences.drop_fence(*where)


def _withdrawn(grant: Resource) -> FenceEntry:
    holder, role = grant.fields["holder"]["$ref"], grant.fields["role"]["$ref"]
    data = Grant(
        HolderKind.USER, holder.partition("/")[2], role.partition("/")[2], Place.PROJECT,
        grant.owner, False, grant.name.rpartition(" ")[2], grant.name.partition(" ")[0],
    )  # fmt: skip
    assert data.key == grant.id
    return FenceEntry("withdrawn", grant.id, {**asdict(data)}, EntryState.DONE)


class ToyFence(Workflow):
    """Stands in for workflows/lock_tenant."""

    kind: ClassVar[str] = "lock_tenant"
    step: ClassVar[type[ToyFencing]] = ToyFencing

    def __init__(self, cloud: FakeResources) -> None:
        self._cloud = cloud

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return params

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return self.kind

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [f"tenant:{params['environment']}/{params['tenant']}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        return Plan(self.kind, self.kind, "", self.planned_steps(params))

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [self.step(self._cloud)]


class ToyUnlock(ToyFence):
    kind: ClassVar[str] = "unlock_tenant"
    step: ClassVar[type[ToyFencing]] = ToyLifting


class ToyServers(CopyKind):
    """Stops the source, copies what is attached, makes the counterpart; the undo starts the source again."""

    name: ClassVar[str] = "copy_server"
    title: ClassVar[str] = "Servers"

    @override
    def bring(self, ctx: StepContext, book: Book, item: Item, row: Row) -> Mapping[str, Any] | Any:
        source: Any = book.source
        source.kind(K.SERVER).update(row.source.id, {"power": "off"})
        for each in row.source.fields["volumes"]:
            copy_volume_data(ctx, book, item, each["$ref"], TOY_KINDS[K.VOLUME])
        return super().bring(ctx, book, item, row)

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        super().undo_item(ctx, item)
        resource = item.data["resource"]
        Book.of(ctx).source.kind(K.SERVER).update(resource["id"], {"power": resource["fields"]["power"]})


def toy_put_back(ctx: StepContext, book: Book, kind: Kind, move: Move) -> None:
    from pumphouse.workflows.migrate_tenant.removing import remove_move

    kept = move.details.get("kept", {})
    # the record goes last: what it says is needed until all is done
    book.source.kind(K.SERVER).update(move.source_id, {"power": kept.get("power", "on")})
    remove_move(book, kind, move)


def toy_servers(kind: Kind) -> ItemStep:
    made: ItemStep = type("ToyServersOf", (ToyServers,), {"declared": kind})()
    return made


class MigrationTools(FakeToolbox):
    """One process's toolbox: its records go through its own database connections, so that a dead process writes nothing more."""

    def __init__(self, rig: "MigrateRig", stores: Stores) -> None:
        new = FakeCloud("new", rig.clock)
        new.add_node("new-1")
        super().__init__(rig.clock, FakeCloud("old", rig.clock), new)
        self._rig, self._stores = rig, stores

    @property
    @override
    def fences(self) -> Any:
        return self._stores

    @property
    @override
    def moves(self) -> Any:
        return Mortal(self._stores, self._rig.life, counted=True)

    @override
    def resources(self, environment: str) -> Any:
        return Mortal(self._rig.resources[environment], self._rig.life, counted=False)

    @property
    @override
    def images(self) -> Any:
        return self._rig.images

    @property
    @override
    def volumes(self) -> Any:
        return self._rig.volumes


SECRET = "open-sesame-4711"
"""Of an EC2 credential."""


class MigrateRig(Rig):
    """Tenant `acme` of `old` has about thirty things of all kinds; `new` has what an operator would have prepared."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.clock = FakeClock()
        self.source, self.there = FakeResources("old", self.clock), FakeResources("new", self.clock)
        self.resources = {"old": self.source, "new": self.there}
        self.images, self.volumes = FakeImages(self.resources), FakeVolumes(self.resources)
        self.fault: Callable[[str], None] = lambda where: None
        self.furnish()
        self.database = folder / "rig.db"
        self._open: list[Stores] = []
        self.stores = Stores(new_database(self.database), clock=self.clock)
        self.engine = self.new_engine()

    def furnish(self) -> None:
        for cloud in (self.source, self.there):
            cloud.add(K.DOMAIN, "Default", id=f"{cloud.environment}-default")
            cloud.add(K.ROLE, "member", domain=None)
            cloud.add(K.VOLUME_TYPE, "nfs")
            cloud.add(K.ZONE, "compute/nova", id="compute/nova")
            cloud.add(K.EXTERNAL_NETWORK, "public")
        a = self.source.add
        domain = ref(K.DOMAIN, "old-default")
        self.tenant = self.source.clock.new_id()
        t = self.tenant
        a(K.PROJECT, "acme", t, id=t, domain=domain, description="The Acme company")
        role = self.one(K.ROLE, "member")
        ann = a(K.USER, "ann", domain=domain, email="ann@acme")
        a(K.KEYPAIR, "laptop", user=ref(K.USER, ann.id), public_key="ssh-rsa AAA")
        a(K.QUOTA, "nova", t, id=f"nova/{t}", limits={"cores": 40})
        flavor = a(K.FLAVOR, "small", vcpus=1, access=[])
        group = a(K.SERVER_GROUP, "apart", t, policy="anti-affinity")
        kernel = a(K.IMAGE, "kernel", t, data=b"vmlinuz", properties={}, kernel=None)
        image = a(
            K.IMAGE, "linux", t, data=b"0123456789", properties={"os": "x"}, kernel=ref(K.IMAGE, kernel.id)
        )
        public = self.one(K.EXTERNAL_NETWORK, "public")
        # two of one name, as tenants have them, and one without any
        first = a(K.NETWORK, "net", t, mtu=1450, description="")
        second = a(K.NETWORK, "net", t, mtu=1450, description="")
        a(K.NETWORK, "", t, mtu=9000, description="ü")
        subnet = a(K.SUBNET, "sub", t, network=ref(K.NETWORK, first.id), cidr="10.0.0.0/24")
        a(K.SUBNET, "sub", t, network=ref(K.NETWORK, second.id), cidr="10.0.0.0/24")
        web = a(K.SECURITY_GROUP, "web", t, description="", tags=[])
        other = a(K.SECURITY_GROUP, "web", t, description="", tags=[])
        rules = [{"direction": "ingress", "remote_group": ref(K.SECURITY_GROUP, g.id)} for g in (web, other)]
        self.source.change(f"{K.SECURITY_GROUP_RULES}/{web.id}", rules=rules)
        default = next(r for r in self.source.made(K.SECURITY_GROUP) if r.name == "default")
        self.source.change(f"{K.SECURITY_GROUP_RULES}/{default.id}", rules=rules[:1])
        router = a(K.ROUTER, "edge", t, gateway=ref(K.EXTERNAL_NETWORK, public.id))
        self.source.change(
            f"{K.ROUTER_ROUTES}/{router.id}", routes=[{"to": "10.9.0.0/16", "via": "10.0.0.9"}]
        )
        groups = [ref(K.SECURITY_GROUP, g.id) for g in (web, other)]
        port = a(
            K.PORT,
            "",
            t,
            network=ref(K.NETWORK, first.id),
            ip="10.0.0.5",
            mac="fa:16:3e:00:00:01",
            groups=groups,
        )
        a(K.ROUTER_INTERFACE, "", t, router=ref(K.ROUTER, router.id), subnet=ref(K.SUBNET, subnet.id))
        a(
            K.FLOATING_IP,
            "203.0.113.5",
            t,
            network=ref(K.EXTERNAL_NETWORK, public.id),
            port=ref(K.PORT, port.id),
        )
        nfs = ref(K.VOLUME_TYPE, self.one(K.VOLUME_TYPE, "nfs").id)
        free = a(K.VOLUME, "free", t, data=b"detached data", type=nfs)
        used = a(K.VOLUME, "used", t, data=b"data of a server", type=nfs)
        a(K.VOLUME_SNAPSHOT, "yesterday", t, volume=ref(K.VOLUME, free.id))
        a(
            K.SERVER, "web-1", t, flavor=ref(K.FLAVOR, flavor.id), image=ref(K.IMAGE, image.id), ports=[ref(K.PORT, port.id)],
            group=ref(K.SERVER_GROUP, group.id), volumes=[ref(K.VOLUME, used.id)], zone=ref(K.ZONE, "compute/nova"),
            power="on", locked=False, broken=False,
        )  # fmt: skip
        a(
            K.SERVER, "web-2", t, flavor=ref(K.FLAVOR, flavor.id), image=None, ports=[], group=None, volumes=[],
            zone=ref(K.ZONE, "compute/nova"), power="off", locked=False, broken=False,
        )  # fmt: skip
        grant = Grant(HolderKind.USER, ann.id, role.id, Place.PROJECT, t)
        a(
            K.ASSIGNMENT, "member of user ann", t, id=grant.key, holder=ref(K.USER, ann.id), role=ref(K.ROLE, role.id),
            place=ref(K.PROJECT, t), inherited=False,
        )  # fmt: skip
        key = a(K.EC2_KEY, "AKIA", t, id="id-of-AKIA", user=ref(K.USER, ann.id), secret_digest="scrypt:5")
        self.source.secrets[key.key] = SECRET
        a(K.CREDENTIAL, "ci", t, user=ref(K.USER, ann.id))

    def one(self, kind: ResourceKind, name: str, cloud: FakeResources | None = None) -> Resource:
        """The only one of that name."""
        (found,) = [r for r in (cloud or self.source).made(kind) if r.name == name]
        return found

    def passes(self, where: str) -> None:
        """A point of a fake cloud: the process may die here, and the cloud may fail."""
        self.life.point(where)
        self.fault(where)

    @override
    def new_engine(self) -> Engine:
        self.life = Life()
        for cloud in self.resources.values():
            cloud.between = self.passes
        stores = Stores(f"sqlite:///{self.database}", clock=self.clock)
        self.life.guard(stores.database)
        self._open.append(stores)
        settings = EngineSettings(poll_s=0.05, owner_timeout_s=100_000.0)
        clock: Any = Mortal(self.clock, self.life, counted=False)
        own = {K.SERVER: toy_servers}
        put_back = {K.SERVER: toy_put_back}
        workflows: list[Workflow] = [ToyFence(self.source), ToyUnlock(self.source)]
        workflows += migration_workflows(TOY_KINDS, own, put_back)
        return Engine(stores, MigrationTools(self, stores), workflows, clock, settings)

    @override
    def plan(self, kind: str = "migrate_tenant", **params: Any) -> Plan:
        return self.engine.plan(kind, self._all(params))

    @override
    def submit(self, kind: str = "migrate_tenant", **params: Any) -> Operation:
        params = self._all(params)
        return self.engine.submit(kind, params, self.engine.plan(kind, params))

    @override
    def run(self, kind: str = "migrate_tenant", **params: Any) -> Operation:
        return self.engine.run(self.submit(kind, **params).id)

    def moves(self) -> Sequence[Move]:
        return self.stores.moves("old", self.tenant, "new")

    def world(self) -> Any:
        """Everything that there is."""
        return (
            self.source.snapshot(), self.there.snapshot(), list(self.moves()), list(self.stores.fences()),
        )  # fmt: skip

    def _all(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"environment": "old", "tenant": self.tenant, "name": "acme", "destination": "new", **params}
