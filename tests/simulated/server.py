"""The simulated cloud's HTTP side: Keystone, Nova, Placement, Neutron, Cinder and Glance behind one port, with paging, tokens and faults."""

import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.simulated.built import ANSWERS as BUILT
from tests.simulated.content import KEYS, PROJECT, Content, uid

MAX_LIMIT = 1000
VERSIONS = {"placement": ("1.0", "1.39"), "volume": ("3.0", "3.71")}
ROOTS = {
    "identity": "/identity/v3", "compute": "/compute/v2.1", "placement": "/placement", "network": "/network/v2.0",
    "image": "/image/v2", "block-storage": f"/volume/v3/{PROJECT}",
}  # fmt: skip


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    service: str
    path: str
    query: Mapping[str, list[str]]
    microversion: str
    body: Any = None
    token: str = ""
    target: str = ""


@dataclass
class Fault:
    """What to answer instead: `times` times, or as long as `while_` says, to requests that `hits`."""

    status: int = 500
    times: int = 1
    while_: Callable[[], bool] | None = None
    hits: Callable[[Request], bool] = lambda request: request.service != "identity"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    reset: bool = False

    def applies(self, request: Request) -> bool:
        if not self.hits(request):
            return False
        if self.while_ is not None:
            return self.while_()
        self.times -= 1
        return self.times >= 0


Answer = tuple[int, bytes, Mapping[str, str]]


class SimulatedCloud:
    """Runs until it is closed; use it as a context manager. `log` holds every request that arrived."""

    def __init__(
        self,
        content: Content | None = None,
        *,
        latency_s: float = 0.0,
        row_s: float = 0.0,
        page_limit: int = MAX_LIMIT,
        port: int = 0,
    ) -> None:
        self.content = content or Content()
        self.latency_s = latency_s
        self.row_s = row_s
        self.page_limit = page_limit
        self.faults: list[Fault] = []
        self.replies: dict[tuple[str, str], Any] = {}
        self.gone: set[str] = set()
        self.log: list[Request] = []
        self.tokens: set[str] = set()
        self._lock = threading.Lock()
        self._cache: dict[tuple[str, ...], tuple[bytes, float]] = {}
        self._wait = threading.Event()
        self._server = _Server(("127.0.0.1", port), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True
        )

    def __enter__(self) -> "SimulatedCloud":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def auth(self) -> dict[str, str]:
        return {
            "auth_url": f"{self.url}/identity/v3",
            "username": "admin",
            "password": "sesame",
            "project_name": "admin",
        }

    def expire_tokens(self) -> None:
        """All tokens given so far are refused from now on."""
        with self._lock:
            self.tokens.clear()

    def count(self, service: str = "", path: str = "") -> int:
        """How many requests of a service, or to a path, arrived."""
        return sum(1 for each in self.log if service in ("", each.service) and each.path.startswith(path))

    # -- answering

    def answer(self, request: Request) -> Answer | None:
        """What to send back; None to reset the connection."""
        if request.path == "/_log":
            return 200, _json([[each.target, each.service, each.microversion] for each in self.log]), {}
        with self._lock:
            self.log.append(request)
            fault = next((each for each in self.faults if each.applies(request)), None)
        if self.latency_s:
            self._wait.wait(self.latency_s)
        if fault is not None:
            return (
                None
                if fault.reset
                else (
                    fault.status,
                    _json(fault.body or {"error": {"message": "simulated fault"}}),
                    fault.headers,
                )
            )
        if request.service == "identity" and request.path == "/auth/tokens" and request.method == "POST":
            return self._token(request)
        if request.path != "/" and request.service != "identity" and request.token not in self.tokens:
            return (
                401,
                _json(
                    {"error": {"code": 401, "message": "The request you have made requires authentication."}}
                ),
                {},
            )
        known = self.replies.get((request.method, f"{request.service}{request.path}"))
        if known is not None:
            status, body = known
            return status, b"" if body is None else _json(body), {}
        if request.method != "GET":
            return self._write(request)
        return self._read(request)

    def _write(self, request: Request) -> Answer:
        """Accepted, without effect; a test that wants one derives its own cloud."""
        return 202, b"", {}

    def _token(self, request: Request) -> Answer:
        password = request.body["auth"]["identity"]["password"]["user"]["password"]
        if password != "sesame":
            return (
                401,
                _json(
                    {"error": {"code": 401, "message": "The request you have made requires authentication."}}
                ),
                {},
            )
        token = f"gAAAA{secrets.token_urlsafe(24)}"
        with self._lock:
            self.tokens.add(token)
        catalog = [
            {"type": kind, "name": kind, "id": kind,
             "endpoints": [{"interface": "public", "region_id": "RegionOne", "region": "RegionOne", "url": self.url + root, "id": kind}]}
            for kind, root in ROOTS.items()
        ]  # fmt: skip
        body = {"token": {
            "methods": ["password"], "user": {"id": PROJECT, "name": "admin", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": PROJECT, "name": "admin", "domain": {"id": "default", "name": "Default"}}, "roles": [{"id": "1", "name": "admin"}],
            "catalog": catalog, "issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z",
        }}  # fmt: skip
        return 201, _json(body), {"X-Subject-Token": token}

    def _read(self, request: Request) -> Answer:
        if request.path in ("/", ""):
            return 200, _json(self._document(request.service)), {}
        marker = request.query.get("marker", [""])[0]
        if marker in self.gone:
            return 400, _json({"badRequest": {"code": 400, "message": f"marker [{marker}] not found"}}), {}
        key = (request.service, request.path, json.dumps(request.query, sort_keys=True))
        known = self._cache.get(key)
        if known is None:
            made = (
                self._page(request)
                if (request.service, request.path) in self.content.lists()
                else self._single(request)
            )
            if made is None:
                return (
                    404,
                    _json({"itemNotFound": {"code": 404, "message": f"{request.path} could not be found"}}),
                    {},
                )
            known = (_json(made), self._effort_s(request, made))
            self._cache[key] = known
        body, effort_s = known
        if effort_s:
            self._wait.wait(effort_s)
        return 200, body, {}

    def _effort_s(self, request: Request, made: Mapping[str, Any]) -> float:
        """How long the service would work on an answer: a detailed server costs Nova about ten times what a row of any other list does."""
        rows = max((len(value) for value in made.values() if isinstance(value, list | dict)), default=0)
        return rows * self.row_s * (1.0 if request.path == "/servers/detail" else 0.1)

    def _document(self, service: str) -> dict[str, Any]:
        if service == "identity":
            return {
                "version": {
                    "id": "v3.14",
                    "status": "stable",
                    "links": [{"rel": "self", "href": f"{self.url}/identity/v3/"}],
                }
            }
        if service == "compute":
            return {
                "version": {
                    "id": "v2.1",
                    "status": "CURRENT",
                    "min_version": "2.1",
                    "version": self.content.nova_maximum,
                }
            }
        if service in ("placement", "block-storage"):
            low, high = VERSIONS["placement" if service == "placement" else "volume"]
            return {"versions": [{"id": f"v{low}", "min_version": low, "max_version": high, "version": high}]}
        return {"versions": [{"id": "v2.0" if service == "network" else "v2.17", "status": "CURRENT"}]}

    def _page(self, request: Request) -> dict[str, Any]:
        total, make = self.content.lists()[request.service, request.path]
        numbers: Any = range(total)
        host = request.query.get("host", [""])[0]
        if host:
            first = int(host.removeprefix("node-")) - 1
            numbers = range(first, total, self.content.nodes)
        marker = request.query.get("marker", [""])[0]
        if marker:
            start = (
                self.content.server_numbers[marker]
                if "/servers" in request.path
                else next(number for number in numbers if make(number)["id"] == marker)
            )
            numbers = numbers[numbers.index(start) + 1 :]
        limit = min(self.page_limit, int(request.query.get("limit", [str(self.page_limit)])[0]))
        rows = [row for row in map(make, numbers[:limit]) if row["id"] not in self.gone]
        name = KEYS.get(request.path, request.path.strip("/"))
        more = len(numbers) > limit
        return {name: rows, f"{name}_links": [{"rel": "next", "href": "http://elsewhere/"}] if more else []}

    def _single(self, request: Request) -> dict[str, Any] | None:
        content, parts = self.content, request.path.strip("/").split("/")
        if request.service == "placement":
            return self._placement(parts)
        if parts == ["os-services"] and request.service == "compute":
            wanted = request.query.get("host", [""])[0]
            rows = [content.service(n) for n in range(content.nodes)]
            return {"services": [row for row in rows if wanted in ("", row["host"])]}
        if parts[0] == "servers" and len(parts) == 2 and parts[1] in content.server_numbers:
            return {"server": content.server(content.server_numbers[parts[1]])}
        fixed: dict[str, dict[str, Any]] = {
            "os-aggregates": {"aggregates": content.aggregate_rows()},
            "os-server-groups": {"server_groups": []}, "os-migrations": {"migrations": []}, "regions": {"regions": [{"id": "RegionOne"}]},
            "extensions": {"extensions": [{"alias": "agent"}]}, "projects": {"projects": []}, "images": {"images": []},
            "os-availability-zone": {"availabilityZoneInfo": [{"zoneName": "nova", "zoneState": {"available": True}}]},
            "types": {"volume_types": []}, "ports": {"ports": []}, "scheduler-stats": {"pools": []},
            "os-quota-class-sets": {"quota_class_set": {"cores": 20}}, "quotas": {"quota": {"network": 100}},
        }  # fmt: skip
        found = fixed.get(parts[0]) if f"{request.service}{request.path}" not in BUILT else None
        return found if found is not None else BUILT.get(f"{request.service}{request.path}")

    def _placement(self, parts: list[str]) -> dict[str, Any] | None:
        content = self.content
        if parts == ["resource_providers"]:
            rows = [{"uuid": uid("node", n), "parent_provider_uuid": None} for n in range(content.nodes)]
            return {"resource_providers": rows}
        if parts == ["allocation_candidates"]:
            return {"allocation_requests": [], "provider_summaries": content.summaries()}
        if parts[0] == "allocations":
            return {"allocations": {}}
        number = content.provider_numbers.get(parts[1]) if len(parts) == 3 else None
        if number is None:
            return None
        made: dict[str, dict[str, Any]] = {
            "inventories": {"inventories": content.inventories(number), "resource_provider_generation": 1},
            "usages": {"usages": content.usages(number)}, "traits": {"traits": ["COMPUTE_NODE"], "resource_provider_generation": 1},
            "allocations": {"allocations": {}},
        }  # fmt: skip
        return made.get(parts[2])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


def _json(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _handler_of(cloud: SimulatedCloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_any(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = cloud.answer(_parse(self.command, self.path, self.headers, raw))
            if answer is None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                self.connection.close()
                self.close_connection = True
                return
            status, body, headers = answer
            self.send_response_only(status)
            for name, value in {
                "Content-Type": "application/json",
                "x-openstack-request-id": "req-simulated",
                **headers,
            }.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    return Handler


def _parse(method: str, target: str, headers: Any, raw: bytes) -> Request:
    parts = urlsplit(target)
    known = ((kind, root) for kind, root in ROOTS.items() if parts.path.startswith(root))
    service, root = next(known, ("", ""))
    if not service:  # a version document may be asked for above the version
        short = {"volume": "block-storage"}
        first = parts.path.strip("/").split("/")[0]
        service, root = short.get(first, first), parts.path
    path = parts.path.removeprefix(root) or "/"
    microversion = (headers.get("OpenStack-API-Version") or "").partition(" ")[2]
    is_json = raw[:1] in (b"{", b"[")
    return Request(
        method,
        service,
        path,
        parse_qs(parts.query),
        microversion,
        json.loads(raw) if is_json else raw,
        headers.get("X-Auth-Token") or "",
        target,
    )
