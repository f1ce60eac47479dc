"""Temporary images that carry the root disk of a server from one cloud to the other: made, found and removed for server.py.

They belong to the project of our own user, not to the tenant: Nova makes a snapshot in the project of the token that asks (nova/image/glance.py, create), and
so neither the tenant's list of images nor its quota shows them.
"""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import ResourceKind, ref
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.cutover import ImageNow

_SHELVED: Final = "-shelved"
"""What Nova adds to a server's name for the image of a shelved one (nova/compute/api.py, shelve)."""
_OF_GLANCE: Final = frozenset({
    "id", "name", "status", "visibility", "protected", "checksum", "owner", "size", "virtual_size", "created_at", "updated_at", "tags", "self", "file",
    "schema", "locations", "direct_url", "os_hash_algo", "os_hash_value", "os_hidden", "min_disk", "min_ram", "disk_format", "container_format", "stores",
})  # fmt: skip
_OF_NOVA: Final = frozenset({
    "instance_uuid", "instance_owner", "user_id", "image_type", "image_state", "image_location", "base_image_ref", "boot_roles", "owner_id", "owner_user_name",
    "owner_project_name", "block_device_mapping", "bdm_v2", "mappings", "root_device_name", "clean_attempts",
})  # fmt: skip
"""What Nova notes on a snapshot about the server that it comes from."""
_NOT_CARRIED: Final = ("os_glance_", "owner_specified.", "img_signature")
_IDS: Final = frozenset({"kernel_id", "ramdisk_id"})


class ServerImages:
    """Images of one cloud."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def shelved(self, server_id: str) -> str:
        """The image of a shelved server, the newest if there are several; "" without."""
        rows = self._http.rows("image", "/images", "images", params={"instance_uuid": server_id})
        found = [row for row in rows if row["status"] == "active" and str(row["name"]).endswith(_SHELVED)]
        return str(max(found, key=lambda row: str(row["created_at"]))["id"]) if found else ""

    def one(self, id: str) -> ImageNow | None:
        """As it is now; None when it is gone."""
        try:
            return _now(self._http.get("image", f"/images/{id}"))
        except NotFoundError:
            return None

    def named(self, name: str) -> list[ImageNow]:
        """Those of our own project."""
        params = {"name": name, "owner": self._http.project_id()}
        return [_now(row) for row in self._http.rows("image", "/images", "images", params=params)]

    def properties(self, id: str) -> dict[str, Any]:
        """What another image needs to be booted from like this one; kernel and ramdisk are references."""
        row = self._http.get("image", f"/images/{id}")
        kept = {
            name: value
            for name, value in row.items()
            if name not in _OF_GLANCE | _OF_NOVA and not name.startswith(_NOT_CARRIED) and value is not None
        }
        return {
            **{name: ref(ResourceKind.IMAGE, str(value)) if name in _IDS else value for name, value in kept.items() if value or name not in _IDS},
            "disk_format": row["disk_format"] or "raw",
            "container_format": row["container_format"] or "bare",
            "min_disk": int(row.get("min_disk") or 0),
            "min_ram": int(row.get("min_ram") or 0),
        }  # fmt: skip

    def make(self, name: str, properties: Mapping[str, Any]) -> str:
        """A private one without data."""
        body = {**properties, "name": name, "visibility": "private"}
        return str(self._http.write("image", "POST", "/images", json=body)["id"])

    def drop(self, id: str) -> None:
        """Delete it; one that is gone is fine."""
        self._http.delete("image", f"/images/{id}")


def _now(row: Mapping[str, Any]) -> ImageNow:
    return ImageNow(str(row["id"]), str(row.get("name") or ""), str(row["status"]), int(row.get("size") or 0))
