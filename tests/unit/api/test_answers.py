"""What the API answers: dry runs, 202 with a Location, idempotency, pages, problems, request ids."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from pumphouse.api.problems import STATUS, problem_of, status_of
from pumphouse.client.transport import InProcessTransport
from pumphouse.domain import errors
from pumphouse.domain.errors import CloudFaultError, CredentialsError
from pumphouse.domain.finding import critical
from tests.fakes.bench import Bench

EVACUATE = "/v1/environments/old/nodes/node-1/evacuate"


@pytest.fixture
def http(bench: Bench) -> Iterator[httpx.Client]:
    with httpx.Client(transport=InProcessTransport(bench.app()), base_url="http://t") as client:
        yield client


def ended(http: httpx.Client, location: str) -> dict[str, Any]:
    for _ in range(400):
        operation: dict[str, Any] = http.get(location).json()
        if operation["status"] not in {"accepted", "running", "pausing", "cancelling", "undoing"}:
            return operation
        time.sleep(0.02)
    raise AssertionError(operation)


def test_a_dry_run_answers_the_plan_and_changes_nothing(http: httpx.Client, bench: Bench) -> None:
    answer = http.post(EVACUATE, params={"dry_run": True}, json={})
    assert answer.status_code == 200
    plan = answer.json()
    assert (plan["status"], plan["environment"], plan["blocked"]) == ("ready", "old", False)
    assert [i["name"] for i in plan["items"]] == ["a", "b", "c"]
    assert not bench.stores.operations()
    assert not bench.controls.moved


def test_a_mutation_answers_202_and_where_to_look(http: httpx.Client, bench: Bench) -> None:
    answer = http.post(EVACUATE, json={"parallel": 2})
    assert answer.status_code == 202
    location = answer.headers["location"]
    assert location == f"/v1/operations/{answer.json()['id']}"
    operation = ended(http, location)
    assert operation["status"] == "done"
    assert operation["environment"] == "old"
    assert operation["actor"] == "tester"
    assert operation["params"]["parallel"] == 2
    assert operation["progress"] == {"done": 3, "failed": 0, "total": 3, "eta_s": None}
    assert bench.controls.moved == ["a", "b", "c"]
    assert [i["status"] for i in http.get(f"{location}/items").json()["items"]] == ["done"] * 3


def test_the_same_key_answers_the_same_operation(http: httpx.Client, bench: Bench) -> None:
    first = http.post(EVACUATE, json={}, headers={"Idempotency-Key": "k1"})
    ended(http, first.headers["location"])
    # by now the plan would be blocked, but the request has been answered already
    bench.clouds["old"].machines.pop("node-2")
    again = http.post(EVACUATE, json={}, headers={"Idempotency-Key": "k1"})
    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert len(bench.stores.operations()) == 1


def test_a_key_for_something_else_is_a_conflict(http: httpx.Client) -> None:
    ended(http, http.post(EVACUATE, json={}, headers={"Idempotency-Key": "k1"}).headers["location"])
    other = http.post(EVACUATE, json={"parallel": 9}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409
    assert other.json()["code"] == "conflict"


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        (EVACUATE, {}),
        (EVACUATE, {"parallel": 9, "stopped": "leave"}),
        (EVACUATE, {"parallel": 8}),
        (EVACUATE.replace("evacuate", "maintenance"), {"action": "on"}),
        (EVACUATE.replace("node-1", "node-2"), {"parallel": 9}),
        (EVACUATE.replace("node-1", "nowhere"), {"parallel": 9}),
        (EVACUATE.replace("old", "nowhere"), {"parallel": 9}),
    ],
)
def test_a_key_is_for_one_request_as_it_was_sent(http: httpx.Client, url: str, sent: dict[str, Any]) -> None:
    key = {"Idempotency-Key": "k1"}
    ended(http, http.post(EVACUATE, json={"parallel": 9}, headers=key).headers["location"])
    assert http.post(url, json=sent, headers=key).status_code == 409
    assert http.post(url, json=sent, headers={"Idempotency-Key": "k2"}).status_code in {202, 404}


def test_a_repeated_request_is_answered_when_all_is_gone(http: httpx.Client, bench: Bench) -> None:
    key = {"Idempotency-Key": "k1"}
    first = http.post(EVACUATE, json={"parallel": 9}, headers=key)
    ended(http, first.headers["location"])
    bench.stores.remove_environment(bench.stores.environment("old").id)
    again = http.post(EVACUATE, json={"parallel": 9}, headers=key)
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_critical_findings_block(http: httpx.Client, bench: Bench) -> None:
    answer = http.post(EVACUATE, json={"reason": "block"})
    problem = answer.json()
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "blocked-by-findings"
    assert [f["code"] for f in problem["findings"]] == ["local-disk", "no-room"]
    assert problem["hint"]
    assert not bench.stores.operations()


def test_a_locked_node_is_a_conflict(http: httpx.Client, bench: Bench) -> None:
    bench.controls.gate.clear()
    first = http.post(EVACUATE, json={})
    second = http.post(EVACUATE, json={})
    assert second.status_code == 409
    assert second.json()["code"] == "locked"
    bench.controls.gate.set()
    assert ended(http, first.headers["location"])["status"] == "done"


def test_nodes_are_found_by_id_too(http: httpx.Client, bench: Bench) -> None:
    node = http.get("/v1/environments/old/nodes/node-1").json()
    environment = bench.stores.environment("old").id
    answer = http.post(
        f"/v1/environments/{environment}/nodes/{node['id']}/evacuate", params={"dry_run": True}, json={}
    )
    assert answer.json()["name"] == "evacuate_node old/node-1"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/environments/nope", None, 404, "not-found"),
        ("GET", "/v1/environments/old/nodes/nope", None, 404, "not-found"),
        ("GET", "/v1/nodes?environment=nope", None, 404, "not-found"),
        ("GET", "/v1/operations/00000000", None, 404, "not-found"),
        ("GET", "/v1/nothing", None, 404, "not-found"),
        ("PUT", "/v1/environments", {}, 405, "method-not-allowed"),
        ("GET", "/v1/operations?limit=0", None, 422, "invalid-input"),
        ("GET", "/v1/operations?status=odd", None, 422, "invalid-input"),
        ("POST", EVACUATE, {"paralel": 3}, 422, "invalid-input"),
        ("POST", EVACUATE, {"parallel": 0}, 422, "invalid-input"),
        ("POST", "/v1/environments", {"name": "a/b", "cloud": "old"}, 422, "invalid-input"),
        ("POST", "/v1/environments", {"name": "x", "cloud": "nowhere"}, 422, "invalid-input"),
        ("POST", "/v1/environments", {"name": "x", "cloud": "old", "deployer": "magic"}, 422, "invalid-input"),
        ("POST", "/v1/environments", {"name": "old", "cloud": "old"}, 409, "conflict"),
        ("POST", "/v1/plans", {"kind": "magic", "params": {}}, 404, "not-found"),
    ],
)  # fmt: skip
def test_wrong_requests_are_explained(
    http: httpx.Client, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = http.request(method, path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["hint"]
    assert problem["type"] == f"urn:pumphouse:problem:{code}"
    if code == "invalid-input":
        assert problem["field"]


def test_an_unexpected_error_tells_nothing_of_itself(http: httpx.Client, bench: Bench) -> None:
    bench.clouds["old"].fail("nodes", RuntimeError("password=hunter2"))
    bench.clouds["old"].node = lambda name: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    answer = http.get("/v1/environments/old/nodes/node-1")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "hunter2" not in answer.text


def test_request_ids_go_in_and_out(http: httpx.Client) -> None:
    given = http.get("/v1/environments/nope", headers={"X-Openstack-Request-Id": "req-abc"})
    assert given.headers["x-openstack-request-id"] == "req-abc"
    assert given.json()["request_id"] == "req-abc"
    forged = http.get("/v1/status", headers={"X-Openstack-Request-Id": "req-\tx y"})
    assert forged.headers["x-openstack-request-id"].startswith("req-")
    assert " " not in forged.headers["x-openstack-request-id"]


def test_operations_come_in_pages(http: httpx.Client) -> None:
    ids = []
    for action in ("on", "off", "on"):
        answer = http.post("/v1/environments/old/nodes/node-2/maintenance", json={"action": action})
        ids.append(ended(http, answer.headers["location"])["id"])
    first = http.get("/v1/operations", params={"limit": 2}).json()
    rest = http.get("/v1/operations", params={"limit": 2, "cursor": first["next"]}).json()
    assert [o["id"] for o in (*first["items"], *rest["items"])] == ids[::-1]
    assert rest["next"] is None


def test_an_environment_that_does_not_answer_does_not_fail_the_rest(http: httpx.Client, bench: Bench) -> None:
    bench.clouds["new"].fail("nodes", CloudFaultError("new does not answer"))
    bench.clouds["new"].nodes = bench.clouds["new"].nodes
    page = http.get("/v1/nodes").json()
    assert {n["name"] for n in page["items"]} == {"node-1", "node-2"}
    assert [(u["environment"], u["code"]) for u in page["unreachable"]] == [("new", "cloud-fault")]


def test_a_cloud_that_refuses_the_credentials_is_not_added(http: httpx.Client, bench: Bench) -> None:
    def refuse() -> None:
        raise CredentialsError("the password is wrong", hint="correct it")

    bench.clouds["broken"].facts = refuse  # type: ignore[method-assign,assignment]
    answer = http.post("/v1/environments", json={"name": "broken", "cloud": "broken"})
    assert (answer.status_code, answer.json()["code"]) == (502, "credentials")
    assert http.get("/v1/environments/broken").status_code == 404


def test_an_unreachable_cloud_is_added_as_such(http: httpx.Client, bench: Bench) -> None:
    def silent() -> None:
        raise CloudFaultError("no answer")

    bench.clouds["broken"].facts = silent  # type: ignore[method-assign,assignment]
    answer = http.post("/v1/environments", json={"name": "broken", "cloud": "broken"})
    assert (answer.status_code, answer.json()["status"]) == (201, "unreachable")


def test_credentials_are_never_answered(http: httpx.Client) -> None:
    answer = http.post("/v1/environments", json={"name": "kept", "cloud": "old", "store": True})
    assert answer.json()["stored"] is True
    assert "sealed-secret" not in answer.text
    assert "sealed-secret" not in http.get("/v1/environments").text


def test_an_environment_in_use_is_not_removed(http: httpx.Client, bench: Bench) -> None:
    bench.controls.gate.clear()
    started = http.post(EVACUATE, json={})
    refused = http.delete("/v1/environments/old")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    bench.controls.gate.set()
    ended(http, started.headers["location"])
    assert http.delete("/v1/environments/old").status_code == 204
    assert http.get("/v1/environments/old").status_code == 404


def test_failed_items_can_be_retried_and_undone(http: httpx.Client, bench: Bench) -> None:
    bench.controls.failing.add("b")
    location = http.post(EVACUATE, json={}).headers["location"]
    failed = ended(http, location)
    assert failed["status"] == "failed"
    assert failed["progress"]["failed"] == 1
    bench.controls.failing.clear()
    assert http.post(f"{location}/retry").status_code == 202
    assert ended(http, location)["status"] == "done"
    assert http.post(f"{location}/undo").status_code == 202
    assert ended(http, location)["status"] == "undone"
    again = http.post(f"{location}/undo")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_every_error_class_has_a_status() -> None:
    def below(kind: type[errors.PumphouseError]) -> Iterator[type[errors.PumphouseError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    ours = [k for k in below(errors.PumphouseError) if k.__module__ == "pumphouse.domain.errors"]
    assert set(ours) <= set(STATUS)
    blocked = problem_of(errors.BlockedError("no", [critical("x", "y", "z")]))
    assert (blocked.status, blocked.findings[0].code) == (409, "x")
    assert status_of(errors.DeadlineError("late")) == 504


def test_the_openapi_description_names_every_route(http: httpx.Client) -> None:
    described = http.get("/v1/openapi.json").json()
    assert described["info"]["title"] == "Pumphouse"
    assert "/v1/environments/{environment}/nodes/{node}/evacuate" in described["paths"]
    evacuate = described["paths"]["/v1/environments/{environment}/nodes/{node}/evacuate"]["post"]
    assert {"200", "202"} <= set(evacuate["responses"])
    assert "idempotency-key" in {p["name"].lower() for p in evacuate["parameters"]}
