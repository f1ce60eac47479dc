"""Every kind of resource has a driver and a declaration of its own."""

from collections.abc import Iterator

import pytest

from pumphouse.domain.resource import ResourceKind
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.resources.resources import OpenStackResources
from pumphouse.drivers.openstack.resources.table import DRIVERS
from pumphouse.workflows.migrate_tenant.kind import Identity
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from tests.fakes.clock import FakeClock


@pytest.fixture
def resources() -> Iterator[OpenStackResources]:
    made = OpenStackResources("old", CloudSettings("sim", "password", {}), FakeClock())
    yield made
    made.close()


def test_no_kind_is_forgotten() -> None:
    assert set(DRIVERS) == set(ResourceKind) == set(KINDS)
    assert all(declared.kind is kind for kind, declared in KINDS.items())


def test_each_driver_is_of_the_kind_that_it_stands_for(resources: OpenStackResources) -> None:
    assert {kind: driver.kind for kind, driver in resources._drivers.items()} == {
        kind: kind for kind in DRIVERS
    }


@pytest.mark.parametrize(
    "kind", [kind for kind, declared in KINDS.items() if declared.identity is Identity.MAPPED]
)
def test_what_is_mapped_refuses_to_be_made_or_removed(
    resources: OpenStackResources, kind: ResourceKind
) -> None:
    driver = resources._drivers[kind]
    for refused in (
        lambda: driver.create("t", "x", {}),
        lambda: driver.update("x", {}),
        lambda: driver.delete("x"),
    ):
        with pytest.raises(Exception, match="operator") as caught:
            refused()
        assert caught.value.code  # type: ignore[attr-defined]  # one of domain/errors.py
