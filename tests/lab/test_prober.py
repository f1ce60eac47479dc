"""Probes of real tenants of both clouds: what is let through leaves nothing, what is denied is denied by the policy before anything else."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from openstack.connection import Connection

from pumphouse.domain.fence import SERVICES, ProbeResult, Verdict
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import load_entry
from pumphouse.drivers.openstack.prober import OpenStackProber
from tests.lab.conftest import TestLab
from tests.lab.probed_tenant import PASSWORD, ProbedTenant, belongings, probed_tenant

# each fence that test_fence switches on is proven by it, on both releases
pytestmark = [pytest.mark.lab, pytest.mark.long]
MARK = "pumphouse-probe-lab-test"


@dataclass
class Scene:
    """A tenant whose server is locked, and a prober of its cloud."""

    cloud: str
    admin: Connection
    tenant: ProbedTenant
    prober: OpenStackProber

    def probe(self, role: str, wanted: str) -> list[ProbeResult]:
        login = self.prober.log_in(self.tenant.users[role], PASSWORD, self.tenant.id)
        targets = self.prober.targets(self.tenant.id)
        return list(self.prober.probe(login, self.tenant.id, targets, mark=MARK, wanted=wanted))


@pytest.fixture(scope="module", params=["old", "new"])
def scene(request: pytest.FixtureRequest, lab: TestLab) -> Iterator[Scene]:
    admin = lab.cloud(request.param)
    settings = load_entry(request.param, str(lab.directory / "clouds.yaml"))
    prober = OpenStackProber(request.param, settings, SystemClock())
    with probed_tenant(admin, "test-probe") as tenant:
        targets = prober.targets(tenant.id)
        assert prober.needs_lock(targets) == tenant.things["server"]
        admin.compute.lock_server(tenant.things["server"])
        assert prober.needs_lock(targets) == ""
        yield Scene(request.param, admin, tenant, prober)
    prober.close()


def test_targets_are_the_tenants_own_things(scene: Scene) -> None:
    targets = scene.prober.targets(scene.tenant.id)
    # of the security groups it is the default one, which no member can delete
    expected = scene.tenant.things | {"security_group": targets["default_security_group"]}
    assert {kind: targets.get(kind) for kind in expected} == expected
    assert targets["security_group"] != scene.tenant.things["security_group"]
    used = {"network_in_use", "subnet_in_use", "router_in_use", "router_port", "default_security_group"}
    assert used <= set(targets)
    assert "volume_in_use" not in targets, "the volume is available: to delete it would succeed"


def test_a_member_is_let_through_and_leaves_nothing(scene: Scene) -> None:
    before = belongings(scene.admin, scene.tenant.id)
    results = scene.probe("member", "let through")
    broken = [r for r in results if r.verdict is Verdict.BROKEN]
    assert not broken
    # the only volume is available: to delete it would succeed, and so would a snapshot
    assert {r.action for r in results if r.verdict is Verdict.NOT_TRIED} == {
        "delete volume",
        "create snapshot",
    }
    assert {r.service for r in results} == set(SERVICES)
    assert belongings(scene.admin, scene.tenant.id) == before


def test_a_fence_of_nothing_but_holes_leaves_nothing_either(scene: Scene) -> None:
    before = belongings(scene.admin, scene.tenant.id)
    results = scene.probe("member", "denied")
    writes = [r for r in results if r.writes and r.verdict is not Verdict.NOT_TRIED]
    assert {r.verdict for r in writes} == {Verdict.BROKEN}
    inconclusive = [r for r in writes if r.status in {0, 401, 403} or r.status >= 500]
    assert not inconclusive
    made = {r.action for r in writes if r.status in {201, 202, 204}}
    assert made == {"create security group", "create snapshot", "delete image"}
    assert belongings(scene.admin, scene.tenant.id) == before
    assert scene.prober.clean(scene.tenant.id, MARK) == []


def test_a_reader_is_denied_where_the_service_honours_the_role(scene: Scene) -> None:
    before = belongings(scene.admin, scene.tenant.id)
    results = scene.probe("reader", "denied")
    broken = {r.service for r in results if r.verdict is Verdict.BROKEN}
    # any role makes application credentials with itself; 2023.1 asks neutron and cinder for no role by default
    assert broken == ({"keystone", "neutron", "cinder"} if scene.cloud == "old" else {"keystone"})
    denied = [
        r for r in results if r.writes and r.service not in broken and r.verdict is not Verdict.NOT_TRIED
    ]
    assert {(r.verdict, r.status) for r in denied} == {(Verdict.AS_WANTED, 403)}
    assert {r.verdict for r in results if not r.writes} == {Verdict.AS_WANTED}
    assert belongings(scene.admin, scene.tenant.id) == before
