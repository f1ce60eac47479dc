"""Who may not start an operation may not make it go on, or back, either; and who did is on record."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pumphouse.client.transport import InProcessTransport
from pumphouse.domain.fence import FENCE_KINDS
from pumphouse.domain.migration import MIGRATION_KINDS
from pumphouse.services.access import (
    KIND_PERMISSION,
    NEEDED_ROLE,
    Actor,
    ForbiddenError,
    Role,
    Token,
    TokenAuthenticator,
    authorise_kind,
    hash_token,
)
from tests.fakes.bench import KINDS, Bench
from tests.fakes.fencing import ACME, toy_fence

pytestmark = pytest.mark.crash

FOR_ADMINS = ["reassign_node", "delete_node", "migrate_tenant", "rollback_tenant", "commit_tenant"]
BUILDING = ["duplicate_environment", "delete_environment"]
FOR_OPERATORS = ["maintain_node", "evacuate_node", "check_health", "verify_migration", *sorted(FENCE_KINDS)]
ALL = [*KINDS, *sorted(FENCE_KINDS), *sorted(MIGRATION_KINDS)]


@pytest.fixture
def http(bench: Bench) -> Iterator[httpx.Client]:
    tokens = [Token(role.name.lower(), role, hash_token(f"token-{role.name}")) for role in Role]
    app = bench.app(TokenAuthenticator(tokens))
    with httpx.Client(transport=InProcessTransport(app), base_url="http://t") as client:
        yield client


def accepted(bench: Bench, kind: str) -> str:
    params: dict[str, Any] = {"environment": "old", "node": "node-1"}
    if kind in FENCE_KINDS:
        bench.stores.put_fence(toy_fence(bench.clock.now()))
        params = {"environment": "old", "tenant": ACME}
    if kind in MIGRATION_KINDS:
        names = {"external_network": {"public": "ext-a"}}
        params = {"environment": "old", "tenant": ACME, "name": "acme", "destination": "new", "names": names}
    return bench.engine.submit(kind, params, bench.engine.plan(kind, params)).id


def act(http: httpx.Client, role: Role, operation: str, action: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer token-{role.name}"}
    return http.post(f"/v1/operations/{operation}/{action}", headers=headers)


def test_every_kind_has_a_permission() -> None:
    assert set(ALL) == {*FOR_ADMINS, *FOR_OPERATORS}
    assert set(KIND_PERMISSION) == {*ALL, *BUILDING}
    admins = {kind for kind in KIND_PERMISSION if NEEDED_ROLE[KIND_PERMISSION[kind]] is Role.ADMIN}
    assert admins == {*FOR_ADMINS, *BUILDING}
    with pytest.raises(ForbiddenError):
        authorise_kind(Actor("o", Role.OPERATOR), "a kind of tomorrow")


@pytest.mark.parametrize("kind", FOR_ADMINS)
@pytest.mark.parametrize("action", ["resume", "retry", "skip", "undo"])
def test_an_operator_may_not_go_on_with_what_is_for_administrators(
    http: httpx.Client, bench: Bench, kind: str, action: str
) -> None:
    operation = accepted(bench, kind)
    before = bench.stores.events(limit=500)
    answer = act(http, Role.OPERATOR, operation, action)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert bench.stores.operation(operation).status == "accepted"
    assert bench.stores.events(limit=500) == before
    assert act(http, Role.ADMIN, operation, action).status_code != 403


@pytest.mark.parametrize("kind", ALL)
def test_an_operator_may_stop_everything(http: httpx.Client, bench: Bench, kind: str) -> None:
    operation = accepted(bench, kind)
    assert act(http, Role.OPERATOR, operation, "pause").json()["status"] == "paused"
    assert act(http, Role.OPERATOR, operation, "cancel").json()["status"] == "cancelled"


@pytest.mark.parametrize("kind", FOR_OPERATORS)
def test_an_operator_may_go_on_with_what_is_for_operators(
    http: httpx.Client, bench: Bench, kind: str
) -> None:
    operation = accepted(bench, kind)
    assert act(http, Role.OPERATOR, operation, "cancel").status_code == 202
    assert act(http, Role.OPERATOR, operation, "undo").status_code == 202


def test_events_tell_who_asked(http: httpx.Client, bench: Bench) -> None:
    operation = accepted(bench, "maintain_node")
    act(http, Role.OPERATOR, operation, "pause")
    act(http, Role.ADMIN, operation, "cancel")
    act(http, Role.OPERATOR, operation, "resume")
    told = {e.type: e for e in bench.stores.events(limit=500, operation_id=operation)}
    who = {t: told[t].data.get("actor") for t in ("operation.paused", "operation.cancelled")}
    assert who == {"operation.paused": "operator", "operation.cancelled": "admin"}
    assert told["operation.resume_asked"].data == {"actor": "operator"}
    assert told["operation.resume_asked"].message.endswith("resume was asked for by operator")
