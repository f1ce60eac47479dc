"""Evacuations on a fake cloud with the real engine: the good way, each fault, and the way back."""

import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError
from pumphouse.domain.operation import OperationStatus
from tests.unit.workflows.rig import Rig


def fill(rig: Rig) -> dict[str, str]:
    """Servers of several states on node-3; ids by name."""
    old = rig.old
    made = [
        old.add_server("web-1", "node-3"),
        old.add_server("web-2", "node-3"),
        old.add_server("paused", "node-3", "PAUSED"),
        old.add_server("off", "node-3", "SHUTOFF"),
        old.add_server("volume", "node-3", image_id=""),
    ]
    old.add_server("elsewhere", "node-1")
    return {s.name: s.id for s in made}


def test_every_server_is_elsewhere_in_its_old_state(rig: Rig) -> None:
    ids = fill(rig)
    before = {s.id: s.status for s in rig.old.all_servers.values()}
    done = rig.run("evacuate_node", reason="upgrade")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    after = rig.old.all_servers
    assert {s.id: s.status for s in after.values()} == before
    assert {after[i].host for i in ids.values()} <= {"node-1", "node-2"}
    provider = rig.old.machines["node-3"].provider_id
    assert not [c for c, by in rig.old.held.items() if provider in by]
    assert all(p.host == after[s].host for s, ports in rig.old.all_ports.items() for p in ports)
    machine = rig.old.machines["node-3"]
    assert (machine.enabled, machine.reason) == (False, "pumphouse: upgrade")
    told = [e.type for e in rig.events() if e.notify]
    assert told.count("node.maintenance_entered") == 1
    assert told.count("node.evacuated") == 1
    assert all(len(rig.old.moves(i)) == 1 for i in ids.values())


def test_the_port_of_a_stopped_server_need_not_stay_active(rig: Rig) -> None:
    """Seen on a real cloud: Neutron called it ACTIVE before, and nothing plugs it in on the new node."""
    server = rig.old.add_server("off", "node-3", "SHUTOFF")
    rig.old.all_ports[server.id] = [replace(p, status="ACTIVE") for p in rig.old.all_ports[server.id]]

    def unplug() -> None:
        rig.old.all_ports[server.id] = [replace(p, status="DOWN") for p in rig.old.all_ports[server.id]]

    rig.old.before["confirm_migration"] = [unplug]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)


@pytest.mark.crash
def test_a_port_that_does_not_come_up_is_a_failure(rig: Rig) -> None:
    server = rig.old.add_server("web", "node-3")

    def unplug() -> None:
        rig.old.all_ports[server.id] = [replace(p, status="DOWN") for p in rig.old.all_ports[server.id]]

    operation = rig.submit("evacuate_node")
    rig.old.before["live_migrate"] = [unplug]
    failed = rig.engine.run(operation.id)
    assert failed.status is OperationStatus.FAILED
    assert "Neutron says port" in rig.errors(failed)
    rig.old.all_ports[server.id] = [replace(p, status="ACTIVE") for p in rig.old.all_ports[server.id]]
    done = rig.retry(failed)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert len(rig.old.moves(server.id)) == 1


def test_undo_puts_everything_back(rig: Rig) -> None:
    fill(rig)
    before = rig.old.snapshot()
    done = rig.run("evacuate_node")
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.snapshot() == before
    assert not rig.tools.environments.maintenances()


@pytest.mark.parametrize("ours", [True, False])
def test_a_node_that_was_disabled_before_stays_so(rig: Rig, ours: bool) -> None:
    fill(rig)
    if ours:
        rig.run("maintain_node", action="on", reason="mine")
    else:
        machine = rig.old.machines["node-3"]
        machine.enabled, machine.reason = False, "broken fan"
    before = rig.old.snapshot()
    records = list(rig.tools.environments.maintenances())
    done = rig.run("evacuate_node", reason="upgrade")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.snapshot() == before
    assert list(rig.tools.environments.maintenances()) == records


@pytest.mark.parametrize("outcome", ["unchanged", "error"])
def test_a_move_that_did_not_happen_is_tried_on_another_target(rig: Rig, outcome: str) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = [outcome]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    asked = [
        detail
        for call, subject, detail in rig.old.journal
        if subject == ids["web-1"] and call == "live_migrate"
    ]
    assert len(asked) == 2
    assert asked[0] != asked[1]
    assert rig.events("server.move_failed")


def test_a_completed_migration_with_the_host_unchanged_is_a_failure(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = ["unchanged"] * 3
    failed = rig.run("evacuate_node")
    assert failed.status is OperationStatus.FAILED
    assert "'completed', but the server is where it was" in rig.errors(failed)
    assert rig.old.all_servers[ids["web-1"]].host == "node-3"
    assert rig.old.all_servers[ids["web-2"]].host != "node-3", "a failed item fails alone"
    again = rig.retry(failed)
    assert again.status is OperationStatus.DONE, rig.errors(again)
    assert len(rig.old.moves(ids["web-2"])) == 1


def test_a_stuck_migration_is_aborted_and_moved_again(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = ["hang"]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert [c for c, s, _ in rig.old.journal if s == ids["web-1"]] == [
        "live_migrate",
        "abort_live_migration",
        "live_migrate",
    ]


def test_a_server_lost_in_its_move_is_reported_and_the_rest_goes_on(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = ["crashed"]
    done = rig.run("evacuate_node", on_failure="skip")
    assert done.status is OperationStatus.DONE_WITH_ERRORS, rig.errors(done)
    assert "ERROR" in rig.errors(done)
    assert rig.events("node.evacuation_incomplete")
    assert not rig.events("node.evacuated")
    assert rig.old.moves(ids["web-1"]) == ["live_migrate"]


def test_a_running_server_that_nova_calls_error_after_our_move_is_moved_all_the_same(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = ["lost"]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    moved = rig.old.all_servers[ids["web-1"]]
    assert (moved.status, moved.host != "node-3") == ("ACTIVE", True)
    assert [e.subject for e in rig.events("server.state_reset")] == [f"server {ids['web-1']}"]


def test_a_server_whose_migration_nova_lost_is_set_free_and_moved(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = ["vanished"]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert [c for c, s, _ in rig.old.journal if s == ids["web-1"]] == [
        "live_migrate",
        "reset_state",
        "live_migrate",
    ]
    assert [e.subject for e in rig.events("server.state_reset")] == [f"server {ids['web-1']}"]


def test_one_whose_messages_were_lost_is_tried_everywhere_once_more(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.outcomes[ids["web-1"]] = ["vanished", "error", "error"]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.old.all_servers[ids["web-1"]].host != "node-3"


@pytest.mark.crash
def test_targets_whose_heartbeat_has_stopped_are_waited_for(rig: Rig) -> None:
    server = rig.old.add_server("a", "node-3")
    targets = [rig.old.machine(name) for name in ("node-1", "node-2")]

    def silence(*, ends: bool) -> None:
        for machine in targets:
            machine.running = ends

    def stop() -> None:
        silence(ends=False)
        rig.old.after(100.0, lambda: silence(ends=True))

    rig.old.before["live_migrate"] = [stop]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.old.all_servers[server.id].host in {"node-1", "node-2"}


@pytest.mark.parametrize("origin", ["node-3", "node-1"])
def test_what_nova_gives_up_while_it_misses_a_heartbeat_is_tried_again(rig: Rig, origin: str) -> None:
    """Nova fails each migration within seconds while it misses its source or target: three tries are over before it is seen to be down."""
    server = rig.old.add_server("a", "node-3")
    machine = rig.old.machine(origin)
    rig.old.outcomes[server.id] = ["error"] * 3

    def silence(*, ends: bool) -> None:
        machine.running = ends
        if not ends:
            # whatever is asked for meanwhile fails as well
            rig.old.outcomes[server.id] = ["error"] * 9

    def speak() -> None:
        silence(ends=True)
        rig.old.outcomes[server.id] = []

    rig.old.after(25.0, lambda: silence(ends=False))
    rig.old.after(80.0, speak)
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.old.all_servers[server.id].host in {"node-1", "node-2"}


def test_nova_s_reason_is_told(rig: Rig) -> None:
    server = rig.old.add_server("a", "node-3")
    rig.old.outcomes[server.id] = ["error"] * 99
    rig.old.reasons[server.id] = "No valid host was found."
    assert "its migration is in error (No valid host was found.)" in rig.errors(rig.run("evacuate_node"))


def test_a_reason_that_may_not_be_read_is_left_out(rig: Rig) -> None:
    server = rig.old.add_server("a", "node-3")
    rig.old.outcomes[server.id] = ["error"]
    rig.old.fail("last_failure", CloudRefusedError("403: Policy doesn't allow it"))
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)


def test_one_that_fits_nowhere_is_not_tried_for_ever(rig: Rig) -> None:
    server = rig.old.add_server("a", "node-3")
    rig.old.outcomes[server.id] = ["error"] * 99
    failed = rig.run("evacuate_node")
    assert failed.status is OperationStatus.FAILED
    assert len(rig.old.moves(server.id)) == 6


def test_targets_that_stay_down_are_given_up_in_the_end(rig: Rig) -> None:
    rig.old.add_server("a", "node-3")

    def stop() -> None:
        for name in ("node-1", "node-2"):
            rig.old.machine(name).running = False

    rig.old.before["live_migrate"] = [stop]
    failed = rig.run("evacuate_node")
    assert failed.status is OperationStatus.FAILED
    assert "is still on node-3" in rig.errors(failed)


def test_one_that_was_paused_is_not_called_active(rig: Rig) -> None:
    paused = rig.old.add_server("paused", "node-3", "PAUSED")
    rig.old.outcomes[paused.id] = ["vanished"]
    failed = rig.run("evacuate_node")
    assert failed.status is OperationStatus.FAILED
    assert "carries out no migration" in rig.errors(failed)
    assert "reset_state" not in [c for c, s, _ in rig.old.journal if s == paused.id]


def test_a_server_that_was_in_error_before_is_not_touched(rig: Rig) -> None:
    broken = rig.old.add_server("broken", "node-3", "ERROR")
    plan = rig.engine.plan("evacuate_node", {"environment": "old", "node": "node-3"})
    assert plan.blocked
    assert [c for c, s, _ in rig.old.journal if s == broken.id] == []


@pytest.mark.crash
def test_on_failure_undo_goes_back_by_itself(rig: Rig) -> None:
    ids = fill(rig)
    before = rig.old.snapshot()
    rig.old.outcomes[ids["web-1"]] = ["error"] * 6
    undone = rig.run("evacuate_node", on_failure="undo")
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.snapshot() == before


@pytest.mark.parametrize(
    "call", ["live_migrate", "cold_migrate", "confirm_migration", "ports", "provider_consumers"]
)
@pytest.mark.parametrize("after", [False, pytest.param(True, marks=pytest.mark.crash)])
def test_a_fault_of_the_cloud_is_endured(rig: Rig, call: str, after: bool) -> None:
    ids = fill(rig)
    operation = rig.submit("evacuate_node")
    rig.old.fail(call, CloudFaultError("500"), times=2, after=after)
    done = rig.engine.run(operation.id)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert all(len(rig.old.moves(i)) == 1 for i in ids.values()), "a lost answer made it move twice"


def test_a_refusal_counts_as_an_attempt(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.fail("live_migrate", CloudRefusedError("400: no"), times=1)
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert len(ids) == 5


@pytest.mark.crash
def test_servers_that_race_in_are_moved_too(rig: Rig) -> None:
    fill(rig)
    late: list[Any] = []
    rig.old.before["confirm_migration"] = [lambda: late.append(rig.old.add_server("late", "node-3"))]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert late
    assert rig.old.all_servers[late[0].id].host != "node-3"
    before_undo = rig.undo(done)
    assert before_undo.status is OperationStatus.UNDONE, rig.errors(before_undo)


def test_a_server_deleted_meanwhile_is_no_failure(rig: Rig) -> None:
    ids = fill(rig)
    rig.old.before["live_migrate"] = [lambda: rig.old.delete_server(ids["off"])]
    done = rig.run("evacuate_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)


def test_stopped_servers_are_left_when_asked_for(rig: Rig) -> None:
    ids = fill(rig)
    done = rig.run("evacuate_node", stopped="leave")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.old.all_servers[ids["off"]].host == "node-3"
    assert not rig.old.moves(ids["off"])


def test_a_suspended_server_runs_only_for_its_move(rig: Rig) -> None:
    sleeper = rig.old.add_server("sleeper", "node-3", "SUSPENDED")
    before = rig.old.snapshot()
    done = rig.run("evacuate_node", suspended="resume")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    found = rig.old.all_servers[sleeper.id]
    assert (found.status, found.host != "node-3") == ("SUSPENDED", True)
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.old.snapshot() == before


@pytest.mark.crash
def test_parallel_moves_respect_the_limits(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        rig.old.add_server(f"s{number}", "node-3")
    most: Counter[str] = Counter()
    three = threading.Event()
    sleep, ask = rig.clock.sleep, rig.old.live_migrate

    def count(server_id: str, target: str | None) -> None:
        ask(server_id, target)
        running = Counter(m.target for m in rig.old.all_migrations if m.running)
        for name, number in {**running, "all": running.total()}.items():
            most[name] = max(most[name], number)
        # the clock is moved by whoever waits: the first must not have arrived before the others were asked for
        if most["all"] == 3:
            three.set()
        assert three.wait(60), f"no more than {most['all']} at once"

    def slowly(seconds: float) -> None:
        threading.Event().wait(0.002)
        sleep(max(seconds / 5, 0.05))  # never so little that the last of a wait takes for ever

    monkeypatch.setattr(rig.old, "live_migrate", count)
    monkeypatch.setattr(rig.clock, "sleep", slowly)
    done = rig.run("evacuate_node", parallel=3, per_target=2)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert most["all"] == 3
    assert max(most["node-1"], most["node-2"]) <= 2
