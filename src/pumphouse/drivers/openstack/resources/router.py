"""Routers, with gateway but without routes, and their static routes as a late kind; table.py opens it.

Fields of a router:
    description: str
    admin_state_up: bool
    gateway: {"network": ref external_network, "enable_snat": bool, "qos_policy": ref qos_policy | None} | None
    gateway_addresses: [{"subnet": ref external_subnet, "ip_address": str}], sorted; [] = the cloud chooses
    availability_zone_hints: [ref zone `network/NAME`], sorted
    tags: [str], sorted
Fields of router_routes (id: the router's; made by `update`; only of routers that have some):
    router: ref router
    routes: [{"destination": CIDR, "nexthop": str}], sorted
Distributed and ha are the cloud's own way of building a router and only noted, as are flavor, further gateways (external-gateway-multihoming, 2023.2 and later)
and NDP proxies. Notes: status, distributed, ha, flavor_id, availability_zones, enable_ndp_proxy, external_gateways, created_at, updated_at, revision_number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.resources.network import zone_hints, zones
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, ordered, picked


class Routers(NeutronKind):
    """Routers without interfaces and routes."""

    kind = ResourceKind.ROUTER
    path, one, many = "/routers", "router", "routers"
    neutral: ClassVar[Mapping[str, Any]] = {"external_gateway_info": None, "availability_zone_hints": []}
    fixed = frozenset({"availability_zone_hints"})
    noted = (
        "status", "distributed", "ha", "flavor_id", "availability_zones", "enable_ndp_proxy", "external_gateways",
    )  # fmt: skip

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "description": row.get("description") or "",
            "admin_state_up": bool(row["admin_state_up"]),
            "gateway": _gateway(row.get("external_gateway_info") or {}),
            "gateway_addresses": _addresses(row.get("external_gateway_info") or {}),
            "availability_zone_hints": zones(row),
        }

    @override
    def _remarks(self, row: Row) -> list[str]:
        further = len(row.get("external_gateways") or []) - 1
        said = [f"it has {further} further external gateways, which are not made"] if further > 0 else []
        if row.get("enable_ndp_proxy"):
            said.append("it has NDP proxies, which are not made")
        return said

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {**picked(fields, "description", "admin_state_up"), **zone_hints(fields)}
        if "gateway" in fields:
            # Neutron takes a gateway only as a whole
            body["external_gateway_info"] = _info(fields["gateway"], fields.get("gateway_addresses") or [])
        return body


class RouterRoutes(NeutronKind):
    """Static routes, by the router's id."""

    kind = ResourceKind.ROUTER_ROUTES
    path, one, many = "/routers", "router", "routers"
    tagged = False

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return [each for each in super().of_tenant(tenant_id) if each.fields["routes"]]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        router = str(plain(fields["router"]))
        self.update(router, fields)
        return router

    @override
    def delete(self, id: str) -> None:
        """Neutron removes no interface that a route uses."""
        try:
            self.update(id, {"routes": []})
        except NotFoundError:
            return

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "router": ref(ResourceKind.ROUTER, row["id"]),
            "routes": ordered(row.get("routes") or [], "destination", "nexthop"),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return picked(fields, "routes")


def _gateway(info: Mapping[str, Any]) -> dict[str, Any] | None:
    if not info.get("network_id"):
        return None
    return {
        "network": ref(ResourceKind.EXTERNAL_NETWORK, info["network_id"]),
        "enable_snat": bool(info.get("enable_snat", True)),
        "qos_policy": ref_or_none(ResourceKind.QOS_POLICY, info.get("qos_policy_id")),
    }


def _addresses(info: Mapping[str, Any]) -> list[dict[str, Any]]:
    addresses = [
        {"subnet": ref(ResourceKind.EXTERNAL_SUBNET, each["subnet_id"]), "ip_address": each["ip_address"]}
        for each in info.get("external_fixed_ips") or []
    ]
    return sorted(addresses, key=lambda each: (str(each["ip_address"]), str(each["subnet"])))


def _info(gateway: Mapping[str, Any] | None, addresses: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if not gateway:
        return None
    info = {"network_id": gateway["network"], "enable_snat": gateway["enable_snat"]}
    if gateway["qos_policy"]:
        info["qos_policy_id"] = gateway["qos_policy"]
    if addresses:
        info["external_fixed_ips"] = [
            {"subnet_id": each["subnet"], "ip_address": each["ip_address"]} for each in addresses
        ]
    return info
