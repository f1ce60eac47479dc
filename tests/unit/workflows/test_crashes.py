"""The process dies before and after every single call to a cloud, once each: a new engine on the same database ends the operation, and nobody moves twice.

`make check` takes every 151st point of an evacuation only, `make test` every 59th of everything; `PUMPHOUSE_CRASH_STRIDE=1` enumerates all of them.
"""

import os
from pathlib import Path

import pytest

from pumphouse.domain.operation import Operation, OperationStatus
from tests.unit.workflows.rig import Rig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
STRIDE = int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "151"))
ALL = STRIDE == 1
EVACUATE = pytest.param("evacuate_node", {}, id="evacuate")
REASSIGN = pytest.param("reassign_node", {"destination": "new"}, id="reassign", marks=pytest.mark.crash)
DELETE = pytest.param("delete_node", {"evacuate": True}, id="delete", marks=pytest.mark.crash)


def build(folder: Path) -> Rig:
    folder.mkdir(parents=True, exist_ok=True)
    rig = Rig(folder)
    rig.old.machines["node-3"].aggregates.add("fast")
    rig.old.add_server("web", "node-3")
    rig.old.add_server("paused", "node-3", "PAUSED")
    rig.old.add_server("off", "node-3", "SHUTOFF")
    return rig


def go_on(rig: Rig, operation: Operation) -> Operation:
    """What an operator has after the crash: the process is started again."""
    rig.reboot()
    return rig.engine.run(operation.id)


def points_of(rig: Rig, operation: Operation) -> int:
    """How many points a whole run has."""
    rig.run_until_death(operation, 10**9)
    rig.close()
    return rig.life.passed


@pytest.mark.parametrize(("kind", "params"), [EVACUATE, REASSIGN, DELETE])
def test_a_crash_at_any_call_loses_nothing(tmp_path: Path, kind: str, params: dict[str, str]) -> None:
    rig = build(tmp_path / "count")
    total = points_of(rig, rig.submit(kind, **params))
    assert total > 60
    for number in range(1, total + 1, STRIDE):
        rig = build(tmp_path / str(number))
        servers = {s.id: s.status for s in rig.old.all_servers.values()}
        operation = rig.submit(kind, **params)
        died = rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        done = go_on(rig, operation)
        assert died or number > total - 20, where
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        assert {s.id: s.status for s in rig.old.all_servers.values()} == servers, where
        assert all(s.host in {"node-1", "node-2"} for s in rig.old.all_servers.values()), where
        moves = {s: rig.old.moves(s) for s in servers}
        assert all(len(asked) == 1 for asked in moves.values()), f"{where}: moved twice: {moves}"
        if kind == "reassign_node":
            assert set(rig.new.machines) == {"node-3"}, where
            assert rig.new.machines["node-3"].enabled, where
            assert not rig.new.all_servers, where
        if kind != "evacuate_node":
            assert "node-3" not in rig.old.machines, where
            assert not rig.old.orphan_agents, where
            assert not rig.tools.environments.maintenances(), where
        rig.close()


@pytest.mark.crash
@pytest.mark.parametrize(("kind", "params"), [EVACUATE, REASSIGN])
def test_a_crash_at_any_call_of_an_undo_loses_nothing(
    tmp_path: Path, kind: str, params: dict[str, str]
) -> None:
    rig = build(tmp_path / "count")
    done = rig.run(kind, **params)
    rig.engine.undo(done.id)
    total = points_of(rig, done)
    for number in range(1, total + 1, STRIDE):
        rig = build(tmp_path / str(number))
        before = rig.snapshot()
        done = rig.run(kind, **params)
        moved = len([c for c in rig.old.journal if "migrate" in c[0]])
        rig.engine.undo(done.id)
        rig.run_until_death(done, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        undone = go_on(rig, done)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(done)}"
        assert rig.snapshot() == before, where
        assert len([c for c in rig.old.journal if "migrate" in c[0]]) == 2 * moved, f"{where}: moved twice"
        rig.close()


@pytest.mark.parametrize(("kind", "params"), [EVACUATE, REASSIGN])
def test_after_a_failure_at_any_step_undo_puts_everything_back(
    tmp_path: Path, kind: str, params: dict[str, str]
) -> None:
    """The cloud refuses one kind of call for good, so that some step fails; then it is well again, and the operator undoes."""
    calls = ["disable_node", "live_migrate", "cold_migrate", "confirm_migration", "provider_consumers"]
    if kind == "reassign_node":
        calls += [
            "remove_from_aggregates",
            "delete_compute_service",
            "delete_agents",
            "unregister",
            "install",
        ]
        calls += ["register", "take_down", "boot_test_server", "delete_test_server", "enable_node"]
    quick = {"live_migrate", "delete_compute_service", "boot_test_server"}
    for call in calls if ALL else sorted(quick & set(calls)):
        rig = build(tmp_path / call)
        before = rig.snapshot()
        operation = rig.submit(kind, **params)
        rig.refuse(call)
        failed = rig.engine.run(operation.id)
        assert failed.status is OperationStatus.FAILED, f"{call}: {rig.errors(failed)}"
        rig.refuse(None)
        undone = rig.undo(failed)
        assert undone.status is OperationStatus.UNDONE, f"{call}: {rig.errors(undone)}"
        assert rig.snapshot() == before, call
        assert not rig.tools.environments.maintenances(), call
        rig.close()
