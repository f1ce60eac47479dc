"""What happens in one step, forwards and backwards, and what is written of it. Run by TaskFlow through run.py.

The one place that catches every exception: a step's error becomes its record and the operation's status, in one transaction.
"""

import uuid
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from typing_extensions import override

from pumphouse.domain.errors import (
    PermanentError,
    StaleOwnerError,
    StoppedError,
    StoreFaultError,
    TemporaryError,
)
from pumphouse.domain.events import NewEvent
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus, StepRecord, StepStatus
from pumphouse.engine.context import RunContext
from pumphouse.engine.faults import Fault, describe
from pumphouse.engine.items import ItemWork, doing, undoing
from pumphouse.engine.kit import Kit
from pumphouse.engine.ledger import Ledger
from pumphouse.engine.ownership import Signals
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step
from pumphouse.engine.taskflow_flow import Verdict
from pumphouse.engine.workflow import OnFailure
from pumphouse.ports.store import Change

LISTED = "engine.listed"
TO_DO = (ItemStatus.PENDING, ItemStatus.RUNNING)
NAMED_FAILURES = 3


class StepRun(Protocol):
    """What a stage needs of the run that it is part of (run.py)."""

    kit: Kit
    ledger: Ledger
    signals: Signals
    operation: Operation
    memory: dict[str, Any]
    on_failure: OnFailure

    def context(self, step: Step) -> RunContext: ...

    def record(self, step: Step) -> StepRecord: ...

    def note(self, record: StepRecord) -> None: ...

    def crashed(self, error: BaseException) -> None: ...


class ItemsFailedError(PermanentError):
    """Some items of a step failed; each has its own error."""

    code = "items-failed"


class Stage(ABC):
    """One step in one run: `attempt` is what TaskFlow calls, again for each new round."""

    def __init__(self, run: StepRun, step: Step) -> None:
        self.run = run
        self.step = step

    def attempt(self, round: int) -> Verdict:
        """Try it once."""
        run = self.run
        if run.signals.stop():
            return Verdict.HALT
        try:
            try:
                self.work()
            except (StoppedError, StaleOwnerError, StoreFaultError):
                raise
            except TemporaryError as error:
                if round >= self.step.attempts:
                    self.fail(describe(error))
                    return Verdict.HALT
                self.again(round, error)
                return Verdict.HALT if run.signals.stop() else Verdict.AGAIN
            except Exception as error:  # the step boundary
                self.fail(describe(error, operation_id=run.operation.id, step=self.step.name))
                return Verdict.HALT
        except StoppedError:
            return Verdict.HALT
        except (StaleOwnerError, StoreFaultError) as error:
            run.crashed(error)
            return Verdict.HALT
        return Verdict.HALT if run.signals.stop() else Verdict.GO_ON

    @abstractmethod
    def work(self) -> None:
        """The step itself."""

    @abstractmethod
    def fail(self, fault: Fault) -> None:
        """Record that it failed for good."""

    def again(self, round: int, error: TemporaryError) -> None:
        """Record a failed try and wait before the next."""
        run = self.run
        fault = describe(error)
        delay = run.kit.back_off(round, error.after_s)
        message = f"{self.step.title}: {fault.message}; trying again in {delay:.0f} s ({round} of {self.step.attempts})"
        self.write(
            replace(run.record(self.step), error=fault.message, hint=fault.hint),
            self.event("step.retrying", message, Severity.WARNING),
        )
        run.kit.wait(delay, run.signals.stop)

    def write(self, record: StepRecord, *events: NewEvent, **change: Any) -> None:
        """Record the step's new state with its events, in one transaction."""
        self.run.ledger.write(Change(steps=(record,), events=events, **change))
        self.run.note(record)

    def event(self, type: str, message: str, severity: Severity = Severity.INFO, **data: Any) -> NewEvent:
        """An event of this step."""
        return self.run.ledger.event(type, message, step=self.step.name, severity=severity, data=data)

    def work_items(self, step: ItemStep, ctx: RunContext, items: Sequence[Item], work: ItemWork) -> None:
        """Work the items; a stop on the way unwinds the step."""
        present = self.run.kit.store.operation(self.run.operation.id)
        counts = next(s.counts for s in present.steps if s.name == step.name)
        work.go(items, settled=sum(counts.values()) - len(items))
        if ctx.signals.lost:
            raise StaleOwnerError(f"operation {self.run.operation.id} is no longer owned by this process")
        if work.stopped:
            raise StoppedError("stopped between items")

    def name_failures(self, count: int, status: ItemStatus) -> ItemsFailedError:
        """An error that names the first few failed items."""
        failed = self.run.kit.store.items(
            self.run.operation.id, step=self.step.name, statuses=(status,), limit=NAMED_FAILURES
        )
        words = "; ".join(f"{item.name}: {item.error}" for item in failed)
        more = f"; and {count - len(failed)} more" if count > len(failed) else ""
        return ItemsFailedError(f"{count} failed: {words}{more}", hint="retry them, skip them, or undo")


class ForwardStage(Stage):
    """Doing a step."""

    @override
    def work(self) -> None:
        ctx = self.run.context(self.step)
        if not self._begin(ctx):
            return
        with_errors = self._items(self.step, ctx) if isinstance(self.step, ItemStep) else False
        self.step.do(ctx)
        status = StepStatus.DONE_WITH_ERRORS if with_errors or ctx.child_had_errors else StepStatus.DONE
        record = replace(
            self.run.record(self.step),
            status=status,
            error="",
            hint="",
            reason=ctx.conclusion,
            ended_at=self.run.kit.clock.now(),
        )
        self.write(record, self.event("step.done", f"{self.step.title}: {status.replace('_', ' ')}"))

    @override
    def fail(self, fault: Fault) -> None:
        run = self.run
        now = run.kit.clock.now()
        record = replace(
            run.record(self.step),
            status=StepStatus.FAILED,
            error=fault.message,
            hint=fault.hint,
            ended_at=now,
        )
        # whoever asked for a pause wants to decide himself
        undo = run.on_failure == "undo" and run.signals.request is None
        status = OperationStatus.UNDOING if undo else OperationStatus.FAILED
        outlook = "undoing it" if undo else "waiting for you: retry, skip what failed, or undo"
        message = f"{run.operation.title}: {self.step.title}: {fault.message}"
        failed = run.ledger.event(
            "operation.failed", f"{message} ({outlook})", step=self.step.name, severity=Severity.CRITICAL,
            notify=run.operation.parent_id is None,
        )  # fmt: skip
        values = {
            "error": f"{self.step.title}: {fault.message}",
            "hint": fault.hint,
            "ended_at": None if undo else now,
        }
        self.write(
            record, self.event("step.failed", f"{self.step.title}: {fault.message}", Severity.CRITICAL), failed,
            status=status, values=values,
        )  # fmt: skip

    def _begin(self, ctx: RunContext) -> bool:
        """Ask whether there is anything to do, and write the intent. Not asked again once it has begun: its own effect would look like
        nothing to do, and undo would pass over it.
        """
        run = self.run
        record = run.record(self.step)
        now = run.kit.clock.now()
        if record.status is StepStatus.PENDING and record.started_at is None:
            skipped = self.step.check(ctx)
            if isinstance(skipped, Skipped):
                record = replace(
                    record, status=StepStatus.SKIPPED, reason=skipped.reason, started_at=now, ended_at=now
                )
                self.write(record, self.event("step.skipped", f"{self.step.title}: {skipped.reason}"))
                return False
        begun = replace(
            record,
            status=StepStatus.RUNNING,
            attempts=record.attempts + 1,
            started_at=record.started_at or now,
            ended_at=None,
            error="",
            hint="",
        )
        self.write(
            begun, self.event("step.started", self.step.title), values={"current_step": self.step.name}
        )
        return True

    def _items(self, step: ItemStep, ctx: RunContext) -> bool:
        """Work the items; answers whether it ends with errors."""
        run = self.run
        listed = set(run.memory.get(LISTED, ()))
        if step.name not in listed:
            news = [self._new_item(new) for new in step.list_items(ctx)]
            memory = {LISTED: sorted(listed | {step.name})}
            run.ledger.write(Change(new_items=news, memory=memory))
            run.memory.update(memory)
            if not news:
                # many a step of a long operation has none; what it would be asked for costs more than the rest of it
                return False
        items = run.kit.store.items(run.operation.id, step=step.name, statuses=TO_DO, limit=None)
        if items:
            self.work_items(step, ctx, items, ItemWork(run.kit, run.ledger, ctx, step, doing(step)))
        counts = next(
            s.counts for s in run.kit.store.operation(run.operation.id).steps if s.name == step.name
        )
        failed = counts.get(ItemStatus.FAILED, 0)
        if failed and run.on_failure != "skip":
            raise self.name_failures(failed, ItemStatus.FAILED)
        return run.kit.store.errors_among(run.operation.id, step.name) > 0

    def _new_item(self, new: NewItem) -> Item:
        name = f"{self.run.operation.id}/{self.step.name}/{new.key}"
        return Item(
            id=str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            step=self.step.name,
            key=new.key,
            name=new.name,
            kind=new.kind,
            data=new.data,
            groups=new.groups,
        )


class BackwardStage(Stage):
    """Undoing a step that has begun."""

    @override
    def work(self) -> None:
        run = self.run
        ctx = run.context(self.step)
        record = replace(run.record(self.step), status=StepStatus.UNDOING, ended_at=None, error="", hint="")
        self.write(
            record,
            self.event("step.undoing", f"undo: {self.step.title}"),
            values={"current_step": self.step.name},
        )
        self.step.undo(ctx)
        if isinstance(self.step, ItemStep):
            self._items(self.step, ctx)
        done = replace(record, status=StepStatus.UNDONE, ended_at=run.kit.clock.now())
        self.write(done, self.event("step.undone", f"undone: {self.step.title}"))

    @override
    def fail(self, fault: Fault) -> None:
        run = self.run
        now = run.kit.clock.now()
        record = replace(
            run.record(self.step),
            status=StepStatus.UNDO_FAILED,
            error=fault.message,
            hint=fault.hint,
            ended_at=now,
        )
        message = f"undo of {self.step.title}: {fault.message}"
        failed = run.ledger.event(
            "operation.undo_failed", f"{run.operation.title}: {message}", step=self.step.name, severity=Severity.CRITICAL,
            notify=run.operation.parent_id is None,
        )  # fmt: skip
        self.write(
            record, self.event("step.undo_failed", message, Severity.CRITICAL), failed,
            status=OperationStatus.UNDO_FAILED, values={"error": message, "hint": fault.hint, "ended_at": now},
        )  # fmt: skip

    def _items(self, step: ItemStep, ctx: RunContext) -> None:
        run = self.run
        every = run.kit.store.items(run.operation.id, step=step.name, limit=None)
        # the last one first
        chosen = [item for item in reversed(every) if _has_acted(item)]
        if chosen:
            self.work_items(step, ctx, chosen, ItemWork(run.kit, run.ledger, ctx, step, undoing(step)))
        counts = next(
            s.counts for s in run.kit.store.operation(run.operation.id).steps if s.name == step.name
        )
        if failed := counts.get(ItemStatus.UNDO_FAILED, 0):
            raise self.name_failures(failed, ItemStatus.UNDO_FAILED)


def _has_acted(item: Item) -> bool:
    if item.status in (ItemStatus.UNDONE,):
        return False
    if item.status is ItemStatus.SKIPPED:
        # left behind after a failure, or found "already there" by a second try: the first one may have done something
        return bool(item.error) or item.attempts > 1
    return item.attempts > 0
