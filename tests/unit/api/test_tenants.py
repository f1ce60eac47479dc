"""What the API answers about tenants: lists, one, maintenance, and every wrong field by its name."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from pumphouse.client.transport import InProcessTransport
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME, SLASH, toy_fence

TENANT = "/v1/environments/old/tenants/acme"
MAINTENANCE = f"{TENANT}/maintenance"


@pytest.fixture
def http(bench: Bench) -> Iterator[httpx.Client]:
    with httpx.Client(transport=InProcessTransport(bench.app()), base_url="http://t") as client:
        yield client


def ended(http: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 202, answer.text
    for _ in range(400):
        operation: dict[str, Any] = http.get(answer.headers["location"]).json()
        if operation["status"] not in {"accepted", "running"}:
            return operation
        time.sleep(0.02)
    raise AssertionError(operation)


def test_the_list_holds_those_that_answer_and_the_others(http: httpx.Client, bench: Bench) -> None:
    bench.tenants["new"].silent = True
    page = http.get("/v1/tenants").json()
    assert [t["name"] for t in page["items"]] == ["acme", "globex", "web/shop:eu"]
    assert page["unreachable"][0]["environment"] == "new"
    assert page["unreachable"][0]["code"] == "cloud-fault"
    assert http.get("/v1/tenants", params={"environment": "new"}).status_code == 503


def test_on_and_off(http: httpx.Client, bench: Bench) -> None:
    until = (bench.clock.now() + timedelta(hours=1)).isoformat()
    on = ended(http, http.post(MAINTENANCE, json={"action": "on", "reason": "x", "until": until}))
    assert (on["kind"], on["status"], on["actor"]) == ("lock_tenant", "done", "tester")
    assert on["params"]["tenant"] == ACME
    fence = http.get(MAINTENANCE).json()
    assert (fence["id"], fence["status"], fence["operation_id"]) == (ACME, "maintenance", on["id"])
    assert fence["proof"] == on["proof"]
    assert http.get(TENANT).json()["maintenance"]["proof"] == on["proof"]
    listed = http.get("/v1/maintenance/tenants", params={"environment": "old"}).json()["items"]
    assert [(f["name"], f["proof"]) for f in listed] == [("acme", [])]
    off = ended(http, http.post(MAINTENANCE, json={"action": "off"}))
    assert (off["kind"], off["status"]) == ("unlock_tenant", "done")
    gone = http.get(MAINTENANCE)
    assert (gone.status_code, gone.json()["code"]) == (404, "not-found")


def test_the_same_key_answers_the_same_lifting(http: httpx.Client, bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    key = {"Idempotency-Key": "k"}
    first = http.post(MAINTENANCE, json={"action": "off"}, headers=key)
    ended(http, first)
    again = http.post(MAINTENANCE, json={"action": "off"}, headers=key)
    assert again.json()["id"] == first.json()["id"]
    assert len(bench.stores.operations()) == 1


def test_two_operations_on_one_tenant_exclude_each_other(http: httpx.Client, bench: Bench) -> None:
    bench.fencing.gate.clear()
    on = http.post(MAINTENANCE, json={"action": "on"})
    for action in ("on", "verify", "off"):
        # the toy's fence is there once its step has begun
        for _ in range(200):
            if bench.stores.fences():
                break
            time.sleep(0.01)
        refused = http.post(MAINTENANCE, json={"action": action})
        assert (refused.status_code, refused.json()["code"]) == (409, "locked"), action
    bench.fencing.gate.set()
    assert ended(http, on)["status"] == "done"


def test_a_dry_run_answers_the_plan_and_changes_nothing(http: httpx.Client, bench: Bench) -> None:
    for action, status in (("on", "ready"), ("off", "blocked"), ("verify", "blocked")):
        plan = http.post(MAINTENANCE, params={"dry_run": True}, json={"action": action})
        assert (plan.status_code, plan.json()["status"]) == (200, status)
    assert not bench.stores.operations()


@pytest.mark.parametrize("name", ["web%2Fshop%3Aeu", "partners%3Aweb%2Fshop%3Aeu", "web/shop:eu", SLASH])
def test_a_name_with_a_slash(http: httpx.Client, name: str) -> None:
    assert http.get(f"/v1/environments/old/tenants/{name}").json()["id"] == SLASH
    gone = http.get(f"/v1/environments/old/tenants/{name}/maintenance")
    assert gone.json()["detail"].startswith("there is no tenant in maintenance")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "action"),
        ({"action": "maybe"}, "action"),
        ({"action": "on", "untill": "2h"}, "untill"),
        ({"action": "on", "until": "2h"}, "until"),
        ({"action": "on", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"action": "on", "until": "2999-01-01T00:00:00"}, "until"),
        ({"action": "on", "means": "magic"}, "means"),
        ({"action": "on", "means": "policy,,roles"}, "means"),
        ({"action": "on", "reason": "x" * 201}, "reason"),
        ({"action": "on", "fast": "perhaps"}, "fast"),
        ({"action": "off", "reason": "x"}, "reason"),
        ({"action": "off", "until": "2999-01-01T00:00:00Z"}, "until"),
        ({"action": "verify", "allow_partial": True}, "allow_partial"),
    ],
)
def test_a_wrong_field_is_named(http: httpx.Client, bench: Bench, body: dict[str, Any], field: str) -> None:
    answer = http.post(MAINTENANCE, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["field"]) == (422, "invalid-input", field)
    assert problem["hint"]
    assert not bench.stores.operations()


def test_an_unknown_tenant_is_404(http: httpx.Client) -> None:
    for method, path in (("GET", ""), ("GET", "/maintenance"), ("POST", "/maintenance")):
        answer = http.request(
            method, f"/v1/environments/old/tenants/nope{path}", json={"action": "on"} if method == "POST" else None
        )  # fmt: skip
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert http.get("/v1/maintenance/tenants", params={"environment": "nope"}).status_code == 404


def test_no_operation_of_another_kind_has_a_proof(http: httpx.Client) -> None:
    answer = http.post("/v1/environments/old/nodes/node-1/evacuate", json={})
    assert ended(http, answer)["proof"] == []
