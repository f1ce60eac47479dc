"""The tenant's project itself, found by its name in its domain.

Fields:
* `domain`: reference to a domain
* `parent`: names of the projects above it, from the domain's top downwards; [] directly below the domain. A wish: a path that the destination does not have
  is not made, and the project then stands directly below its domain
* `description`: string
* `enabled`: bool
* `tags`: sorted list of strings

Never a domain's own pseudo project (`is_domain`). Notes: `remarks` about what reaches the tenant from above, `options`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import CredentialsError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.openstack.resources.keystone import Row, by_id, change, make, removed
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.tenant_grants import Grants
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Rows
from pumphouse.ports.resources import KindDriver


class Projects(KindDriver):
    """Projects of one Keystone."""

    kind = ResourceKind.PROJECT

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._grants = Grants(reach.http)

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        row = self._row(tenant_id)
        if row is None or row.get("is_domain"):
            return []
        return [self._resource(row, [*self._from_above(row), *_state_remarks(row)])]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """Of each project its parents are asked for: a few requests, as only tenants that are being moved are ever named."""
        rows = self._http.gather([partial(self._row, each) for each in dict.fromkeys(ids)])
        return [self._resource(row, []) for row in rows if row is not None]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        calls = [partial(self._of_name, each) for each in sorted({one.name for one in wanted})]
        found = [row for rows in self._http.gather(calls) for row in rows]
        return self.named([str(row["id"]) for row in found])

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        body = {
            "name": name,
            "domain_id": given["domain"],
            "description": given["description"],
            "enabled": given["enabled"],
            "tags": given["tags"],
        }
        parent = self._at(given["domain"], given["parent"])
        if parent:
            body["parent_id"] = parent
        return str(make(self._http, "/projects", "project", body)["id"])

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        # where a project stands can never be changed (keystone/resource/core.py, _update_project_hierarchy)
        body = {name: fields[name] for name in ("description", "enabled", "tags") if name in fields}
        change(self._http, _path(id), "project", body)

    @override
    def delete(self, id: str) -> None:
        """Keystone refuses one that has projects below it (403), and does not look whether other services still have things of it: the caller does."""
        removed(self._http, _path(id))

    def _of_name(self, name: str) -> Rows:
        rows = keystone_rows(self._http, "/projects", "projects", {"name": name})
        return [row for row in rows if str(row["name"]) == name and not row.get("is_domain")]

    def _row(self, id: str) -> Row | None:
        try:
            row: Row = self._http.get("identity", _path(id), params={"parents_as_ids": ""})["project"]
        except NotFoundError:
            return None
        return row

    def _resource(self, row: Row, remarks: Sequence[str]) -> Resource:
        above = _above(row)
        names = {
            str(each["id"]): str(each["name"]) for each in by_id(self._http, "/projects", "project", above)
        }
        fields = {
            "domain": ref(ResourceKind.DOMAIN, str(row["domain_id"])),
            "parent": [names.get(each, each) for each in reversed(above)],
            "description": str(row.get("description") or ""),
            "enabled": bool(row.get("enabled", True)),
            "tags": sorted(str(tag) for tag in row.get("tags") or ()),
        }
        id = str(row["id"])  # noqa: A001  # as everywhere
        notes = {"remarks": list(remarks), "options": dict(row.get("options") or {})}
        return Resource(ResourceKind.PROJECT, id, str(row["name"]), fields, notes, digest(fields), owner=id)

    def _at(self, domain_id: str, path: Sequence[str]) -> str:
        """The id of the project at the end of a path of names below a domain; "" when there is no such path."""
        parent = ""
        for name in path:
            params = {"name": name, "domain_id": domain_id, "parent_id": parent or domain_id}
            rows = keystone_rows(self._http, "/projects", "projects", params)
            parent = next((str(row["id"]) for row in rows if str(row["name"]) == name), "")
            if not parent:
                return ""
        return parent

    def _from_above(self, row: Row) -> list[str]:
        """A sentence for each role that reaches the tenant from a project above it or from its domain: it is not the tenant's, so it is not copied."""
        places = [(Place.PROJECT, each) for each in _above(row)] + [(Place.DOMAIN, str(row["domain_id"]))]
        try:
            found = self._http.gather([partial(self._grants.on, place, each) for place, each in places])
        except CredentialsError as error:
            return [f"what roles reach the tenant from above cannot be read: {error.message}"]
        return [_words(grant) for grants in found for grant in grants if grant.inherited]


def _above(row: Mapping[str, Any]) -> list[str]:
    """Ids of the projects above, nearest first, the domain left out."""
    found: list[str] = []
    parents = row.get("parents")
    while isinstance(parents, dict) and parents:
        parent, parents = next(iter(parents.items()))
        if parent != row["domain_id"]:
            found.append(str(parent))
    return found


def _words(grant: Grant) -> str:
    who = "user" if grant.holder_kind is HolderKind.USER else "group"
    holder, role = grant.holder_name or grant.holder_id, grant.role_name or grant.role_id
    return (
        f"{who} {holder} has role {role} here through {grant.place} {grant.place_name or grant.place_id} (inherited): "
        "it is not the tenant's own, so give it there in the destination if it is wanted"
    )


def _state_remarks(row: Mapping[str, Any]) -> list[str]:
    if row.get("enabled", True):
        return []
    return [
        "the tenant is disabled: nothing can be made in a disabled project, so enable it for its migration"
    ]


def _path(id: str) -> str:
    return f"/projects/{quote(id, safe='')}"
