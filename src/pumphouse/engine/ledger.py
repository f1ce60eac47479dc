"""Writing down what happens in one run of one operation: guarded by its token, patient while the database is away."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pumphouse.domain.errors import StaleOwnerError, StoreFaultError
from pumphouse.domain.events import NewEvent
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import ACTIVE, Operation, OperationStatus
from pumphouse.engine.kit import Kit
from pumphouse.engine.ownership import Signals
from pumphouse.ports.store import Change

FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0


class Ledger:
    """All writes of a run go through here."""

    def __init__(self, kit: Kit, operation: Operation, token: str, signals: Signals) -> None:
        self._kit = kit
        self._operation = operation
        self._token = token
        self._signals = signals

    def write(self, change: Change, *, expected: Iterable[OperationStatus] | None = None) -> None:
        """Apply `change`, trying again while the database is away.

        Raises:
            StaleOwnerError: the operation belongs to another process now.
            StoreFaultError: the database stayed away.
        """
        if self._signals.lost:
            raise StaleOwnerError(f"operation {self._operation.id} is no longer owned by this process")
        try:
            self._patiently(lambda: self._apply(change, expected))
        except StaleOwnerError:
            self._signals.lose()
            raise
        if change.status is not None and change.status not in ACTIVE:
            self._signals.end()

    def event(
        self, type: str, message: str, *, step: str | None = None, subject: str = "", severity: Severity = Severity.INFO,
        notify: bool = False, environment: str | None = None, data: Mapping[str, Any] | None = None,
    ) -> NewEvent:  # fmt: skip
        """An event of this operation, not yet written."""
        return NewEvent(
            type=type,
            message=message,
            severity=severity,
            subject=subject or self._operation.subject,
            environment=environment or self._operation.environment,
            operation_id=self._operation.id,
            step=step,
            notify=notify,
            data=data or {},
        )

    def _apply(self, change: Change, expected: Iterable[OperationStatus] | None) -> None:
        now = self._kit.clock.now()
        self._kit.store.apply(self._operation.id, change, token=self._token, now=now, expected=expected)

    def _patiently(self, work: Callable[[], None]) -> None:
        clock = self._kit.clock
        until = clock.monotonic() + self._kit.settings.store_patience_s
        wait = FIRST_WAIT_S
        while True:
            try:
                return work()
            except StoreFaultError:
                if self._signals.leaving or clock.monotonic() + wait > until:
                    raise
            clock.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)
