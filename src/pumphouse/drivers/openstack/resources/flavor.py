"""Flavors that the tenant's servers have, found by name. They belong to the cloud.

Fields:
* `flavor_id`: the id that people and programs know it by. A wish: it is kept where it is free in the destination
* `vcpus`, `ram` (MiB), `disk` (GiB), `ephemeral` (GiB), `swap` (MiB): numbers
* `rxtx_factor`: number
* `description`: string
* `is_public`: bool
* `extra_specs`: name -> string
* `access`: of a private one, the projects that may use it: list of references, sorted. `of_tenant` gives the tenant only, as others are not being moved; `named` all.
  `update` adds and never takes away

A server keeps a copy of its flavor (since 2.47 it shows nothing else): one that was deleted since is made up from that copy and from its id, which servers show up to
2.46; notes then say `deleted`. It has no description, is made private to the tenant and has its extra specs as the server has them. Whether a flavor is disabled no API sets: a remark.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.several import FEW
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.transport import Rows, Transport
from pumphouse.ports.resources import KindDriver

_VERSION: Final = "2.75"
"""2.55 description, 2.61 extra specs in lists, 2.75 swap as a number; 2.102 takes rxtx_factor away."""
_WITH_FLAVOR_ID: Final = "2.46"
"""The last one at which a server shows its flavor's id."""
_EMBEDDED: Final = "2.47"
Row = dict[str, Any]


class Flavors(KindDriver):
    """Flavors of one Nova."""

    kind = ResourceKind.FLAVOR

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        """Those that its servers have: two lists, one more for those that were deleted, and one request for each private one."""
        used = _flavors_of_servers(self._http, tenant_id)
        if not used:
            return []
        rows = [row for row in self._all() if str(row["id"]) in set(used.values())]
        access = self._http.gather([partial(self._access, row) for row in rows])
        found = [
            _resource(row, [each for each in allowed if each == tenant_id])
            for row, allowed in zip(rows, access, strict=True)
        ]
        return [*found, *self._deleted(tenant_id, used, {each.id for each in found})]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = dict.fromkeys(ids)
        if len(wanted) > FEW:
            return self._with_access([row for row in self._all() if str(row["id"]) in wanted])
        rows = self._http.gather([partial(self._one, each) for each in wanted])
        return self._with_access([row for row in rows if row is not None])

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        names = {each.name for each in wanted}
        return self._with_access([row for row in self._all() if str(row["name"]) in names])

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        wish = str(given["flavor_id"])
        body = {
            "name": name,
            "id": wish if wish and self._one(wish) is None else None,
            "vcpus": given["vcpus"],
            "ram": given["ram"],
            "disk": given["disk"],
            "OS-FLV-EXT-DATA:ephemeral": given["ephemeral"],
            "swap": given["swap"],
            "rxtx_factor": given["rxtx_factor"],
            "os-flavor-access:is_public": given["is_public"],
            **({"description": given["description"]} if given["description"] else {}),
        }
        try:
            made = self._http.write(
                "compute", "POST", "/flavors", json={"flavor": body}, microversion=_VERSION
            )
        except BusyError as error:
            raise ConflictError(
                f"flavor {name} cannot be made: {error.message}",
                hint="map it to another flavor of the destination",
            ) from None
        flavor_id = str(made["flavor"]["id"])
        self._specify(flavor_id, given["extra_specs"])
        self._admit(flavor_id, given["access"])
        return flavor_id

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        """Nova changes only the description; extra specs and access are added to."""
        given = plain(fields)
        if "description" in given:
            body = {"flavor": {"description": given["description"] or None}}
            self._http.write("compute", "PUT", _path(id), json=body, microversion=_VERSION)
        self._specify(id, given.get("extra_specs") or {})
        self._admit(id, given.get("access") or ())

    @override
    def delete(self, id: str) -> None:
        """Servers that have it keep their copy."""
        self._http.delete("compute", _path(id), microversion="2.1")

    def _all(self) -> Rows:
        return self._http.rows(
            "compute", "/flavors/detail", "flavors", params={"is_public": "None"}, microversion=_VERSION
        )

    def _one(self, id: str) -> Row | None:
        try:
            row: Row = self._http.get("compute", _path(id), microversion=_VERSION)["flavor"]
        except NotFoundError:
            return None
        return row

    def _with_access(self, rows: Rows) -> list[Resource]:
        access = self._http.gather([partial(self._access, row) for row in rows])
        return [_resource(row, allowed) for row, allowed in zip(rows, access, strict=True)]

    def _access(self, row: Row) -> list[str]:
        if row.get("os-flavor-access:is_public", True):
            return []
        try:
            body = self._http.get("compute", f"{_path(str(row['id']))}/os-flavor-access", microversion="2.1")
        except NotFoundError:  # deleted meanwhile
            return []
        return sorted(str(each["tenant_id"]) for each in body["flavor_access"])

    def _specify(self, id: str, specs: Mapping[str, str]) -> None:
        if specs:
            body = {"extra_specs": dict(specs)}
            self._http.write("compute", "POST", f"{_path(id)}/os-extra_specs", json=body, microversion="2.1")

    def _admit(self, id: str, tenants: Sequence[str]) -> None:
        for tenant in tenants:
            body = {"addTenantAccess": {"tenant": tenant}}
            try:
                self._http.write("compute", "POST", f"{_path(id)}/action", json=body, microversion="2.1")
            except BusyError:  # it has access already (FlavorAccessExists)
                continue

    def _deleted(self, tenant_id: str, used: Mapping[str, str], known: set[str]) -> Iterator[Resource]:
        lost = {server: flavor for server, flavor in used.items() if flavor not in known}
        if not lost:
            return
        for server in _servers(self._http, tenant_id, _EMBEDDED):
            flavor_id = lost.get(str(server["id"]), "")
            if flavor_id and flavor_id not in known and "vcpus" in (server.get("flavor") or {}):
                known.add(flavor_id)
                yield _from_server(server["flavor"], flavor_id, tenant_id)


def _servers(http: Transport, tenant_id: str, version: str) -> Iterator[Row]:
    params = {"all_tenants": "1", "project_id": tenant_id}
    for rows in http.pages("compute", "/servers/detail", "servers", params=params, microversion=version):
        yield from rows


def _flavors_of_servers(http: Transport, tenant_id: str) -> dict[str, str]:
    """Server id -> id of its flavor."""
    return {
        str(row["id"]): str(row["flavor"]["id"])
        for row in _servers(http, tenant_id, _WITH_FLAVOR_ID)
        if (row.get("flavor") or {}).get("id")
    }


def _path(id: str) -> str:
    return f"/flavors/{quote(id, safe='')}"


def _resource(row: Mapping[str, Any], access: Sequence[str]) -> Resource:
    fields = {
        "flavor_id": str(row["id"]),
        "vcpus": int(row["vcpus"]),
        "ram": int(row["ram"]),
        "disk": int(row["disk"]),
        "ephemeral": int(row.get("OS-FLV-EXT-DATA:ephemeral") or 0),
        "swap": int(row.get("swap") or 0),
        "rxtx_factor": float(row.get("rxtx_factor") or 1.0),
        "description": str(row.get("description") or ""),
        "is_public": bool(row.get("os-flavor-access:is_public", True)),
        "extra_specs": dict(row.get("extra_specs") or {}),
        "access": [ref(ResourceKind.PROJECT, each) for each in sorted(access)],
    }
    disabled = bool(row.get("OS-FLV-DISABLED:disabled"))
    notes = {
        "disabled": disabled,
        "deleted": False,
        "remarks": ["it is disabled; no API can disable it in the destination"] if disabled else [],
    }
    version = digest({name: value for name, value in fields.items() if name != "access"})
    return Resource(ResourceKind.FLAVOR, str(row["id"]), str(row["name"]), fields, notes, version)


def _from_server(embedded: Mapping[str, Any], flavor_id: str, tenant_id: str) -> Resource:
    """The keys of a server's copy are others: nova/api/openstack/compute/views/servers.py, `_get_flavor_dict`."""
    name = str(embedded.get("original_name") or flavor_id)
    fields = {
        "flavor_id": flavor_id,
        "vcpus": int(embedded["vcpus"]),
        "ram": int(embedded["ram"]),
        "disk": int(embedded["disk"]),
        "ephemeral": int(embedded.get("ephemeral") or 0),
        "swap": int(embedded.get("swap") or 0),
        "rxtx_factor": 1.0,
        "description": "",
        "is_public": False,
        "extra_specs": dict(embedded.get("extra_specs") or {}),
        "access": [ref(ResourceKind.PROJECT, tenant_id)],
    }
    notes = {
        "disabled": False,
        "deleted": True,
        "remarks": [
            "it was deleted from the cloud, but servers of the tenant still have it: it is made from their copy, for this tenant only"
        ],
    }
    version = digest({key: value for key, value in fields.items() if key != "access"})
    return Resource(ResourceKind.FLAVOR, flavor_id, name, fields, notes, version)
