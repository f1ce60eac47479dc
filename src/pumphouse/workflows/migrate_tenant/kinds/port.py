"""Ports: with their MAC and all their addresses, unless new ones are wanted."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

_NEW = "new addresses were asked for"


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    """The interface of a router keeps its address: it is the gateway that the subnet names, and in both clouds another network."""
    if choices.keep_addresses:
        return fields
    if fields["router"] is not None:
        return {**fields, "mac_address": None}
    return {
        **fields,
        "mac_address": None,
        "fixed_ips": [{**each, "ip_address": None} for each in fields["fixed_ips"]],
    }


KIND = Kind(
    kind=ResourceKind.PORT,
    title="port",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose={"mac_address": _NEW, "fixed_ips": _NEW},
    # those of a router's interface are set after it is made
    completed=frozenset(
        {"tags", "admin_state_up", "port_security_enabled", "security_groups", "allowed_address_pairs"}
    ),
    unordered=frozenset({"fixed_ips", "allowed_address_pairs", "security_groups", "extra_dhcp_opts"}),
    parallel=32,
)
