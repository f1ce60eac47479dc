"""Every route declares one permission, and 401 and 403 follow from the table: generated from the routes, so that no new one is forgotten."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from pumphouse.api import (
    application,
    duplication,
    environments,
    events,
    migrations,
    nodes,
    operations,
    tenants,
)
from pumphouse.api.depends import Requires
from pumphouse.client.transport import InProcessTransport
from pumphouse.services.access import (
    NEEDED_ROLE,
    Permission,
    Role,
    Token,
    TokenAuthenticator,
    hash_token,
)
from tests.fakes.bench import bench_in

ROUTES = [
    route
    for module in (application, duplication, environments, nodes, migrations, tenants, operations, events)
    for route in module.router.routes
    if isinstance(route, APIRoute)
]
ENDPOINTS = [(method, route) for route in ROUTES for method in sorted(route.methods)]
FILLED = {
    "environment": "old",
    "node": "node-1",
    "tenant": "acme",
    "other": "new",
    "operation": "0" * 32,
    "action": "pause",
}
BODIES = {
    "add_environment": {"name": "x", "cloud": "old"},
    "change_environment": {},
    "duplicate_environment": {"name": "twin", "release": "2026.2"},
    "delete_environment": {},
    "run_health": {},
    "maintain_node": {"action": "on"},
    "evacuate_node": {},
    "move_node": {"destination": "new"},
    "delete_node": {},
    "maintain_tenant": {"action": "verify"},
    "migrate_tenant": {"destination": "new"},
    "verify_migration": {"destination": "new"},
    "roll_migration_back": {"destination": "new"},
    "commit_migration": {"destination": "new"},
    "make_plan": {"kind": "evacuate_node"},
}


def permission_of(route: APIRoute) -> Permission:
    asked = [d.call for d in route.dependant.dependencies if isinstance(d.call, Requires)]
    assert len(asked) == 1, f"{route.path} declares {len(asked)} permissions"
    return asked[0].permission


def path_of(route: APIRoute) -> str:
    return re.sub(r"{(\w+)(?::path)?}", lambda m: FILLED[m[1]], route.path)


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    tokens = [Token(role.name.lower(), role, hash_token(f"token-{role.name}")) for role in Role]
    directory: Path = tmp_path_factory.mktemp("permissions")
    with bench_in(directory) as bench:
        app = bench.app(TokenAuthenticator(tokens))
        with httpx.Client(transport=InProcessTransport(app), base_url="http://t") as client:
            yield client


def ask(http: httpx.Client, method: str, route: APIRoute, token: str | None) -> httpx.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return http.request(method, path_of(route), headers=headers, json=BODIES.get(route.name))


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.name)
def test_every_route_declares_a_permission(route: APIRoute) -> None:
    assert permission_of(route) in NEEDED_ROLE


def test_every_permission_has_a_role_and_a_route() -> None:
    assert set(NEEDED_ROLE) == set(Permission)
    assert {permission_of(route) for route in ROUTES} == set(Permission)


@pytest.mark.parametrize(("method", "route"), ENDPOINTS, ids=lambda v: getattr(v, "name", v))
def test_nobody_is_asked_who_they_are(http: httpx.Client, method: str, route: APIRoute) -> None:
    for token in (None, "wrong"):
        answer = ask(http, method, route, token)
        assert answer.status_code == 401, answer.text
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")


REFUSED = [
    (method, route, role)
    for method, route in ENDPOINTS
    for role in Role
    if role < NEEDED_ROLE[permission_of(route)]
]


@pytest.mark.parametrize(("method", "route", "role"), REFUSED, ids=lambda v: getattr(v, "name", v))
def test_a_lower_role_is_refused(http: httpx.Client, method: str, route: APIRoute, role: Role) -> None:
    answer = ask(http, method, route, f"token-{role.name}")
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "forbidden"


READS = [(m, r) for m, r in ENDPOINTS if m == "GET" and r.name != "stream_events"]


@pytest.mark.parametrize(("method", "route"), READS, ids=lambda v: getattr(v, "name", v))
def test_the_needed_role_passes(http: httpx.Client, method: str, route: APIRoute) -> None:
    answer = ask(http, method, route, f"token-{NEEDED_ROLE[permission_of(route)].name}")
    assert answer.status_code not in {401, 403}, answer.text


def test_the_application_has_no_route_beside_these(tmp_path: Path) -> None:
    with bench_in(tmp_path) as bench:
        served = {r.path for r in bench.app().routes if isinstance(r, APIRoute)}
        others = [r for r in bench.app().routes if not isinstance(r, APIRoute) and hasattr(r, "path")]
    assert not others
    assert served <= {r.path for r in ROUTES}
