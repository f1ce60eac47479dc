"""Whether the destination's external networks have the addresses that a tenant is to keep; workflow.py asks for the plan."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from pumphouse.domain.finding import Finding, critical, warning
from pumphouse.domain.migration import Method
from pumphouse.domain.resource import REF, Resource, ResourceKind, split_ref
from pumphouse.workflows.migrate_tenant.findings import few
from pumphouse.workflows.migrate_tenant.kinds.addresses import in_pools, kept
from pumphouse.workflows.migrate_tenant.planner import Row, Scene

_MADE: Final = frozenset({Method.CREATE, Method.ADOPT})


def outside_of_pools(rows: Sequence[Row], scene: Scene) -> list[Finding]:
    """The external addresses that are wanted in a network whose subnets there do not have them, one finding for each thing."""
    there = {row.source.key: row.target_id for row in rows if row.method is Method.MAP}
    subnets = scene.candidates.get(ResourceKind.EXTERNAL_SUBNET, ())
    by_id = {each.id: each for each in subnets}
    by_network: dict[str, list[Resource]] = defaultdict(list)
    for each in subnets:
        by_network[split_ref(each.fields["network"][REF])[1]].append(each)
    found = []
    for row in rows:
        if row.method not in _MADE:
            continue
        for address, target in _wanted(row, scene):
            allowed = by_network[there.get(target, "")] if target in there else []
            if there.get(target) in by_id:
                allowed = [by_id[there[target]]]
            if allowed and not in_pools(address, allowed):
                found.append(_finding(row, address, allowed))
    return found


def answered_twice(rows: Sequence[Row], scene: Scene) -> list[Finding]:
    """Gateways that keep their external addresses answer in both clouds until the source is committed: no trouble where these networks are apart.
    Floating IPs go from one to the other and are not meant.
    """
    found = [
        address
        for row in rows
        if row.method in _MADE and row.source.kind is ResourceKind.ROUTER
        for address, _ in _wanted(row, scene)
    ]
    if not found:
        return []
    text = f"until it is committed the routers of both clouds answer for {few(found)}: trouble if both external networks are one line"
    remedy = f"if they are, map them (address: {{{found[0]}: ''}} for any other), or --new-addresses"
    return [warning("gateway-twice", f"tenant {scene.source.tenant_id}", text, remedy)]


def _wanted(row: Row, scene: Scene) -> list[tuple[str, str]]:
    """(address, key of the external network or subnet that it is wanted of)."""
    fields, choices = row.source.fields, scene.choices
    if row.source.kind is ResourceKind.FLOATING_IP:
        address = kept(fields.get("address"), choices)
        return [(address, fields["network"][REF])] if address else []
    if row.source.kind is ResourceKind.ROUTER:
        return [
            (address, each["subnet"][REF])
            for each in fields.get("gateway_addresses", ())
            if (address := kept(each["ip_address"], choices))
        ]
    return []


def _finding(row: Row, address: str, allowed: Sequence[Resource]) -> Finding:
    cidrs = ", ".join(sorted(each.fields["cidr"] for each in allowed))
    subject = f"{row.source.kind} {row.source.name or row.source.id}"
    text = (
        f"its external address {address} is in no subnet that stands for its own in the destination: {cidrs}"
    )
    remedy = f"give the network there a subnet that has it, map it (address: {{{address}: ''}} for any), or --new-addresses"
    return critical("address-outside", subject, text, remedy)
