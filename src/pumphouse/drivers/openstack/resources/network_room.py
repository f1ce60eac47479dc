"""What limits a tenant in Neutron: its quotas with their use, and how many addresses the external networks have left; room.py puts it beside the others."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.errors import CredentialsError, NotFoundError
from pumphouse.drivers.openstack.transport import Rows, Transport


def network_room(transport: Transport, tenant_id: str) -> Mapping[str, Any]:
    """`quota`: resource (network, port, floatingip, security_group_rule ...) -> {"limit": int, -1 = none, "used": int};
    `external_networks`: id -> {"name", "total", "used", "free", "subnets": [{"id", "cidr", "total", "used", "free"}]}.

    A Neutron without the extension for one of both (quota_details, network-ip-availability) tells nothing of it: then it is empty.
    """
    return {"quota": _quota(transport, tenant_id), "external_networks": _external(transport)}


def _quota(transport: Transport, tenant_id: str) -> dict[str, dict[str, int]]:
    try:
        told = transport.get("network", f"/quotas/{tenant_id}/details")["quota"]
    except (NotFoundError, CredentialsError):
        return {}
    return {
        name: {"limit": int(each["limit"]), "used": int(each["used"]) + int(each.get("reserved") or 0)}
        for name, each in told.items()
        if isinstance(each, Mapping)
    }


def _external(transport: Transport) -> dict[str, dict[str, Any]]:
    networks = transport.rows(
        "network", "/networks", "networks", params={"router:external": "true", "fields": ("id", "name")}
    )
    told = {str(row["network_id"]): row for row in _availability(transport)}
    return {
        str(row["id"]): {
            "name": str(row.get("name") or ""),
            **_counts(told[row["id"]]),
            "subnets": [
                {"id": each["subnet_id"], "cidr": each["cidr"], **_counts(each)}
                for each in told[row["id"]].get("subnet_ip_availability") or []
            ],
        }
        for row in networks
        if row["id"] in told
    }


def _availability(transport: Transport) -> Rows:
    """Of all networks in one request: the list cannot be filtered by what is external."""
    try:
        return list(transport.get("network", "/network-ip-availabilities")["network_ip_availabilities"])
    except (NotFoundError, CredentialsError):
        return []


def _counts(row: Mapping[str, Any]) -> dict[str, int]:
    total, used = int(row["total_ips"]), int(row["used_ips"])
    return {"total": total, "used": used, "free": max(0, total - used)}
