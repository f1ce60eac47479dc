"""Drivers of network kinds on the simulated Neutron; used by test_network_*.py."""

from collections.abc import Iterator
from typing import Any

import pytest

from pumphouse.domain.resource import Resource, ResourceKind, ref, translated
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.table import DRIVERS
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.resources import KindDriver
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from tests.fakes.clock import FakeClock
from tests.simulated.neutron import SimulatedNeutron

TENANT = "a" * 32
NEW_TENANT = "b" * 32
OPERATOR = "c" * 32
K = ResourceKind


class Cloud:
    """One simulated Neutron with all drivers on it."""

    def __init__(self, name: str) -> None:
        self.sim = SimulatedNeutron()
        self.clock = FakeClock()
        self.http = Transport(name, CloudSettings(name, "password", self.sim.auth, concurrency=8), self.clock)
        reach = Reach(self.http, self.clock, lambda _tenant: self.http)
        self.drivers: dict[ResourceKind, KindDriver] = {kind: make(reach) for kind, make in DRIVERS.items()}

    def __getitem__(self, kind: ResourceKind) -> KindDriver:
        return self.drivers[kind]

    def one(self, kind: ResourceKind, id: str) -> Resource:
        return next(iter(self[kind].named([id])))


def moved(
    source: Cloud,
    destination: Cloud,
    kind: ResourceKind,
    id: str,
    ids: dict[str, str],
    choices: Choices | None = None,
) -> Resource:
    """What the workflow does with one thing, and the proof that it is the same; `ids` gains its counterpart."""
    resource, declared = source.one(kind, id), KINDS[kind]
    choices = choices or Choices()
    adjusted = declared.adjust(resource.fields, choices)
    wanted: dict[str, Any] = translated(adjusted, ids)
    made = destination[kind].create(NEW_TENANT, resource.name, wanted)
    ids[resource.key] = made
    found = destination.one(kind, made)
    assert found.owner == NEW_TENANT
    wrong = {
        name: pair
        for name, pair in declared.differences(wanted, found.fields).items()
        if name not in declared.later
        and (name not in declared.on_purpose or adjusted.get(name) == resource.fields[name])
    }
    assert wrong == {}
    return found


def with_external(cloud: Cloud) -> tuple[str, str]:
    """An external network of the operator's and its subnet."""
    network = cloud.sim.put("networks", name="public", project_id=OPERATOR, **{"router:external": True})
    subnet = cloud.sim.put(
        "subnets",
        name="public-v4",
        project_id=OPERATOR,
        network_id=network,
        ip_version=4,
        cidr="203.0.113.0/24",
    )
    return network, subnet


def mapped(old: tuple[str, str], new: tuple[str, str]) -> dict[str, str]:
    return {
        f"external_network/{old[0]}": new[0],
        f"external_subnet/{old[1]}": new[1],
        f"project/{TENANT}": NEW_TENANT,
    }


def private(cloud: Cloud, **values: Any) -> tuple[str, str]:
    network = cloud.sim.put("networks", **{"name": "net", "project_id": TENANT, **values})
    subnet = cloud.sim.put(
        "subnets", name="", project_id=TENANT, network_id=network, ip_version=4, cidr="10.0.0.0/24"
    )
    return network, subnet


def both(old: Cloud, new: Cloud, ids: dict[str, str], **values: Any) -> tuple[str, str]:
    network, subnet = private(old, **values)
    moved(old, new, K.NETWORK, network, ids)
    moved(old, new, K.SUBNET, subnet, ids)
    return network, subnet


@pytest.fixture
def old() -> Iterator[Cloud]:
    cloud = Cloud("old")
    with cloud.sim:
        yield cloud
    cloud.http.close()


@pytest.fixture
def new() -> Iterator[Cloud]:
    cloud = Cloud("new")
    with cloud.sim:
        yield cloud
    cloud.http.close()


__all__ = [
    "NEW_TENANT",
    "OPERATOR",
    "TENANT",
    "Cloud",
    "K",
    "both",
    "mapped",
    "moved",
    "new",
    "old",
    "private",
    "ref",
    "with_external",
]
