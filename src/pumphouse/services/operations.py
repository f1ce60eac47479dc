"""Use cases of operations: plan, start, list, show, and control."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from pumphouse.domain.fence import FENCE_KINDS, PROOF_MEMORY
from pumphouse.domain.operation import ACTIVE, Item, ItemStatus, Operation, OperationStatus, Progress
from pumphouse.domain.plan import Plan
from pumphouse.domain.settings import COMPARISON_MEMORY, DUPLICATING
from pumphouse.engine.ownership import is_gone
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import OperationStore
from pumphouse.services.access import Actor, authorise_kind
from pumphouse.services.runner import Runner


class Action(StrEnum):
    """What an operator can do with an operation."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    SKIP = "skip"
    UNDO = "undo"


GOES_ON = frozenset({Action.RESUME, Action.RETRY, Action.SKIP, Action.UNDO})
"""These change clouds again, so that they need what starting the operation needed; to stop one does not."""


class Operations:
    """Durable runs of workflows. `runner` makes the engine, which is slow to import, when it is needed first. An owner whose heartbeat is older than `owner_timeout_s` seconds counts as nobody."""

    def __init__(
        self,
        runner: Callable[[], Runner],
        *,
        store: OperationStore,
        clock: Clock,
        owner_timeout_s: float = 15.0,
    ) -> None:
        self._runner = runner
        self._store = store
        self._clock = clock
        self._owner_timeout_s = owner_timeout_s

    def plan(self, kind: str, params: Mapping[str, Any]) -> Plan:
        """What an operation would do, with findings; changes nothing.

        Raises:
            InvalidInputError: an unknown kind or a wrong parameter.
        """
        return self._runner().plan(kind, params)

    def start(
        self,
        kind: str,
        params: Mapping[str, Any],
        *,
        actor: str,
        idempotency_key: str | None = None,
        sent: object = None,
    ) -> Operation:
        """Plan, record and start an operation in this process. The same key answers the same operation, however far it is, when the same
        was asked for: `sent` is the request as its caller wrote it (JSON-safe), or `params` when it is None.

        Raises:
            BlockedError: the plan has critical findings.
            LockedError: another operation holds the node or environment.
            ConflictError: the key was used for something else.
        """
        sent = params if sent is None else sent
        # before the plan, because the world may look different by now
        known = self.answered(kind, sent, idempotency_key)
        if known is not None:
            return known
        plan = self._runner().plan(kind, params)
        operation = self._runner().submit(
            kind,
            params,
            plan,
            actor=actor,
            idempotency_key=idempotency_key,
            fingerprint=_fingerprint(kind, sent),
        )
        if operation.status is OperationStatus.ACCEPTED:
            self._runner().start(operation.id)
        return operation

    def show(self, id_or_prefix: str) -> Operation:
        """One, by its id or a unique beginning of it."""
        return self._store.operation(id_or_prefix)

    def progress(self, operation_id: str) -> Progress:
        """How far it is."""
        return self._runner().progress(operation_id)

    def proof(self, operation: Operation) -> Sequence[Mapping[str, Any]]:
        """The last table of probes of an operation on a tenant; empty for others."""
        if operation.kind not in FENCE_KINDS:
            return ()
        found: Sequence[Mapping[str, Any]] = self._store.memory(operation.id).get(PROOF_MEMORY, ())
        return found

    def comparison(self, operation: Operation) -> Sequence[Mapping[str, Any]]:
        """How what was built stands to its original, setting by setting; empty for others than duplicates."""
        if operation.kind != DUPLICATING:
            return ()
        found: Sequence[Mapping[str, Any]] = self._store.memory(operation.id).get(COMPARISON_MEMORY, ())
        return found

    def list(
        self,
        *,
        environment: str | None = None,
        status: OperationStatus | None = None,
        kind: str | None = None,
        children: bool = False,
        parent: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[Operation]:
        """Newest first; `before` is the id of the last one of the page before. Those that others have started only with `children`, those that
        `parent` has started with that.
        """
        return self._store.operations(
            environment=environment,
            statuses=None if status is None else (status,),
            kind=kind,
            parent_id=parent,
            roots_only=not children and parent is None,
            limit=limit,
            before=before,
        )

    def items(
        self,
        id_or_prefix: str,
        *,
        step: str | None = None,
        status: ItemStatus | None = None,
        after: str | None = None,
        limit: int = 200,
    ) -> Sequence[Item]:
        """The items of an operation, in their order; `after` is the id of the last one of the page before."""
        operation = self._store.operation(id_or_prefix)
        return self._runner().items(operation.id, step=step, status=status, after=after, limit=limit)

    def family(self, operation: Operation) -> Sequence[str]:
        """The ids of an operation and of those that it has started."""
        children = self._store.operations(parent_id=operation.id, limit=100)
        return [operation.id, *(child.id for child in children)]

    def interrupted(self) -> Sequence[Operation]:
        """Those that somebody should be working on while nobody does: their process was killed, or has not begun with them."""
        active = self._store.operations(statuses=ACTIVE, roots_only=True, limit=100)
        return [operation for operation in active if self.is_interrupted(operation)]

    def is_interrupted(self, operation: Operation) -> bool:
        """Whether it should be worked on, and its owner has not been heard of for too long."""
        if operation.status not in ACTIVE:
            return False
        held = self._store.ownership(operation.id)
        return is_gone(held, now=self._clock.now(), timeout_s=self._owner_timeout_s)

    def act(self, id_or_prefix: str, action: Action, *, actor: Actor) -> Operation:
        """Pause, resume, cancel, retry, skip or undo. What goes on again, goes on in this process.

        Raises:
            ConflictError: its status does not allow that.
            ForbiddenError: `actor` may not start what would go on.
        """
        operation = self._store.operation(id_or_prefix)
        if action in GOES_ON:
            authorise_kind(actor, operation.kind)
        runner = self._runner()
        ask = {
            Action.PAUSE: runner.pause,
            Action.CANCEL: runner.cancel,
            Action.RESUME: runner.resume,
            Action.RETRY: runner.retry,
            Action.SKIP: runner.skip_failed,
            Action.UNDO: runner.undo,
        }
        asked = ask[action](operation.id, actor=actor.name)
        if action in GOES_ON:
            runner.start(asked.id)
        return asked

    def give_up(self, operation: Operation, *, actor: str) -> None:
        """Cancel one that stands still, so that it lets go of its locks."""
        self._runner().cancel(operation.id, actor=actor)

    def answered(self, kind: str, sent: object, key: str | None) -> Operation | None:
        """What a repeated request has started already.

        Raises:
            ConflictError: the key was used for something else.
        """
        return self._store.operation_of_key(key, fingerprint=_fingerprint(kind, sent)) if key else None


def _fingerprint(kind: str, sent: object) -> str:
    text = json.dumps([kind, sent], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
