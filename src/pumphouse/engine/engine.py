"""The engine's door: plan, submit, run, watch and steer operations. Used by services (server) and by the command line in process."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog

from pumphouse.domain.errors import (
    BlockedError,
    ConflictError,
    NotFoundError,
    PumphouseError,
    StaleOwnerError,
    StoreFaultError,
)
from pumphouse.domain.events import NewEvent
from pumphouse.domain.finding import blocking
from pumphouse.domain.operation import (
    ACTIVE,
    Item,
    ItemStatus,
    Operation,
    OperationStatus,
    Progress,
    StepRecord,
)
from pumphouse.domain.plan import Plan
from pumphouse.engine.context import LookingContext
from pumphouse.engine.family import Family
from pumphouse.engine.faults import describe
from pumphouse.engine.kit import Kit
from pumphouse.engine.lanes import Lanes
from pumphouse.engine.ownership import Signals, Watch, is_gone, own_name
from pumphouse.engine.progress import progress_of
from pumphouse.engine.run import Run
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.steering import Steering
from pumphouse.engine.taskflow_flow import Flows
from pumphouse.engine.workflow import Workflow
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import NewOperation, Store
from pumphouse.ports.toolbox import Toolbox

RECOVERED_AT_ONCE = 1000
COMEBACKS = 10
AT_FIRST_S = 0.1  # a rest while nothing runs yet, or any more
COMEBACK_S = 2.0

_log = structlog.get_logger(__name__)


class Engine:
    """Runs the operations of this process; many engines may share one database."""

    def __init__(
        self,
        store: Store,
        tools: Toolbox,
        workflows: Iterable[Workflow],
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        by_kind = {workflow.kind: workflow for workflow in workflows}
        self._shutdown = threading.Event()
        self._kit = Kit(store, clock, settings, tools, by_kind, Flows(store.database), self._shutdown)
        self._owner = own_name(clock.new_id())
        self._steering = Steering(self._kit, self._owner)
        self._watch = Watch(store, clock, settings)
        self._lanes = Lanes(settings.operations_at_once, "operation")
        self._idle = threading.Condition()
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._queued: set[str] = set()
        """What waits for a lane, so that recovery does not queue it again and again."""
        self._family = Family(self._kit, self._steering, self.plan, self._submit_child, self._run_here)

    def workflow(self, kind: str) -> Workflow:
        """The workflow of that kind. Raises NotFoundError."""
        found = self._kit.workflows.get(kind)
        if found is None:
            raise NotFoundError(
                "kind of operation", kind, hint="one of: " + ", ".join(sorted(self._kit.workflows))
            )
        return found

    def plan(self, kind: str, params: Mapping[str, Any]) -> Plan:
        """What would be done; reads clouds and changes nothing. Raises InvalidInputError for bad parameters."""
        workflow = self.workflow(kind)
        return workflow.plan(LookingContext(self._kit, self.plan), workflow.normalise(params))

    def submit(
        self,
        kind: str,
        params: Mapping[str, Any],
        plan: Plan,
        *,
        actor: str = "",
        idempotency_key: str | None = None,
        fingerprint: str = "",
        parent_id: str | None = None,
    ) -> Operation:
        """Accept an operation: its row with all its steps, and its locks, in one transaction. It does not run yet: `start` or `run`.
        `fingerprint` tells requests with the same key apart; without one, `params` with their defaults do.

        Raises:
            BlockedError: the plan has critical findings.
            LockedError: another operation holds its node or environment; the message names it.
            ConflictError: the idempotency key was used for something else.
        """
        return self._submit(
            kind,
            params,
            plan,
            actor=actor,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            parent_id=parent_id,
        )

    def run(self, operation_id: str) -> Operation:
        """Claim it and go on, in this thread, until it ends or pauses.

        Raises:
            ConflictError: another process runs it.
        """
        operation = self.operation(operation_id)
        if operation.status in ACTIVE and not self._run_once(operation.id, None):
            held = self._kit.store.ownership(operation.id)
            if held.status in ACTIVE:
                raise ConflictError(
                    f"operation {operation.id} is run by another process ({held.owner})",
                    hint="watch it, or pause it",
                )
        return self.operation(operation.id)

    def start(self, operation_id: str) -> None:
        """The same in the background; no more than `operations_at_once` at a time, the others wait."""
        operation = self.operation(operation_id)
        with self._idle:
            self._queued.add(operation.id)
        self._lanes.submit(lambda: self._drive(operation.id))

    def operation(self, id: str) -> Operation:
        """With plan, steps and counts; a unique beginning of the id (8 characters or more) will do.

        Raises:
            NotFoundError, AmbiguousError.
        """
        return self._kit.store.operation(id)

    def operations(
        self, *, environment: str | None = None, status: OperationStatus | None = None, kind: str | None = None,
        roots_only: bool = False, limit: int = 50, before: str | None = None,
    ) -> Sequence[Operation]:  # fmt: skip
        """Newest first, without plan and steps; `before` is the id of the last one of the page before; children too unless `roots_only`."""
        statuses = None if status is None else (status,)
        return self._kit.store.operations(
            environment=environment,
            statuses=statuses,
            kind=kind,
            roots_only=roots_only,
            limit=limit,
            before=before,
        )

    def items(
        self,
        operation_id: str,
        *,
        step: str | None = None,
        status: ItemStatus | None = None,
        after: str | None = None,
        limit: int = 200,
    ) -> Sequence[Item]:
        """In the order of steps and of listing; `after` is the id of the last one of the page before."""
        operation = self._kit.store.ownership(self._kit.store.operation(operation_id).id)
        statuses = None if status is None else (status,)
        return self._kit.store.items(
            operation.operation_id, step=step, statuses=statuses, after=after, limit=limit
        )

    def progress(self, operation_id: str) -> Progress:
        """How far it is, children included, and an estimate of the time that is left."""
        return progress_of(self._kit, self.operation(operation_id))

    def pause(self, id: str, *, actor: str = "") -> Operation:
        """Finish the items that have begun and stop. Raises ConflictError where its state does not allow it (as all below)."""
        return self._steer(id, self._steering.pause, actor)

    def cancel(self, id: str, *, actor: str = "") -> Operation:
        """Stop and let go of the locks; `resume`, `retry` and `undo` still work."""
        return self._steer(id, self._steering.cancel, actor)

    def resume(self, id: str, *, actor: str = "") -> Operation:
        """Go on after a pause, a cancellation or a crash; the caller then calls `start` or `run`."""
        return self._steer(id, self._steering.resume, actor)

    def retry(self, id: str, *, actor: str = "") -> Operation:
        """Try what failed again (a failed undo too); the caller then calls `start` or `run`."""
        return self._steer(id, self._steering.retry, actor)

    def skip_failed(self, id: str, *, actor: str = "") -> Operation:
        """Leave the failed items behind; the caller then calls `start` or `run`."""
        return self._steer(id, self._steering.skip_failed, actor)

    def undo(self, id: str, *, actor: str = "") -> Operation:
        """Put everything back; the caller then calls `start` or `run`."""
        return self._steer(id, self._steering.undo, actor)

    def recover(self) -> Sequence[Operation]:
        """Go on, in the background, with the unfinished operations that nobody runs."""
        active = self._kit.store.operations(statuses=ACTIVE, roots_only=True, limit=RECOVERED_AT_ONCE)
        with self._idle:
            waiting = self._queued | self._running
        found = [o for o in reversed(active) if o.id not in waiting and self._steering.ownerless(o)]
        for operation in found:
            self.start(operation.id)
        return found

    def close(self, *, timeout_s: float = 30.0) -> None:
        """Begin no more items, wait for those that run, and give up ownership, so that another process can go on at once. What does not
        end in time stays ours until its heartbeat is old.
        """
        self._shutdown.set()
        self._lanes.close()
        with self._idle:
            self._idle.wait_for(lambda: not self._running, timeout=timeout_s)
        self._watch.close()

    def rest(self, seconds: float) -> None:
        """Wait so long, but no longer than until an operation ends here: who watches one need not look often to be told soon."""
        with self._idle:
            self._idle.wait(seconds if self._running else min(seconds, AT_FIRST_S))

    def _steer(self, id: str, wish: Callable[[Operation, str], None], actor: str) -> Operation:
        operation = self.operation(id)
        wish(operation, actor)
        operation = self.operation(operation.id)
        self._watch.tell(operation.id, operation.status)
        return operation

    def _submit_child(
        self, kind: str, params: Mapping[str, Any], plan: Plan, parent: Operation, name: str
    ) -> Operation:
        return self._submit(kind, params, plan, actor=parent.actor, parent_id=parent.id, child_name=name)

    def _submit(
        self, kind: str, params: Mapping[str, Any], plan: Plan, *, actor: str = "", idempotency_key: str | None = None,
        fingerprint: str = "", parent_id: str | None = None, child_name: str | None = None,
    ) -> Operation:  # fmt: skip
        workflow = self.workflow(kind)
        normal = dict(workflow.normalise(params))
        if stops := blocking(plan.findings):
            words = "; ".join(f"{f.subject}: {f.message}" for f in stops[:3])
            raise BlockedError(f"{plan.title} cannot be done: {words}", plan.findings)
        operation_id = self._kit.clock.new_id()
        operation = Operation(
            id=operation_id,
            kind=kind,
            title=workflow.title(normal),
            status=OperationStatus.ACCEPTED,
            params=normal,
            plan=plan,
            created_at=self._kit.clock.now(),
            environment=workflow.environment(normal),
            subject=workflow.subject(normal),
            actor=actor,
            parent_id=parent_id,
            steps=tuple(
                StepRecord(step.name, step.title, position, irreversible=step.irreversible)
                for position, step in enumerate(workflow.steps(normal))
            ),
        )
        return self._kit.store.add_operation(
            NewOperation(
                operation,
                root_id=self._family.root_of(parent_id) or operation_id,
                locks=tuple(dict.fromkeys(workflow.locks(normal))),
                child_name=child_name,
                idempotency_key=idempotency_key,
                fingerprint=fingerprint or _fingerprint(kind, normal),
                events=(_accepted(operation),),
            )
        )

    def _drive(self, operation_id: str) -> None:
        """Run it in a lane; comes back when the database was away for a while."""
        with self._idle:
            self._queued.discard(operation_id)
        for _ in range(COMEBACKS):
            try:
                if (
                    self._shutdown.is_set()
                    or self._run_once(operation_id, None)
                    or not self._wanted_again(operation_id)
                ):
                    return
            except (StoreFaultError, StaleOwnerError) as error:
                _log.warning("operation.interrupted", operation_id=operation_id, error=error.message)
                self._kit.wait(COMEBACK_S, self._shutdown.is_set)
            except PumphouseError as error:
                _log.warning("operation.not_run", operation_id=operation_id, error=describe(error).message)
                return
            except Exception as error:  # a lane must live on; the operation stays recoverable
                describe(error, operation_id=operation_id)
                return

    def _wanted_again(self, operation_id: str) -> bool:
        with self._idle:
            # it runs in another lane, which was told to look again
            return operation_id not in self._running and operation_id in self._again

    def _run_once(self, operation_id: str, parent: Signals | None) -> bool:
        """Claim and run it; False when it is not ours to run."""
        with self._idle:
            if operation_id in self._running:
                self._again.add(operation_id)
                return False
            self._running.add(operation_id)
        try:
            while True:
                ran = self._claim_and_go(operation_id, parent)
                if not self._stay(operation_id):
                    return ran
        except BaseException:
            with self._idle:
                self._running.discard(operation_id)
                self._again.discard(operation_id)
                self._idle.notify_all()
            raise

    def _stay(self, operation_id: str) -> bool:
        """Whether to stay, because somebody asked for another look meanwhile."""
        with self._idle:
            if operation_id in self._again and not self._shutdown.is_set():
                self._again.discard(operation_id)
                return True
            self._running.discard(operation_id)
            self._idle.notify_all()
            return False

    def _run_here(self, operation_id: str, parent: Signals) -> bool:
        return self._run_once(operation_id, parent)

    def _claim_and_go(self, operation_id: str, parent: Signals | None) -> bool:
        token = self._claim(operation_id)
        if token is None:
            return False
        signals = Signals(self._shutdown, parent)
        self._watch.add(operation_id, token, signals)
        try:
            operation = self._kit.store.operation(operation_id)
            self.workflow(operation.kind)
            Run(self._kit, operation, token, signals, self._family).go()
        except Exception:
            self._release(operation_id, token)
            raise
        finally:
            self._watch.drop(operation_id, token)
        # after a KeyboardInterrupt it stays ours until the process ends: its item threads may still be acting
        self._release(operation_id, token)
        return True

    def _claim(self, operation_id: str) -> str | None:
        store, clock = self._kit.store, self._kit.clock
        held = store.ownership(operation_id)
        mine = held.owner == self._owner
        gone = is_gone(held, now=clock.now(), timeout_s=self._kit.settings.owner_timeout_s)
        if held.status not in ACTIVE or not (mine or gone):
            return None
        token = clock.new_id()
        claimed = store.claim(
            operation_id, expected=held.token, owner=self._owner, token=token, now=clock.now()
        )
        return token if claimed else None

    def _release(self, operation_id: str, token: str) -> None:
        try:
            self._kit.store.release(operation_id, token=token)
        except StoreFaultError as error:
            _log.warning("operation.not_released", operation_id=operation_id, error=error.message)


def _accepted(operation: Operation) -> NewEvent:
    return NewEvent(
        type="operation.accepted",
        message=f"{operation.title}: accepted" + (f" from {operation.actor}" if operation.actor else ""),
        subject=operation.subject,
        environment=operation.environment,
        operation_id=operation.id,
        data={"kind": operation.kind},
    )


def _fingerprint(kind: str, params: Mapping[str, Any]) -> str:
    text = json.dumps([kind, params], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
