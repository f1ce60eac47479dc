"""Routes of migrations: the plan, the operation, the report and its page, and what may not be asked for."""

from typing import Any

import httpx
import pytest

from pumphouse.client.transport import InProcessTransport
from pumphouse.domain.report import Report
from pumphouse.domain.resource import ResourceKind
from pumphouse.wire.migration import ReportView
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME

TENANT = "/v1/environments/old/tenants/acme"
WANTED = {"destination": "new", "names": {"external_network": {"public": "ext-a"}}}


@pytest.fixture
def http(bench: Bench) -> Any:
    with httpx.Client(transport=InProcessTransport(bench.app()), base_url="http://t") as client:
        yield client


def moved(
    http: httpx.Client, bench: Bench, wanted: dict[str, Any] = WANTED, key: str = "k"
) -> dict[str, Any]:
    answer = http.post(f"{TENANT}/migrate", json=wanted, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/v1/operations/{found['id']}"
    for _ in range(500):
        if bench.services.operations.show(found["id"]).status == "done":
            break
        bench.clock.sleep(0.02)
    return found


def test_a_dry_run_answers_the_plan_with_what_is_to_be_decided(http: httpx.Client, bench: Bench) -> None:
    plan = http.post(f"{TENANT}/migrate?dry_run=true", json={"destination": "new"}).json()
    assert plan["blocked"]
    assert plan["migration"] == {
        "digest": "sha256:11", "names": {}, "open_names": {"external_network": ["public"]},
        "offered_names": {"external_network": ["ext-a", "ext-b"]}, "bytes": 3 << 29,
    }  # fmt: skip
    assert {i["method"] for i in plan["items"]} == {"create", "reuse", "open", "list"}
    assert next(i for i in plan["items"] if i["kind"] == "image")["size_bytes"] == 1 << 29
    assert not bench.services.operations.list()


def test_the_same_key_answers_the_same_operation(http: httpx.Client, bench: Bench) -> None:
    first = moved(http, bench)
    assert moved(http, bench)["id"] == first["id"]
    other = http.post(f"{TENANT}/migrate", json={**WANTED, "parallel": 2}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409


def test_report_and_page(http: httpx.Client, bench: Bench) -> None:
    assert http.get(f"{TENANT}/migration").status_code == 404
    assert http.get("/v1/migrations").json()["items"] == []
    moved(http, bench)
    found = http.get(f"{TENANT}/migration?destination=new").json()
    assert (found["id"], found["name"], found["status"]) == (ACME, "acme", "verified")
    page = http.get(f"{TENANT}/migration/report")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "web &lt;1&gt;" in page.text
    [listed] = http.get("/v1/migrations?environment=new").json()["items"]
    assert (listed["status"], listed["states"]) == ("verified", {"verified": 6})
    assert http.get("/v1/migrations?environment=none").status_code == 404


@pytest.mark.parametrize("verb", ["verify", "rollback", "commit"])
def test_verbs_need_a_migration_or_its_destination(http: httpx.Client, bench: Bench, verb: str) -> None:
    assert http.post(f"{TENANT}/migration/{verb}", json={}).status_code == 404
    moved(http, bench)
    assert http.post(f"{TENANT}/migration/{verb}?dry_run=true", json={}).json()["kind"].startswith(verb)
    assert http.post(f"{TENANT}/migration/{verb}", json={"destination": "none"}).status_code == 404
    assert http.post(f"{TENANT}/migration/{verb}", json={"destination": "new"}).status_code == 202


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({}, "destination"),
        ({"destination": "old"}, "destination"),
        ({**WANTED, "names": {"flowers": {"a": "b"}}}, "names"),
        ({**WANTED, "parallel": 0}, "parallel"),
        ({**WANTED, "include": [""]}, "include"),
        ({**WANTED, "fnce": True}, "fnce"),
    ],
)
def test_wrong_requests_are_named(http: httpx.Client, wrong: dict[str, Any], field: str) -> None:
    answer = http.post(f"{TENANT}/migrate", json=wrong)
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["field"]


def test_a_tenant_with_slashes_in_its_name(http: httpx.Client) -> None:
    plan = http.post("/v1/environments/old/tenants/web%2Fshop:eu/migrate?dry_run=true", json=WANTED).json()
    assert plan["name"] == "migrate tenant web/shop:eu of old to new"


def test_the_view_has_all_that_the_report_has() -> None:
    renamed = {"source", "tenant_id", "tenant_name"}
    assert set(Report.__dataclass_fields__) - renamed <= set(ReportView.model_fields)
    assert "network" in list(ResourceKind)
