"""Reads endure a cloud in trouble, writes go out once, tokens are renewed unseen."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError
from pumphouse.drivers.openstack.cloud import OpenStackCloud
from tests.fakes.clock import FakeClock
from tests.simulated.server import Fault, Request, SimulatedCloud
from tests.unit.openstack.conftest import Driver


def to_nova(request: Request) -> bool:
    return request.service == "compute" and request.path != "/"


def test_ten_seconds_of_500_are_survived(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    sim.faults.append(Fault(500, while_=lambda: clock.monotonic() < 10))
    assert len(cloud.nodes()) == 5
    assert clock.monotonic() >= 10


def test_keystone_may_be_away_for_ten_seconds_too(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    sim.faults.append(
        Fault(503, while_=lambda: clock.monotonic() < 10, hits=lambda request: request.service == "identity")
    )
    cloud.pause(cloud.server(next(iter(sim.content.server_numbers))).id)
    assert sim.count("compute", "/servers") == 2


@pytest.mark.parametrize("fault", [Fault(502, times=10**6), Fault(reset=True, times=10**6)])
def test_a_read_gives_up_after_its_deadline(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock, fault: Fault
) -> None:
    assert cloud.server_groups() == []
    before = clock.monotonic()
    sim.faults.append(fault)
    with pytest.raises(CloudFaultError):
        cloud.server_groups()
    assert 20 < clock.monotonic() - before <= 30


@pytest.mark.parametrize("fault", [Fault(502, times=10**6), Fault(reset=True, times=10**6)])
def test_a_cloud_that_is_broken_from_the_start_is_given_up(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock, fault: Fault
) -> None:
    sim.faults.append(fault)
    with pytest.raises(CloudFaultError):
        cloud.server_groups()
    assert clock.monotonic() < 60


def test_threads_that_wait_for_the_same_answer_share_its_fault(
    cloud: OpenStackCloud, sim: SimulatedCloud
) -> None:
    asked: list[str] = []

    def hits(request: Request) -> bool:
        if request.service == "compute":
            asked.append(request.path)
        return request.service == "compute"

    sim.faults.append(Fault(502, times=10**6, hits=hits))
    gate = threading.Barrier(4)

    def ask(_: int) -> None:
        gate.wait()
        with pytest.raises(CloudFaultError):
            cloud.server_groups()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    together = len(asked)
    asked.clear()
    with pytest.raises(CloudFaultError):
        cloud.server_groups()
    assert len(asked) > 1, "it tries again by itself"
    assert together < 3 * len(asked)


def test_connection_resets_are_survived(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.faults.append(Fault(reset=True, times=3, hits=to_nova))
    assert cloud.server_groups() == []


def test_retry_after_is_waited_for(sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock) -> None:
    sim.faults.append(Fault(429, headers={"Retry-After": "7"}, hits=to_nova))
    cloud.server_groups()
    assert clock.slept == [7.0]


def test_a_retry_after_beyond_the_deadline_is_told_to_the_caller(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    sim.faults.append(Fault(429, headers={"Retry-After": "600"}, hits=to_nova))
    with pytest.raises(CloudFaultError) as caught:
        cloud.server_groups()
    assert caught.value.after_s == 600
    assert clock.slept == []


@pytest.mark.parametrize("status", [409, 500, 503])
def test_a_write_goes_out_once(sim: SimulatedCloud, cloud: OpenStackCloud, status: int) -> None:
    sim.faults.append(
        Fault(
            status,
            times=10**6,
            hits=lambda request: request.method == "POST" and request.service == "compute",
        )
    )
    with pytest.raises(
        CloudFaultError, match=rf"POST /servers/x/action \(migrate\) was answered with {status}"
    ):
        cloud.cold_migrate("x", None)
    assert sim.count("compute", "/servers/x/action") == 1


def test_a_write_whose_answer_is_lost_is_not_repeated(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.faults.append(
        Fault(
            reset=True,
            times=10**6,
            hits=lambda request: request.method == "POST" and request.service == "compute",
        )
    )
    with pytest.raises(CloudFaultError):
        cloud.live_migrate("x", None)
    assert sim.count("compute", "/servers/x/action") == 1


def test_a_permanent_answer_is_not_tried_again(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    sim.faults.append(Fault(400, body={"badRequest": {"message": "no such filter"}}, hits=to_nova))
    with pytest.raises(CloudRefusedError, match="no such filter"):
        cloud.server_groups()
    assert clock.slept == []


# -- tokens


def test_an_expired_token_is_renewed_unseen_for_reads_and_writes(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    cloud.server_groups()
    sim.expire_tokens()
    assert len(cloud.nodes()) == 5
    sim.expire_tokens()
    cloud.cold_migrate("x", None)
    assert sim.count("identity", "/auth/tokens") == 3


def test_many_threads_share_one_token_and_renew_it_once(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    together = threading.Barrier(12)

    def read() -> None:
        together.wait()
        cloud.server_groups()

    with ThreadPoolExecutor(12) as pool:
        for turn in (1, 2):
            list(pool.map(lambda _: read(), range(12)))
            assert sim.count("identity", "/auth/tokens") == turn
            sim.expire_tokens()


INSIDE = {"badRequest": {"message": "Networking client is experiencing an unauthorized exception."}}
"""Of a Nova that still believes a token that Neutron no longer takes from it."""


def test_a_token_that_neutron_refuses_from_nova_is_renewed(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    assert len(cloud.nodes()) == 5
    logins = sim.count("identity", "/auth/tokens")
    sim.faults.append(Fault(400, body=INSIDE, hits=to_nova))
    assert len(cloud.nodes()) == 5
    assert sim.count("identity", "/auth/tokens") == logins + 1


def test_a_write_that_neutron_refused_from_nova_is_left_to_who_looks_first(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    server = cloud.server(next(iter(sim.content.server_numbers))).id
    sim.faults.append(
        Fault(400, body=INSIDE, hits=lambda request: request.method == "POST" and to_nova(request))
    )
    logins = sim.count("identity", "/auth/tokens")
    with pytest.raises(CloudFaultError, match="unauthorized exception"):
        cloud.pause(server)
    cloud.pause(server)
    assert sim.count("identity", "/auth/tokens") == logins + 1


def test_a_token_that_is_always_refused_is_a_matter_of_credentials(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    sim.faults.append(Fault(401, times=10**6, hits=to_nova))
    with pytest.raises(CredentialsError, match="401"):
        cloud.server_groups()
    assert sim.count("compute", "/os-server-groups") == 2


def test_a_wrong_password_is_not_tried_again(sim: SimulatedCloud, drive: Driver, clock: FakeClock) -> None:
    cloud = drive(sim, auth={**sim.auth, "password": "wrong-word"})
    with pytest.raises(CredentialsError) as caught:
        cloud.nodes()
    assert "wrong-word" not in str(caught.value)
    assert clock.slept == []
    assert [(check.service, check.ok) for check in cloud.check()] == [("identity", False)]


def test_forbidden_names_what_was_refused(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.faults.append(
        Fault(
            403,
            body={"forbidden": {"message": "Policy doesn't allow os_compute_api:os-services:list"}},
            hits=to_nova,
        )
    )
    with pytest.raises(CredentialsError, match=r"os_compute_api:os-services:list.*req-simulated"):
        cloud.node("node-1")


def test_an_unreachable_cloud_is_a_fault(sim: SimulatedCloud, drive: Driver, clock: FakeClock) -> None:
    cloud = drive(sim, auth={**sim.auth, "auth_url": "http://127.0.0.1:9/v3"})
    with pytest.raises(CloudFaultError):
        cloud.server_groups()
    assert 8 < clock.monotonic() < 24, (
        "long enough for a service that restarts, short enough for a wrong address"
    )


def test_a_region_without_the_service_is_named(sim: SimulatedCloud, drive: Driver) -> None:
    with pytest.raises(CloudRefusedError, match="compute service in Nowhere region not found"):
        drive(sim, region="Nowhere").server_groups()


def test_check_tells_each_service_apart(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.faults.append(
        Fault(403, times=10**6, hits=lambda request: request.service == "network" and request.path != "/")
    )
    found = {check.service: check for check in cloud.check()}
    assert {service for service, check in found.items() if not check.ok} == {"network"}
    assert "admin" in found["network"].hint


def test_something_else_behind_the_endpoint_is_refused_at_once(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    sim.faults.append(
        Fault(
            200, times=10**6, body="<html>welcome</html>", hits=lambda request: request.service == "compute"
        )
    )
    with pytest.raises(CloudRefusedError, match="did not tell its microversions"):
        cloud.server_groups()
    assert clock.slept == []


@pytest.mark.parametrize("status", [408, 409, 425, 429, 503])
def test_a_version_document_that_is_refused_for_a_moment_is_asked_for_again(
    sim: SimulatedCloud, cloud: OpenStackCloud, status: int
) -> None:
    """Only there are the microversions told: once it ended the command."""
    sim.faults.append(
        Fault(status, hits=lambda request: request.service == "compute" and request.path == "/")
    )
    assert len(cloud.nodes()) == 5
    assert sim.faults[0].times < 1  # it was met


def silence(clock: FakeClock, seconds: float, *paths: str) -> Fault:
    """The first request to each of these paths gets no answer for so long, and is cut then."""
    left = set(paths)

    def is_next(request: Request) -> bool:
        fits = f"{request.service} {request.path}" in left
        left.discard(f"{request.service} {request.path}")
        return fits

    def strikes() -> bool:
        clock.advance(seconds)
        return True

    return Fault(reset=True, hits=is_next, while_=strikes)


def test_what_gave_no_answer_for_longer_than_our_patience_is_asked_once_more(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    assert cloud.server_groups() == []
    sim.faults.append(silence(clock, 60.0, "compute /os-server-groups"))
    assert cloud.server_groups() == []


def test_a_cloud_that_has_let_us_in_has_answered(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    """Each part of the first contact may be silent for a while: the login, and then each service's version document."""
    sim.faults.append(silence(clock, 6.5, "identity /auth/tokens", "compute /", "compute /os-server-groups"))
    assert cloud.server_groups() == []
    assert clock.monotonic() > 12.0
