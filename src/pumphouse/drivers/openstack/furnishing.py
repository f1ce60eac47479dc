"""`ports.settings.Furnisher` on a real OpenStack cloud: contents that belong to the cloud are read, made and removed. Opened by drivers/entries.py.

What can be said in one row is made by the forms of furnishing_forms.py; images are more than a row and stand here.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.furnishing_forms import FORMS
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.settings import OpenStackSettings
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock
from pumphouse.ports.settings import Furnisher

MARK: Final = "pumphouse-furnished"
"""A tag on images that we have made: only those are completed, and only those are cleared."""
_PATCH: Final = "application/openstack-images-v2.1-json-patch"
_NOT_CARRIED: Final = frozenset(
    {"owner_specified.openstack.md5", "owner_specified.openstack.sha256", "stores"}
)


class OpenStackFurnisher(Furnisher):
    """One cloud. Nothing is asked of it before the first call."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._http = Transport(environment, settings, clock, identity)
        self._reader = OpenStackSettings(environment, settings, clock, identity)

    def close(self) -> None:
        """Give back threads and connections."""
        self._http.close()
        self._reader.close()

    @override
    def contents(self, kind: str) -> Sequence[Mapping[str, Any]]:
        if kind == "implied_role":
            return [
                {"name": f"{row['name']} -> {implied}", "prior": row["name"], "implied": implied}
                for row in self.contents("role")
                for implied in row["implies"]
            ]
        rows = self._reader.contents(kind)
        if kind == "role":
            # a role of a domain is named together with it, and belongs to who owns the domain
            return [row for row in rows if not row.get("domain")]
        if kind == "image":
            return [
                {
                    **row,
                    "tags": [tag for tag in row["tags"] if tag != MARK],
                    "properties": {k: v for k, v in row["properties"].items() if k not in _NOT_CARRIED},
                }
                for row in rows
            ]
        return rows

    @override
    def furnish(self, kind: str, row: Mapping[str, Any]) -> str:
        if kind == "image":
            return self._image_record(row)
        return FORMS[kind].make(self._http, row)

    @override
    def content(self, kind: str, name: str) -> Iterator[bytes]:
        rows = [r for r in self._images(name) if r["status"] == "active" and r["visibility"] == "public"]
        if kind != "image" or not rows:
            raise NotFoundError(kind, name)
        return self._http.download("image", f"/images/{rows[0]['id']}/file")

    @override
    def copy_from(self, source: Furnisher, kind: str, row: Mapping[str, Any]) -> None:
        if kind != "image":
            return
        image_id, name = self._image_record(row), str(row["name"])
        image = self._http.get("image", f"/images/{image_id}")
        if image["status"] == "queued":
            digest = hashlib.new(row["hash_algorithm"] or "sha512")
            self._http.upload(
                "image", f"/images/{image_id}/file", _hashed(source.content(kind, name), digest)
            )
            image = self._http.get("image", f"/images/{image_id}")
            if row["hash"] and digest.hexdigest() != row["hash"]:
                self._refuse(image_id, name, "was damaged on its way to us")
        if image["status"] != "active":
            self._refuse(image_id, name, f"is {image['status']} after its upload")
        if _differs(image, row):
            self._refuse(image_id, name, "has another checksum than the original's")
        if image["visibility"] != "public":
            self._change(
                image_id, {"visibility": "public", **({"protected": True} if row["protected"] else {})}
            )

    @override
    def clear(self, kind: str, name: str) -> None:
        if kind != "image":
            FORMS[kind].clear(self._http, name)
            return
        for row in self._images(name):
            if MARK in row["tags"]:
                self._drop(row)

    @override
    def tenant_things(self) -> Mapping[str, Sequence[str]]:
        everybodys = {"all_tenants": "1"}
        servers = self._http.rows("compute", "/servers", "servers", params=everybodys, microversion="2.1")
        networks = self._http.rows(
            "network", "/networks", "networks", params={"router:external": "false", "fields": ["id", "name"]}
        )
        found = {"servers": servers, "networks": networks}
        if self._http.offers("block-storage"):
            found["volumes"] = self._http.rows("block-storage", "/volumes", "volumes", params=everybodys)
        if self._http.offers("image"):
            images = self._http.rows("image", "/images", "images")
            found["images"] = [r for r in images if r["visibility"] != "public" and MARK not in r["tags"]]
        return {kind: [str(r.get("name") or r["id"]) for r in rows] for kind, rows in found.items() if rows}

    def _image_record(self, row: Mapping[str, Any]) -> str:
        """The id of the image of that name; one that is queued, or our own half of an upload made anew."""
        for there in self._images(str(row["name"])):
            if there["visibility"] == "public" and there["status"] == "active":
                if _differs(there, row):
                    raise ConflictError(
                        f"{self.environment} has another public image {row['name']}",
                        hint="rename one of the two",
                    )
                return str(there["id"])
            if MARK in there["tags"]:
                if there["status"] in ("queued", "active"):
                    return str(there["id"])
                self._drop(there)
        made = self._http.write("image", "POST", "/images", json=_new_image(row))
        return str(made["id"])

    def _images(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for hidden in ("false", "true"):
            rows = self._http.rows(
                "image",
                "/images",
                "images",
                # `in:"..."` lets a name hold a comma; a quote in it is escaped
                params={"name": f'in:"{name.replace(chr(34), chr(92) + chr(34))}"', "os_hidden": hidden},
            )
            found += [row for row in rows if row["name"] == name]
        return found

    def _refuse(self, id: str, name: str, why: str) -> None:
        self._drop(self._http.get("image", f"/images/{id}"))
        raise ConflictError(
            f"the copy of image {name} in {self.environment} {why}; it was not kept", hint="retry"
        )

    def _drop(self, row: Mapping[str, Any]) -> None:
        if row.get("protected"):
            self._change(str(row["id"]), {"protected": False})
        self._http.delete("image", f"/images/{row['id']}")

    def _change(self, id: str, values: Mapping[str, Any]) -> None:
        patch = [{"op": "replace", "path": f"/{name}", "value": value} for name, value in values.items()]
        self._http.write("image", "PATCH", f"/images/{id}", json=patch, content_type=_PATCH)


def _new_image(row: Mapping[str, Any]) -> dict[str, Any]:
    """Private and unprotected until its bytes have arrived."""
    return {
        **row["properties"],
        "name": row["name"],
        "disk_format": row["disk_format"],
        "container_format": row["container_format"],
        "min_disk": row["min_disk_gib"],
        "min_ram": row["min_ram_mib"],
        "os_hidden": row["hidden"],
        "tags": [*row["tags"], MARK],
        "visibility": "private",
    }


def _differs(image: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    if image.get("os_hash_algo") == row["hash_algorithm"] and row["hash"]:
        return bool(image.get("os_hash_value") != row["hash"])
    return bool(image.get("size") != row["size_bytes"])


def _hashed(pieces: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece
