"""Wishes of operators: pause, cancel, resume, retry, skip what failed, undo. Each is one guarded change of status; whoever owns the
operation sees it, and where nobody does it is settled at once. Called by engine.py.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.events import NewEvent
from pumphouse.domain.operation import (
    ACTIVE,
    TRANSITIONS,
    ItemStatus,
    Operation,
    OperationStatus,
    StepRecord,
    StepStatus,
)
from pumphouse.engine.kit import Kit
from pumphouse.engine.ownership import is_gone
from pumphouse.engine.run import STOPPED
from pumphouse.engine.stages import LISTED
from pumphouse.ports.store import Change

_S = OperationStatus
RETRY, SKIP = "retry", "skip"
WISH = "engine.wish"
WITH_CHILDREN = 200


class Steering:
    """What an operator may ask of an operation. Children follow their parent and cannot be steered alone.

    `actor` is who asks; it is told in the event of the wish.
    """

    def __init__(self, kit: Kit, owner: str) -> None:
        self._kit = kit
        self._owner = owner

    def pause(self, operation: Operation, actor: str = "") -> None:
        """Finish what has begun and stop; at once when nobody runs it."""
        self._root_only(operation)
        self._ask(operation, _S.PAUSING, actor, direct=_S.PAUSED)

    def cancel(self, operation: Operation, actor: str = "") -> None:
        """The same, and let go of the locks."""
        self._root_only(operation)
        if operation.status in (_S.PAUSED, _S.FAILED, _S.UNDO_FAILED):
            self._change(operation, _S.CANCELLED, "operation.cancelled", "cancelled", actor=actor)
            return
        self._ask(operation, _S.CANCELLING, actor, direct=_S.CANCELLED)

    def resume(self, operation: Operation, actor: str = "") -> None:
        """Go on after a pause, a cancellation, or the death of its process."""
        self._root_only(operation)
        operation = self.settled(operation)
        if operation.status in ACTIVE and self.ownerless(operation):
            return
        if operation.status not in (_S.PAUSED, _S.CANCELLED) or _is_half_undone(operation):
            raise _refuse(operation, "resumed")
        self._change(operation, _S.RUNNING, "operation.resume_asked", "resume was asked for", actor=actor)

    def retry(self, operation: Operation, actor: str = "") -> None:
        """Try what failed again."""
        self._root_only(operation)
        operation = self.settled(operation)
        if operation.status is _S.UNDO_FAILED or _is_half_undone(operation):
            self._undo(operation, actor)
            return
        if operation.status not in (_S.FAILED, _S.CANCELLED, _S.DONE_WITH_ERRORS):
            raise _refuse(operation, "retried")
        self._retry(operation, RETRY, actor)

    def skip_failed(self, operation: Operation, actor: str = "") -> None:
        """Leave the failed items behind and go on."""
        self._root_only(operation)
        if operation.status is not _S.FAILED:
            raise _refuse(operation, "continued without its failed items")
        self._must_be_items(operation)
        self._retry(operation, SKIP, actor)

    def undo(self, operation: Operation, actor: str = "") -> None:
        """Put everything back, the last step first."""
        self._root_only(operation)
        operation = self.settled(operation)
        died = operation.status is _S.RUNNING and self._take_over(operation)
        if _S.UNDOING not in TRANSITIONS[operation.status] or (operation.status is _S.RUNNING and not died):
            raise _refuse(operation, "undone")
        self._undo(operation, actor)

    def settled(self, operation: Operation) -> Operation:
        """The operation; where a stop was asked for and its process has died, the stop has happened."""
        final = STOPPED.get(operation.status)
        if final is None or not self._take_over(operation):
            return operation
        self._change(operation, final, f"operation.{final}", f"{final} (its process had ended)")
        self._stop_children(operation, final)
        return self._kit.store.operation(operation.id)

    def ownerless(self, operation: Operation) -> bool:
        """Whether nobody runs it."""
        held = self._kit.store.ownership(operation.id)
        return is_gone(held, now=self._kit.clock.now(), timeout_s=self._kit.settings.owner_timeout_s)

    def prepare_child_undo(self, child: Operation) -> None:
        """Whatever state a child was left in, make it UNDOING."""
        child = self.settled(child)
        if child.status is _S.ACCEPTED:
            self._change(child, _S.CANCELLED, "operation.cancelled", "cancelled")
            child = self._kit.store.operation(child.id)
        if child.status is not _S.UNDOING:
            self._undo(child)

    def resume_child(self, child: Operation) -> None:
        """Go on with a child that was stopped while its parent was not."""
        self._change(child, _S.RUNNING, "operation.resume_asked", "resume was asked for")

    def repeat_for_child(self, child: Operation, wish: Mapping[str, Any] | None) -> Operation:
        """What was asked of the parent is done to a child that had ended with failures before that."""
        old = (
            child.ended_at is not None
            and wish is not None
            and child.ended_at <= datetime.fromisoformat(wish["at"])
        )
        if wish is None or not old or child.status not in (_S.FAILED, _S.DONE_WITH_ERRORS):
            return child
        self._retry(child, wish["verb"])
        return self._kit.store.operation(child.id)

    def _ask(
        self, operation: Operation, request: OperationStatus, actor: str, *, direct: OperationStatus
    ) -> None:
        if operation.status is request:
            self.settled(operation)
            return
        allowed = TRANSITIONS[operation.status]
        if request not in allowed and not (operation.status is _S.ACCEPTED and direct in allowed):
            raise _refuse(operation, str(direct))
        if self._take_over(operation):
            words = f"{direct} (nobody was running it)"
            self._change(operation, direct, f"operation.{direct}", words, actor=actor)
            self._stop_children(operation, direct)
            return
        if operation.status is _S.ACCEPTED:
            try:
                self._change(operation, direct, f"operation.{direct}", str(direct), actor=actor)
            except ConflictError:
                # it has begun meanwhile
                operation = self._kit.store.operation(operation.id)
            else:
                # claimed, but not begun: its owner finds it stopped
                return
        verb = "pause" if request is _S.PAUSING else "cancel"
        self._change(operation, request, f"operation.{verb}_asked", f"{verb} was asked for", actor=actor)

    def _stop_children(self, operation: Operation, final: OperationStatus) -> None:
        """Their process was the same one: they do not run either."""
        for child in self._children(operation):
            if child.status in ACTIVE and final in TRANSITIONS[child.status] and self._take_over(child):
                self._change(child, final, f"operation.{final}", f"{final} with its parent")
                self._stop_children(child, final)

    def _take_over(self, operation: Operation) -> bool:
        """Whether nobody runs it; then its last owner's token is made worthless, so that it cannot come back."""
        if not self.ownerless(operation):
            return False
        held = self._kit.store.ownership(operation.id)
        new = self._kit.clock.new_id()
        now = self._kit.clock.now()
        return self._kit.store.claim(operation.id, expected=held.token, owner=self._owner, token=new, now=now)

    def _retry(self, operation: Operation, verb: str, actor: str = "") -> None:
        full = self._kit.store.operation(operation.id)
        # what an earlier step left behind waits until the operation has come to its end
        kinds = {StepStatus.FAILED}
        if operation.status is _S.DONE_WITH_ERRORS:
            kinds.add(StepStatus.DONE_WITH_ERRORS)
        again = {step.name for step in self._kit.workflows[full.kind].steps(full.params) if step.repeats}
        ended = {StepStatus.DONE, StepStatus.DONE_WITH_ERRORS, StepStatus.SKIPPED}
        chosen = [s for s in full.steps if s.status in kinds or (s.name in again and s.status in ended)]
        self._change(
            full,
            _S.RUNNING,
            f"operation.{verb}_asked",
            f"{verb} was asked for",
            actor=actor,
            steps=[
                replace(step, status=StepStatus.PENDING, error="", hint="", ended_at=None) for step in chosen
            ],
            items=ItemStatus.PENDING if verb == RETRY else ItemStatus.SKIPPED,
            memory={
                WISH: {"verb": verb, "at": self._kit.clock.now().isoformat()},
                **self._relist(full, chosen, verb),
            },
        )

    def _relist(self, operation: Operation, steps: Iterable[StepRecord], verb: str) -> Mapping[str, Any]:
        """A retry looks again for what there is to do: what was added since the first listing belongs to it."""
        listed = self._kit.store.memory(operation.id).get(LISTED)
        if verb != RETRY or not listed:
            return {}
        return {LISTED: sorted(set(listed) - {step.name for step in steps})}

    def _must_be_items(self, operation: Operation) -> None:
        full = self._kit.store.operation(operation.id)
        broken = next((step for step in full.steps if step.status is StepStatus.FAILED), None)
        if broken is None or broken.counts.get(ItemStatus.FAILED, 0):
            return
        failed = [child for child in self._children(operation) if child.status is _S.FAILED]
        if not failed:
            raise ConflictError(
                f"step {broken.title!r} did not fail for single items, so there is nothing to skip",
                hint="remove the cause and retry, or undo",
            )
        for child in failed:
            self._must_be_items(child)

    def _undo(self, operation: Operation, actor: str = "") -> None:
        self._change(operation, _S.UNDOING, "operation.undo_asked", "undo was asked for", actor=actor)

    def _children(self, operation: Operation) -> Iterable[Operation]:
        return self._kit.store.operations(parent_id=operation.id, limit=WITH_CHILDREN)

    def _change(
        self, operation: Operation, status: OperationStatus, type: str, words: str, *, actor: str = "",
        steps: Iterable[StepRecord] = (), items: ItemStatus | None = None, memory: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        event = NewEvent(
            type=type,
            message=f"{operation.title}: {words}" + (f" by {actor}" if actor else ""),
            subject=operation.subject,
            environment=operation.environment,
            operation_id=operation.id,
            data={"actor": actor} if actor else {},
        )
        now = self._kit.clock.now()
        records = tuple(steps)
        change = Change(
            status=status,
            steps=records,
            reset_steps=[record.name for record in records],
            reset_items=None if items is None else (ItemStatus.FAILED, items),
            values={"ended_at": now} if status is _S.CANCELLED else {},
            memory=memory or {},
            events=(event,),
        )
        self._kit.store.apply(operation.id, change, token=None, now=now, expected=(operation.status,))

    def _root_only(self, operation: Operation) -> None:
        if operation.parent_id is not None:
            raise ConflictError(
                f"operation {operation.id} is a part of operation {operation.parent_id}",
                hint="steer that one instead",
            )


def _is_half_undone(operation: Operation) -> bool:
    """Whether its undo was given up on the way: from there it only goes further back."""
    backwards = (StepStatus.UNDOING, StepStatus.UNDONE, StepStatus.UNDO_FAILED)
    return operation.status is _S.CANCELLED and any(step.status in backwards for step in operation.steps)


def _refuse(operation: Operation, word: str) -> ConflictError:
    may = ", ".join(sorted(TRANSITIONS[operation.status])) or "nothing else any more"
    return ConflictError(
        f"operation {operation.id} is {operation.status.replace('_', ' ')} and cannot be {word}",
        hint=f"from here it can become: {may}",
    )
