"""Networks that are the operator's own (router:external, or of another project) and their subnets; mapped, never made. table.py opens it.

Fields of an external_network:
    external: bool
    type: str, as provider:network_type
    physical_network: str, "" without
    segment: int | None
    mtu: int
Fields of an external_subnet:
    network: ref external_network
    ip_version: 4 | 6
    cidr: CIDR
    gateway_ip: str | None
    allocation_pools: [{"start": str, "end": str}], sorted
A subnet without a name is called by its CIDR, since a map goes by names. `candidates` are all external and shared networks of the cloud (of a tenant's
own one never), and the subnets of those. Notes: shared, project_id, network_name.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource, ResourceKind, ref
from pumphouse.drivers.openstack.resources.neutron_kind import (
    IDS_AT_ONCE,
    NeutronKind,
    Row,
    ordered,
    owner_of,
)
from pumphouse.drivers.openstack.resources.reach import Reach


class _Mapped(NeutronKind):
    """What is never made, changed or removed here."""

    tagged = False

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        del tenant_id
        return []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        raise self._not_ours(name)

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        raise self._not_ours(id)

    @override
    def delete(self, id: str) -> None:
        raise self._not_ours(id)

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {}

    def _not_ours(self, name: str) -> ConflictError:
        return ConflictError(
            f"the {self.kind.replace('_', ' ')} {name} is the operator's own",
            hint="make it yourself and map it",
        )


class ExternalNetworks(_Mapped):
    """Networks of the operator's."""

    kind = ResourceKind.EXTERNAL_NETWORK
    path, one, many = "/networks", "network", "networks"
    noted = ("shared", "project_id")

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = sorted({each.name for each in wanted if each.name})
        rows = [*self._listed({"router:external": "true"}), *self._listed({"shared": "true"})]
        if names:
            rows += self._listed({"name": names})
        found = {row["id"]: row for row in rows if owner_of(row) != tenant_id or row.get("router:external")}
        return self._resources(found.values())

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "external": bool(row.get("router:external")),
            "type": row.get("provider:network_type") or "",
            "physical_network": row.get("provider:physical_network") or "",
            "segment": row.get("provider:segmentation_id"),
            "mtu": row.get("mtu"),
        }


class ExternalSubnets(_Mapped):
    """Subnets of those."""

    kind = ResourceKind.EXTERNAL_SUBNET
    path, one, many = "/subnets", "subnet", "subnets"
    noted = ("project_id",)

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self._networks = ExternalNetworks(reach)

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        ids = [each.id for each in self._networks.candidates(tenant_id, [])]
        rows: list[Row] = []
        for at in range(0, len(ids), IDS_AT_ONCE):
            rows += self._listed({"network_id": ids[at : at + IDS_AT_ONCE]})
        return self._resources(rows)

    @override
    def _name(self, row: Row) -> str:
        return str(row.get("name") or row["cidr"])

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        return {
            "network": ref(ResourceKind.EXTERNAL_NETWORK, row["network_id"]),
            "ip_version": row["ip_version"],
            "cidr": row["cidr"],
            "gateway_ip": row.get("gateway_ip"),
            "allocation_pools": ordered(row.get("allocation_pools") or [], "start", "end"),
        }
