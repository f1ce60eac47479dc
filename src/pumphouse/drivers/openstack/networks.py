"""Reads ports and agents from Neutron, and deletes the agents of a node that has gone; cloud.py calls it."""

from collections.abc import Collection
from typing import Any

from pumphouse.domain.environment import ServiceState
from pumphouse.domain.server import Port
from pumphouse.drivers.openstack.transport import Transport

_PORT_FIELDS = ["id", "device_id", "status", "binding:host_id", "binding:vnic_type", "binding:vif_type"]


class Networks:
    """Neutron of one cloud."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def ports(self, server_id: str) -> list[Port]:
        """The ports of a server; `binding` is the vif type (`ovs`, `unbound`, `binding_failed`...)."""
        rows = self._http.rows(
            "network", "/ports", "ports", params={"device_id": server_id, "fields": _PORT_FIELDS}
        )
        return [
            Port(
                id=row["id"],
                server_id=row["device_id"],
                status=row["status"],
                host=row.get("binding:host_id") or "",
                vnic_type=row.get("binding:vnic_type") or "normal",
                binding=row.get("binding:vif_type") or "",
            )
            for row in rows
        ]

    def agents(self) -> list[ServiceState]:
        """All agents, OVN's included."""
        return [_to_service(row) for row in self._http.rows("network", "/agents", "agents")]

    def delete_agents(self, node: str, agent_ids: Collection[str] = ()) -> list[str]:
        """Delete the agents of a host that are no longer alive; returns the deleted ids.

        An OVN agent whose chassis has signed off properly has lost its host name (Neutron writes a placeholder): it is recognised by
        `agent_ids`, which the caller noted while the node still stood, or by an id that is the host's name (as kolla sets it).
        Neutron lets an agent that is alive be deleted too, but it comes back with its next report: such are left alone.
        """
        ours = {node, *agent_ids}
        gone = [agent for agent in self.agents() if (agent.host == node or agent.id in ours) and not agent.up]
        return [agent.id for agent in gone if self._http.delete("network", f"/agents/{agent.id}")]


def _to_service(row: dict[str, Any]) -> ServiceState:
    return ServiceState(
        id=row["id"],
        kind="network",
        binary=row.get("binary") or "",
        host=row.get("host") or "",
        zone=row.get("availability_zone") or "",
        enabled=bool(row.get("admin_state_up")),
        up=bool(row.get("alive")),
        reason=row.get("description") or "",
        updated_at=row.get("heartbeat_timestamp") or "",
    )
