"""What the plan of an evacuation says of each kind of server and node."""

from dataclasses import replace
from typing import Any

import pytest

from pumphouse.domain.errors import InvalidInputError, NotFoundError
from pumphouse.domain.finding import Severity
from pumphouse.domain.plan import Plan
from pumphouse.domain.server import FlavorSize
from pumphouse.workflows.evacuate_node.outlook import Elsewhere
from tests.fakes.world import SMALL
from tests.unit.workflows.rig import Rig


def codes(plan: Plan, severity: Severity | None = None) -> set[str]:
    return {f.code for f in plan.findings if severity in {None, f.severity}}


def flavor(**specs: str) -> FlavorSize:
    return FlavorSize(1, 512, 1, extra_specs={k.replace("__", ":"): v for k, v in specs.items()})


@pytest.mark.parametrize(
    ("status", "values", "method", "critical", "other"),
    [
        ("ACTIVE", {}, "live", set(), set()),
        ("PAUSED", {}, "live", set(), set()),
        ("SHUTOFF", {}, "cold", set(), set()),
        ("SUSPENDED", {}, "cannot", {"server-suspended"}, set()),
        ("SHELVED", {}, "cannot", {"server-shelved"}, set()),
        ("VERIFY_RESIZE", {}, "cannot", {"server-resized"}, set()),
        ("RESIZE", {}, "cannot", {"server-resized"}, set()),
        ("ERROR", {"fault": "boom"}, "cannot", {"server-error"}, set()),
        ("RESCUE", {}, "cannot", {"server-rescued"}, set()),
        ("SOFT_DELETED", {}, "cannot", {"server-deleted"}, set()),
        ("SOMETHING", {}, "cannot", {"server-state"}, set()),
        ("BUILD", {"task_state": "spawning"}, "live", set(), {"server-busy"}),
        ("ACTIVE", {"task_state": "image_snapshot"}, "live", set(), {"server-busy"}),
        ("ACTIVE", {"locked": True}, "live", set(), {"server-locked"}),
        ("ACTIVE", {"flavor": flavor(hw__cpu_policy="dedicated")}, "cannot", {"no-room"}, {"pinned"}),
        ("ACTIVE", {"flavor": flavor(hw__numa_nodes="2")}, "live", set(), {"pinned"}),
        ("ACTIVE", {"flavor": flavor(pci_passthrough__alias="gpu:1")}, "cannot", {"pinned"}, set()),
        ("SHUTOFF", {"flavor": flavor(pci_passthrough__alias="gpu:1")}, "cold", set(), {"pinned"}),
        ("ACTIVE", {"vnic": "direct-physical"}, "cannot", {"pinned"}, set()),
        ("ACTIVE", {"vnic": "direct"}, "live", set(), {"pinned"}),
        ("ACTIVE", {"flavor": flavor(trait__HW_GPU="required")}, "cannot", {"no-target"}, set()),
        ("ACTIVE", {"pinned_zone": "east"}, "cannot", {"no-target"}, set()),
        ("ACTIVE", {"flavor": FlavorSize(1, 9000, 1)}, "cannot", {"no-room"}, set()),
    ],
)
def test_each_state_is_handled_or_refused(
    rig: Rig, status: str, values: dict[str, Any], method: str, critical: set[str], other: set[str]
) -> None:
    rig.old.add_server("it", "node-3", status, **values)
    plan = rig.plan("evacuate_node")
    assert plan.items[0].method == method
    assert codes(plan, Severity.CRITICAL) == critical
    assert other <= codes(plan)
    assert all(
        f.suggestion for f in plan.findings if f.severity is Severity.CRITICAL and f.code != "server-state"
    )


def test_no_room_says_what_is_short_and_how_much(rig: Rig) -> None:
    for number in range(3):
        rig.old.add_server(f"big-{number}", "node-3", flavor=FlavorSize(1, 6000, 1))
    plan = rig.plan("evacuate_node")
    words = " ".join(f.message for f in plan.findings if f.code == "no-room")
    assert "short of 3808 MiB RAM" in words
    assert "1 of 3 servers find no room" in words
    assert plan.summary.startswith("2 of 3 servers fit elsewhere")


def test_a_volume_booted_server_needs_no_disk(rig: Rig) -> None:
    rig.old.add_server("volume", "node-3", image_id="", flavor=FlavorSize(1, 512, 500))
    assert not rig.plan("evacuate_node").blocked
    rig.old.add_server("image", "node-3", flavor=FlavorSize(1, 512, 500))
    assert "no-room" in codes(rig.plan("evacuate_node"))


def test_groups_decide_too(rig: Rig) -> None:
    a = rig.old.add_server("a", "node-3")
    b = rig.old.add_server("b", "node-1")
    rig.old.add_group("apart", "anti-affinity", a, b)
    assert rig.plan("evacuate_node").items[0].target == "node-2"
    c = rig.old.add_server("c", "node-3")
    rig.old.add_group("together", "affinity", c)
    assert "affinity" in codes(rig.plan("evacuate_node"), Severity.CRITICAL)


def test_a_deleted_record_of_the_nodes_service_keeps_powered_off_servers_there(rig: Rig) -> None:
    """As on a node that left the cloud and came back."""
    rig.old.add_server("runs", "node-3", host_status="UNKNOWN")
    assert "stale-record" not in codes(rig.plan("evacuate_node"))
    rig.old.add_server("rests", "node-3", status="SHUTOFF", host_status="UNKNOWN")
    plan = rig.plan("evacuate_node")
    (found,) = [f for f in plan.findings if f.code == "stale-record"]
    assert found.severity is Severity.CRITICAL
    assert "(rests)" in found.message
    assert "archive_deleted_rows" in found.suggestion
    assert "stale-record" not in codes(rig.plan("evacuate_node", stopped="leave"))
    rig.old.machines["node-3"].running = False
    assert "stale-record" not in codes(rig.plan("evacuate_node")), "the node is really down"


def test_a_node_that_is_down_or_the_last_blocks(rig: Rig) -> None:
    rig.old.add_server("a", "node-3")
    rig.old.machines["node-3"].running = False
    assert "host-down" in codes(rig.plan("evacuate_node"), Severity.CRITICAL)
    rig.old.machines["node-3"].running = True
    rig.old.machines["node-1"].enabled = False
    rig.old.machines["node-2"].running = False
    assert "last-enabled-node" in codes(rig.plan("evacuate_node"), Severity.CRITICAL)


def test_what_placement_holds_for_nobody_blocks(rig: Rig) -> None:
    provider = rig.old.machines["node-3"].provider_id
    rig.old.strangers[provider].add("ghost")
    assert "stray-allocation" in codes(rig.plan("evacuate_node"), Severity.CRITICAL)


def test_a_plan_changes_nothing_and_names_its_targets(rig: Rig) -> None:
    server = rig.old.add_server("a", "node-3")
    before = rig.old.snapshot()
    plan = rig.plan("evacuate_node")
    assert rig.old.snapshot() == before
    assert not rig.old.journal
    assert plan.decisions["servers"][server.id]["target"] in {"node-1", "node-2"}
    assert plan.estimate_s > plan.items[0].estimate_s > 0
    assert "nothing-to-move" in codes(rig.plan("evacuate_node", node="node-1"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parallel", 0),
        ("parallel", "4"),
        ("stopped", "kill"),
        ("on_failure", "x"),
        ("nonsense", 1),
        ("node", ""),
        ("patience", -1),
    ],
)
def test_bad_parameters_are_named(rig: Rig, field: str, value: object) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rig.plan("evacuate_node", **{field: value})
    assert caught.value.field == field


def test_an_unknown_node_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFoundError):
        rig.plan("evacuate_node", node="node-9")
    assert SMALL.vcpus == 1


def test_aggregates_that_the_scheduler_may_heed_are_named(rig: Rig) -> None:
    rig.old.add_server("web", "node-3")
    rig.old.machines["node-2"].aggregates |= {"zone", "everywhere"}
    rig.old.machines["node-3"].aggregates |= {"fast", "everywhere", "plain"}
    rig.old.machines["node-1"].enabled = False
    rig.old.aggregate_metadata |= {
        "fast": {"ssd": "true", "availability_zone": "nova"},
        "zone": {"availability_zone": "nova"},
        "everywhere": {"cpu": "new"},
    }
    (found,) = [f for f in rig.plan("evacuate_node").findings if f.code == "aggregate-unknown"]
    assert (found.severity, found.subject) == (Severity.WARNING, "aggregate fast")
    assert "node-3 is in it while node-2 is not" in found.message
    assert "(ssd)" in found.message


def test_a_node_kept_for_other_tenants_is_no_target(rig: Rig) -> None:
    rig.old.add_server("web", "node-3")
    for name in ("node-1", "node-2"):
        rig.old.machines[name].aggregates.add("theirs")
    rig.old.aggregate_metadata["theirs"] = {"filter_tenant_id": "somebody-else"}
    assert codes(rig.plan("evacuate_node"), Severity.CRITICAL) == {"no-target"}
    rig.old.machines["node-2"].aggregates.clear()
    plan = rig.plan("evacuate_node")
    assert plan.items[0].target == "node-2"
    assert "aggregate-unknown" not in codes(plan)
    rig.old.machines["node-3"].aggregates.add("ours")
    rig.old.aggregate_metadata["ours"] = {
        "filter_tenant_id": next(iter(rig.old.all_servers.values())).project_id
    }
    assert "aggregate-unknown" in codes(rig.plan("evacuate_node"))


def test_the_next_best_target_is_found_without_reading_all_nodes_each_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.old.add_server("web", "node-3")
    (server,) = rig.old.all_servers.values()
    read: list[str] = []
    for call in ("nodes", "server_groups"):
        answer = getattr(rig.old, call)
        monkeypatch.setattr(
            rig.old, call, lambda call=call, answer=answer, **how: read.append(call) or answer(**how)
        )
    room = rig.old.node("node-1").inventory["MEMORY_MB"]
    size = FlavorSize(1, room.free // 2, 1)
    elsewhere = Elsewhere(rig.old, rig.clock)
    servers = [replace(server, id=f"s{n}", flavor=size) for n in range(5)]
    found = [elsewhere.next_best(s, {"node-3"}) for s in servers]
    assert sorted(found) == ["", "node-1", "node-1", "node-2", "node-2"], (
        "what is promised is not promised twice"
    )
    assert read == ["nodes", "server_groups"]
    rig.clock.advance(61)
    assert elsewhere.next_best(servers[0], {"node-1", "node-3"}) == "node-2"
    assert read == ["nodes", "server_groups"] * 2
