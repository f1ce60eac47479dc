"""Moves and deletions of nodes on fake clouds with the real engine."""

from dataclasses import replace

import pytest

from pumphouse.domain.errors import DeployerError, InvalidInputError, LockedError
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.plan import Plan
from pumphouse.domain.server import Migration
from tests.unit.workflows.rig import Rig


def critical(plan: Plan) -> set[str]:
    return {f.code for f in plan.findings if f.severity is Severity.CRITICAL}


def fill(rig: Rig) -> None:
    rig.old.add_server("web", "node-3")
    rig.old.add_server("off", "node-3", "SHUTOFF")
    rig.old.machines["node-3"].aggregates |= {"fast", "ssd"}


def test_the_node_serves_in_its_new_environment(rig: Rig) -> None:
    fill(rig)
    done = rig.run("reassign_node", destination="new", reason="upgrade")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert set(rig.old.machines) == {"node-1", "node-2"}
    assert not rig.old.orphan_agents
    machine = rig.new.machines["node-3"]
    assert (machine.enabled, machine.mapped, machine.running) == (True, True, True)
    assert not rig.new.all_servers, "the test server was left behind"
    assert {s.status for s in rig.old.all_servers.values()} == {"ACTIVE", "SHUTOFF"}
    assert not rig.tools.environments.maintenances()
    told = [e.type for e in rig.events() if e.notify]
    assert [told.count(t) for t in ("node.maintenance_entered", "node.evacuated", "node.reassigned")] == [
        1,
        1,
        1,
    ]


def test_a_new_node_is_disabled_before_it_is_discovered(rig: Rig) -> None:
    rig.run("reassign_node", destination="new")
    calls = [call for call, _, _ in rig.new.journal]
    order = ["install", "disable_node", "register", "boot_test_server", "delete_test_server", "enable_node"]
    assert [c for i, c in enumerate(calls) if c in order and c not in calls[:i]] == order


def test_health_before_and_after_is_compared(rig: Rig) -> None:
    rig.run("reassign_node", destination="new")
    compared = {e.environment: e for e in rig.events("health.compared")}
    assert compared["new"].data["better"] == ["services"]
    assert compared["old"].data["worse"] == []


@pytest.mark.crash
def test_the_comparison_of_health_stays_with_its_step(rig: Rig) -> None:
    done = rig.run("reassign_node", destination="new")
    (step,) = [s for s in rig.engine.operation(done.id).steps if s.name == "health_after"]
    assert "old: 1 of 1 checks passed, nothing is worse than before" in step.reason
    assert "new: " in step.reason
    assert "better: services" in step.reason


@pytest.mark.parametrize("kind", ["reassign_node", "delete_node"])
def test_no_advice_that_only_a_mere_evacuation_can_follow(rig: Rig, kind: str) -> None:
    for other in ("node-1", "node-2"):
        machine = rig.old.machines[other]
        machine.stock = {resource: (1, ratio) for resource, (_, ratio) in machine.stock.items()}
    rig.old.add_server("off", "node-3", "SHUTOFF")
    params = {"destination": "new"} if kind == "reassign_node" else {"evacuate": True}
    plan = rig.engine.plan(kind, {"environment": "old", "node": "node-3", **params})
    short = [f for f in plan.findings if f.code == "no-room"]
    assert short
    assert not [f for f in short if "--stopped" in f.suggestion]
    alone = rig.engine.plan("evacuate_node", {"environment": "old", "node": "node-3"})
    assert [f for f in alone.findings if "--stopped leave" in f.suggestion]


def test_undo_brings_the_node_back_as_it_was(rig: Rig) -> None:
    fill(rig)
    before = rig.snapshot()
    done = rig.run("reassign_node", destination="new")
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.snapshot() == before
    assert not rig.tools.environments.maintenances()


@pytest.mark.crash
def test_undo_refuses_while_somebody_lives_on_the_node(rig: Rig) -> None:
    done = rig.run("reassign_node", destination="new")
    guest = rig.new.add_server("guest", "node-3")
    refused = rig.undo(done)
    assert refused.status is OperationStatus.UNDO_FAILED
    assert "guest" in rig.errors(refused)
    assert rig.new.machines["node-3"].enabled, "something was torn down in vain"
    rig.new.delete_server(guest.id)
    rig.engine.retry(done.id)
    assert rig.engine.run(done.id).status is OperationStatus.UNDONE


@pytest.mark.crash
def test_without_a_way_back_the_plan_says_so_and_undo_touches_nothing(rig: Rig) -> None:
    fill(rig)
    deployer = rig.tools.deployers["old"]
    deployer.able = replace(deployer.able, reinstalls_removed=False)
    plan = rig.plan("reassign_node", destination="new")
    assert "point-of-no-return" in {f.code for f in plan.findings}
    assert next(s.name for s in plan.steps if s.irreversible) == "take_down"
    done = rig.run("reassign_node", destination="new")
    after = rig.snapshot()
    refused = rig.undo(done)
    assert refused.status is OperationStatus.UNDO_FAILED
    assert rig.snapshot() == after


@pytest.mark.crash
def test_a_test_server_that_fails_stops_the_move_before_anybody_is_scheduled(rig: Rig) -> None:
    rig.new.outcomes["boot"] = ["ERROR"]
    failed = rig.run("reassign_node", destination="new")
    assert failed.status is OperationStatus.FAILED
    assert not rig.new.machines["node-3"].enabled
    assert not rig.new.all_servers
    done = rig.retry(failed)
    assert done.status is OperationStatus.DONE, rig.errors(done)


def test_what_is_refused_before_anything_is_touched(rig: Rig) -> None:
    fill(rig)
    plan = rig.plan("reassign_node", destination="new")
    assert not plan.blocked
    assert "way-back" in {f.code for f in plan.findings}
    rig.new.add_node("node-3")
    assert "name-taken" in critical(rig.plan("reassign_node", destination="new"))
    del rig.new.machines["node-3"]
    rig.tools.deployers["new"].reasons = ["no such hardware"]
    assert "deployer-refuses" in critical(rig.plan("reassign_node", destination="new"))
    able = rig.tools.deployers["new"].able
    rig.tools.deployers["new"].able = replace(able, can_install=False, contract_version=9)
    assert {"deployer-unable", "deployer-version"} <= critical(rig.plan("reassign_node", destination="new"))
    del rig.tools.deployers["new"]
    assert "no-deployer" in critical(rig.plan("reassign_node", destination="new"))


def test_a_stuck_migration_and_the_last_node_block(rig: Rig) -> None:
    server = rig.old.add_server("web", "node-1")
    rig.old.all_migrations.append(
        Migration(
            "1", server.id, "running", "live-migration", "node-3", "node-1", "2020-01-01T00:00:00.000000"
        )
    )
    for name in ("node-1", "node-2"):
        rig.old.machines[name].enabled = False
    found = critical(rig.plan("reassign_node", destination="new"))
    assert {"stuck-migration", "last-enabled-node"} <= found


@pytest.mark.parametrize(
    ("field", "value"), [("destination", "old"), ("stopped", "leave"), ("destination", "")]
)
def test_bad_parameters_are_named(rig: Rig, field: str, value: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rig.plan("reassign_node", **{"destination": "new", field: value})
    assert caught.value.field == field


def test_one_move_per_environment_at_a_time(rig: Rig) -> None:
    rig.submit("reassign_node", destination="new")
    with pytest.raises(LockedError):
        rig.submit("reassign_node", node="node-2", destination="new")
    rig.submit("evacuate_node", node="node-1")


def test_delete_with_evacuation(rig: Rig) -> None:
    fill(rig)
    before = rig.snapshot()
    done = rig.run("delete_node", evacuate=True)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert set(rig.old.machines) == {"node-1", "node-2"}
    assert rig.events("node.deleted")[0].notify
    undone = rig.undo(done)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.snapshot() == before


def test_delete_without_evacuation_needs_an_empty_node(rig: Rig) -> None:
    fill(rig)
    plan = rig.plan("delete_node", evacuate=False)
    assert "node-not-empty" in critical(plan)
    for server in list(rig.old.all_servers):
        rig.old.delete_server(server)
    rig.old.strangers[rig.old.machines["node-3"].provider_id].add("ghost")
    assert "node-not-empty" in critical(rig.plan("delete_node", evacuate=False))
    rig.old.strangers.clear()
    done = rig.run("delete_node")
    assert done.status is OperationStatus.DONE, rig.errors(done)


def test_a_server_that_appears_at_the_last_moment_stops_the_taking_down(rig: Rig) -> None:
    fill(rig)
    rig.old.before["remove_from_aggregates"] = [lambda: rig.old.add_server("forced", "node-3") and None]
    failed = rig.run("reassign_node", destination="new")
    assert failed.status is OperationStatus.FAILED
    assert "forced" in rig.errors(failed)
    assert rig.old.machines["node-3"].running


@pytest.mark.crash
def test_a_deployer_that_could_not_take_down_has_a_way_back_always(rig: Rig) -> None:
    fill(rig)
    before = rig.snapshot()
    deployer = rig.tools.deployers["old"]
    deployer.able = replace(deployer.able, reinstalls_removed=False)
    rig.old.fail("take_down", DeployerError("the script exited with 3"))
    failed = rig.run("reassign_node", destination="new")
    assert failed.status is OperationStatus.FAILED
    assert "exited with 3" in rig.errors(failed)
    undone = rig.undo(failed)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    assert rig.snapshot() == before
