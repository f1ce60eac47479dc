"""Operations inside operations: a step runs another workflow as a child, by a name that finds it again after a crash. Used by engine.py."""

from collections.abc import Callable, Mapping
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import PermanentError, StoppedError, TemporaryError
from pumphouse.domain.operation import ACTIVE, Operation, OperationStatus
from pumphouse.domain.plan import Plan
from pumphouse.engine.kit import Children, Kit, ParentRun
from pumphouse.engine.ownership import Signals
from pumphouse.engine.steering import WISH, Steering

_S = OperationStatus
GOOD = (_S.DONE, _S.DONE_WITH_ERRORS)

SubmitChild = Callable[[str, Mapping[str, Any], Plan, Operation, str], Operation]
RunHere = Callable[[str, Signals], bool]


class ChildFailedError(PermanentError):
    """A child operation failed; the message is its own."""

    code = "child-failed"


class Family(Children):
    """Runs children in the thread of their parent's step, under their parent's locks and signals."""

    def __init__(
        self,
        kit: Kit,
        steering: Steering,
        plan: Callable[[str, Mapping[str, Any]], Plan],
        submit: SubmitChild,
        run: RunHere,
    ) -> None:
        self._kit = kit
        self._steering = steering
        self._plan = plan
        self._submit = submit
        self._run = run

    def root_of(self, parent_id: str | None) -> str | None:
        """The first ancestor of a child of `parent_id`: the one that holds the locks."""
        root = None
        while parent_id is not None:
            root = parent_id
            parent_id = self._kit.store.operation(parent_id).parent_id
        return root

    @override
    def run_child(self, parent: ParentRun, name: str, kind: str, params: Mapping[str, Any]) -> Operation:
        child = self._kit.store.child(parent.operation.id, name)
        if child is None or child.status is _S.UNDONE:
            child = self._submit(kind, params, self._plan(kind, params), parent.operation, name)
        else:
            child = self._steering.repeat_for_child(self._steering.settled(child), parent.recall(WISH))
        if child.status in (_S.PAUSED, _S.CANCELLED):
            self._steering.resume_child(child)
            child = self._kit.store.operation(child.id)
        if child.status in ACTIVE:
            child = self._go(child, parent.signals)
        if child.status in GOOD:
            return child
        if child.status in (_S.PAUSED, _S.CANCELLED) or child.status in ACTIVE:
            raise StoppedError(f"{child.title} was stopped")
        raise ChildFailedError(child.error or f"{child.title} is {child.status}", hint=child.hint)

    @override
    def undo_child(self, parent: ParentRun, name: str) -> None:
        child = self._kit.store.child(parent.operation.id, name)
        if child is None or child.status is _S.UNDONE:
            return
        self._steering.prepare_child_undo(child)
        child = self._go(child, parent.signals)
        if child.status in ACTIVE:
            raise StoppedError(f"the undo of {child.title} was stopped")
        if child.status is not _S.UNDONE:
            raise ChildFailedError(child.error or f"{child.title} is {child.status}", hint=child.hint)

    def _go(self, child: Operation, signals: Signals) -> Operation:
        ran = self._run(child.id, signals)
        after = self._kit.store.operation(child.id)
        if not ran and after.status in ACTIVE:
            # the process that ran the parent before us may not have let go of it yet
            raise TemporaryError(
                f"{child.title} is still held by {after.owner}",
                after_s=self._kit.settings.owner_timeout_s / 3,
            )
        return after
