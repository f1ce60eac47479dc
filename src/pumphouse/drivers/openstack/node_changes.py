"""Changes compute nodes in Nova: enabled or not, in which aggregates, and gone for good; cloud.py calls it. Each change may be repeated."""

from collections.abc import Sequence
from typing import Final

from pumphouse.domain.environment import ServiceState
from pumphouse.domain.errors import CloudFaultError, NotFoundError
from pumphouse.drivers.openstack.nodes import Nodes
from pumphouse.drivers.openstack.transport import Transport

_VERSION: Final = "2.53"
_LONGEST_REASON: Final = 255


class NodeChanges:
    """Changes compute nodes."""

    def __init__(self, transport: Transport, nodes: Nodes) -> None:
        self._http = transport
        self._nodes = nodes

    def disable(self, name: str, reason: str) -> None:
        """Disable the service; a reason longer than Nova's 255 characters is cut."""
        wanted = (
            {"status": "disabled", "disabled_reason": reason[:_LONGEST_REASON]}
            if reason
            else {"status": "disabled"}
        )
        service = self._service(name)
        if not service.enabled and not reason and service.reason:
            # the only way to clear a reason is to enable; nothing may be scheduled here even for a moment
            return
        self._http.write("compute", "PUT", f"/os-services/{service.id}", json=wanted, microversion=_VERSION)

    def enable(self, name: str) -> None:
        """Enable the service; Nova clears the reason."""
        self._http.write(
            "compute",
            "PUT",
            f"/os-services/{self._service(name).id}",
            json={"status": "enabled"},
            microversion=_VERSION,
        )

    def delete_service(self, name: str) -> None:
        """Delete the service record.

        Nova (the same code in 2023.1 and 2026.2) then refuses with 409 while servers or unfinished migrations are on the host, takes the host out of
        all its aggregates, deletes its resource providers with their allocations, its compute node records and its host mapping. When Placement
        cannot be reached it logs that and goes on: the provider is left behind, and the caller deletes it. A nova-compute that still
        runs registers itself again.
        """
        try:
            service = self._service(name)
        except NotFoundError:
            return
        self._http.delete("compute", f"/os-services/{service.id}", microversion=_VERSION)

    def leave_aggregates(self, node: str) -> list[str]:
        """Take the host out of its aggregates; returns their names, also of those that it left just before on its own."""
        joined = [row for row in self._nodes.aggregates() if node in (row.get("hosts") or ())]
        for row in joined:
            self._change_aggregate(row["id"], "remove_host", node)
        return [row["name"] for row in joined]

    def join_aggregates(self, node: str, names: Sequence[str]) -> None:
        """Put the host into the named aggregates.

        Raises:
            NotFoundError: there is no aggregate of one of these names, or no such host.
        """
        rows = {row["name"]: row for row in self._nodes.aggregates()}
        for name in names:
            if name not in rows:
                raise NotFoundError(
                    "aggregate", name, hint=f"known aggregates: {', '.join(sorted(rows)) or 'none'}"
                )
            if node not in (rows[name].get("hosts") or ()):
                self._change_aggregate(rows[name]["id"], "add_host", node)

    def _change_aggregate(self, aggregate_id: int, action: str, node: str) -> None:
        path = f"/os-aggregates/{aggregate_id}/action"
        try:
            self._http.write("compute", "POST", path, json={action: {"host": node}}, microversion="2.1")
        except (CloudFaultError, NotFoundError):
            inside = {row["id"]: node in (row.get("hosts") or ()) for row in self._nodes.aggregates()}
            if inside.get(aggregate_id, False) is not (action == "add_host"):
                raise

    def _service(self, name: str) -> ServiceState:
        found = self._nodes.services(name)
        if not found:
            raise NotFoundError(
                "node", f"{self._http.environment}/{name}", hint="`pumphouse node list` shows all nodes"
            )
        return found[0]
