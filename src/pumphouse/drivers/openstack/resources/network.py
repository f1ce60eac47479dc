"""Networks of tenants; table.py opens it. Those that are router:external or belong to another project are external_network.

Fields:
    description: str
    admin_state_up: bool
    mtu: int | None; None = as the cloud says
    port_security_enabled: bool
    dns_domain: str, "" without
    qos_policy: ref qos_policy | None
    availability_zone_hints: [ref zone `network/NAME`], sorted
    vlan_transparent: bool | None
    provider: {"type": str, "physical_network": str, "segment": int | None} | None; None = what the cloud gives tenants
    tags: [str], sorted
Type and segment are the cloud's own: the declaration drops `provider` unless the operator maps the type. Being shared is an `rbac_share`. Networks with several
segments are told by a remark. Notes: status, shared, availability_zones, segments, is_default, created_at, updated_at, revision_number.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.resource import ResourceKind, ref, ref_or_none
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, picked, renamed


class Networks(NeutronKind):
    """Tenants' own networks."""

    kind = ResourceKind.NETWORK
    path, one, many = "/networks", "network", "networks"
    bulk = 50
    neutral: ClassVar[Mapping[str, Any]] = {
        "mtu": None, "port_security_enabled": True, "dns_domain": "", "qos_policy_id": None, "availability_zone_hints": [], "vlan_transparent": None,
    }  # fmt: skip
    fixed = frozenset({"availability_zone_hints", "vlan_transparent"})
    noted = ("status", "shared", "availability_zones", "segments", "is_default")

    @override
    def _ours(self, rows: Sequence[Row]) -> Sequence[Row]:
        return [row for row in rows if not row.get("router:external")]

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "description": row.get("description") or "",
            "admin_state_up": bool(row["admin_state_up"]),
            "mtu": row.get("mtu"),
            "port_security_enabled": bool(row.get("port_security_enabled", True)),
            "dns_domain": row.get("dns_domain") or "",
            "qos_policy": ref_or_none(ResourceKind.QOS_POLICY, row.get("qos_policy_id")),
            "availability_zone_hints": zones(row),
            "vlan_transparent": row.get("vlan_transparent"),
            "provider": _provider(row),
        }

    @override
    def _remarks(self, row: Row) -> list[str]:
        count = len(row.get("segments") or [])
        if count < 2:
            return []
        return [f"it has {count} segments; the new network gets one, as tenants cannot choose segments"]

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {
            **picked(
                fields,
                "description",
                "admin_state_up",
                "mtu",
                "port_security_enabled",
                "dns_domain",
                "vlan_transparent",
            ),
            **renamed(fields, qos_policy="qos_policy_id"),
            **zone_hints(fields),
        }
        provider = fields.get("provider")
        if provider:
            body["provider:network_type"] = provider["type"]
            if provider.get("physical_network"):
                body["provider:physical_network"] = provider["physical_network"]
            if provider.get("segment") is not None:
                body["provider:segmentation_id"] = provider["segment"]
        return body


def zones(row: Row) -> list[dict[str, str]]:
    """Availability zone hints of a network's or router's row."""
    return [
        ref(ResourceKind.ZONE, f"network/{name}") for name in sorted(row.get("availability_zone_hints") or [])
    ]


def zone_hints(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """The same in a body."""
    if "availability_zone_hints" not in fields:
        return {}
    return {"availability_zone_hints": [zone.partition("/")[2] for zone in fields["availability_zone_hints"]]}


def _provider(row: Row) -> dict[str, Any] | None:
    if not row.get("provider:network_type"):
        return None  # it has several segments, or we are no administrator
    return {
        "type": row["provider:network_type"],
        "physical_network": row.get("provider:physical_network") or "",
        "segment": row.get("provider:segmentation_id"),
    }
