"""Each step of the workflows that empty, move and delete a node fails once for good, before and after its work; undo puts everything back.

Which steps there are comes from the workflows: a new step is covered by itself. Those of QUICK run in `make check`, all in `make test`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from pumphouse.domain.errors import PermanentError
from pumphouse.domain.operation import Item, OperationStatus, StepStatus
from pumphouse.engine.step import ItemStep, Step, StepContext
from tests.fakes.latecomers import LATECOMERS, let_servers_come_late
from tests.unit.workflows.rig import WORKFLOWS, Rig

KINDS = {workflow.kind: workflow for workflow in WORKFLOWS}
WISHES: list[tuple[str, dict[str, Any]]] = [
    ("evacuate_node", {}),
    ("reassign_node", {"destination": "new"}),
    ("delete_node", {"evacuate": True}),
    ("delete_node", {"evacuate": False}),
]


def steps_of(kind: str, params: dict[str, Any]) -> list[Step]:
    workflow = KINDS[kind]
    return list(workflow.steps(workflow.normalise({"environment": "old", "node": "node-3", **params})))


QUICK = {
    "evacuate_node--move_servers-item",
    "evacuate_node--verify_empty-after",
    "reassign_node--install-after",
}
"""One failure of each kind: of an item, late in an evacuation, and behind the deployer."""


def case(kind: str, params: dict[str, Any], step: Step, moment: str) -> ParameterSet:
    name = f"{kind}-{params.get('evacuate', '')}-{step.name}-{moment}"
    marks = () if name in QUICK else (pytest.mark.crash,)
    return pytest.param(kind, params, step, moment, id=name, marks=marks)


CASES = [
    case(kind, params, step, moment)
    for kind, params in WISHES
    for step in steps_of(kind, params)
    for moment in ("before", "after", *(("item", "moved") if isinstance(step, ItemStep) else ()))
    # these steps fail before their work in a reassignment and in the deletion of an empty node
    if not (params.get("evacuate") and moment == "before")
]


def test_the_quick_ones_exist() -> None:
    assert {c.id for c in CASES} >= QUICK


def refuse() -> None:
    raise PermanentError("injected")


def break_step(monkeypatch: pytest.MonkeyPatch, step: Step, moment: str) -> None:
    """From now on this step, and no other, fails: ahead of its work or with all of it done; or in one of its items, likewise."""
    kind = type(step)
    if moment in ("item", "moved"):
        assert isinstance(step, ItemStep)
        monkeypatch.setattr(kind, "do_item", failing_item(type(step).do_item, moment))
    elif moment == "before" and isinstance(step, ItemStep):
        monkeypatch.setattr(kind, "list_items", lambda _self, _ctx: refuse())
    else:
        monkeypatch.setattr(kind, "do", failing(kind.do, moment))


def failing(do: Callable[[Any, StepContext], None], moment: str) -> Callable[[Any, StepContext], None]:
    def fail(self: Step, ctx: StepContext) -> None:
        if moment == "after":
            do(self, ctx)
        refuse()

    return fail


def failing_item(do_item: Callable[[Any, StepContext, Item], object], moment: str) -> Callable[..., object]:
    broken: list[str] = []

    def fail(self: ItemStep, ctx: StepContext, item: Item) -> object:
        first = not broken
        broken.append(item.id)
        answer = do_item(self, ctx, item) if moment == "moved" or not first else None
        if first:
            refuse()
        return answer

    return fail


@pytest.mark.parametrize(("kind", "params", "step", "moment"), CASES)
def test_a_step_fails_and_undo_puts_everything_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    params: dict[str, Any],
    step: Step,
    moment: str,
) -> None:
    rig = Rig(tmp_path)
    rig.old.machines["node-3"].aggregates.add("fast")
    if params.get("evacuate", True):
        rig.old.add_server("web", "node-3")
        rig.old.add_server("paused", "node-3", "PAUSED")
        rig.old.add_server("off", "node-3", "SHUTOFF")
        let_servers_come_late(rig.old, "node-3", after="web")
    before = rig.snapshot()
    operation = rig.submit(kind, **params)
    with monkeypatch.context() as patch:
        break_step(patch, step, moment)
        failed = rig.engine.run(operation.id)
    assert failed.status is OperationStatus.FAILED, rig.errors(failed)
    assert [s.name for s in failed.steps if s.status is StepStatus.FAILED] == [step.name]
    at = [s.name for s in failed.steps].index(step.name)
    assert {s.status for s in failed.steps[:at]} <= {StepStatus.DONE}
    assert {s.status for s in failed.steps[at + 1 :]} <= {StepStatus.PENDING}
    assert "injected" in failed.error

    undone = rig.undo(failed)
    assert undone.status is OperationStatus.UNDONE, rig.errors(undone)
    for late in [s for s in rig.old.all_servers.values() if s.name in LATECOMERS]:
        assert (late.host, late.status) == ("node-3", "ACTIVE")
        rig.old.delete_server(late.id)  # it was not there before
    assert rig.snapshot() == before
    assert not rig.tools.environments.maintenances()
    assert not rig.old.orphan_agents
    rig.close()
