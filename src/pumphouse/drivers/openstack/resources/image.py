"""Images. `create` makes one that is `queued`: its bytes are brought by drivers/transfer; what can only be set after them is set by `update`.

Fields:

* `disk_format`, `container_format`: text; `min_disk` (GiB), `min_ram` (MiB): numbers; `os_hidden`, `protected`: true or false.
* `visibility`: `public`, `community`, `shared` or `private`.
* `members`: of a shared image, sorted list of `{"project": ref project, "status": accepted|pending|rejected}`. One request for each shared image, as there is no list, and
  one for each project that is a member somewhere: those that are gone are only remarked.
* `tags`: sorted list. `properties`: name -> text, without what the lines below name.
* `kernel`, `ramdisk`: ref image or None (the properties `kernel_id`, `ramdisk_id`).

Set by `update` only, as they forbid or make no sense without data: `visibility`, `members`, `protected` (last; lifted for deletion). An image that is public belongs
to the cloud: it is made in our own project, every other in the tenant's, as `owner` may be set by an administrator (glance/api/v2/policy.py, `add_image`).

Notes, not copied: `status`, `size`, `virtual_size`, `checksum`, `os_hash_algo`, `os_hash_value`, `created_at`, `stores`, `os_glance_*`
(Glance's own, refused in requests), properties that hold ids of the source (`base_image_ref`, `instance_uuid`, `user_id`, `owner_id` ...) or point into its services
(signatures, encryption keys, block device mappings). `remarks` says so in words where something is lost by it.
"""

from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.waiting import until
from pumphouse.ports.resources import KindDriver

OUR_MARKS: Final = frozenset({"pumphouse-furnished"})
"""Tags that Pumphouse itself leaves (furnishing.py): of no meaning to anybody else."""
_BASE: Final = frozenset(
    ["id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value", "owner", "size", "virtual_size", "container_format", "disk_format", "created_at", "updated_at", "tags", "direct_url", "min_ram", "min_disk", "self", "file", "stores", "schema", "locations", "members", "kernel_id", "ramdisk_id"]
)  # fmt: skip
_FOREIGN: Final = frozenset(
    [
        "base_image_ref",
        "instance_uuid",
        "user_id",
        "owner_id",
        "owner_user_name",
        "owner_project_name",
        "image_location",
        "image_state",
    ]
)
_POINTING: Final = {
    "block_device_mapping": "it is a snapshot of a server that was booted from volumes: it points to volume snapshots of the source",
    "cinder_encryption_key_id": "its data are encrypted with a key that stays in the source's Barbican",
    "img_signature_certificate_uuid": "it is signed with a certificate that stays in the source's Barbican: the copy is not signed",
}
_SETTABLE: Final = ("min_disk", "min_ram", "os_hidden", "visibility")
_FORMATS: Final = ("disk_format", "container_format")
_SIGNATURE: Final = "img_signature"
_PATCH: Final = "application/openstack-images-v2.1-json-patch"
_IDS_AT_ONCE: Final = 50
_DELETE_S: Final = 120.0
_NOTED: Final = ("status", "size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value", "created_at", "updated_at", "stores")  # fmt: skip


class Images(KindDriver):
    """Images of one Glance."""

    kind = ResourceKind.IMAGE

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._clock = reach.clock

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        return self._resources(self._rows({"owner": tenant_id}))

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = sorted(set(ids))
        chunks = [wanted[at : at + _IDS_AT_ONCE] for at in range(0, len(wanted), _IDS_AT_ONCE)]
        return self._resources(
            [row for chunk in chunks for row in self._rows({"id": f"in:{','.join(chunk)}"})]
        )

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        """The tenant's own, and the cloud's public ones of the same names."""
        names = {each.name for each in wanted}
        own = self.of_tenant(tenant_id) if tenant_id else []
        public = self._resources([r for r in self._rows({"visibility": "public"}) if _name(r) in names])
        return list({each.id: each for each in [*own, *public]}.values())

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        body = {
            **given["properties"],
            "name": name,
            "os_hidden": given["os_hidden"],
            "min_disk": given["min_disk"],
            "min_ram": given["min_ram"],
            "tags": given["tags"],
            "visibility": "private",
            "protected": False,
        }
        optional = {
            "disk_format": given["disk_format"],
            "container_format": given["container_format"],
            "kernel_id": given["kernel"],
            "ramdisk_id": given["ramdisk"],
            "owner": tenant_id if given["visibility"] != "public" else "",
        }
        body |= {key: value for key, value in optional.items() if value}
        try:
            return str(self._http.write("image", "POST", "/images", json=body)["id"])
        except BusyError as error:
            raise ConflictError(error.message) from error

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        given = plain(fields)
        there = self._http.get("image", f"/images/{id}")
        patch = _patch(there, given)
        if patch:
            self._change(id, patch)
        if "members" in given and given.get("visibility", there["visibility"]) == "shared":
            self._set_members(id, given["members"])
        if given.get("protected") and not there["protected"]:
            self._change(id, [_op("replace", "protected", True)])

    @override
    def delete(self, id: str) -> None:
        try:
            there = self._http.get("image", f"/images/{id}")
            if there["protected"]:
                self._change(id, [_op("replace", "protected", False)])
            self._http.delete("image", f"/images/{id}")
        except NotFoundError:
            return
        except BusyError as error:
            raise ConflictError(error.message, hint="remove what was made from the image first") from error
        until(self._clock, f"image {id} to be gone", partial(self._gone, id), _DELETE_S)

    def _gone(self, id: str) -> bool | None:
        try:
            status = self._http.get("image", f"/images/{id}")["status"]
        except NotFoundError:
            return True
        return True if status in ("deleted", "pending_delete") else None

    def _rows(self, params: Mapping[str, str]) -> list[dict[str, Any]]:
        """Hidden ones too: Glance lists either these or the others."""
        calls = [
            partial(
                self._http.rows, "image", "/images", "images", params={"visibility": "all", "member_status": "all", **params, "os_hidden": hidden}
            )
            for hidden in ("false", "true")
        ]  # fmt: skip
        return [row for rows in self._http.gather(calls) for row in rows]

    def _resources(self, rows: Sequence[Mapping[str, Any]]) -> list[Resource]:
        shared = [str(row["id"]) for row in rows if row["visibility"] == "shared"]
        members = self._http.gather([partial(self._members, image) for image in shared])
        known = dict(zip(shared, members, strict=True))
        projects = sorted({project for found in members for project in found})
        exist = self._http.gather([partial(self._exists, project) for project in projects])
        there = {project for project, does in zip(projects, exist, strict=True) if does}
        return [_resource(row, known.get(str(row["id"]), {}), there) for row in rows]

    def _members(self, id: str) -> dict[str, str]:
        """Project -> status."""
        try:
            rows = self._http.get("image", f"/images/{id}/members")["members"]
        except NotFoundError:  # gone since the list was read
            return {}
        return {str(row["member_id"]): str(row["status"]) for row in rows}

    def _exists(self, project: str) -> bool:
        """Glance takes any word for a member, and does not learn when a project is deleted."""
        try:
            self._http.get("identity", f"/projects/{project}")
        except NotFoundError:
            return False
        return True

    def _set_members(self, id: str, members: Sequence[Mapping[str, Any]]) -> None:
        there = self._members(id)
        wanted = {str(each["project"]): str(each["status"]) for each in members}
        path = f"/images/{id}/members"
        for project in sorted(set(there) - set(wanted)):
            self._http.delete("image", f"{path}/{project}")
        for project, status in sorted(wanted.items()):
            if project not in there:
                self._http.write("image", "POST", path, json={"member": project})
            if there.get(project, "pending") != status:
                self._http.write("image", "PUT", f"{path}/{project}", json={"status": status})

    def _change(self, id: str, patch: Sequence[Mapping[str, Any]]) -> None:
        self._http.write("image", "PATCH", f"/images/{id}", json=list(patch), content_type=_PATCH)


def _resource(row: Mapping[str, Any], members: Mapping[str, str], projects: Set[str]) -> Resource:
    extra = {name: value for name, value in row.items() if name not in _BASE}
    left_out = {name: value for name, value in extra.items() if _is_left_out(name)}
    fields = {
        "disk_format": row.get("disk_format") or "",
        "container_format": row.get("container_format") or "",
        "min_disk": int(row.get("min_disk") or 0),
        "min_ram": int(row.get("min_ram") or 0),
        "os_hidden": bool(row.get("os_hidden")),
        "protected": bool(row.get("protected")),
        "visibility": str(row["visibility"]),
        "members": [
            {"project": ref(ResourceKind.PROJECT, project), "status": status}
            for project, status in sorted(members.items())
            if project in projects
        ],
        "tags": sorted(set(row.get("tags") or ()) - OUR_MARKS),
        "properties": {n: v for n, v in sorted(extra.items()) if n not in left_out and v is not None},
        "kernel": ref_or_none(ResourceKind.IMAGE, row.get("kernel_id")),
        "ramdisk": ref_or_none(ResourceKind.IMAGE, row.get("ramdisk_id")),
    }
    notes = {name: row[name] for name in _NOTED if row.get(name) is not None}
    notes["not_copied"] = dict(sorted(left_out.items()))
    notes["remarks"] = [words for name, words in _POINTING.items() if name in left_out] + [
        f"it is shared with project {project}, which does not exist any more"
        for project in sorted(set(members) - projects)
    ]
    return Resource(
        kind=ResourceKind.IMAGE,
        id=str(row["id"]),
        name=_name(row),
        fields=fields,
        notes=notes,
        version=str(row.get("updated_at") or ""),
        size_bytes=int(row.get("size") or 0),
        owner=str(row.get("owner") or ""),
    )


def _is_left_out(name: str) -> bool:
    return (
        name in _FOREIGN
        or name in _POINTING
        or name.startswith(("os_glance_", _SIGNATURE, "cinder_encryption_key_"))
    )


def _patch(there: Mapping[str, Any], given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What brings an image to these values; properties and tags beyond them stay, as the destination's Glance may add its own."""
    wanted = {name: given[name] for name in _SETTABLE if name in given}
    if (
        there["status"] == "queued"
    ):  # Glance takes formats only while there are no data (glance/domain/__init__.py)
        wanted |= {name: given[name] for name in _FORMATS if given.get(name)}
    if given.get("protected") is False:
        wanted["protected"] = False
    if given.get("tags"):
        wanted["tags"] = sorted({*(there.get("tags") or ()), *given["tags"]})
    wanted |= {f"{name}_id": given[name] for name in ("kernel", "ramdisk") if given.get(name)}
    wanted |= given.get("properties", {})
    now = {**there, "tags": sorted(there.get("tags") or ())}
    return [
        _op("replace" if name in there else "add", name, value)
        for name, value in sorted(wanted.items())
        if now.get(name) != value
    ]


def _op(op: str, name: str, value: Any) -> dict[str, Any]:
    pointer = name.replace("~", "~0").replace("/", "~1")
    return {"op": op, "path": f"/{pointer}", "value": value}


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("name") or "")
