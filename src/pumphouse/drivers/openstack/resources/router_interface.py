"""Interfaces of routers: which port leads into which router; table.py opens it. The port itself is a port.

Fields (id: ROUTER_ID/PORT_ID, name: that of the router and the port's first address):
    router: ref router
    port: ref port
Removing the interface removes its port, too (remove_router_interface in neutron/db/l3_db.py). Notes: subnets, device_owner.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.resources.neutron_kind import IDS_AT_ONCE, NeutronKind, Row, owner_of
from pumphouse.drivers.openstack.resources.reach import Reach

INTERFACE_OWNERS: Final = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)
"""ROUTER_INTERFACE_OWNERS in neutron_lib/constants.py: an interface of a plain, a distributed, a highly available router."""

_FIELDS: Final = ("id", "name", "project_id", "tenant_id")


class RouterInterfaces(NeutronKind):
    """Which port leads into which router."""

    kind = ResourceKind.ROUTER_INTERFACE
    path, one, many = "/ports", "port", "ports"
    tagged = False
    noted = ("device_owner", "fixed_ips")

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self._names: dict[str, str] = {}

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        """By router, as a port may belong to somebody else."""
        if not tenant_id:
            return []
        # the very request of the routers' own driver, so that an inventory sends it once
        routers = self._learnt(
            self._http.rows("network", "/routers", "routers", params={"project_id": tenant_id})
        )
        mine = [str(row["id"]) for row in routers if owner_of(row) == tenant_id]
        rows: list[Row] = []
        for at in range(0, len(mine), IDS_AT_ONCE):
            rows += self._listed({"device_id": mine[at : at + IDS_AT_ONCE], "device_owner": INTERFACE_OWNERS})
        return self._resources(rows)

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = set(ids)
        return [each for each in super().named([_port_of(each) for each in ids]) if each.id in wanted]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id)

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        bare = plain(fields)
        router, port = str(bare["router"]), str(bare["port"])
        self._write("PUT", f"/routers/{router}/add_router_interface", {"port_id": port})
        return f"{router}/{port}"

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """There is nothing that could be otherwise in an interface."""

    @override
    def _remove(self, id: str) -> None:
        router, _, port = id.partition("/")
        with suppress(NotFoundError):
            self._http.write(
                "network", "PUT", f"/routers/{router}/remove_router_interface", json={"port_id": port}
            )

    @override
    def _ours(self, rows: Sequence[Row]) -> Sequence[Row]:
        legs = [row for row in rows if row.get("device_owner") in INTERFACE_OWNERS]
        unknown = sorted({str(row["device_id"]) for row in legs} - self._names.keys())
        for at in range(0, len(unknown), IDS_AT_ONCE):
            params = {"id": unknown[at : at + IDS_AT_ONCE], "fields": _FIELDS}
            self._learnt(self._http.rows("network", "/routers", "routers", params=params))
        return legs

    @override
    def _id(self, row: Row) -> str:
        return f"{row['device_id']}/{row['id']}"

    @override
    def _name(self, row: Row) -> str:
        return self._names.get(str(row["device_id"]), "")

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "router": ref(ResourceKind.ROUTER, row["device_id"]),
            "port": ref(ResourceKind.PORT, row["id"]),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def _learnt(self, rows: Sequence[Row]) -> Sequence[Row]:
        self._names.update((str(row["id"]), str(row.get("name") or "")) for row in rows)
        return rows


def _port_of(id: str) -> str:
    return id.partition("/")[2]
