"""What is asked of a cloud, and that asking again does no harm."""

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, NotFoundError
from pumphouse.drivers.openstack.cloud import OpenStackCloud
from pumphouse.drivers.openstack.releases import release_of
from tests.fakes.clock import FakeClock
from tests.simulated.content import uid
from tests.simulated.server import Fault, Request, SimulatedCloud

SERVER = uid("server", 0)  # ACTIVE


def writes(sim: SimulatedCloud) -> list[tuple[str, str, object]]:
    return [
        (request.method, request.path, request.body)
        for request in sim.log
        if request.method != "GET" and request.service != "identity"
    ]


def test_disable_and_enable(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    cloud.disable_node("node-1", "r" * 300)
    cloud.enable_node("node-1")
    path = f"/os-services/{uid('service', 0)}"
    assert writes(sim) == [
        ("PUT", path, {"status": "disabled", "disabled_reason": "r" * 255}),
        ("PUT", path, {"status": "enabled"}),
    ]


def test_changing_an_unknown_node_is_not_found(cloud: OpenStackCloud) -> None:
    with pytest.raises(NotFoundError):
        cloud.disable_node("node-99", "x")
    cloud.delete_compute_service("node-99")  # nothing there is what was wanted


def test_a_compute_service_with_servers_is_a_fault(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.faults.append(
        Fault(
            409,
            body={"conflictingRequest": {"message": "is hosting instances"}},
            hits=lambda request: request.method == "DELETE",
        )
    )
    with pytest.raises(CloudFaultError, match="hosting instances"):
        cloud.delete_compute_service("node-1")


def test_aggregates_are_left_once(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    assert cloud.remove_from_aggregates("node-1") == ["rack-1"]
    assert cloud.remove_from_aggregates("node-2") == []
    assert writes(sim) == [("POST", "/os-aggregates/1/action", {"remove_host": {"host": "node-1"}})]


def test_aggregates_are_joined_where_needed(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    cloud.add_to_aggregates("node-1", ["rack-1"])
    cloud.add_to_aggregates("node-2", ["rack-1"])
    assert writes(sim) == [("POST", "/os-aggregates/1/action", {"add_host": {"host": "node-2"}})]
    with pytest.raises(NotFoundError, match="rack-9"):
        cloud.add_to_aggregates("node-1", ["rack-9"])


def test_a_lost_answer_of_joining_is_looked_up(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    def joined(request: Request) -> bool:
        if request.method != "POST" or request.service != "compute":
            return False
        sim.replies["GET", "compute/os-aggregates"] = (
            200,
            {"aggregates": [{"id": 1, "name": "rack-1", "hosts": ["node-1", "node-2"]}]},
        )
        return True

    sim.faults.append(Fault(504, hits=joined))
    cloud.add_to_aggregates("node-2", ["rack-1"])


# -- moves


def test_the_bodies_of_moves(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    cloud.live_migrate("x", "node-2")
    cloud.cold_migrate("x", "node-2")
    cloud.cold_migrate("x", None)
    cloud.confirm_migration("x")
    cloud.revert_migration("x")
    cloud.reset_state("x", active=True)
    assert [body for _, _, body in writes(sim)] == [
        {"os-migrateLive": {"host": "node-2", "block_migration": "auto"}},
        {"migrate": {"host": "node-2"}},
        {"migrate": None},
        {"confirmResize": None},
        {"revertResize": None},
        {"os-resetState": {"state": "active"}},
    ]


@pytest.mark.parametrize(
    ("call", "done"),
    [
        ("start", True),
        ("unpause", True),
        ("resume", True),
        ("stop", False),
        ("pause", False),
        ("suspend", False),
    ],
)
def test_a_refused_turn_is_no_error_when_it_is_so_already(
    sim: SimulatedCloud, cloud: OpenStackCloud, call: str, done: bool
) -> None:
    sim.faults.append(
        Fault(409, hits=lambda request: request.method == "POST" and request.service == "compute")
    )
    if done:
        getattr(cloud, call)(SERVER)
    else:
        with pytest.raises(CloudFaultError):
            getattr(cloud, call)(SERVER)


@pytest.mark.parametrize(
    ("status", "raised"),
    [("completed", False), ("cancelled", False), ("post-migrating", False), ("running", True)],
)
def test_aborting_what_has_ended_is_no_error(
    sim: SimulatedCloud, cloud: OpenStackCloud, status: str, raised: bool
) -> None:
    row = {"id": 7, "uuid": uid("migration", 7), "instance_uuid": SERVER, "status": status, "migration_type": "live-migration",
           "source_compute": "node-1", "dest_compute": "node-2"}  # fmt: skip
    sim.replies["GET", "compute/os-migrations"] = (200, {"migrations": [row]})
    sim.faults.append(Fault(400, hits=lambda request: request.method == "DELETE"))
    if raised:
        with pytest.raises(CloudRefusedError):
            cloud.abort_live_migration(SERVER, "7")
    else:
        cloud.abort_live_migration(SERVER, "7")
    assert cloud.migrations(server_id=SERVER)[0].uuid == uid("migration", 7)


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([{"result": "Success"}, {"result": "Error", "details": "No valid host was found. "}], "No valid host was found."),
        ([{"result": "Error", "traceback": "  File x\nnova.exception.NoValidHost: none left\n"}], "nova.exception.NoValidHost: none left"),
        ([{"result": "Error", "details": None, "traceback": None}], ""),
        ([{"result": None}], ""),
        (None, ""),
    ],
)  # fmt: skip
def test_nova_s_reason_of_a_failed_action(
    sim: SimulatedCloud, cloud: OpenStackCloud, events: list[dict[str, object]] | None, reason: str
) -> None:
    path = f"compute/servers/{SERVER}/os-instance-actions"
    sim.replies["GET", path] = (200, {"instanceActions": [{"request_id": "req-1"}, {"request_id": "req-0"}]})
    sim.replies["GET", f"{path}/req-1"] = (200, {"instanceAction": {"events": events}})
    assert cloud.last_failure(SERVER) == reason


def test_a_server_without_actions_has_no_failure(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    sim.replies["GET", f"compute/servers/{SERVER}/os-instance-actions"] = (200, {"instanceActions": []})
    assert cloud.last_failure(SERVER) == ""


# -- Placement and Neutron


def test_providers_are_deleted_leaves_first(sim: SimulatedCloud, cloud: OpenStackCloud) -> None:
    tree = [("top", None), ("numa-0", "top"), ("gpu", "numa-0"), ("numa-1", "top")]
    sim.replies["GET", "placement/resource_providers"] = (
        200,
        {"resource_providers": [{"uuid": a, "parent_provider_uuid": b} for a, b in tree]},
    )
    cloud.delete_resource_provider("top")
    order = [path.rpartition("/")[2] for _, path, _ in writes(sim)]
    assert set(order) == {"top", "numa-0", "numa-1", "gpu"}
    assert order.index("gpu") < order.index("numa-0") < order.index("top") == 3
    sim.log.clear()
    cloud.delete_resource_provider("numa-1")
    assert [path for _, path, _ in writes(sim)] == ["/resource_providers/numa-1"]
    cloud.delete_resource_provider("not-there")


@pytest.mark.parametrize(
    ("agent", "deleted"),
    [
        ({"id": "a", "host": "node-1", "alive": False}, True),
        ({"id": "a", "host": "node-1", "alive": True}, False),
        ({"id": "a", "host": "node-2", "alive": False}, False),
        ({"id": "noted", "host": '("Chassis" register deleted)', "alive": False}, True),
        ({"id": "node-1", "host": '("Chassis" register deleted)', "alive": False}, True),
        ({"id": "other", "host": '("Chassis" register deleted)', "alive": False}, False),
    ],
)
def test_only_dead_agents_of_the_node_are_deleted(
    sim: SimulatedCloud, cloud: OpenStackCloud, agent: dict[str, object], deleted: bool
) -> None:
    sim.replies["GET", "network/agents"] = (
        200,
        {"agents": [{"binary": "ovn-controller", "admin_state_up": True, **agent}]},
    )
    assert cloud.delete_agents("node-1", agent_ids=["noted"]) == ([agent["id"]] if deleted else [])
    assert len(writes(sim)) == deleted


# -- test servers


def test_booting_on_a_disabled_node_lifts_the_trait_and_puts_it_back(
    sim: SimulatedCloud, cloud: OpenStackCloud
) -> None:
    node = uid("node", 0)
    sim.replies["GET", f"placement/resource_providers/{node}/traits"] = (
        200,
        {"traits": ["COMPUTE_NODE", "COMPUTE_STATUS_DISABLED"], "resource_provider_generation": 4},
    )
    disabled = {**sim.content.service(0), "status": "disabled"}
    sim.replies["GET", "compute/os-services"] = (200, {"services": [disabled]})
    sim.replies["POST", "image/images"] = (201, {"id": "image-1", "status": "queued"})
    sim.replies["POST", "compute/flavors"] = (200, {"flavor": {"id": "flavor-1"}})
    sim.replies["GET", "compute/flavors"] = (200, {"flavors": []})
    sim.replies["POST", "compute/servers"] = (202, {"server": {"id": SERVER}})
    assert cloud.boot_test_server("probe", "node-1") == SERVER
    made = writes(sim)
    assert [(method, path) for method, path, _ in made] == [
        ("POST", "/images"),
        ("PUT", "/images/image-1/file"),
        ("POST", "/flavors"),
        ("PUT", f"/resource_providers/{node}/traits"),
        ("POST", "/servers"),
    ]
    assert made[1][2] == bytes(1024 * 1024)
    assert made[3][2] == {"traits": ["COMPUTE_NODE"], "resource_provider_generation": 4}
    body = made[4][2]["server"]  # type: ignore[index]
    assert (body["availability_zone"], body["networks"], body["imageRef"]) == (
        "nova:node-1",
        "none",
        "image-1",
    )
    sim.log.clear()
    sim.replies["GET", "compute/servers"] = (200, {"servers": [{"id": SERVER, "name": "probe"}]})
    assert cloud.boot_test_server("probe", "node-1") == SERVER
    assert writes(sim) == []


def test_deleting_a_test_server_takes_what_was_made_beside_it(
    sim: SimulatedCloud, cloud: OpenStackCloud, clock: FakeClock
) -> None:
    named = {"id": SERVER, "name": "probe"}
    sim.replies["GET", "compute/servers"] = (200, {"servers": [named, {"id": "x", "name": "probe-2"}]})
    sim.replies["GET", "compute/flavors"] = (
        200,
        {"flavors": [{"id": "flavor-1", "name": "probe"}, {"id": "m1", "name": "m1.tiny"}]},
    )
    sim.replies["GET", "image/images"] = (
        200,
        {"images": [{"id": "image-1", "name": "probe", "status": "active"}]},
    )
    with pytest.raises(CloudFaultError, match="still there"):
        cloud.delete_test_server("probe")
    assert writes(sim) == [("POST", f"/servers/{SERVER}/action", {"forceDelete": None})]
    assert clock.monotonic() >= 120
    sim.replies["GET", "compute/servers"] = (200, {"servers": []})
    sim.log.clear()
    cloud.delete_test_server("probe")
    assert [(method, path) for method, path, _ in writes(sim)] == [
        ("DELETE", "/flavors/flavor-1"),
        ("DELETE", "/images/image-1"),
    ]


# -- releases


@pytest.mark.parametrize(
    ("nova", "extensions", "release", "fitting"),
    [
        ("2.95", {"agent"}, "2023.1", ("2023.1",)),
        ("2.95", {"agent", "security-groups-default-rules"}, "2023.2", ("2023.2",)),
        ("2.95", set(), "unknown", ("2023.1", "2023.2")),
        ("2.100", {"agent"}, "unknown", ("2025.1", "2025.2")),
        ("2.104", {"agent"}, "2026.2", ("2026.2",)),
        ("2.999", {"agent"}, "unknown", ()),
    ],
)
def test_a_release_is_told_or_unknown_but_never_guessed(
    nova: str, extensions: set[str], release: str, fitting: tuple[str, ...]
) -> None:
    assert release_of(nova, extensions) == (release, fitting)
