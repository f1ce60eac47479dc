"""Whether the destination's compute nodes can run a tenant's servers; workflow.py asks for the plan.

Placement decides in the end: this counts vCPUs, memory and disk alone, largest server first, each on the node with most room. It names at once what would otherwise
be learnt from the first server that was stopped and does not boot.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pumphouse.domain.finding import Finding, critical, warning
from pumphouse.domain.migration import Method
from pumphouse.domain.node import Node, NodeStatus
from pumphouse.domain.resource import REF, Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.findings import few
from pumphouse.workflows.migrate_tenant.planner import Row

CLASSES: Final = ("VCPU", "MEMORY_MB", "DISK_GB")
_AS_FLAVOR: Final = {"VCPU": "vcpus", "MEMORY_MB": "ram"}
_MIB_OF_GIB: Final = 1024

Need = tuple[int, int, int]


def servers_to_make(rows: Sequence[Row]) -> list[Resource]:
    """Those that need room in the destination."""
    return [row.source for row in rows if row.source.kind is ResourceKind.SERVER and row.method is Method.CREATE and not row.target_id]  # fmt: skip


def of_capacity(rows: Sequence[Row], nodes: Sequence[Node], environment: str) -> list[Finding]:
    """What speaks against booting them all there."""
    servers = servers_to_make(rows)
    if not servers:
        return []
    subject = f"environment {environment}"
    serving = [node for node in nodes if node.status is NodeStatus.UP]
    if not serving:
        text = f"none of its {len(nodes)} nodes is up and enabled, and {len(servers)} servers need one"
        remedy = f"bring a node first: pumphouse node move ENV/NODE --to {environment}"
        return [critical("no-node", subject, text, remedy)]
    flavors = {row.source.key: row.source for row in rows if row.source.kind is ResourceKind.FLAVOR}
    needs = {server.id: _need(server, flavors) for server in servers}
    # an ironic or not yet counted node tells nothing: then nobody can say
    if any(name not in node.inventory for node in serving for name in CLASSES):
        return []
    return _packed(servers, needs, serving, subject)


def _packed(
    servers: Sequence[Resource], needs: Mapping[str, Need], nodes: Sequence[Node], subject: str
) -> list[Finding]:
    free = [[node.inventory[name].free for name in CLASSES] for node in nodes]
    whole = [sum(each) for each in zip(*free, strict=True)]
    wanted = [sum(each) for each in zip(*needs.values(), strict=True)]
    homeless = []
    for server in sorted(servers, key=lambda each: needs[each.id], reverse=True):
        need = needs[server.id]
        fitting = [room for room in free if all(r >= n for r, n in zip(room, need, strict=True))]
        if not fitting:
            homeless.append(server.name)
            continue
        room = max(fitting)
        room[:] = [r - n for r, n in zip(room, need, strict=True)]
    if not homeless:
        return []
    text = f"{len(homeless)} of {len(servers)} servers find no room there ({few(homeless)}): needed {_told(wanted)}, free {_told(whole)}"
    remedy = "bring another node first (pumphouse node move), or --exclude servers"
    short = any(n > r for n, r in zip(wanted, whole, strict=True)) or len(homeless) == len(servers)
    # in pieces only: Nova may place them better than we do
    return [critical("no-capacity", subject, text, remedy) if short else warning("little-capacity", subject, text, remedy)]  # fmt: skip


def _need(server: Resource, flavors: Mapping[str, Resource]) -> Need:
    reference = server.fields.get("flavor")
    flavor = flavors.get(reference[REF]) if isinstance(reference, Mapping) else None
    if flavor is None:
        return (0, 0, 0)
    fields = flavor.fields
    specs: Mapping[str, Any] = fields.get("extra_specs") or {}

    def of(name: str, otherwise: int) -> int:
        said = str(specs.get(f"resources:{name}", ""))
        return int(said) if said.isdecimal() else otherwise

    swap = -(-int(fields.get("swap") or 0) // _MIB_OF_GIB)
    own = 0 if server.fields.get("image") is None else int(fields.get("disk") or 0)
    disk = own + int(fields.get("ephemeral") or 0) + swap
    cpu, memory = (of(name, int(fields.get(field) or 0)) for name, field in _AS_FLAVOR.items())
    return cpu, memory, of("DISK_GB", disk)


def _told(amounts: Sequence[int]) -> str:
    return f"{amounts[0]} vCPU, {amounts[1]} MiB, {amounts[2]} GiB"
