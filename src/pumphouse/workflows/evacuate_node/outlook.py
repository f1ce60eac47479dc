"""What an evacuation finds when it looks at the clouds: the node, its servers, a verdict and a target for each; plan and steps use it."""

import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from pumphouse.domain.capacity import Demand, Misfit, demand_of, place
from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.node import Node
from pumphouse.domain.server import Server, ServerGroup
from pumphouse.ports.clock import Clock
from pumphouse.ports.cloud import Cloud
from pumphouse.workflows.evacuate_node.timing import estimate_s
from pumphouse.workflows.evacuate_node.verdict import COLD, LIVE, Verdict, judge

FRESH_S = 60.0
READERS = 8
"""Ports and group members are read one by one, that many at once."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """One server and what would become of it."""

    server: Server
    verdict: Verdict
    target: str = ""
    misfit: Misfit | None = None

    @property
    def moves(self) -> bool:
        """Whether it would be moved (when it fits somewhere)."""
        return self.verdict.method in {LIVE, COLD}

    @property
    def estimate_s(self) -> float:
        """Expected seconds of its move."""
        return estimate_s(self.server, self.verdict.method) if self.moves else 0.0


@dataclass(frozen=True, slots=True)
class Outlook:
    """A node that is to be emptied, and its servers, those that take longest first."""

    node: Node
    others: Sequence[Node]
    prospects: Sequence[Prospect]
    spare: Mapping[str, float]

    @property
    def open_others(self) -> list[str]:
        """The other nodes that Nova may schedule to."""
        return [n.name for n in self.others if n.enabled and n.up]


def look(
    cloud: Cloud, name: str, params: Mapping[str, Any], *, only: Iterable[Server] | None = None
) -> Outlook:
    """Read the cloud and simulate where each server of node `name` would go; `only` limits it to some of them.

    Raises:
        NotFoundError: Nova knows no such node.
    """
    node = cloud.node(name)
    servers = list(cloud.servers(node=name) if only is None else only)
    others = [n for n in cloud.nodes() if n.name != name]
    ports = _read_all(servers, lambda s: {p.vnic_type for p in cloud.ports(s.id)})
    verdicts = {
        s.id: judge(
            s, stopped=params["stopped"], suspended=params["suspended"], vnic_types=ports.get(s.id, ())
        )
        for s in servers
    }
    movable = [demand_of(s) for s in servers if verdicts[s.id].method in {LIVE, COLD}]
    groups = _groups_of(cloud, movable)
    placement = place(movable, others, groups=groups, hosts=_hosts(cloud, groups, servers))
    prospects = [
        Prospect(s, verdicts[s.id], placement.targets.get(s.id, ""), placement.misfits.get(s.id))
        for s in servers
    ]
    prospects.sort(key=lambda p: (-p.estimate_s, p.server.name, p.server.id))
    return Outlook(node, others, prospects, placement.spare)


class Elsewhere:
    """Where servers could go that their planned target has not taken. All items of a step share one: nodes and groups are read at most once in
    FRESH_S, and what was promised since is counted. Safe for many threads.
    """

    def __init__(self, cloud: Cloud, clock: Clock) -> None:
        self._cloud = cloud
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._nodes: dict[str, Node] = {}
        self._groups: Sequence[ServerGroup] = ()

    def next_best(self, server: Server, closed: Collection[str]) -> str:
        """Where the simulation would put this server now, when `closed` nodes are out of the question; "" for nowhere."""
        demand = demand_of(server)
        groups = _concerned(self._known_groups(), [demand])
        hosts = _hosts(self._cloud, groups, [server])
        with self._lock:
            nodes = list(self._nodes.values())
            target = place([demand], nodes, groups=groups, hosts=hosts, closed=closed).targets.get(server.id)
            if target is None:
                return ""
            self._nodes[target] = _burdened(self._nodes[target], demand)
            return target

    def _known_groups(self) -> Sequence[ServerGroup]:
        with self._lock:
            if self._clock.monotonic() - self._read_at >= FRESH_S:
                self._nodes = {n.name: n for n in self._cloud.nodes(summary=True)}
                self._groups = self._cloud.server_groups()
                self._read_at = self._clock.monotonic()
            return self._groups


def _burdened(node: Node, demand: Demand) -> Node:
    inventory = {
        name: replace(held, used=held.used + demand.resources.get(name, 0))
        for name, held in node.inventory.items()
    }
    return replace(node, inventory=inventory)


def _groups_of(cloud: Cloud, demands: Sequence[Demand]) -> list[ServerGroup]:
    return _concerned(cloud.server_groups(), demands) if demands else []


def _concerned(groups: Iterable[ServerGroup], demands: Sequence[Demand]) -> list[ServerGroup]:
    concerned = {d.id for d in demands}
    return [g for g in groups if g.member_ids & concerned]


def _hosts(cloud: Cloud, groups: Sequence[ServerGroup], known: Sequence[Server]) -> dict[str, str]:
    """Where each member of the groups is; a member that was deleted is nowhere."""
    hosts = {s.id: s.host for s in known}
    elsewhere = sorted({m for g in groups for m in g.member_ids} - hosts.keys())
    with ThreadPoolExecutor(READERS, thread_name_prefix="members") as pool:
        for server in pool.map(lambda member: find_server(cloud, member), elsewhere):
            if server is not None and server.host:
                hosts[server.id] = server.host
    return {member: host for member, host in hosts.items() if host}


def find_server(cloud: Cloud, server_id: str) -> Server | None:
    """The server, or None when it does not exist any more."""
    try:
        return cloud.server(server_id)
    except NotFoundError:
        return None


def _read_all(servers: Sequence[Server], read: Callable[[Server], set[str]]) -> dict[str, set[str]]:
    with ThreadPoolExecutor(READERS, thread_name_prefix="ports") as pool:
        return dict(zip((s.id for s in servers), pool.map(read, servers), strict=True))
