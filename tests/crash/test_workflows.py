"""SIGKILL of a real process at every step boundary and in the middle of every server's move of the real workflows, forwards and in undo.

The clouds are fakes that live in another process (scene.py). Which steps there are comes from the workflows: a new step is killed here
without anybody adding it.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pumphouse.domain.operation import ItemStatus, Operation, OperationStatus, StepStatus
from pumphouse.drivers.database.stores import Stores
from tests.crash.conftest import Clouds
from tests.fakes.latecomers import LATECOMERS
from tests.unit.workflows.rig import WORKFLOWS

KINDS = {workflow.kind: workflow for workflow in WORKFLOWS}
SERVERS = ("web", "paused", "off", *LATECOMERS)
CHECK, MAINTAIN = ("check_health", {"environment": "old"}), ("maintain_node", {"action": "on"})


@dataclass(frozen=True)
class Case:
    """An operation and the children that its steps start."""

    name: str
    kind: str
    params: dict[str, Any]
    children: tuple[tuple[str, dict[str, Any]], ...] = ()
    servers: tuple[str, ...] = SERVERS

    def own_steps(self) -> list[str]:
        """`KIND/STEP` of the operation itself."""
        return steps_of(self.kind, self.params)

    def child_steps(self) -> list[str]:
        """`KIND/STEP` of its children."""
        return [step for kind, params in self.children for step in steps_of(kind, params)]


def steps_of(kind: str, params: dict[str, Any]) -> list[str]:
    return [f"{kind}/{step.name}" for step in KINDS[kind].steps(with_node(params))]


def with_node(params: dict[str, Any]) -> dict[str, Any]:
    return {"environment": "old", "node": "node-3", **params}


EVACUATION: tuple[str, dict[str, Any]] = ("evacuate_node", {})
CASES = [
    Case("evacuate", "evacuate_node", {}, (MAINTAIN,)),
    Case("reassign", "reassign_node", {"destination": "new"}, (EVACUATION, MAINTAIN, CHECK)),
    Case("delete", "delete_node", {"evacuate": True}, (EVACUATION, MAINTAIN)),
    Case("delete-empty", "delete_node", {"evacuate": False}, (MAINTAIN,), servers=()),
]
BOUNDARIES = ("begin:before", "end:after")
INSIDE = ("begin:after", "end:before")
BACK = ("undo:after", "undone:before")


def points(case: Case, steps: Sequence[str], moments: Sequence[str]) -> list[Any]:
    """Parameters of a test, one for each step and moment."""
    return [
        pytest.param(case, f"{step}:{moment}", id=f"{case.name}-{step}:{moment}")
        for step in steps
        for moment in moments
    ]


def middles(case: Case, *points: str) -> list[Any]:
    """Parameters of a test, one for each server and point of its move."""
    return [
        pytest.param(case, point.format(server), id=f"{case.name}-{point.format(server)}")
        for server in case.servers
        for point in points
    ]


EVACUATE, REASSIGN, DELETE, DELETE_EMPTY = CASES
FORWARD = [
    *(p for case in CASES for p in points(case, case.own_steps(), BOUNDARIES)),
    *(p for case in (EVACUATE, REASSIGN) for p in points(case, case.own_steps(), INSIDE)),
    # what a child does on its own is killed at all four in a case of its own; here it is its parent that has to find it again
    *(p for case in (EVACUATE, REASSIGN) for p in points(case, case.child_steps(), INSIDE)),
]
MIDDLE = [
    *middles(
        EVACUATE, "evacuate_node/{}:begin:after", "asked:{}", "waiting:{}", "evacuate_node/{}:end:before"
    ),
    *(p for case in (REASSIGN, DELETE) for p in middles(case, "asked:{}")),
]
BACKWARD = [p for case in (EVACUATE, REASSIGN) for p in points(case, case.own_steps(), BACK)]
MIDDLE_OF_UNDO = middles(EVACUATE, "asked:{}", "waiting:{}")
STANDS = {
    "begin:before": StepStatus.PENDING,
    "begin:after": StepStatus.RUNNING,
    "end:before": StepStatus.RUNNING,
    "end:after": StepStatus.DONE,
    "undo:after": StepStatus.UNDOING,
    "undone:before": StepStatus.UNDOING,
}
"""What is recorded of a step whose process was killed at that moment."""


class Life:
    """One case from its start to its end, in as many processes as it takes."""

    def __init__(self, clouds: Clouds, folder: Path, case: Case) -> None:
        self.clouds, self.case = clouds, case
        self.params = KINDS[case.kind].normalise(with_node(case.params))
        self.before = clouds.open(folder, servers=bool(case.servers))
        self._url = f"sqlite:///{folder / 'test.db'}"

    def killed_at(self, point: str, *, undo: bool = False) -> None:
        """A process that dies there, and nowhere else."""
        code, trace = self._live(kill=point, undo=undo)
        assert code == -9, f"{point} was never reached; passed {trace}"
        assert trace[-1] == point

    def goes_on(self, *, undo: bool = False) -> list[str]:
        """The next process ends it; answers the points that it passed."""
        code, trace = self._live(undo=undo)
        assert code == 0
        return trace

    def _live(self, *, kill: str = "", undo: bool) -> tuple[int, list[str]]:
        return self.clouds.live(self.case.kind, dict(self.params), kill=kill, undo=undo)

    def family(self) -> list[Operation]:
        """The operation and its descendants as recorded, the operation first."""
        stores = Stores(self._url)
        try:
            found = [stores.operation(o.id) for o in stores.operations(limit=50)]
        finally:
            stores.close()
        return sorted(found, key=lambda o: o.parent_id is not None)

    def assert_step_stands(self, point: str) -> None:
        """The step of that point is the one that was interrupted: so its record says, as do those before and behind it."""
        kind, step, moment = re.split("[/:]", point, maxsplit=2)
        stands = STANDS[moment]
        for operation in self.family():
            names = [s.name for s in operation.steps]
            if operation.kind != kind or step not in names:
                continue
            at = names.index(step)
            if operation.steps[at].status is not stands:
                continue  # another child of the same kind
            earlier = {s.status for s in operation.steps[:at]}
            later = {s.status for s in operation.steps[at + 1 :]}
            back = moment.startswith("und")
            assert earlier <= {StepStatus.DONE}
            assert later <= ({StepStatus.UNDONE} if back else {StepStatus.PENDING})
            return
        raise AssertionError(f"no {kind} has its step {step} {stands}")

    def assert_server_stands(self, server: str, status: ItemStatus) -> None:
        stores = Stores(self._url)
        try:
            items = [
                i
                for o in stores.operations(limit=50)
                for i in stores.items(o.id, limit=None)
                if i.name == server
            ]
        finally:
            stores.close()
        assert [i.status for i in items] == [status]

    def assert_done(self) -> None:
        """Everything has happened once, and nothing was lost."""
        operation = self.family()[0]
        assert operation.status is OperationStatus.DONE, operation.error
        now = self.clouds.look()
        assert now["moves"] == dict.fromkeys(self.case.servers, 1), "asked for more or less than once"
        states = {name: state for name, (state, _) in self.before["servers"].items()}
        states |= dict.fromkeys(set(LATECOMERS) & set(self.case.servers), "ACTIVE")
        assert {name: state for name, (state, _) in now["servers"].items()} == states
        assert {host for _, host in now["servers"].values()} <= {"node-1", "node-2"}
        if self.case.kind == "evacuate_node":
            assert now["nodes"] == {"node-1": True, "node-2": True, "node-3": False}
            assert now["maintenances"] == ["node-3"]
        else:
            assert now["nodes"] == {"node-1": True, "node-2": True}
            assert now["maintenances"] == []
        assert now["new_nodes"] == ({"node-3": True} if self.case.kind == "reassign_node" else {})
        assert now["new_servers"] == 0
        assert now["orphans"] == []

    def assert_undone(self) -> None:
        """Everything is as it was, every server having gone there and back once."""
        operation = self.family()[0]
        assert operation.status is OperationStatus.UNDONE, operation.error
        now = self.clouds.look()
        assert now["moves"] == dict.fromkeys(self.case.servers, 2)
        assert {host for _, host in now["servers"].values()} == {"node-3"}
        assert now["maintenances"] == []
        assert now["orphans"] == []
        # who came in the meantime was not there before
        assert self.clouds.forget(*LATECOMERS)["snapshot"] == self.before["snapshot"]


@pytest.fixture
def life(request: pytest.FixtureRequest, clouds: Clouds, empty: Path, tmp_path: Path, case: Case) -> Life:
    shutil.copy(empty, tmp_path)
    return Life(clouds, tmp_path, case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_step_is_on_the_list(life: Life, case: Case) -> None:
    """Nothing is skipped, and no child does anything that is not killed below."""
    trace = life.goes_on()
    life.assert_done()
    listed = {
        f"{step}:{word}" for step in [*case.own_steps(), *case.child_steps()] for word in ("begin", "end")
    }
    listed |= {f"evacuate_node/{server}:{word}" for server in case.servers for word in ("begin", "end")}
    assert {point.rpartition(":")[0] for point in trace} == listed


@pytest.mark.parametrize(("case", "point"), FORWARD)
def test_killed_at_a_step(life: Life, point: str) -> None:
    life.killed_at(point)
    life.assert_step_stands(point)
    life.goes_on()
    life.assert_done()


@pytest.mark.parametrize(("case", "point"), MIDDLE)
def test_killed_while_a_server_moves(life: Life, point: str) -> None:
    life.killed_at(point)
    life.assert_server_stands(re.split("[/:]", point)[1], ItemStatus.RUNNING)
    life.goes_on()
    life.assert_done()


@pytest.mark.parametrize(("case", "point"), BACKWARD)
def test_killed_while_undoing_a_step(life: Life, point: str) -> None:
    life.goes_on()
    life.killed_at(point, undo=True)
    life.assert_step_stands(point)
    life.goes_on(undo=True)
    life.assert_undone()


@pytest.mark.parametrize(("case", "point"), MIDDLE_OF_UNDO)
def test_killed_while_a_server_goes_back(life: Life, point: str) -> None:
    life.goes_on()
    life.killed_at(point, undo=True)
    life.assert_server_stands(re.split("[/:]", point)[1], ItemStatus.UNDOING)
    life.goes_on(undo=True)
    life.assert_undone()
