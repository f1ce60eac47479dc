"""Groups that hold roles in the tenant, found by name in their domain. Who is in them is said by the users.

Fields:
* `domain`: reference to a domain
* `description`: string

Notes: `external`, whether it comes from a directory (its id is one of those that Keystone makes for LDAP); it must then exist in the destination too.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.resources.keystone import OF_SQL, by_id, change, make, removed
from pumphouse.drivers.openstack.resources.members import holders_on
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.ports.resources import HeldBy


class Groups(HeldBy):
    """Groups of one Keystone."""

    kind = ResourceKind.GROUP

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return self.held_by(tenant_id, holders_on(self._http, tenant_id))

    @override
    def held_by(self, tenant_id: str, holders: Sequence[str]) -> Sequence[Resource]:
        return self.named(
            [name for kind, _, name in (each.partition("/") for each in holders) if kind == self.kind]
        )

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        return [_resource(row) for row in by_id(self._http, "/groups", "group", ids)]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = sorted({each.name for each in wanted})
        calls = [partial(keystone_rows, self._http, "/groups", "groups", {"name": each}) for each in names]
        found = [row for rows in self._http.gather(calls) for row in rows]
        return [_resource(row) for row in found if str(row["name"]) in names]

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        body = {"name": name, "domain_id": given["domain"], "description": given["description"]}
        return str(make(self._http, "/groups", "group", body)["id"])

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        if "description" in fields:
            change(self._http, _path(id), "group", {"description": fields["description"]})

    @override
    def delete(self, id: str) -> None:
        """Its memberships and assignments go with it.

        Raises:
            ConflictError: it comes from a directory.
        """
        if len(id) != OF_SQL:
            raise ConflictError(f"group {id} comes from a directory: it is not ours to delete")
        removed(self._http, _path(id))


def _path(id: str) -> str:
    return f"/groups/{quote(id, safe='')}"


def _resource(row: Mapping[str, Any]) -> Resource:
    fields = {
        "domain": ref(ResourceKind.DOMAIN, str(row["domain_id"])),
        "description": str(row.get("description") or ""),
    }
    external = len(str(row["id"])) > OF_SQL
    remarks = (
        ["it comes from a directory: the destination's domain must be connected to the same one"]
        if external
        else []
    )
    notes = {"external": external, "remarks": remarks}
    return Resource(ResourceKind.GROUP, str(row["id"]), str(row["name"]), fields, notes, digest(fields))
