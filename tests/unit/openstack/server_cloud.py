"""A simulated cloud with one tenant's servers and all that the driver of servers asks beside them; rows are as Nova, Neutron, Cinder and Glance show them."""

import json
from typing import Any

from typing_extensions import override

from tests.simulated.content import PROJECT, Content
from tests.simulated.server import Answer, Request, SimulatedCloud

TENANT, OTHER, ALICE = "a" * 32, "b" * 32, "1" * 32
BIG = {
    "vcpus": 2,
    "ram": 2048,
    "disk": 20,
    "ephemeral": 0,
    "swap": 0,
    "original_name": "big",
    "extra_specs": {},
}
Row = dict[str, Any]
_TOLD_SINCE = {"pinned_availability_zone": (2, 96), "scheduler_hints": (2, 100)}


def nova_server(id: str, name: str, **values: Any) -> Row:
    """A server's row at 2.73 and later, as an administrator sees it."""
    return {
        "id": id, "name": name, "status": "ACTIVE", "tenant_id": TENANT, "user_id": ALICE, "image": {"id": "image-1"}, "flavor": dict(BIG),
        "metadata": {}, "tags": [], "description": None, "locked": False, "locked_reason": None, "config_drive": "", "key_name": None,
        "accessIPv4": "", "accessIPv6": "", "OS-DCF:diskConfig": "MANUAL", "created": "2026-01-01T00:00:00Z", "updated": "2026-01-02T00:00:00Z",
        "OS-EXT-AZ:availability_zone": "nova", "OS-EXT-SRV-ATTR:hostname": name, "OS-EXT-SRV-ATTR:user_data": None,
        "OS-EXT-SRV-ATTR:root_device_name": "/dev/vda", "OS-EXT-SRV-ATTR:host": "node-1", "OS-EXT-STS:task_state": None,
        "os-extended-volumes:volumes_attached": [], "addresses": {}, "trusted_image_certificates": None, **values,
    }  # fmt: skip


def address(addr: str, mac: str) -> Row:
    """An entry of `addresses`."""
    return {"addr": addr, "version": 4, "OS-EXT-IPS-MAC:mac_addr": mac, "OS-EXT-IPS:type": "fixed"}


def port(id: str, server: str, mac: str, project: str = TENANT) -> Row:
    """A port of a server."""
    return {
        "id": id, "device_id": server, "device_owner": "compute:nova", "mac_address": mac, "project_id": project, "created_at": "2026",
    }  # fmt: skip


class ServerCloud(SimulatedCloud):
    """`servers`, `ports`, `volumes`, `images` and `groups` are rows; `keys` user id -> name -> keypair; `written` all writes, `later` what a server becomes when asked next."""

    def __init__(self, *, nova: str) -> None:
        super().__init__(Content(nova_maximum=nova))
        self.servers: list[Row] = []
        self.ports: list[Row] = []
        self.volumes: list[Row] = []
        self.images: list[Row] = []
        self.groups: list[Row] = []
        self.devices: dict[str, list[Row]] = {}
        self.keys: dict[str, dict[str, Row]] = {}
        self.written: list[Request] = []
        self.key_when_created: list[Any] = []

    def bodies(self, path: str, method: str = "POST") -> list[Any]:
        """Of the writes to a path."""
        return [each.body for each in self.written if (each.method, each.path) == (method, path)]

    @override
    def _read(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        reading = getattr(self, f"_read_{parts[0].replace('-', '_')}", None)
        if reading is None or not parts[0]:
            return super()._read(request)
        found = reading(request, parts)
        return (
            (404, _json({"itemNotFound": {"message": "none"}}), {})
            if found is None
            else (200, _json(found), {})
        )

    def _read_servers(self, request: Request, parts: list[str]) -> Any:
        if len(parts) == 1 or parts[1] == "detail":
            project, tag = request.query.get("project_id", [""])[0], request.query.get("tags", [""])[0]
            rows = [r for r in self.servers if r["tenant_id"] == project and tag in ("", *r["tags"])]
            return {"servers": [self._shown(request, row) for row in rows]}
        row = next((r for r in self.servers if r["id"] == parts[1]), None)
        if row is not None and parts[2:] == ["os-volume_attachments"]:
            return {"volumeAttachments": self.devices.get(parts[1], [])}
        return None if row is None else {"server": self._shown(request, row)}

    def _shown(self, request: Request, row: Row) -> Row:
        version = tuple(map(int, request.microversion.split(".")))
        if version < (2, 47):
            return {**row, "flavor": {"id": "flavor-1"}}
        return {k: v for k, v in row.items() if version >= _TOLD_SINCE.get(k, (2, 1))}

    def _read_os_server_groups(self, request: Request, parts: list[str]) -> Any:
        return {"server_groups": self.groups[int(request.query.get("offset", ["0"])[0]) :]}

    def _read_os_keypairs(self, request: Request, parts: list[str]) -> Any:
        keys = self.keys.get(request.query.get("user_id", [PROJECT])[0], {})
        if len(parts) == 1:
            return {"keypairs": [{"keypair": row} for row in keys.values()]}
        return {"keypair": keys[parts[1]]} if parts[1] in keys else None

    def _read_ports(self, request: Request, parts: list[str]) -> Any:
        return {
            "ports": [r for r in self.ports if all(r[k] == v[0] for k, v in request.query.items() if k in r)]
        }

    def _read_volumes(self, request: Request, parts: list[str]) -> Any:
        return {"volumes": self.volumes}

    def _read_images(self, request: Request, parts: list[str]) -> Any:
        if len(parts) == 2:
            return next((r for r in self.images if r["id"] == parts[1]), None)
        asked = {k: v[0] for k, v in request.query.items() if k in ("name", "owner", "instance_uuid")}
        return {"images": [r for r in self.images if all(r.get(k) == v for k, v in asked.items())]}

    @override
    def _write(self, request: Request) -> Answer:
        self.written.append(request)
        parts = request.path.strip("/").split("/")
        own = self.keys.setdefault(PROJECT, {})
        if parts == ["servers"]:
            name = request.body["server"].get("key_name")
            self.key_when_created.append(own.get(name, {}).get("public_key") if name else None)
            self.servers.append(nova_server("made", request.body["server"]["name"], status="BUILD"))
            return 202, _json({"server": {"id": "made"}}), {}
        if parts == ["os-keypairs"]:
            own[request.body["keypair"]["name"]] = request.body["keypair"]
            return 201, _json(request.body), {}
        if request.method == "DELETE" and parts[0] == "os-keypairs":
            own.pop(parts[1])
            return 204, b"", {}
        if parts[-1] == "action" and "createImage" in request.body:
            return 202, _json({"image_id": "snapshot-1"}), {}
        if parts[-1] == "action" and "forceDelete" in request.body:
            self.servers = [row for row in self.servers if row["id"] != parts[1]]
        if parts == ["images"]:
            return 201, _json({"id": "image-made"}), {}
        return 202, b"", {}


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
