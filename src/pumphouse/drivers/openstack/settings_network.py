"""Settings of Neutron: what is asked, and what each key of `network.*` is told from; settings.py puts the tables together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pumphouse.drivers.openstack.settings_answers import Ask, AskEach, NotToldError
from pumphouse.drivers.openstack.settings_table import Tell, Untold
from pumphouse.drivers.openstack.transport import Rows

_FIELDS: Final = (
    "id", "name", "description", "provider:network_type", "provider:physical_network", "provider:segmentation_id", "mtu", "router:external",
    "shared", "is_default",
)  # fmt: skip
_SUBNETS_AT_ONCE: Final = 50
"""Networks of one request for subnets, so that its URL stays below 4 KiB."""


def _external(rows: Rows) -> Rows:
    return [row for row in rows if row.get("router:external")]


def _subnet_asks(networks: Rows) -> dict[str, Ask]:
    ids = [row["id"] for row in _external(networks)]
    return {
        str(at): Ask(
            "network",
            "/subnets",
            "subnets",
            paged=True,
            params={"network_id": ids[at : at + _SUBNETS_AT_ONCE]},
        )
        for at in range(0, len(ids), _SUBNETS_AT_ONCE)
    }


ASKED: Final[Mapping[str, Ask | AskEach]] = {
    "networks": Ask("network", "/networks", "networks", paged=True, params={"fields": _FIELDS}),
    "agents": Ask("network", "/agents", "agents", paged=True),
    "extensions": Ask("network", "/extensions", "extensions"),
    "segment_ranges": Ask("network", "/network_segment_ranges", "network_segment_ranges", paged=True),
    "network_zones": Ask("network", "/availability_zones", "availability_zones", absent=[]),
    "qos_rule_types": Ask("network", "/qos/rule-types", "rule_types", absent=[]),
    "service_providers": Ask("network", "/service-providers", "service_providers", absent=[]),
    "subnet_pools": Ask(
        "network", "/subnetpools", "subnetpools", paged=True, params={"shared": "true"}, absent=[]
    ),
    "default_rules": Ask("network", "/default-security-group-rules", "default_security_group_rules"),
    "neutron_quotas": Ask("network", "/quotas/PROJECT/default", "quota"),
    "external_subnets": AskEach(("networks",), _subnet_asks, Ask("network", "/subnets")),
}


def _physical_networks(agents: Rows, networks: Rows) -> list[str]:
    mappings = [found for row in agents if (found := _mappings(row)) is not None]
    if not mappings:
        raise NotToldError("no agent tells its bridge mappings")
    used = {row.get("provider:physical_network") for row in networks}
    return sorted({name for found in mappings for name in found} | {name for name in used if name})


def _mappings(agent: Mapping[str, Any]) -> set[str] | None:
    """Open vSwitch's agents tell a mapping, OVN's a text such as `physnet1:br-ex,public:br-pub`, SR-IOV's device mappings."""
    told = agent.get("configurations") or {}
    found: set[str] = set()
    known = False
    for name in ("bridge_mappings", "bridge-mappings", "interface_mappings", "device_mappings"):
        value = told.get(name)
        if isinstance(value, str):
            found |= {part.split(":")[0].strip() for part in value.split(",") if ":" in part}
        elif isinstance(value, Mapping):
            found |= set(value)
        known = known or value is not None
    return found if known else None


def _segments(networks: Rows) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[int]] = {}
    for row in networks:
        if row.get("provider:segmentation_id") is not None:
            where = (row["provider:network_type"], row.get("provider:physical_network") or "")
            found.setdefault(where, []).append(int(row["provider:segmentation_id"]))
    return [
        {
            "type": kind,
            "physical_network": physical,
            "minimum": min(ids),
            "maximum": max(ids),
            "networks": len(ids),
        }
        for (kind, physical), ids in sorted(found.items())
    ]


def _mtus(networks: Rows) -> dict[str, list[int]]:
    found: dict[str, set[int]] = {}
    for row in networks:
        if row.get("provider:network_type") and row.get("mtu"):
            found.setdefault(row["provider:network_type"], set()).add(int(row["mtu"]))
    return {kind: sorted(mtus) for kind, mtus in sorted(found.items())}


def _one_range(kind: str, ranges: Rows) -> dict[str, int]:
    mine = [row for row in ranges if row["network_type"] == kind]
    if len(mine) != 1:
        raise NotToldError(f"{len(mine)} ranges of {kind}")
    return {"minimum": int(mine[0]["minimum"]), "maximum": int(mine[0]["maximum"])}


def _vlan_ranges(ranges: Rows) -> list[dict[str, Any]]:
    mine = [
        {
            "physical_network": row["physical_network"],
            "minimum": int(row["minimum"]),
            "maximum": int(row["maximum"]),
        }
        for row in ranges
        if row["network_type"] == "vlan"
    ]
    return sorted(mine, key=lambda row: (row["physical_network"], row["minimum"]))


def _providers(rows: Rows) -> list[dict[str, Any]]:
    found = [
        {"service": row["service_type"], "name": row["name"], "default": bool(row.get("default"))}
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["service"], row["name"]))


def _pools(rows: Rows) -> list[dict[str, Any]]:
    found = [
        {
            "name": row.get("name", ""),
            "ip_version": row.get("ip_version"),
            "prefixes": sorted(row.get("prefixes") or []),
            "default": bool(row.get("is_default")),
            "default_prefix_length": int(row["default_prefixlen"]) if row.get("default_prefixlen") else None,
        }
        for row in rows
        if row.get("shared")
    ]
    return sorted(found, key=lambda row: (row["name"], row["prefixes"]))


def _rules(rows: Rows) -> list[dict[str, Any]]:
    found = [
        {
            "direction": row["direction"],
            "ethertype": row["ethertype"],
            "protocol": row.get("protocol"),
            "port_minimum": row.get("port_range_min"),
            "port_maximum": row.get("port_range_max"),
            # PARENT is the group itself; an id of a group or an address group is this cloud's own
            "remote": row.get("remote_ip_prefix") or ("PARENT" if row.get("remote_group_id") == "PARENT" else None),
            "default_group": bool(row.get("used_in_default_sg")),
            "custom_group": bool(row.get("used_in_non_default_sg")),
        }
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda row: sorted((name, str(value)) for name, value in row.items()))


def _external_networks(networks: Rows, subnets: Mapping[str, Rows]) -> list[dict[str, Any]]:
    below: dict[str, Rows] = {}
    for row in (row for rows in subnets.values() for row in rows):
        below.setdefault(row["network_id"], []).append(row)
    found = [
        {
            "name": row.get("name", ""),
            "description": row.get("description") or "",
            "type": row.get("provider:network_type") or "",
            "physical_network": row.get("provider:physical_network") or "",
            "segment": row.get("provider:segmentation_id"),
            "mtu": row.get("mtu"),
            "shared": bool(row.get("shared")),
            "default": bool(row.get("is_default")),
            "subnets": _subnets(below.get(row["id"], ())),
        }
        for row in _external(networks)
    ]
    return sorted(found, key=lambda row: str(row["name"]))


def _subnets(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = [
        {
            "name": row.get("name", ""),
            "description": row.get("description") or "",
            "ip_version": row["ip_version"],
            "cidr": row["cidr"],
            "gateway": row.get("gateway_ip"),
            "dhcp": bool(row.get("enable_dhcp")),
            "pools": _sorted({"start": p["start"], "end": p["end"]} for p in row.get("allocation_pools") or ()),
            "dns_servers": list(row.get("dns_nameservers") or ()),
            "routes": _sorted(
                {"destination": r["destination"], "nexthop": r["nexthop"]} for r in row.get("host_routes") or ()
            ),
        }
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda row: (str(row["name"]), str(row["cidr"])))


def _sorted(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: tuple(row.values()))


TOLD: Final = (
    Tell("network.agent_binaries", ("agents",), lambda rows: sorted({row["binary"] for row in rows})),
    Tell("network.physical_networks", ("agents", "networks"), _physical_networks),
    *(
        Tell(
            f"network.segmentation.{kind}.range",
            ("segment_ranges",),
            lambda rows, kind=kind: _one_range(kind, rows),
        )
        for kind in ("geneve", "vxlan", "gre")
    ),
    Tell("network.segmentation.vlan.ranges", ("segment_ranges",), _vlan_ranges),
    Tell(
        "network.types_in_use",
        ("networks",),
        lambda rows: sorted(
            {row["provider:network_type"] for row in rows if row.get("provider:network_type")}
        ),
    ),
    Tell("network.segments_in_use", ("networks",), _segments),
    Tell("network.mtus_in_use", ("networks",), _mtus),
    Tell("network.extensions", ("extensions",), lambda rows: sorted(row["alias"] for row in rows)),
    Tell(
        "network.availability_zones", ("network_zones",), lambda rows: sorted({row["name"] for row in rows})
    ),
    Tell("network.qos_rule_types", ("qos_rule_types",), lambda rows: sorted(row["type"] for row in rows)),
    Tell("network.service_providers", ("service_providers",), _providers),
    Tell("network.subnet_pools", ("subnet_pools",), _pools),
    Tell("network.default_security_group_rules", ("default_rules",), _rules),
    Tell("contents.external_networks", ("networks", "external_subnets"), _external_networks),
)

UNTOLD: Final = tuple(
    Untold(key, f"no API tells {option}")
    for key, option in {
        "network.tenant_types": "tenant_network_types",
        "network.type_drivers": "type_drivers",
        "network.mechanism_drivers": "mechanism_drivers",
        "network.mtu": "global_physnet_mtu",
        "network.distributed_routers": "router_distributed",
        "network.ha_routers": "l3_ha",
        "network.dns_domain": "dns_domain",
        "network.dns_servers": "dns_servers",
    }.items()
)
