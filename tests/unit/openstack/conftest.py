"""A simulated cloud and our driver on it, with a clock on which waiting costs nothing."""

from collections.abc import Callable, Iterator

import pytest

from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.cloud import OpenStackCloud
from pumphouse.drivers.openstack.tenants import OpenStackTenants
from tests.fakes.clock import FakeClock
from tests.simulated.content import Content
from tests.simulated.server import SimulatedCloud
from tests.unit.openstack.network_rig import new, old  # noqa: F401  # fixtures of test_network_*.py

Driver = Callable[..., OpenStackCloud]


@pytest.fixture
def sim() -> Iterator[SimulatedCloud]:
    with SimulatedCloud(Content(nodes=5, servers=40)) as cloud:
        yield cloud


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def drive(clock: FakeClock) -> Iterator[Driver]:
    """Makes a driver on a simulated cloud; closes them all at the end."""
    made: list[OpenStackCloud] = []

    def make(sim: SimulatedCloud, **changes: object) -> OpenStackCloud:
        settings: dict[str, object] = {"cloud": "sim", "auth_type": "password", "auth": sim.auth, **changes}
        made.append(OpenStackCloud("sim", CloudSettings(**settings), clock))  # type: ignore[arg-type]  # tests give any field
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def cloud(sim: SimulatedCloud, drive: Driver) -> OpenStackCloud:
    return drive(sim)


@pytest.fixture
def tenants(sim: SimulatedCloud, clock: FakeClock) -> Iterator[OpenStackTenants]:
    made = OpenStackTenants("sim", CloudSettings("sim", "password", sim.auth), clock)
    yield made
    made.close()
