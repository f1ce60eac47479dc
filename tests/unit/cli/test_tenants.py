"""`pumphouse tenant`: addresses, JSON shapes, the proof, exit codes, bad input."""

import json
from datetime import timedelta
from typing import Any

import pytest
import yaml

from pumphouse.cli.session import Session
from pumphouse.domain.fence import FenceState
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME, SLASH, proof, toy_fence
from tests.unit.cli.typing_person import Person

pytestmark = pytest.mark.crash

ON = ("tenant", "maintenance", "on", "old/acme")
OFF = ("tenant", "maintenance", "off", "old/acme")
VERIFY = ("tenant", "maintenance", "verify", "old/acme")
STATUS = ("tenant", "maintenance", "status")


@pytest.fixture
def person(bench: Bench) -> Person:
    return Person(bench)


def named(thing: dict[str, Any], status: str) -> None:
    assert {"id", "name", "status", "environment"} <= set(thing), thing
    assert (thing["status"], thing["environment"]) == (status, "old")


def test_the_list_has_the_contracts_keys(person: Person, bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    acme, globex, shop = person.json("tenant", "list", "--env", "old")
    named(acme, "maintenance")
    named(globex, "disabled")
    named(shop, "active")
    assert (acme["id"], acme["server_count"], globex["server_count"]) == (ACME, 2, 0)
    assert acme["maintenance"]["reason"] == "the move"
    assert globex["maintenance"] is None
    assert bench.tenants["old"].sweeps == 1, "servers are counted in one sweep"
    assert len(person.json("tenant", "list")) == 6


def test_an_environment_that_does_not_answer_is_a_row_and_4(person: Person, bench: Bench) -> None:
    bench.tenants["new"].silent = True
    rows = person.json("tenant", "list", code=4)
    assert [(r["environment"], r["status"]) for r in rows][-1] == ("new", "unreachable")
    assert len(rows) == 4
    assert "new/?" in person("tenant", "list").stdout
    assert person("tenant", "list", "--env", "new").exit_code == 1


def test_show_tells_who_may_do_what_and_why(person: Person, bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    found = person.json("tenant", "show", "old/acme")
    named(found, "maintenance")
    assert [r["sources"] for r in found["roles"]] == [
        ["direct"],
        ["implied"],
        ["group"],
        ["group", "inherited"],
    ]
    assert found["application_credentials"][0]["name"] == "ci"
    assert found["trusts"][0]["id"] == "t1"
    assert [s["name"] for s in found["servers"]] == ["db", "web"]
    assert found["counts"]["volumes"] == 3
    table = person("tenant", "show", "old/acme").stdout
    for words in (
        "eng", "group: group eng", "implied: implied by member", "group chiefs, inherited from domain Default", "unrestricted",
        "2027-01-01", "ann: 2", "rebooting", "yes: mine", "3 volumes", "mapping saml", "the move", "maintenance",
    ):  # fmt: skip
        assert words in table, words


@pytest.mark.parametrize("address", [f"old/{ACME}", "old/acme", "old/Default:acme"])
def test_a_tenant_is_named_by_id_name_or_domain(person: Person, address: str) -> None:
    assert person.json("tenant", "show", address)["id"] == ACME


@pytest.mark.parametrize("address", [f"old/{SLASH}", "old/web/shop:eu", "old/partners:web/shop:eu"])
def test_a_name_may_hold_slashes_and_colons(person: Person, address: str) -> None:
    assert person.json("tenant", "show", address)["id"] == SLASH
    done = person.json("tenant", "maintenance", "on", address, "--yes")
    assert done["params"]["tenant"] == SLASH
    assert person.json(*STATUS, address)["name"] == "web/shop:eu"


def test_on_verify_off_hold_the_proof(person: Person, bench: Bench) -> None:
    done = person.json(*ON, "--reason", "the move", "--yes")
    assert (done["kind"], done["status"], done["environment"]) == ("lock_tenant", "done", "old")
    assert done["params"]["reason"] == "the move"
    assert [(p["action"], p["status"], p["verdict"]) for p in done["proof"]] == [
        ("create a server", 403, "as wanted"),
        ("list servers", 200, "as wanted"),
    ]
    again = person.json(*VERIFY, "--yes")
    assert (again["kind"], len(again["proof"])) == ("verify_tenant", 2)
    off = person.json(*OFF, "--yes")
    assert (off["kind"], off["status"]) == ("unlock_tenant", "done")
    assert off["proof"][0]["wanted"] == "let through"
    assert person.json("operation", "show", off["id"])["proof"] == off["proof"]
    assert not bench.stores.fences()


def test_the_proof_is_a_table(person: Person) -> None:
    table = person(*ON, "--yes").stdout
    head = next(line for line in table.splitlines() if line.startswith("SERVICE"))
    assert head.split()[:5] == ["SERVICE", "ACTION", "WANTED", "GOT", "VERDICT"]
    assert "create a server" in table
    assert "2 attempts: 2 as wanted." in table
    assert yaml.safe_load(person(*VERIFY, "--yes", "-o", "yaml").stdout)["proof"]


def test_options_reach_the_workflow_and_what_was_not_said_does_not(person: Person, bench: Bench) -> None:
    words = ("--until", "2h", "--means", "policy, roles", "--fast", "--allow-partial")
    params = person.json(*ON, *words, "--yes")["params"]
    assert params == {
        "environment": "old", "tenant": ACME, "name": "acme", "reason": "", "until": params["until"], "means": "policy,roles", "fast": True,
        "allow_partial": True,
    }  # fmt: skip
    until = bench.stores.fences()[0].until
    assert until is not None
    assert timedelta(minutes=119) < until - bench.clock.now() < timedelta(hours=2)
    assert person.json(*OFF, "--yes")["params"] == {"environment": "old", "tenant": ACME, "name": "acme"}


def test_a_dry_run_prints_the_plan(person: Person, bench: Bench) -> None:
    for words, kind in ((ON, "lock_tenant"),):
        plan = person.json(*words, "--dry-run")
        named(plan, "ready")
        assert plan["kind"] == kind
    assert person.json(*OFF, "--dry-run", code=3)["kind"] == "unlock_tenant"
    assert person.json(*VERIFY, "--dry-run", code=3)["kind"] == "verify_tenant"
    assert not bench.stores.operations()


def test_blocked_is_3(person: Person, bench: Bench) -> None:
    for words in ((*ON, "--reason", "block", "--yes"), (*OFF, "--yes"), (*VERIFY, "--yes")):
        result = person(*words)
        assert result.exit_code == 3, result.output
    assert not bench.stores.fences()


def test_failed_is_1_and_off_is_the_way_out(person: Person, bench: Bench) -> None:
    bench.fencing.failing.add("lock_tenant")
    failed = person.json(*ON, "--yes", code=1)
    listed = person.json(*STATUS)[0]
    named(listed, "entering")
    assert (listed["held_by"], listed["held_status"]) == (failed["id"], "failed")
    assert [f["code"] for f in listed["findings"]] == ["fence-operation-stopped"]
    assert "keystone refused it" in person(*STATUS).stdout
    assert person.json(*OFF, "--yes")["status"] == "done"
    assert bench.stores.operation(failed["id"]).status == "cancelled"
    assert person.json(*STATUS) == []


def test_a_failed_off_is_tried_again_by_off(person: Person, bench: Bench) -> None:
    person.json(*ON, "--yes")
    bench.fencing.failing.add("unlock_tenant")
    person.json(*OFF, "--yes", code=1)
    bench.fencing.failing.clear()
    assert person.json(*OFF, "--yes")["status"] == "done"
    assert not bench.stores.fences()


def test_status_of_one_holds_its_proof(person: Person, bench: Bench) -> None:
    fence = toy_fence(bench.clock.now() - timedelta(days=3), proof=tuple(proof(wanted="denied", leaks=True)))
    bench.stores.put_fence(fence)
    one = person.json(*STATUS, "old/acme")
    named(one, "maintenance")
    assert one["proof"][0]["verdict"] == "broken"
    assert {f["code"]: f["severity"] for f in one["findings"]} == {
        "fence-broken": "critical",
        "fence-forgotten": "warning",
    }
    table = person(*STATUS, "old/acme").stdout
    assert "stood for 3 days" in table
    assert "nova: policy; neutron: policy, roles" in table
    assert "1 broken" in table
    assert "proof" in person.json(*STATUS)[0]
    assert person.json(*STATUS)[0]["proof"] == []


def test_what_is_open_on_purpose_is_told_and_does_not_count_as_broken(person: Person, bench: Bench) -> None:
    """With --allow-partial a service that nothing strong holds lets writes through: the proof says so, the fence holds as it was meant."""
    means = {"nova": ("locks",), "glance": ("policy",)}
    table = tuple(proof(wanted="denied", leaks=True))
    bench.stores.put_fence(toy_fence(bench.clock.now(), means=means, proof=table))
    (finding,) = person.json(*STATUS)[0]["findings"]
    assert (finding["code"], finding["severity"]) == ("fence-partial", "warning")
    assert "writing in nova" in finding["message"]


def test_status_works_while_the_cloud_does_not_answer(person: Person, bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    bench.tenants["old"].silent = True
    for address in (f"old/{ACME}", "old/acme", "old/default:acme"):
        assert person.json(*STATUS, address)["id"] == ACME
    assert person.json(*STATUS, "--env", "old")[0]["id"] == ACME
    assert person.json(*STATUS, "--env", "new") == []


def test_nobody_in_maintenance_is_said(person: Person) -> None:
    assert person(*STATUS).stdout.strip() == "No tenant is in maintenance."
    result = person(*STATUS, "old/acme")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        "Error [not-found]: there is no tenant in maintenance 'old/acme'",
        "Hint: see what it is: pumphouse tenant show old/acme",
    ]


def test_an_overdue_one_is_warned_about(person: Person, bench: Bench) -> None:
    now = bench.clock.now()
    bench.stores.put_fence(toy_fence(now - timedelta(hours=9), until=now - timedelta(hours=2, minutes=1)))
    finding = person.json(*STATUS)[0]["findings"][0]
    assert (finding["code"], finding["suggestion"]) == (
        "fence-overdue",
        f"pumphouse tenant maintenance off old/{ACME}",
    )
    assert "2 h ago" in finding["message"]


def test_a_half_lifted_one_that_nobody_holds_is_warned_about(person: Person, bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now(), state=FenceState.LEAVING))
    one = person.json(*STATUS)[0]
    named(one, "leaving")
    assert [f["code"] for f in one["findings"]] == ["fence-incomplete"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("tenant", "show", "acme"), "tenant 'acme'"),
        (("tenant", "show", "old/"), "tenant 'old/'"),
        (("tenant", "show", "/acme"), "tenant '/acme'"),
        (("tenant", "show", "old/nope"), "'old/nope'"),
        (("tenant", "show", "nope/acme"), "'nope'"),
        (("tenant", "list", "--env", "nope"), "'nope'"),
        ((*ON, "--until", "soon", "--yes"), "--until 'soon'"),
        ((*ON, "--until", "2020-01-01", "--yes"), "--until '2020-01-01'"),
        ((*ON, "--means", "magic", "--yes"), "--means 'magic'"),
        ((*ON, "--means", "auto,policy", "--yes"), "--means 'auto,policy'"),
        ((*ON, "--means", "", "--yes"), "--means ''"),
        ((*ON, "--reason", "x" * 201, "--yes"), "--reason"),
        (("tenant", "maintenance", "on", "old/nope", "--yes"), "'old/nope'"),
        (("tenant", "maintenance", "on", "old/nope", "--dry-run"), "'old/nope'"),
        ((*OFF, "--reason", "x", "--yes"), "--reason"),
        ((*STATUS, "old/acme", "--env", "old"), "--env 'old'"),
        ((*STATUS, "--env", "nope"), "'nope'"),
        (("tenant", "maintenance", "maybe", "old/acme"), "maybe"),
        (("tenant", "nothing"), "nothing"),
    ],
)
def test_wrong_usage_is_2_and_names_what(person: Person, bench: Bench, words: tuple[str, ...], field: str) -> None:  # fmt: skip
    result = person(*words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert field in result.stderr
    assert not result.stdout.strip()
    assert not bench.stores.operations()


def test_an_unknown_tenant_comes_with_those_that_there_are(person: Person) -> None:
    assert person("tenant", "show", "old/nope").stderr.splitlines() == [
        "Error [not-found]: there is no tenant 'old/nope'",
        "Hint: tenants of old: acme, globex, web/shop:eu",
    ]


def test_a_name_of_two_domains_is_refused_with_the_ways_to_say_it(person: Person, bench: Bench) -> None:
    from dataclasses import replace

    twin = replace(bench.tenants["old"].known[0], id="d" * 32, domain_name="partners", domain_id="d2")
    bench.tenants["old"].known.append(twin)
    result = person(*ON, "--yes")
    assert result.exit_code == 2
    assert "[ambiguous]" in result.stderr
    assert "partners:acme" in result.stderr
    assert person.json("tenant", "maintenance", "on", "old/Default:acme", "--yes")["params"]["tenant"] == ACME


def test_without_a_terminal_and_yes_nothing_happens(person: Person, bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    for words in (ON, OFF, VERIFY):
        result = person(*words)
        assert result.exit_code == 2, result.output
        assert "--yes" in result.stderr
    assert not bench.stores.operations()


def test_somebody_is_asked_with_the_plan(
    person: Person, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "interactive", property(lambda self: True))
    refused = person(*ON, answers="n\n")
    assert refused.exit_code == 1
    assert "users may look but not touch" in refused.stderr
    assert not bench.stores.fences()
    assert person(*ON, answers="y\n").exit_code == 0
    assert bench.stores.fences()


def test_an_environment_with_a_fence_cannot_be_forgotten(person: Person, bench: Bench) -> None:
    person.json(*ON, "--yes")
    result = person("env", "remove", "old", "--yes")
    assert result.exit_code == 1
    assert "acme" in result.stderr
    assert f"pumphouse tenant maintenance off old/{ACME}" in result.stderr
    person.json(*OFF, "--yes")
    assert person("env", "remove", "old", "--yes").exit_code == 0


def test_a_broken_proof_is_seen_at_the_operation_too(person: Person, bench: Bench) -> None:
    bench.fencing.leaks = True
    done = person.json(*ON, "--yes")
    assert done["proof"][0]["verdict"] == "broken"
    shown = json.loads(person("operation", "show", done["id"], "-o", "json").stdout)
    assert shown["proof"] == done["proof"]
    assert "1 broken" in person("operation", "show", done["id"]).stdout
