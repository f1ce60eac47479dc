"""The state behind tests/fakes/cloud.py: nodes, servers, migrations and allocations, how they change with time, and faults on request.

Time is the clock's: a live migration ends when its seconds have passed. `journal` holds every changing call in order. Faults:
`fail("live_migrate", CloudFaultError("..."))` raises once before the call has an effect (`after=True`: the effect happens, the answer
is lost); `outcomes[server_id] = ["unchanged", "error", "hang", "lost", "crashed"]` decides the next migrations of a server; `before["disable_node"]`
is called ahead of that call (servers racing in); `refused` is a call that is answered with 400 until told otherwise.
"""

import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pumphouse.domain.capacity import demand_of
from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, NotFoundError
from pumphouse.domain.node import Inventory, Node
from pumphouse.domain.server import FlavorSize, Migration, Port, Server, ServerGroup
from pumphouse.ports.clock import Clock

LIVE_S = 20.0
COLD_S = 15.0
TASK_S = 2.0
SMALL = FlavorSize(vcpus=1, ram_mib=512, root_gib=1, name="small")
STOCK: Mapping[str, tuple[int, float]] = {"VCPU": (8, 4.0), "MEMORY_MB": (8192, 1.0), "DISK_GB": (100, 1.0)}


@dataclass
class FakeNode:
    """A compute service with its provider, and whether a process runs behind it."""

    name: str
    service_id: str
    provider_id: str
    stock: dict[str, tuple[int, float]]
    enabled: bool = True
    reason: str = ""
    running: bool = True
    mapped: bool = True
    zone: str = "nova"
    traits: frozenset[str] = frozenset()
    aggregates: set[str] = field(default_factory=set)
    agent: bool = True


POWER = {"ACTIVE": "running", "PAUSED": "paused", "SHUTOFF": "shutdown"}


class World:
    """The state of one cloud in memory. Tests build it with `add_node` and `add_server`, then look at `snapshot()` and `journal`."""

    def __init__(self, environment: str, clock: Clock) -> None:
        self.environment = environment
        self.clock = clock
        self.lock = threading.RLock()
        self.aggregate_metadata: dict[str, dict[str, str]] = {}
        self.machines: dict[str, FakeNode] = {}
        self.all_servers: dict[str, Server] = {}
        self.all_ports: dict[str, list[Port]] = {}
        self.all_groups: list[ServerGroup] = []
        self.all_migrations: list[Migration] = []
        self.held: dict[str, dict[str, dict[str, int]]] = {}
        """allocations: consumer -> provider -> resource -> amount"""
        self.strangers: dict[str, set[str]] = defaultdict(set)
        """consumers of a provider that nobody knows"""
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.states_before: dict[str, str] = {}
        """state of its server before a migration, by migration id"""
        self.journal: list[tuple[str, str, str]] = []
        self.outcomes: dict[str, list[str]] = defaultdict(list)
        self.reasons: dict[str, str] = {}
        self.before: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self.refused: str | None = None
        self.calls = 0
        self.orphan_agents: dict[str, FakeNode] = {}
        """chassis of nodes whose compute service is deleted already"""
        self._faults: dict[str, list[tuple[Exception, bool]]] = defaultdict(list)
        self._ids = 0

    # -- building

    def new_id(self) -> str:
        self._ids += 1
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.environment}-{self._ids}"))

    def add_node(self, name: str, **values: Any) -> FakeNode:
        stock = {**STOCK, **values.pop("stock", {})}
        node = FakeNode(name, self.new_id(), self.new_id(), stock, **values)
        self.machines[name] = node
        return node

    def add_server(
        self,
        name: str,
        host: str,
        status: str = "ACTIVE",
        *,
        flavor: FlavorSize = SMALL,
        vnic: str = "normal",
        **values: Any,
    ) -> Server:
        values.setdefault("image_id", "image")
        values.setdefault("power_state", POWER.get(status, ""))
        server = Server(
            id=self.new_id(),
            name=name,
            environment=self.environment,
            project_id="p",
            status=status,
            host=host,
            flavor=flavor,
            **values,
        )
        self.all_servers[server.id] = server
        live = "ACTIVE" if status in {"ACTIVE", "PAUSED"} else "DOWN"
        self.all_ports[server.id] = [Port(self.new_id(), server.id, live, host, vnic_type=vnic)]
        if host:
            self.held[server.id] = {self.machines[host].provider_id: dict(demand_of(server).resources)}
        return server

    def add_group(self, name: str, policy: str, *servers: Server, max_per_host: int = 1) -> None:
        self.all_groups.append(
            ServerGroup(self.new_id(), name, policy, frozenset(s.id for s in servers), max_per_host)
        )

    def fail(self, call: str, error: Exception, *, times: int = 1, after: bool = False) -> None:
        self._faults[call] += [(error, after)] * times

    def snapshot(self) -> dict[str, Any]:
        """What must be equal after an undo: ids that the cloud makes up are left out."""
        with self.lock:
            names = {n.provider_id: n.name for n in self.machines.values()}
            return {
                "nodes": {
                    n.name: (n.enabled, n.reason, n.running, n.mapped, sorted(n.aggregates), n.agent)
                    for n in self.machines.values()
                },
                "servers": {
                    s.id: (s.name, s.status, s.host, s.task_state) for s in self.all_servers.values()
                },
                "ports": {p.id: (p.host, p.status) for ports in self.all_ports.values() for p in ports},
                "held": {c: {names.get(p, p): r for p, r in by.items()} for c, by in self.held.items() if by},
            }

    def moves(self, server_id: str) -> list[str]:
        """The accepted requests to move a server."""
        return [call for call, subject, _ in self.journal if subject == server_id and "migrate" in call]

    # -- faults and time

    @contextmanager
    def call(self, name: str, subject: str = "", detail: str = "", *, writes: bool = False) -> Iterator[None]:
        with self.lock:
            self.calls += 1
            if name == self.refused:
                raise CloudRefusedError(f"400: {name} is refused")
            for hook in self.before.pop(name, []):
                hook()
            self.advance()
            error, after = self._faults[name].pop(0) if self._faults[name] else (None, False)
            if error is not None and not after:
                raise error
            yield
            if writes:
                self.journal.append((name, subject, detail))
            if error is not None:
                raise error

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        now = self.clock.monotonic()
        while ripe := sorted((d for d in self.due if d[0] <= now), key=lambda d: d[0]):
            self.due.remove(ripe[0])
            ripe[0][1]()

    def after(self, seconds: float, happen: Callable[[], None]) -> None:
        self.due.append((self.clock.monotonic() + seconds, happen))

    def change(self, server_id: str, **values: Any) -> Server:
        self.all_servers[server_id] = replace(self.all_servers[server_id], **values)
        return self.all_servers[server_id]

    def set_state(self, server_id: str, status: str) -> None:
        self.change(server_id, task_state="", status=status)

    # -- looks without a call

    def machine(self, name: str) -> FakeNode:
        if name not in self.machines:
            raise NotFoundError("node", name)
        return self.machines[name]

    def see_node(self, machine: FakeNode) -> Node:
        used: Counter[str] = Counter()
        for by in self.held.values():
            used.update(by.get(machine.provider_id, {}))
        stock = {
            rc: Inventory(total, 0, ratio, used[rc], total) for rc, (total, ratio) in machine.stock.items()
        }
        states = Counter(s.status for s in self.all_servers.values() if s.host == machine.name)
        return Node(
            id=machine.provider_id,
            name=machine.name,
            environment=self.environment,
            service_id=machine.service_id,
            enabled=machine.enabled,
            up=machine.running,
            disabled_reason=machine.reason,
            zone=machine.zone,
            provider_id=machine.provider_id if machine.mapped else "",
            inventory=stock if machine.mapped else {},
            traits=machine.traits,
            aggregates=tuple(sorted(machine.aggregates)),
            aggregate_metadata={
                name: self.aggregate_metadata[name]
                for name in machine.aggregates
                if name in self.aggregate_metadata
            },
            servers=dict(states),
        )

    def see_server(self, server_id: str) -> Server:
        if server_id not in self.all_servers:
            raise NotFoundError("server", server_id)
        return self.all_servers[server_id]

    def idle_server(self, server_id: str, *allowed: str) -> Server:
        server = self.see_server(server_id)
        if server.task_state:
            raise CloudFaultError(f"409: {server.name} is {server.task_state}")
        if server.status not in allowed:
            raise CloudFaultError(f"409: {server.name} is {server.status}")
        return server

    def see_migration(self, migration_id: str) -> Migration:
        return next(m for m in self.all_migrations if m.id == migration_id)

    def waiting_migration(self, server_id: str) -> Migration:
        found = [m for m in self.all_migrations if m.server_id == server_id and m.status == "finished"]
        if not found or self.see_server(server_id).status != "VERIFY_RESIZE":
            raise CloudRefusedError("400: Instance has not been resized.")
        return found[-1]

    # -- transitions

    def start_move(self, server: Server, kind: str, target: str | None, seconds: float) -> None:
        chosen = self.schedule(server, target)
        number = str(len(self.all_migrations) + 1)
        migration = Migration(
            number, server.id, "running", kind, server.host, chosen or "", uuid=self.new_id()
        )
        self.all_migrations.append(migration)
        script = self.outcomes[server.id]
        outcome = script.pop(0) if script else "good"
        if not chosen:
            self.after(TASK_S, lambda: self.fail_move(number, "error", server.status))
            return
        # Nova moves the source's allocations to the migration, and the target's belong to the server
        self.held[migration.uuid] = self.held[server.id]
        self.held[server.id] = {self.machines[chosen].provider_id: dict(demand_of(server).resources)}
        match outcome:
            case "good":
                self.after(seconds, lambda: self.end_move(number, server.status))
            case "unchanged":
                self.after(seconds, lambda: self.fail_move(number, "completed", server.status))
            case "error":
                self.after(seconds, lambda: self.fail_move(number, "error", server.status))
            case "lost":
                self.after(seconds, lambda: self.fail_move(number, "error", "ERROR"))
            case "crashed":
                self.after(seconds, lambda: self.fail_move(number, "error", "ERROR", power_state="crashed"))
            case "hang":
                pass
            case _:
                raise AssertionError(outcome)
        self.states_before[number] = server.status

    def end_move(self, number: str, status: str) -> None:
        migration = self.see_migration(number)
        if not migration.running or migration.server_id not in self.all_servers:
            return
        cold = migration.kind == "migration"
        self.change(
            migration.server_id,
            host=migration.target,
            task_state="",
            status="VERIFY_RESIZE" if cold else status,
        )
        self.set_migration(number, status="finished" if cold else "completed")
        self.all_ports[migration.server_id] = [
            replace(p, host=migration.target) for p in self.all_ports[migration.server_id]
        ]
        if not cold:
            self.held.pop(migration.uuid, None)

    def fail_move(
        self, number: str, status: str, server_status: str = "", *, power_state: str = "running"
    ) -> None:
        """The server stays; the migration says `status`, which may be a lie (`completed`)."""
        migration = self.see_migration(number)
        if not migration.running:
            return
        if migration.uuid in self.held:
            self.held[migration.server_id] = self.held.pop(migration.uuid)
        self.set_migration(number, status=status)
        power = {"power_state": power_state} if server_status == "ERROR" else {}
        self.change(
            migration.server_id, task_state="", status=server_status or self.states_before[number], **power
        )

    def confirmed(self, number: str) -> None:
        migration = self.set_migration(number, status="confirmed")
        self.held.pop(migration.uuid, None)
        self.change(migration.server_id, status=self.states_before[number])

    def reverted(self, number: str) -> None:
        migration = self.set_migration(number, status="reverted")
        self.held[migration.server_id] = self.held.pop(migration.uuid)
        self.change(
            migration.server_id, status=self.states_before[number], task_state="", host=migration.source
        )
        self.all_ports[migration.server_id] = [
            replace(p, host=migration.source) for p in self.all_ports[migration.server_id]
        ]

    def set_migration(self, number: str, **values: Any) -> Migration:
        index = int(number) - 1
        self.all_migrations[index] = replace(self.all_migrations[index], **values)
        return self.all_migrations[index]

    def schedule(self, server: Server, target: str | None) -> str:
        """As Nova: only enabled, living, mapped nodes other than the source, with room, by group policy; most free RAM first."""
        fitting = [
            n
            for n in map(self.see_node, self.machines.values())
            if n.enabled and n.up and n.inventory and n.name != server.host and target in {None, n.name}
            if all(n.inventory[rc].free >= amount for rc, amount in demand_of(server).resources.items())
            if self._group_allows(server, n.name)
        ]
        return max(fitting, key=lambda n: (n.inventory["MEMORY_MB"].free, n.name)).name if fitting else ""

    def _group_allows(self, server: Server, host: str) -> bool:
        for group in self.all_groups:
            if server.id in group.member_ids:
                hosts = [s.host for s in self.all_servers.values() if s.id in group.member_ids]
                others = [s.host for s in self.all_servers.values() if s.id in group.member_ids - {server.id}]
                if group.policy == "affinity" and host not in hosts:
                    return False
                if group.policy == "anti-affinity" and others.count(host) >= group.max_per_host:
                    return False
        return True
