"""The fake prober answers as the real one does: a test of workflows is worth as much as its fakes."""

import pickle

import pytest

from pumphouse.domain.errors import CloudFaultError, CredentialsError
from pumphouse.domain.fence import Verdict
from tests.fakes.clock import FakeClock
from tests.fakes.prober import Attempt, FakeProber, by_roles

MARK = "pumphouse-probe-1"


@pytest.fixture
def roles() -> set[str]:
    return {"member", "reader"}


@pytest.fixture
def prober(roles: set[str]) -> FakeProber:
    return FakeProber("old", FakeClock(), roles_of=lambda _user, _tenant: roles)


def test_a_swap_of_roles_denies_and_a_member_is_let_through(prober: FakeProber, roles: set[str]) -> None:
    login = prober.log_in("u", "p", "t")
    let = prober.probe(login, "t", prober.targets("t"), mark=MARK, wanted="let through")
    assert {r.verdict for r in let} == {Verdict.AS_WANTED}
    assert not prober.made
    roles.remove("member")
    denied = prober.probe(login, "t", prober.targets("t"), mark=MARK)
    assert {(r.verdict, r.status) for r in denied if r.writes} == {(Verdict.AS_WANTED, 403)}
    assert {(r.verdict, r.status) for r in denied if not r.writes} == {(Verdict.AS_WANTED, 200)}


def test_a_hole_leaves_things_until_they_are_cleaned(prober: FakeProber) -> None:
    prober.decide = lambda a: 200 if a.service == "neutron" else by_roles(a)
    prober.roles_of = lambda _user, _tenant: {"reader"}
    results = prober.probe(prober.log_in("u", "p", "t"), "t", prober.targets("t"), mark=MARK)
    assert {r.service for r in results if r.verdict is Verdict.BROKEN} == {"neutron"}
    assert prober.clean("t", MARK) == ["neutron create security group"]
    assert prober.clean("t", MARK) == []


def test_a_cached_token_can_be_modelled(prober: FakeProber, roles: set[str]) -> None:
    def cached(attempt: Attempt) -> int:
        known = attempt.token_roles if attempt.age_s < 300 else attempt.roles
        return by_roles(Attempt(*(getattr(attempt, n) for n in ("service", "action", "writes", "tenant_id", "user_id")),
                                known, attempt.token_roles, attempt.age_s, attempt.label))  # fmt: skip

    prober.decide = cached
    old = prober.log_in("u", "p", "t", label="token from before")
    roles.remove("member")
    assert Verdict.BROKEN in {r.verdict for r in prober.probe(old, "t", {}, mark=MARK, services=["nova"])}
    prober.clock.sleep(300)
    later = prober.probe(old, "t", {}, mark=MARK, services=["nova"])
    assert {r.login for r in later} == {"token from before"}
    assert Verdict.BROKEN not in {r.verdict for r in later}


def test_locks_faults_and_logins(prober: FakeProber, roles: set[str]) -> None:
    prober.is_locked = lambda _server: False
    targets = prober.targets("t")
    assert prober.needs_lock(targets) == "server-1"
    results = prober.probe(prober.log_in("u", "p", "t"), "t", targets, mark=MARK, services=["nova"])
    assert "suspend server" in {r.action for r in results if r.verdict is Verdict.NOT_TRIED}
    prober.fail("clean", CloudFaultError("gone"), after=True)
    prober.made["t", MARK].append("x")
    with pytest.raises(CloudFaultError):
        prober.clean("t", MARK)
    assert not prober.made
    points: list[str] = []
    prober.on_call = points.append
    login = prober.log_in("u", "p", "t")
    assert points == ["log_in:before", "log_in:after"]
    assert pickle.loads(pickle.dumps(login)) == login
    roles.clear()
    with pytest.raises(CredentialsError):
        prober.log_in("u", "p", "t")
