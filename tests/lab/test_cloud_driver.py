"""The cloud driver against real clouds: every call of the port, and what the clouds themselves say of its effect."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import pytest

from pumphouse.domain.errors import (
    CloudFaultError,
    CloudRefusedError,
    CredentialsError,
    NotFoundError,
    PumphouseError,
)
from pumphouse.domain.node import NodeStatus
from pumphouse.domain.server import Migration, Server
from pumphouse.drivers.clock import SystemClock
from pumphouse.drivers.openstack.access import CloudSettings, load_entry
from pumphouse.drivers.openstack.cloud import OpenStackCloud
from pumphouse.drivers.openstack.placement import DISABLED_TRAIT
from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab

T = TypeVar("T")
PREFIX = "driver-test"
ABSENT = "00000000-0000-0000-0000-00000000dead"


def settings_of(lab: TestLab, name: str) -> CloudSettings:
    return load_entry(name, str(lab.directory / "clouds.yaml"))


@pytest.fixture(params=["old", "new"])
def either(two_nodes_each: TestLab, request: pytest.FixtureRequest) -> Iterator[OpenStackCloud]:
    cloud = OpenStackCloud(request.param, settings_of(two_nodes_each, request.param), SystemClock())
    yield cloud
    cloud.close()


@pytest.fixture(scope="module", params=["old", "new"])
def cloud(two_nodes_each: TestLab, request: pytest.FixtureRequest) -> Iterator[OpenStackCloud]:
    """A cloud with two nodes at least."""
    cloud = OpenStackCloud(request.param, settings_of(two_nodes_each, request.param), SystemClock())
    assert len(cloud.nodes(summary=True)) >= 2
    yield cloud
    for name in ("a", "b"):
        cloud.delete_test_server(f"{PREFIX}-{name}")
    cloud.close()


@pytest.fixture(scope="module")
def guest(cloud: OpenStackCloud) -> str:
    """A server of ours on the first node, ACTIVE."""
    first = cloud.nodes(summary=True)[0].name
    server_id = cloud.boot_test_server(f"{PREFIX}-a", first)
    assert settled(cloud, server_id, "ACTIVE").host == first
    return server_id


def wait(probe: Callable[[], T | None], what: str, seconds: float = 120.0) -> T:
    clock = SystemClock()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = probe()
        if found is not None:
            return found
        clock.sleep(1.0)
    raise AssertionError(f"{what} did not come true in {seconds} s")


def settled(cloud: OpenStackCloud, server_id: str, status: str) -> Server:
    def probe() -> Server | None:
        server = cloud.server(server_id)
        assert server.status != "ERROR" or status == "ERROR", server.fault
        return server if server.status == status and not server.task_state else None

    return wait(probe, f"{server_id} {status}")


def other_node(cloud: OpenStackCloud, server_id: str) -> str:
    here = cloud.server(server_id).host
    return next(
        node.name for node in cloud.nodes(summary=True) if node.name != here and node.status is NodeStatus.UP
    )


def ended(cloud: OpenStackCloud, server_id: str) -> Migration:
    def probe() -> Migration | None:
        found = cloud.migrations(server_id=server_id)
        return found[0] if found and not found[0].running else None

    return wait(probe, "migration ended")


# -- reading


def test_all_services_answer_our_credentials(either: OpenStackCloud) -> None:
    checks = either.check()
    assert {check.service for check in checks} == {
        "identity",
        "compute",
        "placement",
        "network",
        "image",
        "block-storage",
    }
    assert all(check.ok for check in checks), checks


def test_facts_name_the_release(either: OpenStackCloud) -> None:
    facts = either.facts()
    assert facts["release"] == {"old": "2023.1", "new": "2026.2"}[either.environment]
    assert facts["errors"] == {}
    assert {service["type"] for service in facts["services"]} >= {
        "compute",
        "placement",
        "network",
        "image",
        "identity",
    }


def test_nodes_agree_with_the_cloud_itself(either: OpenStackCloud, two_nodes_each: TestLab) -> None:
    sdk = two_nodes_each.cloud(either.environment)
    nodes = either.nodes()
    expected = {service.host: service.id for service in sdk.compute.services(binary="nova-compute")}
    assert {node.name: node.service_id for node in nodes} == expected
    for node, short in zip(nodes, either.nodes(summary=True), strict=True):
        told = sdk.placement.get(f"/resource_providers/{node.provider_id}/inventories").json()["inventories"]
        assert {name: held.total for name, held in node.inventory.items()} == {
            name: held["total"] for name, held in told.items()
        }
        assert {name: (held.capacity, held.used) for name, held in node.inventory.items()} == {
            name: (held.capacity, held.used) for name, held in short.inventory.items()
        }
        assert either.node(node.name).inventory.keys() == node.inventory.keys()


def test_servers_agree_with_the_cloud_itself(either: OpenStackCloud, two_nodes_each: TestLab) -> None:
    expected = {
        server.id: server.status
        for server in two_nodes_each.cloud(either.environment).compute.servers(all_projects=True)
    }
    found = {server.id: server.status for server in either.servers()}
    assert found == expected


def test_unknown_things_are_not_found(either: OpenStackCloud) -> None:
    with pytest.raises(NotFoundError, match="no-such-node"):
        either.node("no-such-node")
    with pytest.raises(NotFoundError):
        either.server(ABSENT)
    assert either.allocations(ABSENT) == {}
    assert either.ports(ABSENT) == []
    either.delete_resource_provider(ABSENT)
    either.delete_test_server(f"{PREFIX}-none")


def test_wrong_password_is_named(two_nodes_each: TestLab) -> None:
    settings = settings_of(two_nodes_each, "old")
    wrong = replace(settings, auth={**settings.auth, "password": "not-it"})
    cloud = OpenStackCloud("old", wrong, SystemClock())
    with pytest.raises(CredentialsError) as caught:
        cloud.nodes(summary=True)
    assert "not-it" not in str(caught.value)
    assert [check.ok for check in cloud.check()] == [False]
    cloud.close()


def test_an_unreachable_cloud_is_a_fault(two_nodes_each: TestLab) -> None:
    settings = settings_of(two_nodes_each, "old")
    gone = replace(settings, auth={**settings.auth, "auth_url": "http://127.0.0.1:9/v3"}, read_deadline_s=0.5)
    cloud = OpenStackCloud("old", gone, SystemClock())
    with pytest.raises(CloudFaultError):
        cloud.nodes(summary=True)
    cloud.close()


def test_a_token_that_is_refused_is_renewed_unseen(either: OpenStackCloud) -> None:
    """By all services at once: each is asked with the refused one. A revoked one will not do: the services remember it for some minutes."""
    http = either._http
    http.catalog()
    http._identity.plugin().auth_ref._auth_token = "gAAAA-not-a-token"
    assert {check.service for check in either.check() if check.ok} >= {
        "identity", "compute", "placement", "network", "image", "block-storage",
    }  # fmt: skip
    assert http._identity.plugin().get_token(http._identity.session()) != "gAAAA-not-a-token"


def test_a_token_that_nova_refuses_is_renewed_also_for_a_write(cloud: OpenStackCloud) -> None:
    http = cloud._http
    name = cloud.nodes(summary=True)[-1].name
    http._identity.plugin().auth_ref._auth_token = "gAAAA-not-a-token"
    cloud.enable_node(name)
    assert cloud.node(name).enabled


# -- power


@pytest.mark.parametrize(
    ("there", "status", "back"),
    [("pause", "PAUSED", "unpause"), ("stop", "SHUTOFF", "start"), ("suspend", "SUSPENDED", "resume")],
)
def test_power_goes_there_and_back_and_may_be_repeated(
    cloud: OpenStackCloud, guest: str, there: str, status: str, back: str
) -> None:
    getattr(cloud, there)(guest)
    settled(cloud, guest, status)
    getattr(cloud, there)(guest)
    assert settled(cloud, guest, status)
    getattr(cloud, back)(guest)
    settled(cloud, guest, "ACTIVE")
    getattr(cloud, back)(guest)
    settled(cloud, guest, "ACTIVE")


def test_pausing_a_stopped_server_is_a_fault(cloud: OpenStackCloud, guest: str) -> None:
    cloud.stop(guest)
    settled(cloud, guest, "SHUTOFF")
    with pytest.raises(CloudFaultError, match="409"):
        cloud.pause(guest)
    cloud.start(guest)
    settled(cloud, guest, "ACTIVE")


def test_reset_state(cloud: OpenStackCloud, guest: str) -> None:
    cloud.reset_state(guest, active=False)
    assert settled(cloud, guest, "ERROR")
    cloud.reset_state(guest, active=True)
    assert settled(cloud, guest, "ACTIVE")


# -- moves


def test_live_migration_leaves_nothing_behind(cloud: OpenStackCloud, guest: str) -> None:
    source, target = cloud.server(guest).host, other_node(cloud, guest)
    cloud.live_migrate(guest, target)
    migration = ended(cloud, guest)
    assert (migration.kind, migration.status, migration.source, migration.target) == (
        "live-migration",
        "completed",
        source,
        target,
    )
    assert settled(cloud, guest, "ACTIVE").host == target
    providers = {node.name: node.provider_id for node in cloud.nodes(summary=True)}
    assert set(cloud.allocations(guest)) == {providers[target]}
    assert guest in cloud.provider_consumers(providers[target])
    assert guest not in cloud.provider_consumers(providers[source])
    assert guest in {server.id for server in cloud.servers(node=target)}
    assert migration in cloud.migrations(node=source)
    assert migration.uuid
    cloud.abort_live_migration(guest, migration.id)


def test_live_migration_where_the_scheduler_says(cloud: OpenStackCloud, guest: str) -> None:
    source = cloud.server(guest).host
    cloud.live_migrate(guest, None)
    assert ended(cloud, guest).status == "completed"
    assert settled(cloud, guest, "ACTIVE").host != source


def test_live_migration_to_an_unknown_host_is_refused(cloud: OpenStackCloud, guest: str) -> None:
    with pytest.raises(CloudRefusedError, match="no-such-node"):
        cloud.live_migrate(guest, "no-such-node")


def test_cold_migration_confirmed_and_reverted(cloud: OpenStackCloud, guest: str) -> None:
    source, target = cloud.server(guest).host, other_node(cloud, guest)
    cloud.cold_migrate(guest, target)
    assert settled(cloud, guest, "VERIFY_RESIZE").host == target
    providers = {node.name: node.provider_id for node in cloud.nodes(summary=True)}
    migration = cloud.migrations(server_id=guest)[0]
    assert set(cloud.allocations(migration.uuid)) == {providers[source]}, (
        "the migration holds the source until it is confirmed"
    )
    cloud.revert_migration(guest)
    assert settled(cloud, guest, "ACTIVE").host == source
    cloud.cold_migrate(guest, target)
    settled(cloud, guest, "VERIFY_RESIZE")
    cloud.confirm_migration(guest)
    assert settled(cloud, guest, "ACTIVE").host == target
    wait(
        lambda: set(cloud.allocations(guest)) == {providers[target]} or None, "allocations on the target only"
    )


# -- nodes


def test_disable_and_enable_with_reason(cloud: OpenStackCloud) -> None:
    name = cloud.nodes(summary=True)[-1].name
    try:
        cloud.disable_node(name, "looking at it")
        cloud.disable_node(name, "still looking at it")
        node = cloud.node(name)
        assert (node.enabled, node.disabled_reason, node.status) == (
            False,
            "still looking at it",
            NodeStatus.DISABLED,
        )
        wait(lambda: DISABLED_TRAIT in cloud.node(name).traits or None, "trait of a disabled node")
        server_id = cloud.boot_test_server(f"{PREFIX}-b", name)
        assert settled(cloud, server_id, "ACTIVE").host == name
        assert cloud.boot_test_server(f"{PREFIX}-b", name) == server_id
        assert DISABLED_TRAIT in cloud.node(name).traits
        with pytest.raises(CloudFaultError, match="hosting instances"):
            cloud.delete_compute_service(name)
    finally:
        cloud.enable_node(name)
        cloud.enable_node(name)
        cloud.delete_test_server(f"{PREFIX}-b")
    node = cloud.node(name)
    assert (node.enabled, node.disabled_reason) == (True, "")


def test_deleting_a_test_server_leaves_nothing(cloud: OpenStackCloud, two_nodes_each: TestLab) -> None:
    sdk = two_nodes_each.cloud(cloud.environment)
    assert sdk.compute.find_server(f"{PREFIX}-b", all_projects=True) is None
    assert sdk.compute.find_flavor(f"{PREFIX}-b") is None
    assert sdk.image.find_image(f"{PREFIX}-b") is None


def test_aggregates_are_left_and_joined(cloud: OpenStackCloud, two_nodes_each: TestLab) -> None:
    sdk = two_nodes_each.cloud(cloud.environment)
    name = cloud.nodes(summary=True)[-1].name
    aggregate = sdk.compute.create_aggregate(name=PREFIX)
    try:
        cloud.add_to_aggregates(name, [PREFIX])
        cloud.add_to_aggregates(name, [PREFIX])
        assert PREFIX in cloud.node(name).aggregates
        assert PREFIX in cloud.remove_from_aggregates(name)
        assert PREFIX not in cloud.remove_from_aggregates(name)
        with pytest.raises(NotFoundError, match="no-such-aggregate"):
            cloud.add_to_aggregates(name, ["no-such-aggregate"])
    finally:
        with suppress(PumphouseError):
            cloud.remove_from_aggregates(name)
        sdk.compute.delete_aggregate(aggregate)


def test_agents_that_live_are_left_alone(cloud: OpenStackCloud) -> None:
    name = cloud.nodes(summary=True)[-1].name
    before = {
        service.id for service in cloud.services() if service.kind == "network" and service.host == name
    }
    assert before
    assert cloud.delete_agents(name, agent_ids=sorted(before)) == []
    assert before <= {service.id for service in cloud.services()}
