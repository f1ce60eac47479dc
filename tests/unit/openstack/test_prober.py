"""Probes against a simulated cloud: what is proven, what is broken, and that nothing is left behind or shown."""

import logging
from collections.abc import Callable, Iterator, Sequence

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError, InvalidInputError
from pumphouse.domain.fence import SERVICES, ProbeResult, Verdict
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.probe_actions import ACTIONS
from pumphouse.drivers.openstack.probe_session import TRIES
from pumphouse.drivers.openstack.prober import OpenStackProber
from tests.fakes.clock import FakeClock
from tests.simulated.content import PROJECT
from tests.simulated.server import Fault, Request
from tests.unit.openstack.tenant_cloud import MARK, MEMBER, OTHER, TENANT, TenantCloud, full_tenant, thing

pytestmark = pytest.mark.crash


@pytest.fixture
def sim() -> Iterator[TenantCloud]:
    with TenantCloud() as cloud:
        yield cloud


@pytest.fixture
def prober(sim: TenantCloud) -> Iterator[OpenStackProber]:
    settings = CloudSettings(cloud="sim", auth_type="password", auth=sim.auth)
    made = OpenStackProber("sim", settings, FakeClock())
    yield made
    made.close()


def probe(
    prober: OpenStackProber, *, wanted: str = "denied", services: Sequence[str] | None = None
) -> dict[str, ProbeResult]:
    login = prober.log_in(MEMBER, "sesame", TENANT)
    results = prober.probe(login, TENANT, prober.targets(TENANT), mark=MARK, services=services, wanted=wanted)
    return {f"{r.service} {r.action}": r for r in results}


def of(results: dict[str, ProbeResult], verdict: Verdict) -> set[str]:
    return {name for name, result in results.items() if result.verdict is verdict}


def marked(sim: TenantCloud) -> list[str]:
    return [
        row["id"] for rows in sim.things.values() for row in rows if str(row.get("name")).startswith(MARK)
    ]


def is_write(request: Request) -> bool:
    return request.method != "GET"


def test_a_fence_that_holds_is_proven_for_every_service(sim: TenantCloud, prober: OpenStackProber) -> None:
    results = probe(prober)
    assert of(results, Verdict.AS_WANTED) == set(results)
    assert {r.service for r in results.values()} == set(SERVICES)
    denied = results["nova delete server"]
    assert denied == ProbeResult(
        "nova", "delete server", True, "denied", Verdict.AS_WANTED, 403, "fresh token", ""
    )
    assert results["neutron list networks"].wanted == "allowed"
    sent = [(request.method, request.path, str(request.body)) for request in sim.asked if is_write(request)]
    assert all(sent.count(each) == 2 for each in sent), "each worker of a service may have another policy"
    assert not marked(sim)


def test_a_hole_is_told_with_its_status_and_what_came_of_it_is_removed(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    sim.denies = lambda request: request.service != "network"
    results = probe(prober)
    broken = of(results, Verdict.BROKEN)
    assert broken == {f"neutron {a.name}" for a in ACTIONS if a.service == "neutron" and a.writes}
    made = results["neutron create security group"]
    assert (made.status, made.detail) == (201, "it was let through: done")
    assert results["neutron delete network"].status == 409
    assert not marked(sim)
    deleted = [path for method, path in sim.admin_writes if method == "DELETE"]
    assert sorted(deleted) == ["/images/made-1", "/security-groups/made-1"]
    untouched = full_tenant()
    assert {key: rows for key, rows in sim.things.items() if key in untouched} == untouched


def test_all_holes_at_once_leave_nothing_behind(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.denies = lambda _request: False
    results = probe(prober)
    assert of(results, Verdict.BROKEN) == {name for name, result in results.items() if result.writes}
    assert results["glance delete image"].status == 204
    assert not marked(sim)


def test_one_worker_of_two_with_the_old_policy_is_found(sim: TenantCloud, prober: OpenStackProber) -> None:
    turns: dict[str, int] = {}

    def denies(request: Request) -> bool:
        key = f"{request.method} {request.path} {request.body}"
        turns[key] = turns.get(key, 0) + 1
        return turns[key] % 2 == 1

    sim.denies = denies
    results = probe(prober, services=["nova"])
    assert of(results, Verdict.BROKEN) == {name for name, result in results.items() if result.writes}


def test_let_through_uses_only_what_leaves_no_trace(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.denies = lambda _request: False
    results = probe(prober, wanted="let through")
    assert of(results, Verdict.BROKEN) == set()
    assert of(results, Verdict.NOT_TRIED) == {"cinder create snapshot"}, "no volume is attached"
    assert {r.wanted for r in results.values()} == {"let through", "allowed"}
    assert "neutron create security group" not in results
    assert "glance delete image" not in results
    assert sim.admin_writes == []
    sim.denies = lambda request: request.service == "image"
    results = probe(prober, wanted="let through")
    writes = {name for name, result in results.items() if result.writes}
    assert of(results, Verdict.BROKEN) == {name for name in writes if name.startswith("glance")}
    assert results["glance create image"].detail == "it was refused: Policy doesn't allow it"


def test_refused_reads_break_the_proof(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.faults.append(
        Fault(
            403,
            times=99,
            hits=lambda r: r.token in sim.members and r.path == "/volumes" and r.method == "GET",
        )
    )
    results = probe(prober)
    assert of(results, Verdict.BROKEN) == {"cinder list volumes"}
    assert results["cinder list volumes"].status == 403


@pytest.mark.parametrize(("times", "verdict"), [(TRIES - 1, Verdict.AS_WANTED), (99, Verdict.BROKEN)])
def test_a_fault_is_asked_again_and_never_taken_for_a_denial(
    sim: TenantCloud, prober: OpenStackProber, times: int, verdict: Verdict
) -> None:
    sim.faults.append(Fault(500, times=times, hits=lambda r: r.method == "POST" and r.path == "/networks"))
    result = probe(prober, services=["neutron"])["neutron create network"]
    assert result.verdict is verdict
    assert result.status == (403 if verdict is Verdict.AS_WANTED else 500)
    if verdict is Verdict.BROKEN:
        assert "simulated fault" in result.detail
        assert sim.admin_writes == [], "nothing was made, but it was looked for"
        assert any(r.path == "/security-groups" and r.token not in sim.members for r in sim.log)


def test_connections_that_break_are_tried_again_and_told_in_the_end(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    is_rename: Callable[[Request], bool] = lambda r: r.method == "PUT" and r.path == "/routers/router-1"  # noqa: E731
    sim.faults.append(Fault(reset=True, times=2, hits=is_rename))
    assert probe(prober, services=["neutron"])["neutron update router"].verdict is Verdict.AS_WANTED
    sim.faults.append(Fault(reset=True, times=99, hits=is_rename))
    lost = probe(prober, services=["neutron"])["neutron update router"]
    assert (lost.verdict, lost.status) == (Verdict.BROKEN, 0)
    assert lost.detail.startswith("no answer")


def test_a_token_is_never_renewed(sim: TenantCloud, prober: OpenStackProber) -> None:
    login = prober.log_in(MEMBER, "sesame", TENANT, label="token from before")
    sim.tokens -= set(sim.members)
    before = sim.count("identity", "/auth/tokens")
    results = prober.probe(login, TENANT, prober.targets(TENANT), mark=MARK, services=["nova", "cinder"])
    assert {(r.verdict, r.status, r.login) for r in results} == {(Verdict.BROKEN, 401, "token from before")}
    assert sim.count("identity", "/auth/tokens") == before
    assert "tells nothing" in results[-1].detail


def test_secrets_are_shown_nowhere(
    sim: TenantCloud, prober: OpenStackProber, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = prober.log_in(MEMBER, "sesame", TENANT)
    (token,) = sim.members
    sim.faults.append(
        Fault(409, times=99, body={"error": {"message": f"token {token}"}}, hits=lambda r: r.token == token)
    )
    results = prober.probe(login, TENANT, prober.targets(TENANT), mark=MARK)
    shown = f"{login!r} {login} {results} {caplog.text}"
    assert "***" in shown
    assert token not in shown
    assert "sesame" not in shown
    assert login.label == "fresh token"


def test_who_gets_no_token_is_told_and_a_fault_is_waited_out(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    with pytest.raises(CredentialsError):
        prober.log_in(MEMBER, "wrong", TENANT)
    prober.targets(TENANT)
    sim.faults.append(Fault(503, times=2, hits=lambda r: r.path == "/auth/tokens"))
    assert prober.log_in(MEMBER, "sesame", TENANT).user_id == MEMBER
    sim.faults.append(Fault(503, times=99, hits=lambda r: r.path == "/auth/tokens"))
    with pytest.raises(CloudFaultError):
        prober.log_in(MEMBER, "sesame", TENANT)


def test_what_a_tenant_does_not_have_is_said(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.things = {key: [] for key in sim.things}
    sim.things["identity", "projects"] = [thing(TENANT)]
    results = probe(prober)
    missing = of(results, Verdict.NOT_TRIED)
    assert results["nova delete server"].detail == "the tenant has no server"
    assert results["neutron delete router"].detail == "the tenant has no router with an interface"
    tried = {f"{a.service} {a.name}" for a in ACTIONS if a.writes} - missing
    assert tried == {
        "nova create server", "nova create server group", "neutron create network", "neutron create subnet",
        "neutron create router", "neutron create security group", "neutron create floating IP", "cinder create volume",
        "glance create image", "glance delete image", "keystone create application credential",
    }  # fmt: skip
    assert of(results, Verdict.BROKEN) == set()


def test_a_thing_that_goes_away_meanwhile_is_no_hole(sim: TenantCloud, prober: OpenStackProber) -> None:
    login = prober.log_in(MEMBER, "sesame", TENANT)
    targets = prober.targets(TENANT)
    sim.things["network", "floatingips"] = []
    results = prober.probe(login, TENANT, targets, mark=MARK, services=["neutron"])
    gone = {r.action: r.detail for r in results if r.verdict is Verdict.NOT_TRIED}
    assert gone == {
        "show floating IP": "the floating IP was deleted meanwhile",
        "update floating IP": "the floating IP was deleted meanwhile",
    }


def test_servers_that_are_not_locked_and_administrators_are_not_let_loose(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    sim.things["compute", "servers"][0]["locked"] = False
    assert prober.needs_lock(prober.targets(TENANT)) == "server-1"
    results = probe(prober, services=["nova"])
    assert of(results, Verdict.NOT_TRIED) == {f"nova {a.name}" for a in ACTIONS if a.locked}
    sent = [r for r in sim.asked if is_write(r)]
    assert not any(r.method == "DELETE" and r.path == "/servers/server-1" for r in sent)
    assert not any(isinstance(r.body, dict) and {"suspend", "pause", "os-stop"} & set(r.body) for r in sent)
    sim.asked.clear()
    sim.roles = ("admin", "member")
    results = probe(prober)
    assert not [r for r in sim.asked if is_write(r)]
    assert {r.verdict for r in results.values() if r.writes} == {Verdict.NOT_TRIED}


def test_needs_no_lock_where_there_is_one_or_no_server(sim: TenantCloud, prober: OpenStackProber) -> None:
    assert prober.needs_lock(prober.targets(TENANT)) == ""
    assert prober.needs_lock({}) == ""
    assert prober.needs_lock({"server": "gone"}) == ""


def test_an_interrupted_probe_cleans_up_at_once(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.faults.append(Fault(400, hits=lambda r: r.path == "/networks/net-1" and r.token not in sim.members))
    with pytest.raises(CloudRefusedError):
        probe(prober)
    assert ("POST", "/images") in sim.admin_writes
    assert not marked(sim)


def test_bad_input_is_refused(prober: OpenStackProber) -> None:
    login = prober.log_in(MEMBER, "sesame", TENANT)
    with pytest.raises(InvalidInputError, match="wanted"):
        prober.probe(login, TENANT, {}, mark=MARK, wanted="anything")
    with pytest.raises(InvalidInputError, match="mark"):
        prober.clean(TENANT, "web")


def test_cleaning_takes_only_what_is_marked_and_of_the_tenant(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    groups = sim.things["network", "security_groups"]
    groups += [thing(f"ours-{n}", name=f"{MARK}-{n}") for n in range(5)]
    groups += [thing("theirs", OTHER, name=MARK), thing("named-so", name=f"not {MARK}")]
    sim.things["network", "floatingips"].append(thing("ours-fip", name="", description=MARK))
    sim.things["compute", "servers"].append(thing("ours-server", name=MARK))
    sim.page_limit = 2
    removed = prober.clean(TENANT, MARK)
    assert sorted(removed) == sorted(
        ["server ours-server", "floating IP ours-fip", *(f"security group ours-{n}" for n in range(5))]
    )
    assert [row["id"] for row in groups] == ["group-1", "theirs", "named-so"]
    assert prober.clean(TENANT, MARK) == []


def test_cleaning_waits_for_what_cannot_go_yet(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.things["block-storage", "snapshots"].append(thing("ours", name=MARK, volume_id="vol-1"))
    sim.stubborn["ours"] = 3
    assert prober.clean(TENANT, MARK) == ["snapshot ours"]
    sim.things["block-storage", "snapshots"].append(thing("ours", name=MARK, volume_id="vol-1"))
    sim.stubborn["ours"] = 10_000
    with pytest.raises(CloudFaultError, match="snapshot ours"):
        prober.clean(TENANT, MARK)


def test_configured_endpoints_get_the_members_own_project(sim: TenantCloud, prober: OpenStackProber) -> None:
    override = {"block-storage": f"{sim.url}/volume/v3/{PROJECT}", "image": f"{sim.url}/image"}
    settings = CloudSettings(cloud="sim", auth_type="password", auth=sim.auth, endpoint_overrides=override)
    made = OpenStackProber("sim", settings, FakeClock())
    try:
        urls = made.log_in(MEMBER, "sesame", TENANT).urls
    finally:
        made.close()
    assert urls["cinder"] == f"{sim.url}/volume/v3/{TENANT}"
    assert urls["glance"] == f"{sim.url}/image/v2"
    from_catalog = prober.log_in(MEMBER, "sesame", TENANT).urls
    assert from_catalog["cinder"] == override["block-storage"], "the catalog of a token names its own project"
