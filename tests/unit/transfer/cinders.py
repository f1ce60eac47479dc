"""A cloud in memory as the volume engines see it: Cinder's volumes and attachments, Glance's images, Nova's servers. Volumes are files of the test."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, NotFoundError
from pumphouse.drivers.transfer.connectors import Connectors, UnfitError

GIB = 1 << 30


class Speaks:
    def __init__(self, highest: str) -> None:
        self._highest = highest

    def has(self, wanted: str) -> bool:
        return tuple(map(int, wanted.split("."))) <= tuple(map(int, self._highest.split(".")))


class MemoryCloud:
    """`before`, if set, is called with (method, path, body) before each write and may raise."""

    def __init__(self, name: str, directory: Path, *, cinder: str = "3.71", nova: str = "2.95") -> None:
        self.environment = name
        self._directory = directory
        self._speaks = {"block-storage": Speaks(cinder), "compute": Speaks(nova), "image": Speaks("0.0")}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.data: dict[str, bytes] = {}
        self.attachments: dict[str, dict[str, Any]] = {}
        self.servers: dict[str, str] = {}
        self.snapshots: list[dict[str, Any]] = []
        self.formats: dict[str, str] = {}
        self.writes: list[tuple[str, str, Any]] = []
        self.before: Callable[[str, str, Any], None] = lambda *_: None
        self.slow = False
        """images of volumes never get ready"""
        self._made = 0

    def volume(self, id: str, data: bytes = b"", *, size: int = 1 << 20, **more: Any) -> Path:
        path = self._directory / f"{self.environment}-{id}"
        path.write_bytes(data)
        with path.open("r+b") as file:
            file.truncate(size)
        row = {
            "id": id,
            "status": "available",
            "size": 1,
            "attachments": [],
            "bootable": "false",
            "metadata": {},
        }
        self.volumes[id] = {**row, "volume_image_metadata": {}, "encrypted": False, **more}
        return path

    def attach(self, volume: str, server: str) -> None:
        """As Nova has done it."""
        self._attached({"volume_uuid": volume, "instance_uuid": server})

    def path(self, id: str) -> Path:
        return self._directory / f"{self.environment}-{id}"

    # -- what the engines call

    def endpoint(self, service: str) -> Speaks:
        return self._speaks[service]

    def project_id(self) -> str:
        return "ours"

    def get(self, service: str, path: str, *, params: Any = None, microversion: str = "") -> Any:
        del params, microversion
        _, kind, thing, *rest = path.split("/")
        if kind == "servers":
            if rest:
                rows = [a for a in self.attachments.values() if a["instance"] == thing and a["nova"]]
                return {
                    "volumeAttachments": [
                        {"attachment_id": a["id"], "volumeId": a["volume_id"]} for a in rows
                    ]
                }
            return {"server": {"id": thing, "status": self.servers[thing]}}
        known = self.volumes if service == "block-storage" else self.images
        if thing not in known:
            raise NotFoundError(kind, thing)
        row = deepcopy(known[thing])
        return {"volume": row} if service == "block-storage" else row

    def rows(self, service: str, path: str, key: str, *, params: Any = None, microversion: str = "") -> Any:
        del service, path, microversion
        if key == "attachments":
            return [dict(a) for a in self.attachments.values() if a["volume_id"] == params["volume_id"]]
        if key == "snapshots":
            return [s for s in self.snapshots if s["volume_id"] == params["volume_id"]]
        return [dict(i) for i in self.images.values() if i["name"] == params["name"]]

    def write(
        self, service: str, method: str, path: str, *, json: Any = None, data: Any = None, microversion: str = "",
        content_type: str = "",
    ) -> Any:  # fmt: skip
        del data, microversion, content_type
        self.writes.append((method, path, json))
        self.before(method, path, json)
        if path == "/attachments":
            return {"attachment": self._attached(json["attachment"], nova=False)}
        if service == "image":
            return self._image(json)
        return self._act(path.split("/")[2], *next(iter(json.items())))

    def delete(self, service: str, path: str, *, microversion: str = "") -> bool:
        del service, microversion
        self.writes.append(("DELETE", path, None))
        self.before("DELETE", path, None)
        _, kind, thing = path.split("/")
        if kind == "images":
            self.data.pop(thing, None)
            return self.images.pop(thing, None) is not None
        gone = self.attachments.pop(thing)
        volume = self.volumes[gone["volume_id"]]
        left = [a for a in self.attachments.values() if a["volume_id"] == volume["id"]]
        volume["status"] = "in-use" if left else "available"
        volume["attachments"] = [a for a in volume["attachments"] if a["attachment_id"] != thing]
        return True

    def download(self, service: str, path: str) -> Iterator[bytes]:
        del service
        data = self.data[path.split("/")[2]]
        for at in range(0, len(data), 1 << 16):
            yield data[at : at + (1 << 16)]

    def upload(self, service: str, path: str, pieces: Iterator[bytes], *, size: int | None = None) -> None:
        del service, size
        self._fill(path.split("/")[2], b"".join(pieces))

    # -- inside

    def _attached(self, what: Mapping[str, Any], *, nova: bool = True) -> dict[str, Any]:
        volume = self.volumes[what["volume_uuid"]]
        same = any(
            a["instance"] == what["instance_uuid"]
            for a in self.attachments.values()
            if a["volume_id"] == volume["id"]
        )
        if volume["status"] != "available" and not same:
            raise CloudRefusedError(
                f"volume {volume['id']} status must be available, but is {volume['status']}"
            )
        self._made += 1
        id = f"attachment-{self.environment}-{self._made}"  # noqa: A001
        info = {
            "driver_volume_type": "nfs",
            "name": str(self.path(volume["id"])),
            "format": self.formats.get(volume["id"], "raw"),
        }
        row = {
            "id": id,
            "volume_id": volume["id"],
            "instance": what["instance_uuid"],
            "nova": nova,
            "connection_info": info,
        }
        self.attachments[id] = {**row, "mode": what.get("mode", "")}
        volume["status"] = "in-use"
        volume["attachments"] = [
            *volume["attachments"],
            {"attachment_id": id, "server_id": what["instance_uuid"]},
        ]
        return dict(self.attachments[id])  # fmt: skip

    def _image(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self._made += 1
        id = f"image-{self.environment}-{self._made}"  # noqa: A001
        self.images[id] = {"id": id, "status": "queued", "owner": "ours", "protected": False, **body}
        return dict(self.images[id])

    def _fill(self, id: str, data: bytes) -> None:
        self.data[id] = data
        digest = hashlib.sha512(data).hexdigest()
        self.images[id] |= {
            "status": "active",
            "size": len(data),
            "os_hash_algo": "sha512",
            "os_hash_value": digest,
        }

    def _act(self, id: str, action: str, what: Any) -> Any:
        if id.startswith("attachment"):
            return None
        volume = self.volumes[id]
        if action == "os-volume_upload_image":
            if volume["status"] != "available" and not what["force"]:
                raise CloudRefusedError("volume status must be available")
            made = self._image({"name": what["image_name"]})
            if not self.slow:
                self._fill(made["id"], self.path(id).read_bytes())
            return {action: {"image_id": made["id"]}}
        if action == "os-reimage":
            self.path(id).write_bytes(self.data[what["image_id"]])
            volume |= {"bootable": "true", "volume_image_metadata": {"image_id": what["image_id"]}}
        return self._describe(volume, action, what)

    def _describe(self, volume: dict[str, Any], action: str, what: Any) -> None:
        if action == "os-unset_image_metadata":
            del volume["volume_image_metadata"][what["key"]]
        if action == "os-set_image_metadata":
            volume["volume_image_metadata"] = {**volume["volume_image_metadata"], **what["metadata"]}
        if action == "os-set_bootable":
            volume["bootable"] = str(what["bootable"]).lower()
        if action == "os-update_readonly_flag":
            volume["metadata"] = {**volume["metadata"], "readonly": str(what["readonly"])}


class FileConnectors(Connectors):
    """Attaches nothing: the volume's file is there already."""

    def __init__(self) -> None:
        self.hindered = ""
        self.connected: list[str] = []

    @override
    def hindrance(self) -> str:
        return self.hindered

    @override
    def properties(self) -> Mapping[str, Any]:
        return {"host": "mover"}

    @override
    def connect(self, info: Mapping[str, Any]) -> Mapping[str, Any]:
        if info["format"] == "odd":
            raise UnfitError("os-brick cannot attach it")
        self.connected.append(info["name"])
        return {"path": info["name"]}

    @override
    def disconnect(self, info: Mapping[str, Any], device: Mapping[str, Any]) -> None:
        self.connected.remove(info["name"])


def dies(*_: object) -> None:
    raise CloudFaultError("the cloud has gone")
