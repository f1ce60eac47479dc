"""A cloud and a workbench in memory for health checks, and a context that runs their steps as the engine does."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, TypeVar, cast

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment, ServiceState
from pumphouse.domain.errors import (
    CloudFaultError,
    CloudRefusedError,
    CredentialsError,
    DeadlineError,
    NotFoundError,
    PumphouseError,
)
from pumphouse.domain.node import Node
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus
from pumphouse.domain.server import FlavorSize, Migration, Server
from pumphouse.engine.step import Skipped, StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.workbench import Kind, Listing, Thing, Workbench
from pumphouse.workflows.check_health.steps import GetReady, RunChecks
from pumphouse.workflows.check_health.workflow import SETS
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from pumphouse.ports.toolbox import Toolbox

T = TypeVar("T")
FIRST_STATUS = {
    Kind.SERVER: "ACTIVE",
    Kind.VOLUME: "AVAILABLE",
    Kind.ROUTER: "ACTIVE",
    Kind.FLOATING_IP: "ACTIVE",
    Kind.IMAGE: "QUEUED",
}


class Killed(BaseException):
    """kill -9 at this point: nothing is cleaned up, as nobody catches it."""


class FakeWorkbench(Workbench):
    """Things in a dictionary. `before` is called with the name of each call before it is carried out and may raise."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.passwords: dict[str, str] = {}
        self.offered = {x for x in Listing if x not in {Listing.STACKS, Listing.METRICS}}
        self.external: str | None = "ext"
        self.before: Callable[[str], None] = lambda call: None
        self.born: dict[Kind, str] = dict(FIRST_STATUS)
        self._number = 0

    @override
    def offers(self, listing: Listing) -> bool:
        return listing in self.offered

    @override
    def count(self, listing: Listing) -> int:
        self.before(f"count {listing}")
        return 3

    @override
    def create(self, kind: Kind, name: str, spec: Mapping[str, Any]) -> str:
        self.before(f"create {kind}")
        self._number += 1
        if kind in {Kind.KEYPAIR, Kind.FLAVOR, Kind.USER} and self.find(kind, name):
            raise CloudFaultError(f"409: there is a {kind} {name}")
        made = name if kind is Kind.KEYPAIR else f"{kind}-{self._number}"
        details = {"fingerprint": "aa:bb", "floating_ip_address": "203.0.113.9", "tags": [], **spec}
        self.things[made] = Thing(kind, made, name, self.born.get(kind, ""), details)
        if kind is Kind.USER:
            self.passwords[name] = str(spec["password"])
        if kind is Kind.SECURITY_GROUP_RULE:
            group = self.things[str(spec["security_group_id"])]
            rules = [*group.details.get("security_group_rules", []), {"id": made}]
            self._change(group.id, details={**group.details, "security_group_rules": rules})
        return made

    @override
    def look(self, kind: Kind, id: str) -> Thing | None:
        self.before(f"look {kind}")
        return self.things.get(id)

    @override
    def find(self, kind: Kind, prefix: str) -> Sequence[Thing]:
        return [t for t in self.things.values() if t.kind is kind and t.name.startswith(prefix)]

    @override
    def delete(self, kind: Kind, id: str) -> None:
        self.before(f"delete {kind}")
        self.things.pop(id, None)

    @override
    def upload(self, image_id: str, content: bytes) -> None:
        self.before("upload")
        told = {
            "size": len(content),
            "os_hash_algo": "sha512",
            "os_hash_value": hashlib.sha512(content).hexdigest(),
        }
        self._change(image_id, status="ACTIVE", details={**self.things[image_id].details, **told})

    @override
    def tag_image(self, image_id: str, tag: str) -> None:
        self._change(image_id, details={**self.things[image_id].details, "tags": [tag]})

    @override
    def plug(self, router_id: str, subnet_id: str) -> None:
        """Refuses overlaps with the network of the gateway, as Neutron does."""
        self.before("plug")
        gateway = self.things[router_id].details.get("external_gateway_info", {}).get("network_id")
        network = self.things.get(str(gateway))
        ours = ip_network(self.things[subnet_id].details["cidr"])
        for other in network.details["subnets"] if network else ():
            if ours.overlaps(ip_network(self.things[other].details["cidr"])):
                raise CloudRefusedError(f"400: Cidr {ours} overlaps with that of subnet {other}")

    def give_addresses(self, *cidrs: str) -> None:
        """The external network has these subnets."""
        ids = [f"outside-{number}" for number, _ in enumerate(cidrs)]
        for subnet, cidr in zip(ids, cidrs, strict=True):
            self.things[subnet] = Thing(Kind.SUBNET, subnet, subnet, "", {"cidr": cidr})
        self.things["ext"] = Thing(Kind.NETWORK, "ext", "ext", "ACTIVE", {"subnets": ids})

    @override
    def external_network(self) -> str | None:
        return self.external

    @override
    def port_of(self, server_id: str) -> str | None:
        return f"port-of-{server_id}"

    @override
    def attach(self, server_id: str, volume_id: str) -> None:
        self.before("attach")
        self._change(volume_id, status="IN-USE")

    @override
    def detach(self, server_id: str, volume_id: str) -> None:
        self._change(volume_id, status="AVAILABLE")

    @override
    def snapshot_server(self, server_id: str, name: str) -> str:
        self.before("snapshot")
        image_id = self.create(Kind.IMAGE, name, {})
        self._change(image_id, status="ACTIVE")
        return image_id

    @override
    def allow(self, user_id: str) -> None:
        self.before("allow")

    @override
    def log_in(self, user: str, password: str) -> None:
        self.before("log_in")
        if self.passwords.get(user) != password:
            raise CredentialsError("401")

    def _change(self, id: str, **values: Any) -> None:
        self.things[id] = replace(self.things[id], **values)


@dataclass
class FakeCloud:
    """As much of ports.cloud.Cloud as checks ask for."""

    node_count: int = 3
    down: set[str] = field(default_factory=set)
    moves: bool = True
    hosts: dict[str, str] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        return [
            Node(f"n{i}", f"node-{i}", "old", f"s{i}", enabled=True, up=True)
            for i in range(1, self.node_count + 1)
        ]

    def services(self) -> list[ServiceState]:
        known = (
            ("compute", "nova-scheduler"),
            ("compute", "nova-conductor"),
            ("volume", "cinder-volume"),
            ("network", "ovn"),
        )
        return [
            ServiceState(b, k, b, "ctl", "", enabled=True, up=b not in self.down)
            for k, b in known
            if b != "gone"
        ]

    def server(self, server_id: str) -> Server:
        host = self.hosts.get(server_id, "node-1")
        return Server(server_id, "x", "old", "p", "ACTIVE", host, FlavorSize(1, 64, 1))

    def live_migrate(self, server_id: str, target: str | None) -> None:
        if self.moves:
            self.hosts[server_id] = "node-2"

    def migrations(self, *, server_id: str) -> list[Migration]:
        return [Migration("m", server_id, "error", "live-migration", "node-1", "node-2")]


class FakeTools:
    """As much of a toolbox as checks ask for."""

    def __init__(self, bench: FakeWorkbench, cloud: FakeCloud) -> None:
        self.bench = bench
        self.fake_cloud = cloud
        self.health = self
        self.runs: dict[str, Mapping[str, Any]] = {}

    def workbench(self, environment: str) -> Workbench:
        return self.bench

    def cloud(self, environment: str) -> Cloud:
        return cast("Cloud", self.fake_cloud)

    def environment(self, name: str) -> Environment:
        if name != "old":
            raise NotFoundError("environment", name)
        return Environment("1", name, CloudAccess(name), None, {}, FakeClock().now())

    def put_health_run(self, run: Mapping[str, Any]) -> None:
        self.runs[str(run["id"])] = run


class FakeContext:
    """A StepContext whose memory outlives it, as the database does: `again` is the context of the process that comes after a crash."""

    def __init__(
        self, tools: FakeTools, chosen: str, operation_id: str = "op-1", clock: FakeClock | None = None
    ) -> None:
        self.fake_tools = tools
        self.tools = cast("Toolbox", tools)
        self.clock = clock or FakeClock()
        self.params = {"environment": "old", "set": chosen}
        self.operation = Operation(
            operation_id, "check_health", "t", OperationStatus.RUNNING, self.params, None, self.clock.now()
        )
        self.memory: dict[str, Any] = {}
        self.item_results: dict[str, dict[str, Any]] = {}
        self.items: dict[str, ItemStatus] = {}
        self.events: list[tuple[str, str, bool]] = []

    def recall(self, key: str, default: Any = None) -> Any:
        return self.memory.get(key, default)

    def remember(self, **values: Any) -> None:
        self.memory.update(values)

    def remember_item(self, item: Item, **values: Any) -> None:
        self.item_results.setdefault(item.key, {}).update(values)

    def emit(self, type: str, message: str, *, notify: bool = False, **rest: Any) -> None:
        self.events.append((type, message, notify))

    def poll(
        self, probe: Callable[[], T | None], *, what: str, deadline_s: float, interval_s: float = 1.0
    ) -> T:
        until = self.clock.monotonic() + deadline_s
        while True:
            try:
                answer = probe()
            except CloudFaultError:
                answer = None
            if answer is not None:
                return answer
            if self.clock.monotonic() >= until:
                raise DeadlineError(f"not within {deadline_s:.0f} s: {what}")
            self.clock.sleep(interval_s)


def run_set(ctx: FakeContext) -> Mapping[str, Any]:
    """Run a whole set as the engine does, going on where an earlier, killed run stopped; answers the recorded run."""
    context = cast("StepContext", ctx)
    checks = SETS[ctx.params["set"]]
    GetReady(checks).do(context)
    step = RunChecks(checks, 1)
    for new in step.list_items(context):
        if ctx.items.get(new.key) in {ItemStatus.DONE, ItemStatus.SKIPPED}:
            continue
        item = Item(new.key, step.name, new.key, new.name, new.kind, result=ctx.item_results.get(new.key, {}))
        try:
            answer = step.do_item(context, item)
            ctx.items[new.key] = ItemStatus.SKIPPED if isinstance(answer, Skipped) else ItemStatus.DONE
        except PumphouseError:
            ctx.items[new.key] = ItemStatus.FAILED
    step.do(context)
    return ctx.fake_tools.runs[ctx.operation.id]


def statuses(run: Mapping[str, Any]) -> dict[str, str]:
    return {check["name"]: check["status"] for check in run["checks"]}
