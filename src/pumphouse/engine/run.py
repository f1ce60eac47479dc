"""One claim of one operation, from here to its end, a stop, or the loss of its ownership. Made and run by engine.py."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pumphouse.domain.errors import ConflictError, StaleOwnerError
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Operation, OperationStatus, StepRecord, StepStatus
from pumphouse.engine.context import RunContext
from pumphouse.engine.kit import Children, Kit
from pumphouse.engine.ledger import Ledger
from pumphouse.engine.ownership import Signals
from pumphouse.engine.stages import BackwardStage, ForwardStage, Stage
from pumphouse.engine.step import Step
from pumphouse.engine.taskflow_flow import Stage as FlowStage
from pumphouse.ports.store import Change

_S = OperationStatus
ENDED = frozenset({StepStatus.DONE, StepStatus.DONE_WITH_ERRORS, StepStatus.SKIPPED})
PASSED_OVER = frozenset({StepStatus.PENDING, StepStatus.SKIPPED, StepStatus.UNDONE})
STOPPED = {_S.PAUSING: _S.PAUSED, _S.CANCELLING: _S.CANCELLED}


class Run:
    """What is left of an operation, carried out by this process."""

    def __init__(
        self, kit: Kit, operation: Operation, token: str, signals: Signals, children: Children
    ) -> None:
        self.kit = kit
        self.operation = operation
        self.signals = signals
        self.ledger = Ledger(kit, operation, token, signals)
        self.memory: dict[str, Any] = dict(kit.store.memory(operation.id))
        workflow = kit.workflows[operation.kind]
        self.on_failure = workflow.on_failure(operation.params)
        self._steps: Sequence[Step] = workflow.steps(operation.params)
        self._records = {record.name: record for record in operation.steps}
        self._children = children
        self._error: BaseException | None = None

    def go(self) -> None:
        """Carry it out.

        Raises:
            StaleOwnerError, StoreFaultError: it could not be written down any more; nothing is wrong with the operation itself.
        """
        status = self.operation.status
        if status in STOPPED:
            self.signals.ask(status)
            self._stop()
            return
        if status is not _S.UNDOING:
            if not self._begin():
                return
            self._forward()
        if self._error is None and self._status() is _S.UNDOING:
            self._backward()
        if self._error is not None:
            raise self._error

    def context(self, step: Step) -> RunContext:
        """What `step` is given."""
        return RunContext(
            self.kit, self.operation, step.name, self.ledger, self.signals, self.memory, self._children
        )

    def record(self, step: Step) -> StepRecord:
        """The step as it is recorded."""
        return self._records[step.name]

    def note(self, record: StepRecord) -> None:
        """It has been recorded anew."""
        self._records[record.name] = record

    def crashed(self, error: BaseException) -> None:
        """Nothing more can be written."""
        self._error = error

    def _begin(self) -> bool:
        """Say that it runs; False when somebody stopped it between our claim and now."""
        begun = self.operation.started_at is not None
        now = self.kit.clock.now()
        event = (
            self.ledger.event("operation.resumed", f"{self.operation.title}: going on")
            if begun
            else self.ledger.event("operation.started", f"{self.operation.title}: started")
        )
        values = {"started_at": self.operation.started_at or now, "ended_at": None}
        change = Change(status=_S.RUNNING, values=values, events=(event,))
        try:
            self.ledger.write(change, expected=(_S.ACCEPTED, _S.RUNNING))
        except (ConflictError, StaleOwnerError):
            status = self._status()
            if status in STOPPED:
                self.signals.ask(status)
                self._stop()
            elif status not in STOPPED.values():
                raise
            return False
        return True

    def _forward(self) -> None:
        left = [step for step in self._steps if self.record(step).status not in ENDED]
        self._carry_out("forward", [ForwardStage(self, step) for step in left])
        if self._error is not None or self.signals.lost:
            self._error = self._error or StaleOwnerError(f"operation {self.operation.id} was taken over")
            return
        if self._failed():
            return
        if all(record.status in ENDED for record in self._records.values()):
            self._finish()
        elif not self.signals.leaving or self.signals.request is not None:
            self._stop()

    def _backward(self) -> None:
        begun = [step for step in reversed(self._steps) if self.record(step).status not in PASSED_OVER]
        barrier = next(
            (step for step in begun if step.irreversible and self.record(step).status in ENDED), None
        )
        stages = begun[: begun.index(barrier)] if barrier else begun
        event = self.ledger.event("operation.undoing", f"{self.operation.title}: undoing")
        self.ledger.write(Change(events=(event,), values={"ended_at": None}), expected=(_S.UNDOING,))
        self._carry_out("undo", [BackwardStage(self, step) for step in stages])
        if self._error is not None or self.signals.lost:
            self._error = self._error or StaleOwnerError(f"operation {self.operation.id} was taken over")
            return
        if not all(self.record(step).status is StepStatus.UNDONE for step in stages):
            return
        if barrier is not None:
            self._stand_at(barrier)
            return
        self._end(_S.UNDONE, "operation.undone", "undone", Severity.INFO)

    def _carry_out(self, name: str, stages: Sequence[Stage]) -> None:
        flow = [
            FlowStage(_stage_name(name, stage.step), stage.attempt, stage.step.attempts) for stage in stages
        ]
        self.kit.flows.carry_out(self.operation.id, name, flow, flow_id=self.kit.clock.new_id())

    def _finish(self) -> None:
        errors = any(record.status is StepStatus.DONE_WITH_ERRORS for record in self._records.values())
        if errors:
            self._end(_S.DONE_WITH_ERRORS, "operation.done", "done, with errors", Severity.WARNING)
        else:
            self._end(_S.DONE, "operation.done", "done", Severity.INFO)

    def _stop(self) -> None:
        request = self.signals.request or _S.PAUSING
        final = STOPPED[request]
        self._end(final, f"operation.{final}", str(final), Severity.INFO)

    def _end(self, status: OperationStatus, type: str, words: str, severity: Severity) -> None:
        event = self.ledger.event(
            type, f"{self.operation.title}: {words}", severity=severity, data={"status": status}
        )
        values: dict[str, Any] = {"ended_at": None if status is _S.PAUSED else self.kit.clock.now()}
        if status in (_S.DONE, _S.DONE_WITH_ERRORS, _S.UNDONE):
            values["current_step"] = None
        if status in (_S.DONE, _S.DONE_WITH_ERRORS):
            values.update(error="", hint="")
        self.ledger.write(Change(status=status, values=values, events=(event,)))
        self.operation = replace(self.operation, status=status)

    def _stand_at(self, barrier: Step) -> None:
        message = f"undo stops here: {barrier.title!r} is done and cannot be undone"
        event = self.ledger.event(
            "operation.undo_failed", f"{self.operation.title}: {message}", step=barrier.name, severity=Severity.WARNING,
            notify=self.operation.parent_id is None,
        )  # fmt: skip
        hint = "what came after it has been undone; what came before has to stay or be put back by hand"
        values = {"error": message, "hint": hint, "ended_at": self.kit.clock.now()}
        self.ledger.write(Change(status=_S.UNDO_FAILED, values=values, events=(event,)))

    def _failed(self) -> bool:
        return any(record.status is StepStatus.FAILED for record in self._records.values())

    def _status(self) -> OperationStatus:
        return self.kit.store.ownership(self.operation.id).status


def _stage_name(direction: str, step: Step) -> str:
    return step.name if direction == "forward" else f"undo:{step.name}"
