"""Glance and Cinder in memory behind the calls of Transport, with what the real ones insist on; used by the tests of images' and volumes' drivers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pumphouse.domain.errors import CloudRefusedError, CredentialsError, NotFoundError
from pumphouse.drivers.openstack.endpoints import Endpoint
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.reach import Reach
from tests.fakes.clock import FakeClock

NAMESPACES = ("os_glance_",)
TENANT = "os-vol-tenant-attr:tenant_id"
SNAPSHOT_OWNER = "os-extended-snapshot-attributes:project_id"


class StorageCloud:
    """`inside` is the project of the token."""

    def __init__(self, environment: str = "new", inside: str = "ours") -> None:
        self.environment = environment
        self.inside = inside
        self.images: dict[str, dict[str, Any]] = {}
        self.members: dict[str, dict[str, str]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.snapshots: dict[str, dict[str, Any]] = {}
        self.types: list[dict[str, Any]] = []
        self.writes: list[tuple[str, str, Any]] = []
        self.reads: list[str] = []
        self.gone: set[str] = set()
        self.fate = "available"
        self.version = "3.71"
        self.ids = itertools.count(1)

    def reach(self) -> Reach:
        return Reach(self, FakeClock(), self.of)  # type: ignore[arg-type]  # as much of a Transport as these drivers need

    def of(self, project: str) -> "StorageCloud":
        other = StorageCloud(self.environment, project)
        other.__dict__ |= {**self.__dict__, "inside": project}
        return other

    def endpoint(self, service: str) -> Endpoint:
        return Endpoint(service, "http://x", "3.0", self.version)

    def gather(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        return [call() for call in calls]

    def get(self, service: str, path: str, *, params: Any = None, microversion: str = "") -> Any:
        del service, params, microversion
        self.reads.append(path)
        _, kind, thing, *rest = path.split("/")
        if kind == "projects":
            return {"project": {"id": thing}} if thing not in self.gone else self._known({}, kind, thing)
        if kind == "images":
            image = self._known(self.images, kind, thing)
            if rest == ["members"]:
                pairs = self.members.get(thing, {}).items()
                return {"members": [{"member_id": project, "status": status} for project, status in pairs]}
            return dict(image)
        known = self.volumes if kind == "volumes" else self.snapshots
        row = self._known(known, kind, thing)
        if str(row["status"]).endswith("ing"):
            row["status"] = self.fate
        return {kind[:-1]: dict(row)}

    def rows(
        self, service: str, path: str, key: str, *, params: Mapping[str, Any], microversion: str = ""
    ) -> list[Any]:
        del service, microversion
        self.reads.append(path)
        if key == "volume_types":
            return self.types
        if key == "volumes":
            return [dict(row) for row in self.volumes.values() if row[TENANT] == params["project_id"]]
        if key == "snapshots":
            return [
                dict(row) for row in self.snapshots.values() if row[SNAPSHOT_OWNER] == params["project_id"]
            ]
        found = [r for r in self.images.values() if r["os_hidden"] == (params["os_hidden"] == "true")]
        if "id" in params:
            found = [row for row in found if row["id"] in params["id"].removeprefix("in:").split(",")]
        if params.get("visibility", "all") != "all":
            found = [row for row in found if row["visibility"] == params["visibility"]]
        elif "visibility" not in params:  # Glance shows community images only to those who ask for them
            found = [row for row in found if row["visibility"] != "community"]
        return [dict(row) for row in found if row.get("owner") == params.get("owner", row.get("owner"))]

    def write(
        self, service: str, method: str, path: str, *, json: Any = None, microversion: str = "", content_type: str = ""
    ) -> Any:  # fmt: skip
        del microversion
        self.writes.append((method, path, json))
        _, kind, *rest = path.split("/")
        if service == "image":
            assert method != "PATCH" or content_type == "application/openstack-images-v2.1-json-patch"
            return self._image(method, rest, json)
        if not rest:
            return self._made(kind, json)
        known = self.volumes if kind == "volumes" else self.snapshots
        row = self._known(known, kind, rest[0])
        if rest[1:] == ["action"]:
            return self._act(row, *next(iter(json.items())))
        row.update(json if rest[1:] == ["metadata"] else json[kind[:-1]])
        return None

    def delete(self, service: str, path: str, *, microversion: str = "") -> bool:
        del microversion
        self.writes.append(("DELETE", path, None))
        _, kind, thing, *rest = path.split("/")
        if rest:
            return self.members[thing].pop(rest[1], None) is not None
        known = {"images": self.images, "volumes": self.volumes, "snapshots": self.snapshots}[kind]
        row = known.get(thing)
        if row is None:
            return False
        if row.get("protected"):
            raise CredentialsError("403: the image is protected")
        if row.get("status") == "in-use":
            raise BusyError("409: in use") if service == "image" else CloudRefusedError("400: in use")
        del known[thing]
        return True

    def _image(self, method: str, rest: Sequence[str], body: Any) -> Any:
        if method == "POST" and not rest:
            assert not [name for name in body if name.startswith(NAMESPACES)], "Glance answers 403"
            row = {"id": f"image-{next(self.ids)}", "status": "queued", "owner": self.inside, "size": None}
            row |= {"disk_format": None, "container_format": None, **body}
            self.images[row["id"]] = row
            return dict(row)
        if method == "PATCH":
            for op in body:
                name = op["path"][1:].replace("~1", "/").replace("~0", "~")
                assert (op["op"] == "replace") is (name in self.images[rest[0]]), op
                self.images[rest[0]][name] = op["value"]
            return None
        members = self.members.setdefault(rest[0], {})
        assert self.images[rest[0]]["visibility"] == "shared", "Glance answers 403"
        members[body["member"] if method == "POST" else rest[2]] = body.get("status", "pending")
        return None

    def _made(self, kind: str, body: Any) -> Any:
        one = kind[:-1]
        row = {"id": f"{one}-{next(self.ids)}", "status": "creating", **body[one]}
        if kind == "volumes":
            row |= {TENANT: self.inside, "bootable": "false", "attachments": [], "encrypted": False}
            row["volume_type_id"] = row.pop("volume_type", None)
            self.volumes[row["id"]] = row
        else:
            row |= {SNAPSHOT_OWNER: self.inside, "size": self.volumes[row["volume_id"]]["size"]}
            self.snapshots[row["id"]] = row
        return {one: dict(row)}

    def _act(self, row: dict[str, Any], action: str, what: Any) -> None:
        if action == "os-set_image_metadata":
            row["volume_image_metadata"] = {**row.get("volume_image_metadata", {}), **what["metadata"]}
        elif action == "os-set_bootable":
            row["bootable"] = str(what["bootable"]).lower()
        elif action == "os-update_readonly_flag":
            row["metadata"] = {**row["metadata"], "readonly": str(what["readonly"])}
        else:
            raise AssertionError(action)

    def _known(self, known: dict[str, dict[str, Any]], kind: str, thing: str) -> dict[str, Any]:
        if thing not in known:
            raise NotFoundError(kind, thing)
        return known[thing]
