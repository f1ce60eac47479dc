"""The client: one method for each thing the API can do, answering wire models. Used by the command line and the demo."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from pumphouse.client.errors import ProblemError, ProtocolError, UnreachableServerError
from pumphouse.wire.duplication import DeleteEnvironmentRequest, DuplicateRequest
from pumphouse.wire.environment import AccessCheckView, EnvironmentChange, EnvironmentView, NewEnvironment
from pumphouse.wire.event import EventView
from pumphouse.wire.finding import PlanRequest, PlanView
from pumphouse.wire.health import HealthRequest, HealthRunView
from pumphouse.wire.migration import MigrateRequest, MigrationRequest, MigrationView, ReportView
from pumphouse.wire.model import Page, Request
from pumphouse.wire.node import NodePage, NodeView
from pumphouse.wire.operation import ItemView, OperationView
from pumphouse.wire.problem import MEDIA_TYPE, ProblemView
from pumphouse.wire.settings import DiffView, SettingsView
from pumphouse.wire.status import StatusView
from pumphouse.wire.tenant import FenceView, TenantDetailsView, TenantMaintenanceRequest, TenantPage

M = TypeVar("M", bound=BaseModel)
Query = Mapping[str, str | int | bool | None]


class Client:
    """Speaks to one application. Every method raises ProblemError, UnreachableServerError or ProtocolError."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def status(self) -> StatusView:
        return self._get("/status", StatusView)

    # environments

    def environments(self) -> list[EnvironmentView]:
        return self._get("/environments", Page[EnvironmentView]).items

    def environment(self, name: str) -> EnvironmentView:
        return self._get(f"/environments/{_part(name)}", EnvironmentView)

    def add_environment(self, wanted: NewEnvironment) -> EnvironmentView:
        return self._send("POST", "/environments", EnvironmentView, wanted)

    def change_environment(self, name: str, change: EnvironmentChange) -> EnvironmentView:
        return self._send("PATCH", f"/environments/{_part(name)}", EnvironmentView, change)

    def remove_environment(self, name: str) -> None:
        self._call("DELETE", f"/environments/{_part(name)}")

    def discover(self, name: str) -> EnvironmentView:
        return self._send("POST", f"/environments/{_part(name)}/discovery", EnvironmentView)

    def check_environment(self, name: str) -> list[AccessCheckView]:
        return self._send("POST", f"/environments/{_part(name)}/check", Page[AccessCheckView]).items

    def settings(self, name: str, *, refresh: bool = False) -> SettingsView:
        """How it is built, as last read, or read anew."""
        return self._get(f"/environments/{_part(name)}/settings", SettingsView, {"refresh": refresh})

    def diff(self, left: str, right: str, *, refresh: bool = False) -> DiffView:
        """Two environments side by side."""
        path = f"/environments/{_part(left)}/diff/{_part(right)}"
        return self._get(path, DiffView, {"refresh": refresh})

    def plan_duplicate(self, environment: str, wanted: DuplicateRequest) -> PlanView:
        return self._plan(f"/environments/{_part(environment)}/duplicate", wanted)

    def start_duplicate(
        self, environment: str, wanted: DuplicateRequest, *, idempotency_key: str | None = None
    ) -> OperationView:
        return self._start(f"/environments/{_part(environment)}/duplicate", wanted, idempotency_key)

    def plan_delete_environment(self, environment: str) -> PlanView:
        return self._plan(f"/environments/{_part(environment)}/delete", DeleteEnvironmentRequest())

    def start_delete_environment(
        self, environment: str, *, idempotency_key: str | None = None
    ) -> OperationView:
        path = f"/environments/{_part(environment)}/delete"
        return self._start(path, DeleteEnvironmentRequest(), idempotency_key)

    # nodes

    def nodes(self, environment: str | None = None) -> NodePage:
        return self._get("/nodes", NodePage, {"environment": environment})

    def node(self, environment: str, name: str) -> NodeView:
        return self._get(_node(environment, name), NodeView)

    def plan_node(self, environment: str, name: str, verb: str, wanted: Request) -> PlanView:
        """The plan of `maintenance`, `evacuate`, `move` or `delete`."""
        return self._plan(f"{_node(environment, name)}/{verb}", wanted)

    def start_node(
        self, environment: str, name: str, verb: str, wanted: Request, *, idempotency_key: str | None = None
    ) -> OperationView:
        """Start `maintenance`, `evacuate`, `move` or `delete`."""
        return self._start(f"{_node(environment, name)}/{verb}", wanted, idempotency_key)

    # tenants

    def tenants(self, environment: str | None = None) -> TenantPage:
        return self._get("/tenants", TenantPage, {"environment": environment})

    def tenant(self, environment: str, name: str) -> TenantDetailsView:
        return self._get(_tenant(environment, name), TenantDetailsView)

    def fences(self, environment: str | None = None) -> list[FenceView]:
        """The tenants in maintenance, without their proofs."""
        return self._get("/maintenance/tenants", Page[FenceView], {"environment": environment}).items

    def fence(self, environment: str, name: str) -> FenceView:
        """The maintenance of one tenant, with its proof; a ProblemError `not-found` when there is none."""
        return self._get(f"{_tenant(environment, name)}/maintenance", FenceView)

    def plan_tenant(self, environment: str, name: str, wanted: TenantMaintenanceRequest) -> PlanView:
        return self._plan(f"{_tenant(environment, name)}/maintenance", wanted)

    def start_tenant(
        self,
        environment: str,
        name: str,
        wanted: TenantMaintenanceRequest,
        *,
        idempotency_key: str | None = None,
    ) -> OperationView:
        """Put up a fence, lift it, or prove it."""
        return self._start(f"{_tenant(environment, name)}/maintenance", wanted, idempotency_key)

    # migrations

    def migrations(self, environment: str | None = None) -> list[MigrationView]:
        """Those on record, out of an environment and into it, or all."""
        return self._get("/migrations", Page[MigrationView], {"environment": environment}).items

    def migration(self, environment: str, name: str, destination: str | None = None) -> ReportView:
        """What came of a migration; a ProblemError `not-found` when nothing of it is on record."""
        path = f"{_tenant(environment, name)}/migration"
        return self._get(path, ReportView, {"destination": destination})

    def migration_page(self, environment: str, name: str, destination: str | None = None) -> str:
        """The same as one HTML page."""
        path = f"{_tenant(environment, name)}/migration/report"
        return self._call("GET", path, query={"destination": destination}).text

    def plan_migrate(self, environment: str, name: str, wanted: MigrateRequest) -> PlanView:
        return self._plan(f"{_tenant(environment, name)}/migrate", wanted)

    def start_migrate(
        self, environment: str, name: str, wanted: MigrateRequest, *, idempotency_key: str | None = None
    ) -> OperationView:
        return self._start(f"{_tenant(environment, name)}/migrate", wanted, idempotency_key)

    def plan_migration(self, environment: str, name: str, verb: str, wanted: MigrationRequest) -> PlanView:
        """The plan of `verify`, `rollback` or `commit`."""
        return self._plan(f"{_tenant(environment, name)}/migration/{verb}", wanted)

    def start_migration(
        self,
        environment: str,
        name: str,
        verb: str,
        wanted: MigrationRequest,
        *,
        idempotency_key: str | None = None,
    ) -> OperationView:
        """Start `verify`, `rollback` or `commit`."""
        return self._start(f"{_tenant(environment, name)}/migration/{verb}", wanted, idempotency_key)

    # operations

    def operations(
        self, *, environment: str | None = None, status: str | None = None, kind: str | None = None, parent: str | None = None,
        limit: int = 50, cursor: str | None = None,
    ) -> Page[OperationView]:  # fmt: skip
        query = {
            "environment": environment, "status": status, "kind": kind, "parent": parent, "limit": limit, "cursor": cursor,
        }  # fmt: skip
        return self._get("/operations", Page[OperationView], query)

    def operation(self, id: str, *, plan: bool = True) -> OperationView:
        return self._get(f"/operations/{_part(id)}", OperationView, {"plan": plan})

    def items(self, id: str, *, step: str | None = None, status: str | None = None) -> Iterator[ItemView]:
        """All items, page by page."""
        cursor: str | None = None
        while True:
            query = {"step": step, "status": status, "cursor": cursor, "limit": 500}
            page = self._get(f"/operations/{_part(id)}/items", Page[ItemView], query)
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def operation_events(self, id: str, *, after: int = 0, limit: int = 200) -> list[EventView]:
        query = {"cursor": after, "limit": limit}
        return self._get(f"/operations/{_part(id)}/events", Page[EventView], query).items

    def act(self, id: str, action: str) -> OperationView:
        """`pause`, `resume`, `cancel`, `retry`, `skip` or `undo`."""
        return self._send("POST", f"/operations/{_part(id)}/{action}", OperationView)

    def plan(self, kind: str, params: Mapping[str, Any]) -> PlanView:
        return self._send("POST", "/plans", PlanView, PlanRequest(kind=kind, params=params))

    # events, notifications, health

    def stream(
        self, *, operation: str | None = None, last_event_id: int | None = None
    ) -> Iterator[EventView]:
        """Events as they happen, without end; `last_event_id` goes on behind that one."""
        headers = {} if last_event_id is None else {"Last-Event-ID": str(last_event_id)}
        query = _without_none({"operation": operation})
        with self._http.stream("GET", "/v1/events", params=query, headers=headers, timeout=None) as response:
            if response.is_error:
                response.read()
                raise _problem(response)
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield _read(EventView, line.removeprefix("data: "))

    def notifications(self, *, limit: int = 50) -> list[EventView]:
        return self._get("/notifications", Page[EventView], {"limit": limit}).items

    def plan_health(self, environment: str, wanted: HealthRequest) -> PlanView:
        return self._plan(f"/environments/{_part(environment)}/health", wanted)

    def start_health(
        self, environment: str, wanted: HealthRequest, *, idempotency_key: str | None = None
    ) -> OperationView:
        return self._start(f"/environments/{_part(environment)}/health", wanted, idempotency_key)

    def health(self, environment: str, *, limit: int = 20) -> list[HealthRunView]:
        return self._get(
            f"/environments/{_part(environment)}/health", Page[HealthRunView], {"limit": limit}
        ).items

    def _plan(self, path: str, wanted: Request) -> PlanView:
        return _read(PlanView, self._call("POST", path, wanted, query={"dry_run": True}).text)

    def _start(self, path: str, wanted: Request, key: str | None) -> OperationView:
        headers = {"Idempotency-Key": key} if key else {}
        return _read(OperationView, self._call("POST", path, wanted, headers=headers).text)

    def _get(self, path: str, model: type[M], query: Query | None = None) -> M:
        return _read(model, self._call("GET", path, query=query).text)

    def _send(self, method: str, path: str, model: type[M], body: Request | None = None) -> M:
        return _read(model, self._call(method, path, body).text)

    def _call(
        self,
        method: str,
        path: str,
        body: Request | None = None,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        content = None if body is None else body.model_dump_json(exclude_unset=True)
        sent = {**(headers or {}), **({"Content-Type": "application/json"} if content else {})}
        try:
            response = self._http.request(
                method, f"/v1{path}", content=content, params=_without_none(query or {}), headers=sent
            )
        except httpx.HTTPError as error:
            raise UnreachableServerError(
                f"the server at {self._http.base_url} does not answer: {error}",
                hint="is 'pumphouse serve' running there? unset PUMPHOUSE_SERVER to work without a server",
            ) from error
        if response.is_error:
            raise _problem(response)
        return response


def _part(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _node(environment: str, name: str) -> str:
    return f"/environments/{_part(environment)}/nodes/{_part(name)}"


def _tenant(environment: str, name: str) -> str:
    return f"/environments/{_part(environment)}/tenants/{_part(name)}"


def _without_none(query: Query) -> dict[str, str | int | bool]:
    return {name: value for name, value in query.items() if value is not None}


def _read(model: type[M], text: str) -> M:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ProtocolError(
            f"the answer is not a {model.__name__}",
            hint="server and command line should have the same version",
        ) from error


def _problem(response: httpx.Response) -> ProblemError | ProtocolError:
    if not response.headers.get("content-type", "").startswith(MEDIA_TYPE):
        return ProtocolError(
            f"{response.url} answered {response.status_code}, but not as Pumphouse does",
            hint="does PUMPHOUSE_SERVER name a Pumphouse server?",
        )
    return ProblemError(_read(ProblemView, response.text))
