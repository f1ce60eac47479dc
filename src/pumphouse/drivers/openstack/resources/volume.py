"""Volumes. `create` makes an empty one; its data are brought by drivers/transfer.

Fields:

* `description`: text. `size_gib`: number. `volume_type`: ref volume_type or None. `zone`: ref zone `volume/NAME` or None.
* `metadata`: name -> text. `image_metadata`: name -> text, what Cinder keeps of the image it was made from, without the names below.
* `bootable`, `read_only`: true or false. `read_only` is set by `update` only: nothing could be written before.

Not copied: `multiattach` and encryption belong to the type; `image_id`, `kernel_id`, `ramdisk_id`, keys and signatures in image metadata hold ids of the source; replication,
groups and what it was made from (`snapshot_id`, `source_volid`) are history or the operator's.

Notes: `status`, `multiattach`, `encrypted`, `host`, `created_at`, `image_id`, `group`, `snapshot_id`, `source_volid`, `user_id`, and `attachments`: list of `{"server": id,
"device": path, "attachment_id": id, "host": name}` sorted by server and device. Attaching belongs to the server that has the volume (server.py).

Cinder makes volumes only in the project of the token, so that is done from inside the tenant. `metadata` of an administrator's listing has `readonly` and
`attached_mode` mixed in (cinder/api/api_utils.py, `add_visible_admin_metadata`): taken out again.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref, ref_or_none
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.several import several
from pumphouse.drivers.openstack.resources.versions import digest
from pumphouse.drivers.openstack.resources.waiting import until
from pumphouse.ports.resources import KindDriver

VERSION: Final = "3.63"
"""Answers have `volume_type_id` from here on; bodies are checked strictly from 3.53 on."""
_ADMINS: Final = frozenset({"readonly", "attached_mode"})
_FOREIGN: Final = frozenset({"image_id", "kernel_id", "ramdisk_id", "signature_verified"})
_FOREIGN_BEGINNINGS: Final = ("cinder_encryption_key_", "img_signature", "os_glance_")
_GIB: Final = 1 << 30
_CREATE_S, _DELETE_S = 300.0, 600.0
"""Drivers that write zeros take long to delete; an empty volume is made at once almost everywhere."""


class Volumes(KindDriver):
    """Volumes of one Cinder."""

    kind = ResourceKind.VOLUME

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        rows = self._http.rows(
            "block-storage",
            "/volumes/detail",
            "volumes",
            params={"all_tenants": "1", "project_id": tenant_id},
            microversion=VERSION,
        )
        types = self._types(rows)
        return [_resource(row, types) for row in rows if row["os-vol-tenant-attr:tenant_id"] == tenant_id]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """Cinder's list knows no filter by several ids."""
        return several(ids, self._one, self.of_tenant, self._http.gather)

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id) if tenant_id else []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        return self._create(tenant_id, name, fields, {})

    def create_from_image(self, tenant_id: str, name: str, fields: Mapping[str, Any], image_id: str) -> str:
        """As `create`, but Cinder fills it from an image of its own cloud, for a Cinder that cannot do that later (`os-reimage`, 3.68)."""
        return self._create(tenant_id, name, fields, {"imageRef": image_id})

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        given = plain(fields)
        row = self._row(id)
        if row is None:
            raise NotFoundError("volume", id)
        there = plain(_resource(row, self._types([row])).fields)
        changed = {name: value for name, value in given.items() if there.get(name) != value}
        simple = {name: changed[name] for name in ("name", "description") if name in changed}
        if simple:
            self._put(f"/volumes/{id}", {"volume": simple})
        if "metadata" in changed:
            self._put(f"/volumes/{id}/metadata", {"metadata": given["metadata"]})
        self._finish(id, changed)
        if "read_only" in changed:
            self._act(id, "os-update_readonly_flag", {"readonly": given["read_only"]})

    @override
    def delete(self, id: str) -> None:
        try:
            self._http.delete("block-storage", f"/volumes/{id}", microversion=VERSION)
        except (BusyError, CloudRefusedError) as error:
            # Cinder says 400 for attached volumes and for those with snapshots (cinder/volume/api.py, `delete`)
            raise ConflictError(
                error.message, hint="detach it and delete its snapshots, then retry"
            ) from error
        until(self._reach.clock, f"volume {id} to be gone", partial(self._gone, id), _DELETE_S)

    def _create(self, tenant_id: str, name: str, fields: Mapping[str, Any], origin: Mapping[str, str]) -> str:
        given = plain(fields)
        body = {
            "name": name,
            "description": given["description"],
            "size": given["size_gib"],
            "metadata": given["metadata"],
            **origin,
        }
        if given["volume_type"]:
            body["volume_type"] = given["volume_type"]
        if given["zone"]:
            body["availability_zone"] = given["zone"].partition("/")[2]
        inside = self._reach.inside(tenant_id)
        try:
            answer = inside.write(
                "block-storage", "POST", "/volumes", json={"volume": body}, microversion=VERSION
            )
        except BusyError as error:
            raise ConflictError(error.message) from error
        id = str(answer["volume"]["id"])  # noqa: A001  # what the API calls it
        until(self._reach.clock, f"volume {id} to be available", partial(self._ready, id), _CREATE_S)
        self._finish(id, given)
        return id

    def _finish(self, id: str, given: Mapping[str, Any]) -> None:
        """What Cinder takes only of a volume that is there."""
        if given.get("image_metadata"):
            self._act(id, "os-set_image_metadata", {"metadata": given["image_metadata"]})
        if "bootable" in given:
            self._act(id, "os-set_bootable", {"bootable": given["bootable"]})

    def _act(self, id: str, action: str, what: Mapping[str, Any]) -> None:
        path = f"/volumes/{id}/action"
        self._http.write("block-storage", "POST", path, json={action: dict(what)}, microversion=VERSION)

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        self._http.write("block-storage", "PUT", path, json=body, microversion=VERSION)

    def _row(self, id: str) -> Mapping[str, Any] | None:
        try:
            row: Mapping[str, Any] = self._http.get("block-storage", f"/volumes/{id}", microversion=VERSION)[
                "volume"
            ]
        except NotFoundError:
            return None
        return row

    def _one(self, id: str) -> Resource | None:
        row = self._row(id)
        return None if row is None else _resource(row, self._types([row]))

    def _ready(self, id: str) -> bool | None:
        row = self._row(id)
        if row is None:
            raise ConflictError(f"volume {id} went away while it was made", hint="retry")
        if str(row["status"]).startswith("error"):
            self._http.delete("block-storage", f"/volumes/{id}", microversion=VERSION)
            raise CloudRefusedError(
                f"cinder of {self._http.environment} could not make volume {row['name'] or id} ({row['status']}); it was deleted again",
                hint="is there room in a pool of its type and zone? Cinder's scheduler log says why",
            )
        return True if row["status"] == "available" else None

    def _gone(self, id: str) -> bool | None:
        row = self._row(id)
        if row is None:
            return True
        if row["status"] == "error_deleting":
            raise CloudRefusedError(
                f"cinder of {self._http.environment} could not delete volume {id}",
                hint="its backend's log says why; then reset its state and retry",
            )
        return None

    def _types(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Name -> id of volume types, asked for only when a Cinder before 3.63 leaves the ids out."""
        if all(row.get("volume_type_id") or not row.get("volume_type") for row in rows):
            return {}
        found = self._http.rows("block-storage", "/types", "volume_types", params={"is_public": "None"})
        return {str(row["name"]): str(row["id"]) for row in found}


def _resource(row: Mapping[str, Any], types: Mapping[str, str]) -> Resource:
    type_id = row.get("volume_type_id") or types.get(str(row.get("volume_type") or ""))
    zone = row.get("availability_zone")
    metadata = row.get("metadata") or {}
    image = row.get("volume_image_metadata") or {}
    fields = {
        "description": str(row.get("description") or ""),
        "size_gib": int(row["size"]),
        "volume_type": ref_or_none(ResourceKind.VOLUME_TYPE, type_id),
        "zone": ref(ResourceKind.ZONE, f"volume/{zone}") if zone else None,
        "metadata": {name: value for name, value in sorted(metadata.items()) if name not in _ADMINS},
        "image_metadata": {
            name: str(value) for name, value in sorted(image.items()) if not _is_foreign(name)
        },
        "bootable": str(row.get("bootable")).lower() == "true",
        "read_only": str(metadata.get("readonly", "")).lower() == "true",
    }
    attachments = [
        {
            "server": str(each.get("server_id") or ""),
            "device": str(each.get("device") or ""),
            "attachment_id": str(each.get("attachment_id") or ""),
            "host": str(each.get("host_name") or ""),
        }
        for each in row.get("attachments") or ()
    ]
    attachments.sort(key=lambda each: (each["server"], each["device"], each["attachment_id"]))
    notes = {
        "status": str(row["status"]),
        "multiattach": bool(row.get("multiattach")),
        "encrypted": bool(row.get("encrypted")),
        "attachments": attachments,
        "image_id": str(image.get("image_id") or ""),
        "group": str(row.get("group_id") or row.get("consistencygroup_id") or ""),
        "host": str(row.get("os-vol-host-attr:host") or ""),
        **{name: row.get(name) for name in ("created_at", "snapshot_id", "source_volid", "user_id")},
    }
    notes["remarks"] = _remarks(notes)
    servers = [[each["server"], each["device"]] for each in attachments]
    return Resource(
        kind=ResourceKind.VOLUME,
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        fields=fields,
        notes=notes,
        # `updated_at` also changes when we attach it ourselves in order to read it
        version=digest({**fields, "servers": servers}),
        size_bytes=int(row["size"]) * _GIB,
        owner=str(row.get("os-vol-tenant-attr:tenant_id") or ""),
    )  # fmt: skip


def _is_foreign(name: str) -> bool:
    return name in _FOREIGN or name.startswith(_FOREIGN_BEGINNINGS)


def _remarks(notes: Mapping[str, Any]) -> list[str]:
    found = []
    if notes["group"]:
        found.append(f"it belongs to volume group {notes['group']}; groups are not moved")
    if len(notes["attachments"]) > 1:
        found.append("several servers share it; it is copied once, when all of them are stopped")
    return found
