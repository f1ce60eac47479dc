"""What steps and plans are given: the contexts of step.py and workflow.py on the engine's own things. Built by stages.py and engine.py."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from typing_extensions import override

from pumphouse.domain.errors import (
    CloudFaultError,
    ConflictError,
    DeadlineError,
    StaleOwnerError,
    StoppedError,
)
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item, Operation
from pumphouse.domain.plan import Plan
from pumphouse.engine.faults import scrub
from pumphouse.engine.kit import Children, Kit
from pumphouse.engine.ledger import Ledger
from pumphouse.engine.ownership import Signals
from pumphouse.engine.step import StepContext
from pumphouse.engine.workflow import PlanContext
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import Change
from pumphouse.ports.toolbox import Toolbox

T = TypeVar("T")


class RunContext(StepContext):
    """One for each step of a run; used by many item threads at once."""

    def __init__(
        self,
        kit: Kit,
        operation: Operation,
        step: str,
        ledger: Ledger,
        signals: Signals,
        memory: dict[str, Any],
        children: Children,
    ) -> None:
        self._kit = kit
        self._operation = operation
        self._step = step
        self._ledger = ledger
        self._signals = signals
        self._memory = memory
        self._children = children
        self.child_had_errors = False
        """Whether a child of this step ended with errors, so that the step does too."""
        self.conclusion = ""
        """What the step says came out of it."""
        self.live: dict[str, Item] = {}
        """The running items as they are recorded."""

    @property
    @override
    def operation(self) -> Operation:
        return self._operation

    @property
    @override
    def params(self) -> Mapping[str, Any]:
        return self._operation.params

    @property
    @override
    def plan(self) -> Plan:
        plan = self._operation.plan
        if plan is None:
            raise ConflictError(f"operation {self._operation.id} was recorded without its plan")
        return plan

    @property
    @override
    def tools(self) -> Toolbox:
        return self._kit.tools

    @property
    @override
    def clock(self) -> Clock:
        return self._kit.clock

    @property
    def signals(self) -> Signals:
        """What this run must heed."""
        return self._signals

    @override
    def recall(self, key: str, default: Any = None) -> Any:
        return self._memory.get(key, default)

    @override
    def remember(self, **values: Any) -> None:
        self._ledger.write(Change(memory=values))
        self._memory.update(values)

    @override
    def remember_item(self, item: Item, **values: Any) -> None:
        present = self.live.get(item.id, item)
        changed = replace(present, result={**present.result, **values})
        self._ledger.write(Change(items=(changed,)))
        self.live[item.id] = changed

    @override
    def emit(
        self, type: str, message: str, *, subject: str = "", environment: str | None = None,
        severity: Severity = Severity.INFO, notify: bool = False, **data: Any,
    ) -> None:  # fmt: skip
        event = self._ledger.event(
            type,
            scrub(message),
            step=self._step,
            subject=subject,
            environment=environment,
            severity=severity,
            notify=notify,
            data=data,
        )
        self._ledger.write(Change(events=(event,)))

    @override
    def poll(
        self, probe: Callable[[], T | None], *, what: str, deadline_s: float, interval_s: float = 1.0
    ) -> T:
        clock = self._kit.clock
        until = clock.monotonic() + deadline_s
        trouble: CloudFaultError | None = None
        while True:
            self._still_ours()
            try:
                answer = probe()
                trouble = None
            except CloudFaultError as error:
                answer, trouble = None, error
            if answer is not None:
                return answer
            left = until - clock.monotonic()
            if left <= 0:
                reason = f"; the last answer was: {trouble.message}" if trouble else ""
                raise DeadlineError(
                    f"{what} did not come true within {deadline_s:.0f} s{reason}"
                ) from trouble
            # never past the deadline: the last look is at it
            self._kit.wait(min(interval_s, left), lambda: self._signals.leaving or self._signals.lost)

    @override
    def run_child(self, name: str, kind: str, params: Mapping[str, Any]) -> Operation:
        self._still_ours()
        child = self._children.run_child(self, name, kind, params)
        self.child_had_errors = self.child_had_errors or child.status == "done_with_errors"
        return child

    @override
    def undo_child(self, name: str) -> None:
        self._still_ours()
        self._children.undo_child(self, name)

    @override
    def conclude(self, text: str) -> None:
        self.conclusion = scrub(text)

    @override
    def progress(self, message: str) -> None:
        self.emit("step.progress", message)

    def _still_ours(self) -> None:
        if self._signals.lost:
            raise StaleOwnerError(f"operation {self._operation.id} is no longer owned by this process")
        if self._signals.leaving:
            raise StoppedError("the process is shutting down; the operation goes on when one runs again")


class LookingContext(PlanContext):
    """What planning gets."""

    def __init__(self, kit: Kit, plan: Callable[[str, Mapping[str, Any]], Plan]) -> None:
        self._kit = kit
        self._plan = plan

    @property
    @override
    def tools(self) -> Toolbox:
        return self._kit.tools

    @property
    @override
    def clock(self) -> Clock:
        return self._kit.clock

    @override
    def plan_child(self, kind: str, params: Mapping[str, Any]) -> Plan:
        return self._plan(kind, params)
