"""Whatever goes wrong and whatever is asked for, in whatever order: nothing is done twice, nothing is lost, undo leaves nothing behind.

A hypothesis state machine over the engine: runs that break down at any point, failures, wishes of the operator, new processes.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, ConflictError, LockedError
from pumphouse.domain.operation import HOLDS_LOCKS, ItemStatus, Operation, OperationStatus, StepStatus
from pumphouse.drivers.database.stores import Stores
from tests.unit.engine.conftest import Bench

S = OperationStatus
ITEMS = [f"move-{n}" for n in range(3)]
MARKS = ["prepare", *ITEMS, "commit", "finish"]
WHEN = ("before", "after", "undo", "undone")
POINTS = st.sampled_from([f"{mark}:{when}" for mark in MARKS for when in WHEN])
WISHES = st.sampled_from(["pause", "cancel", "resume", "retry", "skip_failed", "undo"])


class Killed(BaseException):
    """Ends a run like a kill: nothing of it is handled or written."""


class Machine(RuleBasedStateMachine):
    """One operation and its operator."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="machine-"))
        self.bench: Bench | None = None

    @initialize(policy=st.sampled_from(["pause", "skip", "undo"]), parent=st.booleans())
    def accept(self, policy: str, parent: bool) -> None:
        shutil.copy(_template(), self.directory / "test.db")
        self.bench = Bench(f"sqlite:///{self.directory / 'test.db'}")
        self.operation = self.bench.submit("parent" if parent else "mark", on_failure=policy, parallel=1)

    @rule(point=POINTS, kind=st.sampled_from(["refused", "fault", "once"]))
    def run_with_a_fault(self, point: str, kind: str) -> None:
        hits: list[str] = []

        def hook(reached: str) -> None:
            if reached == point and not (kind == "once" and hits):
                hits.append(reached)
                raise CloudRefusedError("injected") if kind == "refused" else CloudFaultError("injected")

        self._run(hook)

    @rule(
        point=st.sampled_from([f"{mark}:{when}" for mark in ("prepare", "commit", "finish") for when in WHEN])
    )
    def run_and_die(self, point: str) -> None:
        """The steps' thread is torn away; item threads and real kills are in tests/crash."""

        def hook(reached: str) -> None:
            if reached == point:
                raise Killed

        self._run(hook)

    @rule(point=POINTS, wish=st.sampled_from(["pause", "cancel"]))
    def run_and_be_asked(self, point: str, wish: str) -> None:
        def hook(reached: str) -> None:
            if reached == point:
                self._ask(wish)

        self._run(hook)

    @rule()
    def run(self) -> None:
        self._run(lambda _point: None)

    @rule(wish=WISHES)
    def ask(self, wish: str) -> None:
        self._ask(wish)

    @precondition(lambda self: self.bench is not None)
    @invariant()
    def nothing_is_done_twice(self) -> None:
        balance = dict.fromkeys([*MARKS, "open", "close"], 0)
        for verb, mark in self.bench.world.effects():  # type: ignore[union-attr]
            balance[mark] += 1 if verb == "do" else -1
            assert balance[mark] in (0, 1), f"{mark}: {self.bench.world.journal}"  # type: ignore[union-attr]

    @precondition(lambda self: self.bench is not None)
    @invariant()
    def the_end_is_what_it_says(self) -> None:
        assert self.bench is not None
        operation = self.bench.engine.operation(self.operation)
        marks = self.bench.world.marks()
        if operation.status is S.UNDONE:
            assert marks == set()
        if operation.status is S.DONE:
            assert marks >= set(MARKS)
            assert all(step.status is StepStatus.DONE for step in operation.steps)
        if operation.status is S.DONE_WITH_ERRORS:
            assert marks >= {"prepare", "commit", "finish"}
        self._nothing_runs(operation)

    @precondition(lambda self: self.bench is not None)
    @invariant()
    def the_node_is_held_as_long_as_it_may_be_touched(self) -> None:
        assert self.bench is not None
        held = self.bench.engine.operation(self.operation).status in HOLDS_LOCKS
        if held:
            with pytest.raises(LockedError):
                self.bench.submit()
        else:
            self.bench.engine.cancel(self.bench.submit())

    def teardown(self) -> None:
        """It can always be brought to an end, and then undone."""
        if self.bench is not None:
            self._finish(self.bench)
            self.bench.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _finish(self, bench: Bench) -> None:
        status = bench.engine.operation(self.operation).status
        stopped = status in (S.PAUSED, S.CANCELLED, S.FAILED)
        if stopped and len(bench.world.journal) % 2:
            # from half-way back as often as from half-way on
            bench.engine.undo(self.operation)
        elif stopped:
            (bench.engine.retry if status is S.FAILED else bench.engine.resume)(self.operation)
        elif status is S.UNDO_FAILED:
            bench.engine.retry(self.operation)
        self._run(lambda _point: None)
        ended = bench.engine.operation(self.operation)
        if ended.status is S.FAILED:
            # resumed after a cancellation that came after a failure
            bench.engine.retry(self.operation)
            self._run(lambda _point: None)
            ended = bench.engine.operation(self.operation)
        assert ended.status in (S.DONE, S.DONE_WITH_ERRORS, S.UNDONE), ended
        self.nothing_is_done_twice()
        if ended.status is not S.UNDONE:
            bench.engine.undo(self.operation)
            self._run(lambda _point: None)
        assert bench.engine.operation(self.operation).status is S.UNDONE
        assert bench.world.marks() == set()

    def _run(self, hook: Any) -> None:
        assert self.bench is not None
        # a new process each time; the one before is gone for good
        self.bench.clock.advance(60)
        self.bench.engine = self.bench.another()
        self.bench.world.hook = hook
        try:
            self.bench.engine.run(self.operation)
        except Killed:
            pass
        finally:
            self.bench.world.hook = lambda _point: None

    def _ask(self, wish: str) -> None:
        assert self.bench is not None
        try:
            getattr(self.bench.engine, wish)(self.operation)
        except ConflictError:
            # a refusal is a right answer; that none is wrongly given is tested by name in test_steering.py
            return

    def _nothing_runs(self, operation: Operation) -> None:
        assert self.bench is not None
        if operation.status in (S.DONE, S.DONE_WITH_ERRORS, S.PAUSED, S.CANCELLED, S.FAILED):
            running = self.bench.stores.items(operation.id, statuses=[ItemStatus.RUNNING])
            assert not running or operation.status in (S.PAUSED, S.CANCELLED)


_TEMPLATE: list[Path] = []


def _template() -> Path:
    if not _TEMPLATE:
        file = Path(tempfile.mkdtemp(prefix="machine-")) / "empty.db"
        Stores(f"sqlite:///{file}").close()
        _TEMPLATE.append(file)
    return _TEMPLATE[0]


ROUGH = settings(stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.crash
class TestMachine(Machine.TestCase):  # type: ignore[name-defined, misc] # hypothesis makes the class
    settings = settings(ROUGH, max_examples=3)


@pytest.mark.crash
class TestMachineForLonger(Machine.TestCase):  # type: ignore[name-defined, misc] # hypothesis makes the class
    settings = settings(ROUGH, max_examples=40)
