"""Use cases of fences around tenants: what stands and what is wrong with it, and starting what puts one up, proves it, or lifts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pumphouse.domain.errors import InvalidInputError, LockedError, NotFoundError
from pumphouse.domain.fence import FENCE_KINDS, UNLOCK_KIND, Fence, FenceState, Verdict, tenant_lock
from pumphouse.domain.finding import Finding, critical, warning
from pumphouse.domain.operation import ACTIVE, Operation, OperationStatus
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import OperationStore
from pumphouse.ports.toolbox import Toolbox
from pumphouse.services.operations import Operations
from pumphouse.services.tenants import ResolvedTenant

FORGOTTEN = timedelta(hours=24)
"""A fence without an end that is older has probably been forgotten."""


@dataclass(frozen=True, slots=True)
class StandingFence:
    """A fence, for how long it has stood (seconds), the operation that holds its tenant now, and what speaks for looking after it."""

    fence: Fence
    age_s: float
    operation: Operation | None
    findings: Sequence[Finding]


class Fences:
    """The fences of all environments; told from our records, so that it works while a cloud does not answer."""

    def __init__(
        self, *, tools: Toolbox, operations: Operations, store: OperationStore, clock: Clock
    ) -> None:
        self._tools = tools
        self._operations = operations
        self._store = store
        self._clock = clock

    def list(self, environment: str | None = None) -> Sequence[StandingFence]:
        """All that stand, or are being put up or lifted, in one environment (by its name) or all."""
        locks = self._store.held_locks()
        return [self._standing(fence, locks) for fence in self._tools.fences.fences(environment)]

    def show(self, environment: str, tenant_id: str, *, called: str = "") -> StandingFence:
        """That of one tenant; `called` is how it was asked for.

        Raises:
            NotFoundError: it has none.
        """
        fence = self._tools.fences.fence(environment, tenant_id)
        if fence is None:
            raise NotFoundError(
                "tenant in maintenance",
                f"{environment}/{called or tenant_id}",
                hint=f"see what it is: pumphouse tenant show {environment}/{called or tenant_id}",
            )
        return self.of(fence)

    def of(self, fence: Fence) -> StandingFence:
        """The same of a fence that is known already."""
        return self._standing(fence, self._store.held_locks())

    def due(self) -> Sequence[Fence]:
        """Those that should have been lifted by now."""
        return self._tools.fences.due_fences(self._clock.now())

    def holder(self, fence: Fence) -> Operation | None:
        """The operation that holds its tenant: it runs, or may still go on or back."""
        return self._holder(fence, self._store.held_locks())

    def check_until(self, until: datetime) -> datetime:
        """The moment, when it can be the end of a fence.

        Raises:
            InvalidInputError: it has no zone, or has passed.
        """
        if until.tzinfo is None:
            raise InvalidInputError(
                "until", until.isoformat(), "has no time zone", hint="end it with Z or an offset like +02:00"
            )
        if until <= self._clock.now():
            raise InvalidInputError(
                "until", until.isoformat(), "has passed", hint="give a moment in the future"
            )
        return until

    def lift(
        self, tenant: ResolvedTenant, *, actor: str, key: str | None = None, sent: object = None
    ) -> Operation:
        """Start to lift a fence; `key` and `sent` as for `Operations.start`. An operation on the tenant that stands still (failed, paused, or its process died) is given up for it: the
        journal knows better than its steps what is to be put back.

        Raises:
            BlockedError: nothing is to be lifted.
            LockedError: an operation on the tenant is at work.
        """

        def start() -> Operation:
            return self._operations.start(
                UNLOCK_KIND, tenant.params, actor=actor, idempotency_key=key, sent=sent
            )

        try:
            return start()
        except LockedError:
            if not self._make_way(tenant, actor):
                raise
        return start()

    def _make_way(self, tenant: ResolvedTenant, actor: str) -> bool:
        held = self._store.held_locks().get(tenant_lock(tenant.environment, tenant.id))
        operation = None if held is None else self._store.operation(held)
        if operation is None or operation.kind not in FENCE_KINDS:
            return False
        if operation.status is OperationStatus.UNDOING or not self._stands_still(operation):
            return False
        self._operations.give_up(operation, actor=actor)
        return True

    def _stands_still(self, operation: Operation) -> bool:
        """Whether nobody works on it. One that was only accepted has no owner yet, and waits for its turn."""
        if operation.status is OperationStatus.ACCEPTED:
            return False
        return operation.status not in ACTIVE or self._operations.is_interrupted(operation)

    def _standing(self, fence: Fence, locks: Mapping[str, str]) -> StandingFence:
        age = max(0.0, (self._clock.now() - fence.since).total_seconds())
        operation = self._holder(fence, locks)
        return StandingFence(fence, age, operation, self._findings(fence, age, operation))

    def _holder(self, fence: Fence, locks: Mapping[str, str]) -> Operation | None:
        held = locks.get(tenant_lock(fence.environment, fence.tenant_id))
        return None if held is None else self._store.operation(held)

    def _findings(self, fence: Fence, age_s: float, operation: Operation | None) -> Sequence[Finding]:
        subject = f"tenant {fence.tenant_name}"
        off = f"pumphouse tenant maintenance off {fence.environment}/{fence.tenant_id}"
        found: list[Finding] = []
        if operation is not None and self._stands_still(operation):
            how = "was interrupted" if operation.status in ACTIVE else f"is {_words(operation.status)}"
            why = f": {operation.error}" if operation.error else ""
            remedy = f"let it go on (pumphouse operation show {operation.id[:8]} says how), or lift the fence: {off}"
            found.append(warning("fence-operation-stopped", subject, f"{operation.title} {how}{why}", remedy))
        elif operation is None and fence.state is not FenceState.ON:
            words = "putting it up" if fence.state is FenceState.ENTERING else "lifting it"
            found.append(
                warning("fence-incomplete", subject, f"{words} was given up; some of it is in force", off)
            )
        weak = fence.open_services
        if fence.state is FenceState.ON and weak:
            text = f"only in part: its users may go on writing in {', '.join(weak)}"
            found.append(warning("fence-partial", subject, text, "see docs/tenants.md"))
        broken = sum(
            probe.get("verdict") == Verdict.BROKEN and probe.get("service") not in weak
            for probe in fence.proof
        )
        if fence.state is FenceState.ON and broken:
            again = f"pumphouse tenant maintenance verify {fence.environment}/{fence.tenant_id}"
            text = f"the last proof shows {broken} attempts that did not end as wanted: it does not hold"
            found.append(critical("fence-broken", subject, text, again))
        if fence.until is not None and fence.until <= self._clock.now():
            late = _about(self._clock.now() - fence.until)
            text = f"it should have been lifted {late} ago; only a running server (pumphouse serve) does that by itself"
            found.append(warning("fence-overdue", subject, text, off))
        if fence.until is None and age_s >= FORGOTTEN.total_seconds():
            text = f"it has stood for {_about(timedelta(seconds=age_s))} and has no end: is it forgotten?"
            found.append(warning("fence-forgotten", subject, text, off))
        return found


def _words(status: OperationStatus) -> str:
    return status.replace("_", " ")


def _about(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"
