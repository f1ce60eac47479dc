"""A simulated cloud that keeps what is written to it: Keystone's people and what Nova has beside servers. Used by the tests of the kinds' drivers."""

import itertools
import json
from collections import defaultdict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from typing_extensions import override

from tests.simulated.content import PROJECT, Content
from tests.simulated.server import Answer, Request, SimulatedCloud

TENANT = "a" * 32
OURS = PROJECT
"""our own user (the simulated token gives him the project's id)"""
ONE = {
    "projects": "project", "users": "user", "groups": "group", "roles": "role", "domains": "domain", "flavors": "flavor",
    "os-server-groups": "server_group", "credentials": "credential",
}  # fmt: skip
KEYS = {"os-server-groups": "server_groups", "types": "volume_types"}
Rows = list[dict[str, Any]]


class ResourceCloud(SimulatedCloud):
    """`rows[service, collection]` are its things; `members` group id -> user ids; `keys` user id -> keypairs; `grants` paths of Keystone's assignments; `written` all writes."""

    def __init__(self, *, nova: str = "2.96") -> None:
        super().__init__(Content(nova_maximum=nova))
        self.rows: dict[tuple[str, str], Rows] = defaultdict(list)
        self.members: dict[str, list[str]] = {}
        self.keys: dict[str, Rows] = {}
        self.assignments: Rows = []
        self.access: dict[str, list[str]] = {}
        self.written: list[Request] = []
        self.more_services: dict[str, str] = {}
        self._ids = itertools.count(1)

    def bodies(self, method: str, path: str) -> list[Any]:
        """Of all writes with that method to that path."""
        return [each.body for each in self.written if each.method == method and each.path == path]

    @override
    def _token(self, request: Request) -> Answer:
        status, body, headers = super()._token(request)
        if status == 201 and self.more_services:
            told = json.loads(body)
            told["token"]["catalog"] += [
                {"type": kind, "name": kind, "id": kind, "endpoints": [
                    {"interface": "public", "region_id": "RegionOne", "region": "RegionOne", "url": self.url + root, "id": kind}
                ]} for kind, root in self.more_services.items()
            ]  # fmt: skip
            body = _json(told)
        return status, body, headers

    @override
    def _read(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        special = self._special(request, parts)
        if special is not None:
            return 200, _json(special), {}
        rows = self.rows.get((request.service, parts[0]))
        if rows is None or request.path == "/":
            return super()._read(request)
        if len(parts) == 1 or parts[1] == "detail":
            return 200, _json({KEYS.get(parts[0], parts[0]): self._page(request, parts[0], rows)}), {}  # type: ignore[call-arg]  # another shape than the parent's
        found = next((row for row in rows if row["id"] == parts[1]), None)
        if found is None or len(parts) > 2:
            return 404, _json({"error": {"message": f"no {request.path}"}}), {}
        return 200, _json({ONE[parts[0]]: found}), {}

    def _special(self, request: Request, parts: list[str]) -> Any:
        if parts[0] == "role_assignments":
            project = request.query.get("scope.project.id", [""])[0]
            domain = request.query.get("scope.domain.id", [""])[0]
            return {"role_assignments": [r for r in self.assignments if _of(r, project, domain)]}
        if parts[0] == "groups" and parts[2:] == ["users"]:
            users = self.rows["identity", "users"]
            return {"users": [row for row in users if row["id"] in self.members.get(parts[1], ())]}
        if parts[0] == "users" and parts[2:] == ["groups"]:
            groups = self.rows["identity", "groups"]
            return {"groups": [row for row in groups if parts[1] in self.members.get(row["id"], ())]}
        if parts[0] == "users" and parts[2:] == ["application_credentials"]:
            return {"application_credentials": self.rows["identity", f"app-{parts[1]}"]}
        if parts[0] == "os-keypairs":
            rows = self.keys.get(request.query["user_id"][0], [])
            marker = request.query.get("marker", [""])[0]
            rows = rows[[row["name"] for row in rows].index(marker) + 1 :] if marker else rows
            more = len(rows) > self.page_limit
            return {
                "keypairs": [{"keypair": row} for row in rows[: self.page_limit]],
                **({"keypairs_links": [{"rel": "next", "href": "http://x/"}]} if more else {}),
            }
        if parts[0] == "flavors" and parts[2:] == ["os-flavor-access"]:
            return {
                "flavor_access": [
                    {"flavor_id": parts[1], "tenant_id": each} for each in self.access.get(parts[1], ())
                ]
            }
        return None

    @override
    def _page(self, request: Request, collection: str = "", rows: Rows | None = None) -> Any:
        if rows is None:
            return super()._page(request)
        if collection == "os-server-groups":
            offset = int(request.query.get("offset", ["0"])[0])
            return rows[offset : offset + self.page_limit]
        if collection == "servers":
            newer = tuple(map(int, request.microversion.split(".")[:2])) >= (2, 47)
            return [{"id": row["id"], "flavor": row["new" if newer else "old"]} for row in rows]
        wanted = {
            k: v[0] for k, v in request.query.items() if k in {"name", "domain_id", "parent_id", "user_id"}
        }
        return [row for row in rows if all(str(row.get(key)) == value for key, value in wanted.items())]

    @override
    def _write(self, request: Request) -> Answer:
        self.written.append(request)
        parts = request.path.strip("/").split("/")
        one = ONE.get(parts[0])
        if request.method == "POST" and len(parts) == 1 and one:
            if parts[0] == "credentials":
                known = sha256(json.loads(request.body[one]["blob"])["access"].encode()).hexdigest()
                if any(row["id"] == known for row in self.rows["identity", "credentials"]):
                    return 409, _json({"error": {"message": "Conflict occurred"}}), {}
                request.body[one]["id"] = known
            row = {
                "id": f"{next(self._ids):032x}",
                **{k: v for k, v in request.body[one].items() if v is not None},
            }
            self.rows[request.service, parts[0]].append(row)
            return 201, _json({one: row}), {}
        if request.method == "PUT" and "users" in parts and parts[0] == "groups":
            self.members.setdefault(parts[1], []).append(parts[3])
        return 204, b"", {}


def person(id: str, name: str, domain: str = "default", **values: Any) -> dict[str, Any]:
    """A user, group or project as Keystone shows it."""
    return {"id": id, "name": name, "domain_id": domain, "enabled": True, "description": "", **values}


def assigned(role: str, holder: Mapping[str, Any], kind: str = "user", place: str = "project", id: str = TENANT, **scope: Any) -> dict[str, Any]:  # fmt: skip
    """A row of Keystone's assignments with names."""
    return {
        "role": {"id": f"id-{role}", "name": role},
        kind: {"id": holder["id"], "name": holder["name"], "domain": {"id": "default", "name": "Default"}},
        "scope": {place: {"id": id, "name": "shop", "domain": {"id": "default", "name": "Default"}}, **scope},
    }


def _of(row: Mapping[str, Any], project: str, domain: str) -> bool:
    scope = row["scope"]
    if project:
        return bool(scope.get("project", {}).get("id") == project)
    return bool(domain and scope.get("domain", {}).get("id") == domain)


def _json(body: Any) -> bytes:
    return json.dumps(body).encode()
