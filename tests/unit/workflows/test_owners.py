"""The owners of servers go on living while their node is emptied: they stop, start and delete; and ways out of an undo that failed."""

import pytest

from pumphouse.domain.errors import LockedError
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.server import Server
from tests.unit.workflows.rig import Rig

pytestmark = pytest.mark.crash


def fill_one(rig: Rig, status: str = "ACTIVE") -> Server:
    return rig.old.add_server("a", "node-3", status)


def test_a_server_that_is_deleted_when_its_move_is_asked_for_is_no_failure(rig: Rig) -> None:
    server = fill_one(rig)
    rig.old.before["live_migrate"] = [lambda: rig.old.delete_server(server.id)]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.events("node.evacuated")


def test_a_stopped_server_that_its_owner_starts_is_not_stopped_by_undo(rig: Rig) -> None:
    server = fill_one(rig, "SHUTOFF")
    rig.old.outcomes[server.id] = ["error"] * 6
    failed = rig.run("evacuate_node")
    assert failed.status is OperationStatus.FAILED
    rig.old.set_state(server.id, "ACTIVE")
    undone = rig.undo(failed)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.all_servers[server.id].status == "ACTIVE"
    assert "stop" not in [call for call, _, _ in rig.old.journal]


def test_a_server_that_its_owner_stops_does_not_block_the_way_back(rig: Rig) -> None:
    server = fill_one(rig)
    rig.old.outcomes[server.id] = ["error"] * 6
    failed = rig.run("evacuate_node")
    assert failed.status is OperationStatus.FAILED
    rig.old.set_state(server.id, "SHUTOFF")
    undone = rig.undo(failed)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.all_servers[server.id].status == "SHUTOFF"


def test_maintenance_off_respects_another_administrator(rig: Rig) -> None:
    rig.run("maintain_node", action="on", reason="disk")
    rig.old.disable_node("node-3", "BAD DIMM, do not enable")
    plan = rig.plan("maintain_node", action="off")
    assert "disabled-meanwhile" in [f.code for f in plan.findings]
    done = rig.run("maintain_node", action="off")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    node = rig.old.machines["node-3"]
    assert (node.enabled, node.reason) == (False, "BAD DIMM, do not enable")


def test_an_undo_that_failed_can_be_given_up_and_taken_up_again(rig: Rig) -> None:
    before = rig.old.snapshot()
    moved = rig.run("reassign_node", destination="new")
    rig.new.add_node("other")
    tenant = rig.new.add_server("tenant", "node-3")
    failed = rig.undo(moved)
    assert failed.status is OperationStatus.UNDO_FAILED
    try:
        rig.run("evacuate_node", environment="new")
    except LockedError:
        pass
    else:
        raise AssertionError("the failed undo holds its node")
    assert rig.engine.cancel(moved.id).status is OperationStatus.CANCELLED
    emptied = rig.run("evacuate_node", environment="new")
    assert emptied.status is OperationStatus.DONE, rig.errors(emptied)
    assert rig.new.all_servers[tenant.id].host == "other"
    rig.run("maintain_node", environment="new", action="off")
    rig.engine.retry(moved.id)
    undone = rig.engine.run(moved.id)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.snapshot() == before


def test_the_way_back_removes_the_old_service_before_it_installs(rig: Rig) -> None:
    before = rig.old.snapshot()
    rig.old.refused = "delete_compute_service"
    failed = rig.run("reassign_node", destination="new")
    assert failed.status is OperationStatus.FAILED
    rig.old.refused = None
    rig.old.journal.clear()
    undone = rig.undo(failed)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    calls = [call for call, _, _ in rig.old.journal]
    assert "delete_compute_service" in calls
    assert rig.old.snapshot() == before


def test_a_move_with_a_server_that_will_not_go_can_be_retried(rig: Rig) -> None:
    server = fill_one(rig)
    rig.old.outcomes[server.id] = ["error"] * 6
    failed = rig.run("reassign_node", destination="new", on_failure="skip")
    assert failed.status is OperationStatus.FAILED
    done = rig.retry(failed)
    assert done.status in {OperationStatus.DONE, OperationStatus.DONE_WITH_ERRORS}, rig.errors(done)
    assert rig.old.all_servers[server.id].host != "node-3"
    assert rig.new.machines["node-3"].enabled
