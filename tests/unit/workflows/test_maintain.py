"""Maintenance: what was found is put back exactly, failures are told, and undo is the inverse."""

from pumphouse.domain.errors import CloudFaultError, CredentialsError
from pumphouse.domain.operation import OperationStatus
from tests.unit.workflows.rig import Rig


def on(rig: Rig, reason: str = "disk swap") -> None:
    done = rig.run("maintain_node", action="on", reason=reason)
    assert done.status is OperationStatus.DONE, rig.errors(done)


def test_on_disables_with_our_reason_and_keeps_what_was_found(rig: Rig) -> None:
    on(rig)
    machine = rig.old.machines["node-3"]
    assert (machine.enabled, machine.reason) == (False, "pumphouse: disk swap")
    record = rig.tools.environments.maintenances("old")[0]
    assert (record.was_enabled, record.previous_reason, record.node) == (True, "", "node-3")
    assert [e.type for e in rig.events() if e.notify] == ["node.maintenance_entered"]


def test_off_enables_again(rig: Rig) -> None:
    before = rig.old.snapshot()
    on(rig)
    done = rig.run("maintain_node", action="off")
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert rig.old.snapshot() == before
    assert not rig.tools.environments.maintenances()


def test_what_somebody_else_disabled_stays_disabled_with_their_reason(rig: Rig) -> None:
    machine = rig.old.machines["node-3"]
    for reason in ("broken fan", ""):
        machine.enabled, machine.reason = False, reason
        plan = rig.plan("maintain_node", action="on", reason="x")
        assert "disabled-by-other" in {f.code for f in plan.findings}
        on(rig, "x")
        assert machine.reason == "pumphouse: x"
        rig.run("maintain_node", action="off")
        assert (machine.enabled, machine.reason) == (False, reason)


def test_undo_of_on_and_of_off(rig: Rig) -> None:
    before = rig.old.snapshot()
    entered = rig.run("maintain_node", action="on", reason="x")
    held = rig.old.snapshot()
    left = rig.run("maintain_node", action="off")
    assert rig.undo(left).status is OperationStatus.UNDONE
    assert rig.old.snapshot() == held
    assert rig.tools.environments.maintenances()
    assert rig.undo(entered).status is OperationStatus.UNDONE
    assert rig.old.snapshot() == before
    assert not rig.tools.environments.maintenances()


def test_on_twice_changes_nothing_and_its_undo_neither(rig: Rig) -> None:
    on(rig)
    held = rig.old.snapshot()
    again = rig.run("maintain_node", action="on", reason="other")
    assert again.steps[0].status == "skipped"
    rig.undo(again)
    assert rig.old.snapshot() == held


def test_off_without_a_record_is_blocked_with_a_remedy(rig: Rig) -> None:
    rig.old.machines["node-3"].enabled = False
    plan = rig.plan("maintain_node", action="off")
    assert plan.blocked
    assert plan.findings[0].code == "not-in-maintenance"
    assert "openstack compute service set --enable" in plan.findings[0].suggestion


def test_the_last_enabled_node_is_a_warning(rig: Rig) -> None:
    rig.old.machines["node-1"].enabled = False
    rig.old.machines["node-2"].running = False
    plan = rig.plan("maintain_node", action="on")
    assert not plan.blocked
    assert "last-enabled-node" in {f.code for f in plan.findings}


def test_a_fault_is_endured_and_a_failure_is_told(rig: Rig) -> None:
    operation = rig.submit("maintain_node", action="on", reason="x")
    rig.old.fail("disable_node", CloudFaultError("500"), times=3)
    assert rig.engine.run(operation.id).status is OperationStatus.DONE
    off = rig.submit("maintain_node", action="off")
    rig.old.fail("enable_node", CredentialsError("403"), times=1)
    failed = rig.engine.run(off.id)
    assert failed.status is OperationStatus.FAILED
    assert [e.notify for e in rig.events("node.maintenance_failed")] == [True]
    assert rig.retry(failed).status is OperationStatus.DONE
    assert rig.old.machines["node-3"].enabled


def test_undo_leaves_a_node_that_somebody_has_enabled(rig: Rig) -> None:
    rig.old.machines["node-3"].enabled = False
    rig.old.machines["node-3"].reason = "rack is wet"
    entered = rig.run("maintain_node", action="on", reason="x")
    rig.old.machines["node-3"].enabled = True
    rig.old.machines["node-3"].reason = ""
    assert rig.undo(entered).status is OperationStatus.UNDONE
    assert rig.old.machines["node-3"].enabled
    assert "stays enabled" in rig.events("node.maintenance_left")[-1].message
    assert not rig.tools.environments.maintenances()


def test_undo_leaves_a_node_that_somebody_has_disabled_for_another_reason(rig: Rig) -> None:
    for was_enabled in (True, False):
        rig.old.machines["node-3"].enabled = was_enabled
        rig.old.machines["node-3"].reason = "" if was_enabled else "rack is wet"
        entered = rig.run("maintain_node", action="on", reason="x")
        rig.old.machines["node-3"].reason = "burning"
        assert rig.undo(entered).status is OperationStatus.UNDONE
        assert (rig.old.machines["node-3"].enabled, rig.old.machines["node-3"].reason) == (False, "burning")
        assert "burning" in rig.events("node.maintenance_left")[-1].message


def test_a_failure_of_an_undo_is_told(rig: Rig) -> None:
    for action, call in (("on", "enable_node"), ("off", "disable_node")):
        done = rig.run("maintain_node", action=action, reason="x") if action == "on" else rig.run("maintain_node", action=action)  # fmt: skip
        rig.old.fail(call, CredentialsError("403"), times=1)
        failed = rig.undo(done)
        assert failed.status is OperationStatus.UNDO_FAILED
        (told,) = rig.events("node.maintenance_failed")[-1:]
        assert told.notify
        assert told.message.startswith(f"the undo of maintenance {action} of node-3")
        assert rig.retry(failed).status is OperationStatus.UNDONE
        if action == "on":
            on(rig)


def test_a_cloud_that_never_answers_is_told_also_of_the_first_look(rig: Rig) -> None:
    on(rig)
    again = rig.submit("maintain_node", action="on", reason="twice")
    rig.old.fail("node", CloudFaultError("500"), times=10_000)
    assert rig.engine.run(again.id).status is OperationStatus.FAILED
    assert [e.notify for e in rig.events("node.maintenance_failed")] == [True]
    rig.old.fail("node", CloudFaultError("500"), times=0)
