"""Server groups of the tenant. Their members are no field: servers say in which group they are made.

Fields:
* `policy`: `affinity`, `anti-affinity`, `soft-affinity` or `soft-anti-affinity`
* `max_server_per_host`: the one rule that Nova has, for `anti-affinity` (2.64); None without

Nova makes them in the project of the token, of the user of the token (nova/api/openstack/compute/server_groups.py). Notes: `members`, `user_id`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.ports.resources import KindDriver

if TYPE_CHECKING:
    from pumphouse.drivers.openstack.transport import Params

_VERSION: Final = "2.64"
_PAGE: Final = 1000


class ServerGroups(KindDriver):
    """Server groups of one Nova."""

    kind = ResourceKind.SERVER_GROUP

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._inside = reach.inside

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return [each for each in self._all() if each.owner == tenant_id]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = set(ids)
        return [each for each in self._all() if each.id in wanted]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id) if tenant_id else []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        group: dict[str, Any] = {"name": name, "policy": fields["policy"]}
        if fields["max_server_per_host"] is not None:
            group["rules"] = {"max_server_per_host": fields["max_server_per_host"]}
        made = self._inside(tenant_id).write(
            "compute", "POST", "/os-server-groups", json={"server_group": group}, microversion=_VERSION
        )
        return str(made["server_group"]["id"])

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Nova changes no server group.

        Raises:
            ConflictError: always.
        """
        raise ConflictError(f"server group {id} cannot be changed: Nova offers no way")

    @override
    def delete(self, id: str) -> None:
        self._http.delete("compute", f"/os-server-groups/{quote(id, safe='')}", microversion=_VERSION)

    def _all(self) -> list[Resource]:
        """Of all projects: Nova lists either those of the token's own or all, by offset, without saying whether there are more."""
        found: dict[str, Resource] = {}
        while True:
            params: Params = {"all_projects": "True", "limit": _PAGE, "offset": len(found)}
            body = self._http.get("compute", "/os-server-groups", params=params, microversion=_VERSION)
            fresh = {each.id: each for each in map(_resource, body["server_groups"]) if each.id not in found}
            if not fresh:
                return list(found.values())
            found |= fresh


def _resource(row: Mapping[str, Any]) -> Resource:
    """Before 2.64 a group has a list of one policy, and no rules."""
    policies, most = row.get("policies") or [""], (row.get("rules") or {}).get("max_server_per_host")
    fields = {
        "policy": str(row.get("policy") or policies[0]),
        "max_server_per_host": int(most) if most is not None else None,
    }
    return Resource(
        kind=ResourceKind.SERVER_GROUP,
        id=str(row["id"]),
        name=str(row["name"]),
        fields=fields,
        notes={"members": sorted(row.get("members") or ()), "user_id": str(row.get("user_id") or "")},
        version=digest(fields),
        owner=str(row.get("project_id") or ""),
    )
