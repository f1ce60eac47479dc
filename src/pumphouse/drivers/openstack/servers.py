"""Reads servers, server groups and migrations from Nova; cloud.py and nodes.py call it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from pumphouse.domain.server import FlavorSize, Migration, Server, ServerGroup
from pumphouse.drivers.openstack.listing import SERVER_VERSION, ServerListing
from pumphouse.drivers.openstack.transport import Params, Transport, has_next

_Flavors = dict[tuple[Any, ...], FlavorSize]
"""Flavors seen in one listing: twenty thousand servers share a few."""


class Servers:
    """Reads servers of all tenants."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def each(self, node: str | None = None) -> Iterator[Server]:
        """The servers of all tenants or of one node, newest first."""
        flavors: _Flavors = {}
        convert = partial(to_server, self._http.environment, flavors)
        for page in ServerListing(self._http, {"host": node} if node else {}, convert).pages():
            yield from page

    def counts(self, node: str | None = None) -> dict[str, dict[str, int]]:
        """How many servers of each status are on each node; keeps no rows."""
        found: dict[str, dict[str, int]] = {}
        for page in ServerListing(self._http, {"host": node} if node else {}, _host_and_status).pages():
            for host, status in page:
                by_status = found.setdefault(host, {})
                by_status[status] = by_status.get(status, 0) + 1
        return found

    def one(self, server_id: str) -> Server:
        """One server, freshly read."""
        row = self._http.get("compute", f"/servers/{server_id}", microversion=SERVER_VERSION)["server"]
        return to_server(self._http.environment, {}, row)

    def groups(self) -> list[ServerGroup]:
        """The server groups of all tenants. Nova pages this list by offset and gives no links."""
        found: list[ServerGroup] = []
        while True:
            params: Params = {"all_projects": "True", "limit": 1000, "offset": len(found)}
            rows = self._http.get("compute", "/os-server-groups", params=params, microversion="2.64")[
                "server_groups"
            ]
            found += [_to_group(row) for row in rows]
            if not rows:
                return found

    def migrations(self, *, node: str | None = None, server_id: str | None = None) -> list[Migration]:
        """Migrations from or to a node, or of a server, newest first. Nova pages them by uuid (2.59 and later)."""
        filters = {name: value for name, value in (("host", node), ("instance_uuid", server_id)) if value}
        found: list[Migration] = []
        marker: dict[str, str] = {}
        while True:
            params: Params = {"limit": 1000, **filters, **marker}
            body = self._http.get("compute", "/os-migrations", params=params, microversion="2.80")
            rows = body["migrations"]
            found += [_to_migration(row) for row in rows]
            if not rows or not has_next(body, "migrations"):
                return found
            marker = {"marker": rows[-1]["uuid"]}

    def last_failure(self, server_id: str) -> str:
        """Why the newest action of a server failed, by its instance action's events; "" when it did not, or when Nova does not say.

        `details` came with 2.84; an older Nova shows an administrator the traceback, whose last line says it.
        """
        path = f"/servers/{server_id}/os-instance-actions"
        rows = self._http.get("compute", path, params={"limit": 1}, microversion="2.84")["instanceActions"]
        if not rows:
            return ""
        action = self._http.get("compute", f"{path}/{rows[0]['request_id']}", microversion="2.84")
        for event in action["instanceAction"].get("events") or []:
            if event.get("result") == "Error":
                said = event.get("details") or (event.get("traceback") or "").strip()
                return str(said).rpartition("\n")[2].strip()
        return ""


_POWER_STATES = {1: "running", 3: "paused", 4: "shutdown", 6: "crashed", 7: "suspended"}
"""Nova's numbers (compute API, servers, `OS-EXT-STS:power_state`); 0 is NOSTATE."""


def to_server(environment: str, flavors: _Flavors, row: dict[str, Any]) -> Server:
    """A server from Nova's row. A server in a cell that is down has only a few fields, and the status UNKNOWN (2.69)."""
    image = row.get("image") or {}
    fault = row.get("fault") or {}
    return Server(
        id=row["id"],
        name=row.get("name", ""),
        environment=environment,
        project_id=row.get("tenant_id", ""),
        status=row.get("status", "UNKNOWN"),
        host=row.get("OS-EXT-SRV-ATTR:host") or "",
        flavor=_flavor(flavors, row.get("flavor") or {}),
        task_state=row.get("OS-EXT-STS:task_state") or "",
        image_id=image.get("id", ""),
        volume_ids=tuple(volume["id"] for volume in row.get("os-extended-volumes:volumes_attached") or ()),
        zone=row.get("OS-EXT-AZ:availability_zone") or "",
        pinned_zone=row.get("pinned_availability_zone") or "",
        locked=bool(row.get("locked")),
        config_drive=row.get("config_drive") in ("True", True),
        created_at=row.get("created", ""),
        fault=str(fault.get("message") or ""),
        power_state=_POWER_STATES.get(row.get("OS-EXT-STS:power_state") or 0, ""),
        host_status=row.get("host_status") or "",
    )


def _flavor(flavors: _Flavors, row: dict[str, Any]) -> FlavorSize:
    extra = row.get("extra_specs") or {}
    name = row.get("original_name", "")
    vcpus, ram, disk, ephemeral, swap = (
        int(row.get(part) or 0) for part in ("vcpus", "ram", "disk", "ephemeral", "swap")
    )
    known = (name, vcpus, ram, disk, ephemeral, swap, tuple(sorted(extra.items())))
    flavor = flavors.get(known)
    if flavor is None:
        flavor = FlavorSize(vcpus, ram, disk, ephemeral, swap, dict(extra), name)
        flavors[known] = flavor
    return flavor


def _host_and_status(row: dict[str, Any]) -> tuple[str, str]:
    return row.get("OS-EXT-SRV-ATTR:host") or "", row.get("status", "UNKNOWN")


def _to_group(row: dict[str, Any]) -> ServerGroup:
    policy = row.get("policy") or next(iter(row.get("policies") or ()), "")
    per_host = int((row.get("rules") or {}).get("max_server_per_host", 1))
    return ServerGroup(row["id"], row.get("name", ""), policy, frozenset(row.get("members") or ()), per_host)


def _to_migration(row: dict[str, Any]) -> Migration:
    return Migration(
        id=str(row["id"]),
        server_id=row.get("instance_uuid") or "",
        status=row.get("status") or "",
        kind=row.get("migration_type") or "",
        source=row.get("source_compute") or "",
        target=row.get("dest_compute") or "",
        updated_at=row.get("updated_at") or row.get("created_at") or "",
        uuid=row.get("uuid") or "",
    )
