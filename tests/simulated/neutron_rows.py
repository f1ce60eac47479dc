"""Rows of the simulated Neutron: what each thing has that nobody has said. Used by neutron.py."""

import copy
from typing import Any

Row = dict[str, Any]
COLLECTIONS = {
    "networks": ("networks", "network"), "subnets": ("subnets", "subnet"), "ports": ("ports", "port"), "routers": ("routers", "router"),
    "security-groups": ("security_groups", "security_group"), "security-group-rules": ("security_group_rules", "security_group_rule"),
    "floatingips": ("floatingips", "floatingip"), "trunks": ("trunks", "trunk"), "rbac-policies": ("rbac_policies", "rbac_policy"),
    "address-groups": ("address_groups", "address_group"), "address-scopes": ("address_scopes", "address_scope"),
    "subnetpools": ("subnetpools", "subnetpool"), "qos/policies": ("policies", "policy"),
}  # fmt: skip
"""Path -> key of a list, key of one."""

_COMMON: Row = {"name": "", "description": "", "project_id": "", "tags": []}
_DEFAULTS: dict[str, Row] = {
    "networks": {
        "admin_state_up": True, "mtu": 1442, "port_security_enabled": True, "dns_domain": "", "qos_policy_id": None, "availability_zone_hints": [],
        "availability_zones": [], "provider:network_type": "geneve", "provider:physical_network": None, "router:external": False, "shared": False,
        "status": "ACTIVE", "subnets": [], "vlan_transparent": None,
    },
    "subnets": {
        "enable_dhcp": True, "gateway_ip": None, "dns_nameservers": [], "host_routes": [], "ipv6_address_mode": None, "ipv6_ra_mode": None,
        "subnetpool_id": None, "service_types": [], "dns_publish_fixed_ip": False, "segment_id": None,
    },
    "ports": {
        "admin_state_up": True, "fixed_ips": [], "allowed_address_pairs": [], "port_security_enabled": True, "security_groups": [],
        "qos_policy_id": None, "dns_name": "", "dns_domain": "", "binding:vnic_type": "normal", "binding:host_id": "", "binding:profile": {},
        "extra_dhcp_opts": [], "numa_affinity_policy": None, "device_profile": None, "device_id": "", "device_owner": "", "status": "DOWN",
    },
    "routers": {
        "admin_state_up": True, "external_gateway_info": None, "availability_zone_hints": [], "routes": [], "distributed": False, "ha": True,
        "status": "ACTIVE",
    },
    "security-groups": {"stateful": True, "shared": False},
    "security-group-rules": {
        "protocol": None, "port_range_min": None, "port_range_max": None, "remote_ip_prefix": None, "remote_group_id": None,
        "remote_address_group_id": None,
    },
    "floatingips": {
        "floating_ip_address": None, "port_id": None, "fixed_ip_address": None, "router_id": None, "dns_name": "", "dns_domain": "",
        "qos_policy_id": None, "status": "DOWN", "_port_forwardings": [],
    },
    "trunks": {"admin_state_up": True, "sub_ports": [], "status": "DOWN"},
    "address-groups": {"addresses": []},
    "address-scopes": {"ip_version": 4, "shared": False},
    "subnetpools": {
        "address_scope_id": None, "default_prefixlen": "24", "min_prefixlen": "8", "max_prefixlen": "32", "default_quota": None, "is_default": False,
        "shared": False, "ip_version": 4,
    },
    "qos/policies": {"rules": [], "is_default": False, "shared": False},
}  # fmt: skip
_NAMELESS = {"rbac-policies", "security-group-rules", "floatingips"}


class RefusedError(Exception):
    """An answer of 400 or more."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def new_row(path: str, given: Row) -> Row:
    """A row of its own, complete."""
    common = {key: value for key, value in _COMMON.items() if path not in _NAMELESS or key != "name"}
    return copy.deepcopy({**common, **_DEFAULTS.get(path, {}), **given})
