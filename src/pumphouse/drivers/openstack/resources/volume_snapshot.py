"""Snapshots of volumes: read and removed; made too, but not by a migration (see kinds/volume_snapshot.py).

Fields: `description`: text; `volume`: ref volume; `size_gib`: number; `metadata`: name -> text.
Notes: `status`, `created_at`, `progress`, `user_id`, `group_snapshot`.

What a snapshot holds can be read (a temporary volume is made from it at the source), but not written: Cinder's API only takes a snapshot of what a volume holds now. To
rebuild one, its data would have to be in the destination's volume before the volume's own, one snapshot after the other, in place. File backends (NFS) then go on in
qcow2 overlays that no other machine can write, and `os-reimage` would write under them.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, ConflictError, NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind, plain, ref
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.several import several
from pumphouse.drivers.openstack.resources.waiting import until
from pumphouse.ports.resources import KindDriver

_VERSION: Final = "3.66"
"""From here on a volume in use may be snapshotted, and `force` is refused."""
_CREATE_S, _DELETE_S = 300.0, 600.0


class VolumeSnapshots(KindDriver):
    """Snapshots of one Cinder."""

    kind = ResourceKind.VOLUME_SNAPSHOT

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._http = reach.http

    @override
    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        rows = self._http.rows(
            "block-storage",
            "/snapshots/detail",
            "snapshots",
            params={"all_tenants": "1", "project_id": tenant_id},
            microversion=_VERSION,
        )
        return [_resource(row) for row in rows if row[_OWNER] == tenant_id]

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        """Cinder's list knows no filter by several ids."""
        return several(ids, self._one, self.of_tenant, self._http.gather)

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self.of_tenant(tenant_id) if tenant_id else []

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        given = plain(fields)
        body = {
            "volume_id": given["volume"],
            "name": name,
            "description": given["description"],
            "metadata": given["metadata"],
        }
        inside = self._reach.inside(tenant_id)
        if not inside.endpoint("block-storage").has(_VERSION):
            body["force"] = True
        try:
            answer = inside.write(
                "block-storage", "POST", "/snapshots", json={"snapshot": body}, microversion=_VERSION
            )
        except BusyError as error:
            raise ConflictError(error.message) from error
        made = str(answer["snapshot"]["id"])
        until(self._reach.clock, f"snapshot {made} to be available", partial(self._ready, made), _CREATE_S)
        return made

    @override
    def update(self, id: str, fields: Mapping[str, Any]) -> None:
        given = plain(fields)
        simple = {name: given[name] for name in ("name", "description") if name in given}
        if simple:
            self._put(f"/snapshots/{id}", {"snapshot": simple})
        if "metadata" in given:
            self._put(f"/snapshots/{id}/metadata", {"metadata": given["metadata"]})

    @override
    def delete(self, id: str) -> None:
        try:
            self._http.delete("block-storage", f"/snapshots/{id}", microversion=_VERSION)
        except (BusyError, CloudRefusedError) as error:
            raise ConflictError(error.message, hint="delete what was made from the snapshot first") from error
        until(self._reach.clock, f"snapshot {id} to be gone", partial(self._gone, id), _DELETE_S)

    def _put(self, path: str, body: Mapping[str, Any]) -> None:
        self._http.write("block-storage", "PUT", path, json=body, microversion=_VERSION)

    def _row(self, id: str) -> Mapping[str, Any] | None:
        try:
            row: Mapping[str, Any] = self._http.get(
                "block-storage", f"/snapshots/{id}", microversion=_VERSION
            )["snapshot"]
        except NotFoundError:
            return None
        return row

    def _one(self, id: str) -> Resource | None:
        row = self._row(id)
        return None if row is None else _resource(row)

    def _ready(self, id: str) -> bool | None:
        row = self._row(id)
        if row is None or str(row["status"]).startswith("error"):
            self._http.delete("block-storage", f"/snapshots/{id}", microversion=_VERSION)
            raise CloudRefusedError(
                f"cinder of {self._http.environment} could not make snapshot {id}; it was deleted again",
                hint="its backend's log says why",
            )
        return True if row["status"] == "available" else None

    def _gone(self, id: str) -> bool | None:
        row = self._row(id)
        if row is None:
            return True
        if row["status"] == "error_deleting":
            raise CloudRefusedError(
                f"cinder of {self._http.environment} could not delete snapshot {id}",
                hint="its backend's log says why; then reset its state and retry",
            )
        return None


_OWNER: Final = "os-extended-snapshot-attributes:project_id"


def _resource(row: Mapping[str, Any]) -> Resource:
    fields = {
        "description": str(row.get("description") or ""),
        "volume": ref(ResourceKind.VOLUME, str(row["volume_id"])),
        "size_gib": int(row["size"]),
        "metadata": dict(sorted((row.get("metadata") or {}).items())),
    }
    notes = {
        "status": str(row["status"]),
        "progress": str(row.get("os-extended-snapshot-attributes:progress") or ""),
        "group_snapshot": str(row.get("group_snapshot_id") or ""),
        **{name: row.get(name) for name in ("created_at", "user_id")},
    }
    return Resource(
        kind=ResourceKind.VOLUME_SNAPSHOT,
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        fields=fields,
        notes=notes,
        version=str(row.get("updated_at") or row.get("created_at") or ""),
        owner=str(row.get(_OWNER) or ""),
    )
