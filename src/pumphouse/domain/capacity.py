"""Simulated placement: which node would take which server, and why one would not; used by the plans of evacuations and moves.

It counts as Placement does (inventories, ratios, reserved amounts, `max_unit`, traits) and knows zones, server groups, and the nodes that
aggregates keep for some tenants. What only the cloud's own scheduler can know (other aggregate metadata, image properties, NUMA cells) is
left to it: it checks every move again.
"""

import math
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pumphouse.domain.node import Node
from pumphouse.domain.server import Server, ServerGroup

RAM = "MEMORY_MB"
UNITS = {"VCPU": "VCPU", "PCPU": "PCPU", RAM: "MiB RAM", "DISK_GB": "GiB disk"}


@dataclass(frozen=True, slots=True)
class Demand:
    """What a server asks of a node, by Placement's resource classes."""

    id: str
    name: str
    resources: Mapping[str, int]
    required: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()
    zone: str = ""
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why no node takes a server. `code` is `no-room`, `affinity` or `constraint`; `short` is what the nearest node lacks."""

    code: str
    reason: str
    nearest: str = ""
    short: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placement:
    """Targets by server id, misfits by server id, and which part of each resource the open nodes would have left (0 to 1)."""

    targets: Mapping[str, str]
    misfits: Mapping[str, Misfit]
    spare: Mapping[str, float]


def demand_of(server: Server) -> Demand:
    """What Nova asks of Placement for this server: a boot-from-volume server takes no root disk, `resources:` extra specs win."""
    size, specs = server.flavor, server.flavor.extra_specs
    root_gib = size.root_gib if server.image_id else 0
    amounts = {
        "PCPU" if specs.get("hw:cpu_policy") == "dedicated" else "VCPU": size.vcpus,
        RAM: size.ram_mib,
        "DISK_GB": root_gib + size.ephemeral_gib + math.ceil(size.swap_mib / 1024),
    }
    traits: dict[str, set[str]] = {"required": set(), "forbidden": set()}
    for key, value in specs.items():
        kind, _, name = key.partition(":")
        if kind == "resources" and value.isdigit():
            amounts[name] = int(value)
        elif kind == "trait" and value in traits:
            traits[value].add(name)
    return Demand(
        id=server.id,
        name=server.name,
        resources={name: amount for name, amount in amounts.items() if amount > 0},
        required=frozenset(traits["required"]),
        forbidden=frozenset(traits["forbidden"]),
        zone=server.pinned_zone,
        project_id=server.project_id,
    )


def place(
    demands: Sequence[Demand],
    nodes: Iterable[Node],
    *,
    groups: Iterable[ServerGroup] = (),
    hosts: Mapping[str, str] | None = None,
    closed: Collection[str] = (),
) -> Placement:
    """Find a node for each demand, the largest first. `hosts` says where members of `groups` are now; `closed` nodes take nothing.

    Two ways are tried: spreading over the nodes with most room, as Nova does, which also moves faster; and, if somebody stays outside,
    packing each into the fullest node that takes it (first-fit-decreasing, best fit). The one that leaves fewer outside is answered.
    About O(servers x log nodes), as what did not fit once is never asked again: room only shrinks.
    """
    known_nodes, known_groups = list(nodes), list(groups)
    spread = _Room(known_nodes, known_groups, hosts or {}, closed).fill(demands, pack=False)
    if not spread.misfits:
        return spread
    packed = _Room(known_nodes, known_groups, hosts or {}, closed).fill(demands, pack=True)
    return packed if len(packed.misfits) < len(spread.misfits) else spread


def why_closed(node: Node) -> str:
    """Why nothing can be placed on this node at all; empty when it is open."""
    if not node.enabled:
        return "in maintenance" if node.maintenance is not None else "disabled"
    if not node.up:
        return "down"
    return "" if node.inventory else "unknown to Placement"


@dataclass(slots=True)
class _Target:
    """A node that is filled during one simulation."""

    node: Node
    free: dict[str, int]
    tenants: frozenset[str]

    def lacks(self, demand: Demand) -> dict[str, int]:
        """What is missing for this demand, by resource class."""
        short = {}
        for name, amount in demand.resources.items():
            inventory = self.node.inventory.get(name)
            room = min(self.free[name], inventory.max_unit) if inventory else 0
            if amount > room:
                short[name] = amount - max(room, 0)
        return short

    def refuses(self, demand: Demand) -> str:
        """Which rule other than room forbids it."""
        if demand.zone and demand.zone != self.node.zone:
            return f"in another zone than {demand.zone}"
        if self.tenants and demand.project_id not in self.tenants:
            return "kept for other tenants"
        if missing := demand.required - self.node.traits:
            return f"without trait {', '.join(sorted(missing))}"
        if bad := demand.forbidden & self.node.traits:
            return f"with forbidden trait {', '.join(sorted(bad))}"
        return ""


class _Room:
    """The open nodes while one simulation fills them; kept sorted by free RAM."""

    def __init__(
        self,
        nodes: Sequence[Node],
        groups: Sequence[ServerGroup],
        hosts: Mapping[str, str],
        closed: Collection[str],
    ) -> None:
        self._shut = Counter(
            "given up" if node.name in closed else why_closed(node)
            for node in nodes
            if node.name in closed or why_closed(node)
        )
        self._targets = {
            node.name: _Target(
                node, {name: inventory.free for name, inventory in node.inventory.items()}, node.tenants
            )
            for node in nodes
            if node.name not in closed and not why_closed(node)
        }
        self._at_home = frozenset[str]().union(*(t.tenants for t in self._targets.values()))
        self._order = sorted((target.free.get(RAM, 0), name) for name, target in self._targets.items())
        self._group_of = {member: group for group in groups for member in group.member_ids}
        self._hosts = dict(hosts)
        self._members: dict[str, Counter[str]] = defaultdict(Counter)
        for server_id, host in hosts.items():
            if group := self._group_of.get(server_id):
                self._members[group.id][host] += 1
        self._unfit: dict[object, set[str]] = defaultdict(set)
        self._explained: dict[object, Misfit] = {}

    def fill(self, demands: Sequence[Demand], *, pack: bool) -> Placement:
        targets: dict[str, str] = {}
        misfits: dict[str, Misfit] = {}
        largest = self._largest()
        for demand in sorted(demands, key=lambda d: (-_share(d, largest), d.name, d.id)):
            name = self._choose(demand, pack=pack)
            if name:
                self._take(name, demand)
                targets[demand.id] = name
            else:
                misfits[demand.id] = self._explain(demand)
        return Placement(targets, misfits, self._spare())

    def _choose(self, demand: Demand, *, pack: bool) -> str:
        group = self._group_of.get(demand.id)
        start = bisect_left(self._order, (demand.resources.get(RAM, 0), ""))
        indexes = range(start, len(self._order)) if pack else range(len(self._order) - 1, start - 1, -1)
        unfit = self._unfit[self._shape(demand)]
        best, best_penalty = "", math.inf
        for index in indexes:
            name = self._order[index][1]
            if name in unfit:
                continue
            target = self._targets[name]
            if target.refuses(demand) or target.lacks(demand):
                unfit.add(name)
                continue
            penalty = self._penalty(group, demand, name) + self._away(demand, target)
            if penalty < best_penalty:
                best, best_penalty = name, penalty
            if best_penalty <= 0:
                break
        return best

    def _penalty(self, group: ServerGroup | None, demand: Demand, name: str) -> float:
        """0 = as the group wishes, more = against a soft wish, infinite = forbidden."""
        if group is None:
            return 0.0
        there = self._members[group.id]
        others = there[name] - (self._hosts.get(demand.id) == name)
        match group.policy:
            case "anti-affinity":
                return math.inf if others >= group.max_per_host else 0.0
            case "affinity":
                # Nova counts the server itself among its group's hosts, also when it moves (scheduler/utils.py, _get_group_details)
                return 0.0 if there[name] or not +there else math.inf
            case "soft-anti-affinity":
                return float(others)
            case "soft-affinity":
                return float(max(there.values(), default=0) - others)
            case _:
                return 0.0

    def _away(self, demand: Demand, target: _Target) -> float:
        """A tenant with nodes of its own goes there first: Nova may be set to want that (`limit_tenants_to_placement_aggregate`)."""
        return 0.5 if demand.project_id in self._at_home and not target.tenants else 0.0

    def _shape(self, demand: Demand) -> object:
        """Demands of one shape fit the same nodes; whose they are counts only where nodes are kept for tenants."""
        whose = demand.project_id if self._at_home else ""
        return (frozenset(demand.resources.items()), demand.required, demand.forbidden, demand.zone, whose)

    def _take(self, name: str, demand: Demand) -> None:
        target = self._targets[name]
        before = (target.free.get(RAM, 0), name)
        for resource, amount in demand.resources.items():
            target.free[resource] -= amount
        del self._order[bisect_left(self._order, before)]
        insort(self._order, (target.free.get(RAM, 0), name))
        if group := self._group_of.get(demand.id):
            if left := self._hosts.get(demand.id):
                self._members[group.id][left] -= 1
            self._members[group.id][name] += 1
        self._hosts[demand.id] = name

    def _explain(self, demand: Demand) -> Misfit:
        group = self._group_of.get(demand.id)
        key = (self._shape(demand), group.id if group else "")
        if key not in self._explained:
            self._explained[key] = self._look_why(demand, group)
        return self._explained[key]

    def _look_why(self, demand: Demand, group: ServerGroup | None) -> Misfit:
        why = Counter(self._shut)
        nearest, short, least = "", {}, math.inf
        by_group = False
        for name, target in self._targets.items():
            if rule := target.refuses(demand):
                why[rule] += 1
            elif lacking := target.lacks(demand):
                why["without enough room"] += 1
                missing = sum(amount / demand.resources[resource] for resource, amount in lacking.items())
                if missing < least:
                    nearest, short, least = name, lacking, missing
            else:
                by_group = True
                why[f"against {group.policy} of group {group.name}" if group else "refused"] += 1
        counted = (
            ", ".join(f"{count} {reason}" for reason, count in sorted(why.items())) or "there is no other"
        )
        reason = f"it needs {amounts(demand.resources)}; nodes: {counted}"
        if nearest:
            reason += f"; the nearest, {nearest}, is short of {amounts(short)}"
        return Misfit(
            "affinity" if by_group else "no-room" if nearest else "constraint", reason, nearest, short
        )

    def _largest(self) -> Mapping[str, int]:
        largest: dict[str, int] = {}
        for target in self._targets.values():
            for name, inventory in target.node.inventory.items():
                largest[name] = max(largest.get(name, 1), inventory.capacity)
        return largest

    def _spare(self) -> Mapping[str, float]:
        total: Counter[str] = Counter()
        free: Counter[str] = Counter()
        for target in self._targets.values():
            for name, inventory in target.node.inventory.items():
                total[name] += inventory.capacity
                free[name] += max(target.free[name], 0)
        return {name: free[name] / amount for name, amount in total.items() if amount > 0}


def amounts(resources: Mapping[str, int]) -> str:
    """`2 VCPU, 512 MiB RAM` for a person."""
    return (
        ", ".join(f"{amount} {UNITS.get(name, name)}" for name, amount in sorted(resources.items()))
        or "nothing"
    )


def _share(demand: Demand, largest: Mapping[str, int]) -> float:
    """How much of the largest node it takes, by the resource that it takes most of."""
    return max((amount / largest.get(name, 1) for name, amount in demand.resources.items()), default=0.0)
