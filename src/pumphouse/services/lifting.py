"""Lifts fences whose time has come (`--until`): what a server does besides answering. Made by `main serve`."""

import hashlib
import threading
from datetime import datetime, timedelta

import structlog

from pumphouse.domain.errors import PumphouseError
from pumphouse.domain.events import NewEvent
from pumphouse.domain.fence import UNLOCK_KIND, Fence
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Operation, OperationStatus
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import EventStore
from pumphouse.services.access import Actor, Role
from pumphouse.services.door import Services
from pumphouse.services.operations import Action
from pumphouse.services.tenants import ResolvedTenant

ACTOR = Actor("until", Role.ADMIN)
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
log = structlog.get_logger(__name__)


class Lifting:
    """A thread that looks for due fences at once and every `every_s` seconds until it is closed.

    Each fence is lifted once, however many servers look: its end is the idempotency key. A lifting that failed is retried, with growing
    pauses; one that an operator has paused, cancelled or undone is his. What cannot be lifted is told once, as a notification.
    """

    def __init__(self, services: Services, events: EventStore, clock: Clock, every_s: float) -> None:
        self._fences = services.fences
        self._operations = services.operations
        self._events = events
        self._clock = clock
        self._every_s = every_s
        self._put_off: dict[str, tuple[datetime, timedelta]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifting", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Look no more; what runs is the engine's to end."""
        self._stop.set()
        self._thread.join(timeout=10.0)

    def look_once(self) -> None:
        """One round; what goes wrong with one fence does not keep the others."""
        try:
            due = self._fences.due()
        except PumphouseError as error:
            log.warning("lifting.failed", error=error.message)
            return
        keys = {_key(fence): fence for fence in due}
        self._put_off = {key: pause for key, pause in self._put_off.items() if key in keys}
        for key, fence in keys.items():
            try:
                self._look_at(key, fence)
            except PumphouseError as error:
                self._pause(key, fence, error)

    def _look_at(self, key: str, fence: Fence) -> None:
        if key in self._put_off and self._clock.now() < self._put_off[key][0]:
            return
        holder = self._fences.holder(fence)
        if holder is not None and holder.kind == UNLOCK_KIND:
            self._look_after(key, fence, holder)
            return
        sent = [fence.environment, fence.tenant_id, "until", str(fence.until)]
        if self._operations.answered(UNLOCK_KIND, sent, key) is not None:
            # it ended, and yet the fence stands: an operator had his way with it
            return
        tenant = ResolvedTenant(fence.environment, fence.tenant_id, fence.tenant_name)
        operation = self._fences.lift(tenant, actor=ACTOR.name, key=key, sent=sent)
        log.info("fence.due", environment=fence.environment, tenant=fence.tenant_id, operation=operation.id)

    def _look_after(self, key: str, fence: Fence, operation: Operation) -> None:
        """A lifting that is under way, whoever began it."""
        if operation.status is not OperationStatus.FAILED:
            return
        # its failure was told by itself
        first = key not in self._put_off
        self._pause(key, fence, None)
        if first:
            return
        self._operations.act(operation.id, Action.RETRY, actor=ACTOR)
        log.info("fence.retried", environment=fence.environment, tenant=fence.tenant_id)

    def _pause(self, key: str, fence: Fence, error: PumphouseError | None) -> None:
        """Come back to it later; the first time it is told."""
        before = self._put_off.get(key)
        pause = FIRST_PAUSE if before is None else min(LONGEST_PAUSE, before[1] * 2)
        self._put_off[key] = (self._clock.now() + pause, pause)
        if error is None:
            return
        log.warning("fence.not_lifted", tenant=fence.tenant_id, error=error.message)
        if before is None:
            self._tell(fence, error)

    def _tell(self, fence: Fence, error: PumphouseError) -> None:
        text = f"maintenance of tenant {fence.tenant_name} of {fence.environment} should have ended and has not: {error.message}"
        event = NewEvent(
            type="tenant.maintenance_overdue",
            message=text,
            severity=Severity.WARNING,
            subject=f"{fence.environment}/{fence.tenant_name}",
            environment=fence.environment,
            notify=True,
            data={"tenant": fence.tenant_id, "hint": error.hint},
        )
        try:
            self._events.append([event])
        except PumphouseError as failed:
            log.warning("lifting.failed", error=failed.message)

    def _run(self) -> None:
        while True:
            self.look_once()
            if self._stop.wait(self._every_s):
                return


def _key(fence: Fence) -> str:
    """The same for the same end of the same fence, in every process."""
    parts = (fence.environment, fence.tenant_id, fence.since.isoformat(), str(fence.until))
    return f"until-{hashlib.sha256('/'.join(parts).encode()).hexdigest()}"
