"""Shares of a tenant's network things with other projects (Neutron's RBAC policies); table.py opens it.

Fields:
    object: ref network | qos_policy | security_group | address_scope | subnet_pool | address_group
    action: `access_as_shared` (or `access_as_external`, of external networks only, which are not the tenant's to give: left out with the network)
    target: ref project | None; None = everybody
The name is `OBJECT TYPE for TARGET`, for people only: shares have none. Nothing can be changed but the target. Notes: none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.resource import REF, Resource, ResourceKind, plain, ref, split_ref
from pumphouse.drivers.openstack.resources.network_index import NetworkIndex
from pumphouse.drivers.openstack.resources.neutron_kind import NeutronKind, Row, owner_of
from pumphouse.drivers.openstack.resources.reach import Reach

_KINDS: Final = {
    "network": ResourceKind.NETWORK,
    "qos_policy": ResourceKind.QOS_POLICY,
    "security_group": ResourceKind.SECURITY_GROUP,
    "address_scope": ResourceKind.ADDRESS_SCOPE,
    "subnetpool": ResourceKind.SUBNET_POOL,
    "address_group": ResourceKind.ADDRESS_GROUP,
}
_TYPES: Final = {kind: name for name, kind in _KINDS.items()}
_EVERYBODY: Final = "*"


class RbacShares(NeutronKind):
    """RBAC policies."""

    kind = ResourceKind.RBAC_SHARE
    path, one, many = "/rbac-policies", "rbac_policy", "rbac_policies"
    tagged = False

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self._index = NetworkIndex(reach)

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id)

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        kind, object_id = split_ref(fields["object"][REF])
        if kind not in _TYPES:
            raise InvalidInputError(
                "object", str(kind), "cannot be shared", hint=f"one of {', '.join(_TYPES)}"
            )
        body = {
            "object_type": _TYPES[kind],
            "object_id": object_id,
            "action": fields["action"],
            "target_tenant": plain(fields["target"]) or _EVERYBODY,
            "project_id": tenant_id,
        }
        return str(self._made(body)["id"])

    @override
    def _ours(self, rows: Sequence[Row]) -> Sequence[Row]:
        self._index.learn(str(row["object_id"]) for row in rows if row["object_type"] == "network")
        return [
            row
            for row in rows
            if row["object_type"] in _KINDS
            and (row["object_type"] != "network" or self._index.is_own(str(row["object_id"]), owner_of(row)))
        ]

    @override
    def _name(self, row: Row) -> str:
        return f"share of a {_KINDS[row['object_type']].replace('_', ' ')}"

    @override
    def _fields(self, row: Row) -> dict[str, Any]:
        target = str(row.get("target_tenant") or row.get("target_project"))
        return {
            "object": ref(_KINDS[row["object_type"]], row["object_id"]),
            "action": row["action"],
            "target": None if target == _EVERYBODY else ref(ResourceKind.PROJECT, target),
        }

    @override
    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"target_tenant": fields["target"] or _EVERYBODY} if "target" in fields else {}
