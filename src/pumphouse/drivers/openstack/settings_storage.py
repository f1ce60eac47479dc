"""Settings of Glance and Cinder: what is asked, and what each key of `storage.*` is told from; settings.py puts the tables together."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pumphouse.drivers.openstack.settings_answers import Ask, AskEach, NotToldError
from pumphouse.drivers.openstack.settings_table import Tell, by_name
from pumphouse.drivers.openstack.transport import Rows

_TYPES_ASKED: Final = 64
"""Encryption can only be asked per volume type; clouds have a few of them."""
_IMAGE_FIELDS: Final = frozenset({
    "id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "owner", "size", "virtual_size", "container_format", "disk_format",
    "created_at", "updated_at", "min_disk", "min_ram", "tags", "self", "file", "schema", "os_hash_algo", "os_hash_value", "direct_url", "locations",
    "stores",
})  # fmt: skip
"""What every image has; all else are its properties."""


def _encryption_asks(types: Rows) -> dict[str, Ask]:
    return {
        row["id"]: Ask("block-storage", f"/types/{quote(row['id'], safe='')}/encryption", absent={})
        for row in types[:_TYPES_ASKED]
    }


def _images(hidden: str) -> Ask:
    return Ask("image", "/images", "images", paged=True, params={"visibility": "public", "os_hidden": hidden})


ASKED: Final[Mapping[str, Ask | AskEach]] = {
    "stores": Ask("image", "/info/stores/detail", "stores"),
    "import_methods": Ask("image", "/info/import", "import-methods"),
    "image_schema": Ask("image", "/schemas/image", "properties"),
    "images": _images("false"),
    "hidden_images": _images("true"),
    "pools": Ask("block-storage", "/scheduler-stats/get_pools", "pools", params={"detail": "true"}),
    "volume_types": Ask(
        "block-storage", "/types", "volume_types", paged=True, params={"is_public": "None"}
    ),
    "default_type": Ask("block-storage", "/types/default", "volume_type"),
    "qos_specs": Ask("block-storage", "/qos-specs", "qos_specs", paged=True),
    "volume_services": Ask("block-storage", "/os-services", "services"),
    "cinder_quotas": Ask("block-storage", "/os-quota-class-sets/default", "quota_class_set"),
    "encryption": AskEach(
        ("volume_types",), _encryption_asks, Ask("block-storage", "/types/ID/encryption")
    ),
}  # fmt: skip


def _stores(rows: Rows) -> list[dict[str, str]]:
    # read-only stores (http) cannot take an image, but images may live in them: they count
    found = [{"id": row["id"], "type": str(row["type"])} for row in rows]
    return sorted(found, key=lambda row: row["id"])


def _default_store(rows: Rows) -> str:
    chosen = [str(row["id"]) for row in rows if str(row.get("default")).lower() == "true"]
    if len(chosen) != 1:
        raise NotToldError("no store is marked as the default")
    return chosen[0]


def _formats(name: str, properties: Mapping[str, Any]) -> list[str]:
    return sorted(value for value in properties[name]["enum"] if value)


def _backends(pools: Rows) -> list[dict[str, str]]:
    """A backend has several pools."""
    told = (row["capabilities"] for row in pools)
    found = {
        (str(caps["volume_backend_name"]), str(caps.get("storage_protocol") or "").lower()) for caps in told
    }
    return [{"name": name, "type": kind} for name, kind in sorted(found)]


def per_type(limits: Mapping[str, Any], types: Rows) -> dict[str, tuple[str, str]]:
    """Which of Cinder's limits are of one volume type: name -> (its kind, the type)."""
    names = {str(row["name"]) for row in types}
    kinds = ("volumes", "gigabytes", "snapshots")
    return {f"{kind}_{name}": (kind, name) for kind in kinds for name in names if f"{kind}_{name}" in limits}


def _type_quotas(limits: Mapping[str, Any], types: Rows) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for limit, (kind, name) in sorted(per_type(limits, types).items()):
        if int(limits[limit]) != -1:
            found.setdefault(name, {})[kind] = int(limits[limit])
    return found


def _volume_types(types: Rows, qos: Rows, encryption: Mapping[str, Any]) -> list[dict[str, Any]]:
    specs = {
        row["id"]: {"name": row["name"], "consumer": row.get("consumer", ""), "specs": row.get("specs") or {}}
        for row in qos
    }
    found = []
    for row in types:
        of = encryption.get(row["id"])
        found.append(
            {
                "name": row["name"],
                "public": bool(row.get("is_public")),
                "description": row.get("description") or "",
                "extra_specs": dict(row.get("extra_specs") or {}),
                "qos": specs.get(str(row.get("qos_specs_id")), {}),
                "encryption": None if of is None else _encryption(of),
            }
        )
    return by_name(found)


def _encryption(told: Mapping[str, Any]) -> dict[str, Any]:
    if not told.get("provider"):
        return {}
    return {name: told.get(name) for name in ("provider", "cipher", "key_size", "control_location")}


def _public_images(shown: Rows, hidden: Rows) -> list[dict[str, Any]]:
    return by_name([_image(row) for row in [*shown, *hidden] if row.get("status") == "active"])


def _image(row: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        name: value
        for name, value in sorted(row.items())
        if name not in _IMAGE_FIELDS and not name.startswith("os_glance_")
    }
    return {
        "name": row.get("name") or "",
        "disk_format": row.get("disk_format"),
        "container_format": row.get("container_format"),
        "min_disk_gib": row.get("min_disk") or 0,
        "min_ram_mib": row.get("min_ram") or 0,
        "size_bytes": row.get("size"),
        "protected": bool(row.get("protected")),
        "hidden": bool(row.get("os_hidden")),
        "hash_algorithm": row.get("os_hash_algo"),
        "hash": row.get("os_hash_value"),
        "tags": sorted(row.get("tags") or ()),
        "properties": properties,
    }


TOLD: Final = (
    Tell("storage.glance.stores", ("stores",), _stores),
    Tell("storage.glance.default_store", ("stores",), _default_store),
    Tell("storage.glance.import_methods", ("import_methods",), lambda told: sorted(told["value"])),
    *(
        Tell(
            f"storage.glance.{name}s", ("image_schema",), lambda properties, name=name: _formats(name, properties)
        )
        for name in ("disk_format", "container_format")
    ),
    Tell("storage.cinder.backends", ("pools",), _backends),
    Tell("storage.cinder.default_type", ("default_type",), lambda row: row["name"]),
    Tell(
        "storage.cinder.backup",
        ("volume_services",),
        lambda rows: any(row["binary"] == "cinder-backup" for row in rows),
    ),
    Tell("storage.cinder.type_quotas", ("cinder_quotas", "volume_types"), _type_quotas),
    Tell("contents.volume_types", ("volume_types", "qos_specs", "encryption"), _volume_types),
    Tell("contents.images", ("images", "hidden_images"), _public_images),
)  # fmt: skip
