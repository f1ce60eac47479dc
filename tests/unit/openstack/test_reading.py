"""What is read from a cloud, in how many requests, and in which microversions."""

import threading

import pytest

from pumphouse.domain.errors import CloudFaultError, NotFoundError
from pumphouse.drivers.openstack.cloud import OpenStackCloud
from tests.simulated.content import Content, uid
from tests.simulated.server import Fault, Request, SimulatedCloud
from tests.unit.openstack.conftest import Driver

# -- nodes


def test_a_node_has_all_that_the_services_say(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    node = next(node for node in cloud.nodes() if node.name == "node-1")
    assert (node.id, node.provider_id, node.service_id) == (uid("node", 0), uid("node", 0), uid("service", 0))
    assert (node.zone, node.aggregates, node.hypervisor) == ("nova", ("rack-1",), "node-1.example.org")
    assert node.aggregate_metadata == {"rack-1": {"rack": "1"}}
    vcpu = node.inventory["VCPU"]
    assert (vcpu.total, vcpu.ratio, vcpu.used, vcpu.free) == (64, 4.0, 16, 240)
    assert sum(node.servers.values()) == 8
    assert cloud.node("node-1").inventory == node.inventory


@pytest.mark.crash
def test_a_summary_tells_the_same_room_as_complete_inventories(drive: Driver) -> None:
    with SimulatedCloud(Content(nodes=6, servers=40, full_nodes=2)) as sim:
        cloud = drive(sim)
        for short, full in zip(cloud.nodes(summary=True), cloud.nodes(), strict=True):
            assert {name: (held.capacity, held.free) for name, held in short.inventory.items()} == {
                name: (held.capacity, held.free) for name, held in full.inventory.items()
            }
            assert (short.traits, short.servers, short.provider_id) == (
                full.traits,
                full.servers,
                full.provider_id,
            )
            assert all(held.reserved == 0 for held in short.inventory.values())


@pytest.mark.crash
def test_a_summary_needs_as_many_requests_for_many_nodes(drive: Driver) -> None:
    counts = []
    for nodes in (5, 400):
        with SimulatedCloud(Content(nodes=nodes, servers=100)) as sim:
            cloud = drive(sim)
            cloud.nodes(summary=True)
            sim.log.clear()
            assert len(cloud.nodes(summary=True)) == nodes
            counts.append(len(sim.log))
    assert counts == [7, 7]


def test_complete_inventories_need_one_request_per_node_more(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    cloud.nodes()
    sim.log.clear()
    cloud.nodes()
    assert len(sim.log) == 7 + 5


@pytest.mark.crash
def test_no_more_requests_at_once_than_allowed(drive: Driver) -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Counting(SimulatedCloud):
        def answer(self, request: Request):  # type: ignore[no-untyped-def]
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            try:
                return super().answer(request)
            finally:
                with lock:
                    running -= 1

    with Counting(Content(nodes=60, servers=10), latency_s=0.002) as sim:
        drive(sim, concurrency=3).nodes()
    assert most == 3


def test_a_node_that_placement_does_not_know_has_no_provider(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    del sim.content.provider_numbers[uid("node", 4)]
    sim.replies["GET", "placement/resource_providers"] = (
        200,
        {"resource_providers": [{"uuid": uid("node", n), "parent_provider_uuid": None} for n in range(4)]},
    )
    assert [node.provider_id != "" for node in cloud.nodes()] == [True] * 4 + [False]
    assert cloud.node("node-5").provider_id == ""


def test_a_service_without_hypervisor_is_a_node_all_the_same(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    """So it is between the start of a nova-compute and its host's discovery."""
    sim.replies["GET", "compute/os-hypervisors/detail"] = (200, {"hypervisors": []})
    found = cloud.node("node-1")
    assert (found.id, found.provider_id, found.up) == ("", "", True)
    assert len(cloud.nodes(summary=True)) == 5


def test_an_unknown_node_is_not_found(cloud: OpenStackCloud) -> None:
    with pytest.raises(NotFoundError, match="sim/node-99"):
        cloud.node("node-99")


# -- servers


@pytest.mark.parametrize(
    ("servers", "limit"),
    [
        (0, 1000),
        (1, 1000),
        *(pytest.param(many, 1000, marks=pytest.mark.crash) for many in (499, 501, 2345)),
        (500, 1000),
        (137, 10),
        (5, 1),
    ],
)
def test_every_server_is_listed_once(drive: Driver, servers: int, limit: int) -> None:
    with SimulatedCloud(Content(nodes=3, servers=servers), page_limit=limit) as sim:
        found = [server.id for server in drive(sim).servers()]
    assert found == [uid("server", n) for n in range(servers)]


@pytest.mark.parametrize("concurrency", [1, 2, 8])
def test_any_concurrency_will_do(drive: Driver, concurrency: int) -> None:
    with SimulatedCloud(Content(nodes=3, servers=95), page_limit=10) as sim:
        assert len(list(drive(sim, concurrency=concurrency).servers())) == 95


def test_servers_deleted_while_they_are_markers_cost_nothing_else(drive: Driver) -> None:
    learnt: set[str] = set()

    class Deleting(SimulatedCloud):
        def answer(self, request: Request):  # type: ignore[no-untyped-def]
            marker = request.query.get("marker", [""])[0]
            if request.path == "/servers/detail" and marker and len(learnt) < 2 and marker not in learnt:
                learnt.add(marker)
                self.gone.add(marker)
            return super().answer(request)

    with Deleting(Content(nodes=3, servers=300), page_limit=60) as sim:
        found = [server.id for server in drive(sim).servers()]
    assert len(learnt) == 2
    assert len(found) == len(set(found))
    assert set(found) >= {uid("server", n) for n in range(300)} - learnt


def test_servers_of_a_node(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    found = list(cloud.servers(node="node-2"))
    assert {server.host for server in found} == {"node-2"}
    assert len(found) == 8
    assert sim.log[-1].query["host"] == ["node-2"]


def test_a_listing_that_is_abandoned_stops(drive: Driver) -> None:
    with SimulatedCloud(Content(nodes=3, servers=3000), page_limit=10) as sim:
        listing = drive(sim).servers()
        next(iter(listing))
        listing.close()  # type: ignore[attr-defined]  # a generator
        assert sim.count("compute", "/servers/detail") < 50


def test_a_fault_in_the_middle_of_a_listing_is_raised(drive: Driver) -> None:
    with SimulatedCloud(Content(nodes=3, servers=300), page_limit=10) as sim:
        sim.faults.append(
            Fault(
                500,
                times=10**6,
                hits=lambda request: request.path == "/servers" and "marker" in request.query,
            )
        )
        with pytest.raises(CloudFaultError):
            list(drive(sim).servers())


def test_fields_of_a_server(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    server = cloud.server(uid("server", 0))
    assert (server.status, server.host, server.locked, server.zone) == ("ACTIVE", "node-1", True, "nova")
    assert server.flavor.extra_specs == {"hw:mem_page_size": "any"}
    assert server.volume_ids == (uid("volume", 0),)


def test_a_server_of_a_cell_that_is_down_is_unknown(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.replies["GET", f"compute/servers/{uid('server', 1)}"] = (
        200,
        {"server": {"id": uid("server", 1), "status": "UNKNOWN", "tenant_id": "t"}},
    )
    assert cloud.server(uid("server", 1)).status == "UNKNOWN"


# -- microversions


@pytest.mark.parametrize(
    ("maximum", "servers", "hypervisors", "live"),
    [("2.95", "2.95", "2.87", "2.68"), ("2.104", "2.96", "2.87", "2.68")],
)
def test_the_highest_useful_microversion_is_asked_for(
    drive: Driver, maximum: str, servers: str, hypervisors: str, live: str
) -> None:
    with SimulatedCloud(Content(nova_maximum=maximum)) as sim:
        cloud = drive(sim)
        cloud.nodes()
        cloud.live_migrate("x", None)
        asked = {request.path: request.microversion for request in sim.log}
    assert asked["/servers/detail"] == servers
    assert asked["/os-hypervisors/detail"] == hypervisors
    assert asked["/servers/x/action"] == live
    assert asked["/allocation_candidates"] == "1.39"


def test_version_documents_are_read_once(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    cloud.nodes()
    cloud.nodes()
    assert sorted(
        request.service for request in sim.log if request.path == "/" and request.service != "identity"
    ) == ["compute", "placement"]


# -- the cloud as a whole


def test_facts_are_json_safe_and_survive_a_missing_service(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    import json

    sim.faults.append(Fault(404, times=10**6, hits=lambda request: request.service == "block-storage"))
    facts = cloud.facts()
    json.dumps(facts)
    assert facts["release"] == "2023.1"
    assert set(facts["errors"]) == {"storage_backends", "volume_types", "service_states"}
    assert facts["quota_defaults"]["compute"] == {"cores": 20}
    assert facts["counts"]["hypervisors"] == 5


def test_services_of_all_kinds(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.replies["GET", "block-storage/os-services"] = (
        200,
        {
            "services": [
                {
                    "binary": "cinder-volume",
                    "host": "a@nfs",
                    "zone": "nova",
                    "status": "disabled",
                    "state": "down",
                }
            ]
        },
    )
    found = cloud.services()
    assert {service.kind for service in found} == {"compute", "network", "volume"}
    volume = next(service for service in found if service.kind == "volume")
    assert (volume.id, volume.up, volume.enabled) == ("cinder-volume@a@nfs", False, False)
