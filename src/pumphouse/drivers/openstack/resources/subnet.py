"""Subnets of tenants' own networks; table.py opens it.

Fields:
    network: ref network
    description: str
    ip_version: 4 | 6
    cidr: CIDR
    gateway_ip: str | None; None = no gateway
    enable_dhcp: bool
    allocation_pools: [{"start": str, "end": str}], sorted
    dns_nameservers: [str], in order of use
    host_routes: [{"destination": CIDR, "nexthop": str}], sorted
    ipv6_address_mode, ipv6_ra_mode: str | None
    subnet_pool: ref subnet_pool | None
    prefix_delegation: bool; then the CIDR is given by a router's delegation
    service_types: [str], sorted
    dns_publish_fixed_ip: bool
    tags: [str], sorted
A segment is no field: the segments of the new network have ids of their own and tenants cannot choose them; a remark tells of it.
Notes: segment_id, created_at, updated_at, revision_number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.resource import Resource, ResourceKind, ref, ref_or_none
from pumphouse.drivers.openstack.resources.neutron_kind import (
    IDS_AT_ONCE,
    NeutronKind,
    Row,
    ordered,
    owner_of,
    picked,
    renamed,
)

_DELEGATED: Final = "prefix_delegation"
"""In place of a pool's id (IPV6_PD_POOL_ID in neutron_lib/constants.py)."""


class Subnets(NeutronKind):
    """Subnets of tenants' own networks, whoever made them."""

    kind = ResourceKind.SUBNET
    path, one, many = "/subnets", "subnet", "subnets"
    bulk = 50
    neutral: ClassVar[Mapping[str, Any]] = {
        "ipv6_address_mode": None, "ipv6_ra_mode": None, "service_types": [], "dns_publish_fixed_ip": False, "subnetpool_id": None,
    }  # fmt: skip
    fixed = frozenset(
        {"network_id", "ip_version", "cidr", "ipv6_address_mode", "ipv6_ra_mode", "subnetpool_id"}
    )
    noted = ("segment_id",)

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        if not tenant_id:
            return []
        # the very request of the networks' own driver, so that an inventory sends it once
        networks = self._http.rows("network", "/networks", "networks", params={"project_id": tenant_id})
        ids = [row["id"] for row in networks if owner_of(row) == tenant_id and not row.get("router:external")]
        rows: list[Row] = []
        for at in range(0, len(ids), IDS_AT_ONCE):
            rows += self._listed({"network_id": ids[at : at + IDS_AT_ONCE]})
        return self._resources(rows)

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        pool = row.get("subnetpool_id")
        delegated = pool == _DELEGATED
        return {
            "network": ref(ResourceKind.NETWORK, row["network_id"]),
            "description": row.get("description") or "",
            "ip_version": row["ip_version"],
            "cidr": row["cidr"],
            "gateway_ip": row.get("gateway_ip"),
            "enable_dhcp": bool(row["enable_dhcp"]),
            "allocation_pools": ordered(row.get("allocation_pools") or [], "start", "end"),
            "dns_nameservers": list(row.get("dns_nameservers") or []),
            "host_routes": ordered(row.get("host_routes") or [], "destination", "nexthop"),
            "ipv6_address_mode": row.get("ipv6_address_mode"),
            "ipv6_ra_mode": row.get("ipv6_ra_mode"),
            "subnet_pool": None if delegated else ref_or_none(ResourceKind.SUBNET_POOL, pool),
            "prefix_delegation": delegated,
            "service_types": sorted(row.get("service_types") or []),
            "dns_publish_fixed_ip": bool(row.get("dns_publish_fixed_ip")),
        }

    @override
    def _remarks(self, row: Row) -> list[str]:
        if not row.get("segment_id"):
            return []
        return [
            "it belongs to a segment of its network; the new one does not, as the new network has segments of its own"
        ]

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            **picked(
                fields, "description", "ip_version", "cidr", "gateway_ip", "enable_dhcp", "allocation_pools",
                "dns_nameservers", "host_routes", "ipv6_address_mode", "ipv6_ra_mode", "service_types", "dns_publish_fixed_ip",
            ),
            **renamed(fields, network="network_id", subnet_pool="subnetpool_id"),
        }  # fmt: skip
        if fields.get("prefix_delegation"):
            # what is delegated is not known yet: no CIDR, and nothing that lies in it
            body["subnetpool_id"] = _DELEGATED
            for name in ("cidr", "gateway_ip", "allocation_pools"):
                body.pop(name, None)
        return body
