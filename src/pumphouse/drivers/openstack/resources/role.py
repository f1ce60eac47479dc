"""Roles: those that the tenant's assignments name. They belong to the cloud (or to a domain) and are found by name; a missing one is made.

Fields:
* `description`: string
* `domain`: reference to a domain, or None for a role of the whole cloud
* `immutable`: whether its option says that nobody may change it
* `implies`: sorted references to the roles that it implies directly; given to a role that we make, never to one that exists

What a role may do is the policy of the services, and what it implies.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.resources.keystone import by_id, change, make, removed
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.ports.resources import KindDriver


class Roles(KindDriver):
    """Roles of one Keystone."""

    kind = ResourceKind.ROLE

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return []

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        return self._resources(by_id(self._http, "/roles", "role", ids))

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = {each.name for each in wanted}
        rows = keystone_rows(self._http, "/roles", "roles")
        domains = {str(row["id"]) for row in keystone_rows(self._http, "/domains", "domains")} if any(
            each.fields.get("domain") for each in wanted
        ) else set()  # fmt: skip
        # roles of a domain are only listed with its id
        for domain in sorted(domains):
            rows += keystone_rows(self._http, "/roles", "roles", {"domain_id": domain})
        return self._resources([row for row in rows if str(row["name"]) in names])

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        body = {"name": name, "description": given["description"]}
        if given["domain"]:
            body["domain_id"] = given["domain"]
        if given["immutable"]:
            body["options"] = {"immutable": True}
        made = str(make(self._http, "/roles", "role", body)["id"])
        for implied in given.get("implies", ()):
            self._http.write("identity", "PUT", _implies(made, implied))
        return made

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        body = {"description": fields["description"]} if "description" in fields else {}
        change(self._http, _path(id), "role", body)
        if "implies" in fields:
            self._imply(id, set(plain({"implies": fields["implies"]})["implies"]))

    @override
    def delete(self, id: str) -> None:
        if any(each.fields["immutable"] for each in self.named([id])):
            change(self._http, _path(id), "role", {"options": {"immutable": False}})
        removed(self._http, _path(id))

    def _imply(self, id: str, wanted: set[str]) -> None:
        """Exactly these; Keystone answers 409 to one that is there already."""
        for role in self.named([id]):
            present = set(plain(role.fields)["implies"])
            for implied in sorted(wanted - present):
                self._http.write("identity", "PUT", _implies(id, implied))
            for implied in sorted(present - wanted):
                removed(self._http, _implies(id, implied))

    def _resources(self, rows: Sequence[Mapping[str, Any]]) -> list[Resource]:
        if not rows:
            return []
        implied = {
            str(each["prior_role"]["id"]): sorted(str(one["id"]) for one in each["implies"])
            for each in keystone_rows(self._http, "/role_inferences", "role_inferences")
        }
        return [_resource(row, implied.get(str(row["id"]), ())) for row in rows]


def _path(id: str) -> str:
    return f"/roles/{quote(id, safe='')}"


def _implies(id: str, implied: str) -> str:
    return f"{_path(id)}/implies/{quote(implied, safe='')}"


def _resource(row: Mapping[str, Any], implied: Sequence[str]) -> Resource:
    fields = {
        "description": str(row.get("description") or ""),
        "domain": ref_or_none(ResourceKind.DOMAIN, row.get("domain_id")),
        "immutable": bool((row.get("options") or {}).get("immutable")),
        "implies": [ref(ResourceKind.ROLE, each) for each in implied],
    }
    return Resource(ResourceKind.ROLE, str(row["id"]), str(row["name"]), fields, version=digest(fields))
