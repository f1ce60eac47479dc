"""A simulated cloud with one tenant and its things, which members of it may change or not as `denies` says; used by the tests of the prober."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from typing_extensions import override

from tests.simulated.server import Answer, Request, SimulatedCloud

TENANT = "1" * 32
OTHER = "2" * 32
MARK = "pumphouse-probe-0001"
MEMBER = "user-member"

_MANY = {
    "/os-server-groups": "server_groups",
    "/security-groups": "security_groups",
    "/os-volume_attachments": "",
}
_OWNER = {"volumes": "os-vol-tenant-attr:tenant_id", "snapshots": "os-extended-snapshot-attributes:project_id", "images": "owner"}  # fmt: skip
Rows = list[dict[str, Any]]


def thing(id: str, owner: str = TENANT, **values: Any) -> dict[str, Any]:
    """A row that every service would understand."""
    owners = dict.fromkeys(("project_id", "tenant_id", "owner", *_OWNER.values()), owner)
    return {"id": id, "name": id, "description": "", **owners, **values}


def full_tenant() -> dict[tuple[str, str], Rows]:
    """One thing of each kind, everything in use."""
    leg = {"device_owner": "network:router_interface", "device_id": "router-1", "network_id": "net-1",
           "fixed_ips": [{"subnet_id": "sub-1"}]}  # fmt: skip
    return {
        ("compute", "servers"): [thing("server-1", status="ACTIVE", locked=True)],
        ("compute", "flavors"): [{"id": "flavor-1"}],
        ("compute", "server_groups"): [],
        ("network", "networks"): [thing("net-1")],
        ("network", "subnets"): [thing("sub-1", ip_version=4)],
        ("network", "routers"): [thing("router-1")],
        ("network", "ports"): [thing("leg-1", **leg), thing("port-1", device_owner="", network_id="net-1")],
        ("network", "security_groups"): [thing("group-1", name="default")],
        ("network", "floatingips"): [thing("fip-1")],
        ("block-storage", "volumes"): [thing("vol-1", status="available", size=3)],
        ("block-storage", "snapshots"): [thing("snap-1", volume_id="vol-1", status="available")],
        ("image", "images"): [thing("image-1", status="active")],
        ("identity", "projects"): [thing(TENANT)],
    }


class TenantCloud(SimulatedCloud):
    """`denies(request)` is asked of each write of a member; `things` is all that there is; `asked` are the members' requests."""

    def __init__(self, things: Mapping[tuple[str, str], Rows] | None = None) -> None:
        super().__init__()
        self.things = dict(full_tenant() if things is None else things)
        self.denies: Callable[[Request], bool] = lambda _request: True
        self.members: dict[str, str] = {}
        self.roles: Sequence[str] = ("member", "reader")
        self.asked: list[Request] = []
        self.admin_writes: list[tuple[str, str]] = []
        self.stubborn: dict[str, int] = {}
        """id -> how many times more its deletion is refused"""

    @override
    def answer(self, request: Request) -> Answer | None:
        if request.token in self.members and request.path != "/":
            self.asked.append(request)
        return super().answer(request)

    @override
    def _token(self, request: Request) -> Answer:
        status, body, headers = super()._token(request)
        user = request.body["auth"]["identity"]["password"]["user"].get("id")
        if user and status == 201:
            told = json.loads(body)
            told["token"]["project"]["id"] = TENANT
            told["token"]["user"]["id"] = user
            told["token"]["roles"] = [{"id": role, "name": role} for role in self.roles]
            self.members[headers["X-Subject-Token"]] = user
            body = _json(told)
        return status, body, headers

    @override
    def _read(self, request: Request) -> Answer:
        if request.path in ("/", ""):
            return super()._read(request)
        parts = request.path.strip("/").split("/")
        many = _many(parts[0])
        rows = self.things.get((request.service, many), [])
        if len(parts) == 1 or parts[1] == "detail":
            return 200, _json(self._listed(request, many, rows)), {}
        found = next((row for row in rows if row["id"] == parts[1]), None)
        if found is None:
            return 404, _json({"error": {"message": f"no {parts[1]}"}}), {}
        flat = request.service == "image"
        return 200, _json(found if flat else {many.removesuffix("s"): found}), {}

    def _listed(self, request: Request, many: str, rows: Rows) -> dict[str, Any]:
        owners = request.query.get("device_owner")
        rows = [row for row in rows if not owners or row.get("device_owner") in owners]
        marker = request.query.get("marker", [""])[0]
        if marker:
            rows = rows[[row["id"] for row in rows].index(marker) + 1 :]
        limit = min(int(request.query.get("limit", ["1000"])[0]), self.page_limit)
        more = len(rows) > limit
        return {
            many: rows[:limit],
            f"{many}_links": [{"rel": "next"}] if more else [],
            "next": "on" if more else "",
        }

    @override
    def _write(self, request: Request) -> Answer:
        if request.token in self.members and self.denies(request):
            return 403, _json({"forbidden": {"message": "Policy doesn't allow it"}}), {}
        parts = request.path.strip("/").split("/")
        rows = self.things.setdefault((request.service, _many(parts[0])), [])
        if request.token not in self.members:
            self.admin_writes.append((request.method, request.path))
        if request.method == "DELETE" and len(parts) == 2:
            return self._deleted(request, rows, parts[1])
        made = ("network", "security-groups"), ("block-storage", "snapshots"), ("image", "images")
        if request.method == "POST" and (request.service, parts[0]) in made and len(parts) == 1:
            content = request.body if request.service == "image" else next(iter(request.body.values()))
            if any(row["id"] == content.get("id") for row in rows):
                return 409, _json({"error": {"message": "it is there"}}), {}
            row = thing(f"made-{len(rows)}", **{"owner": TENANT, **content})
            rows.append(row)
            return 201, _json(row), {}
        return 409, _json({"error": {"message": "not as it is"}}), {}

    def _deleted(self, request: Request, rows: Rows, id: str) -> Answer:
        if self.stubborn.get(id, 0) > 0:
            self.stubborn[id] -= 1
            return 409, _json({"error": {"message": "busy"}}), {}
        found = [row for row in rows if row["id"] == id]
        if not found:
            return 404, _json({"error": {"message": f"no {id}"}}), {}
        if request.token in self.members and not found[0]["name"].startswith(MARK):
            return 409, _json({"error": {"message": "in use"}}), {}
        rows.remove(found[0])
        return 204, b"", {}


def _many(first: str) -> str:
    return _MANY.get(f"/{first}", first.replace("-", "_"))


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
