"""What the services need of the engine, as a Protocol, so that their tests run without one. `engine.Engine` fits it as it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pumphouse.domain.operation import Item, ItemStatus, Operation, Progress
from pumphouse.domain.plan import Plan


class Runner(Protocol):
    """Plans and runs operations."""

    def plan(self, kind: str, params: Mapping[str, Any]) -> Plan: ...

    def submit(
        self,
        kind: str,
        params: Mapping[str, Any],
        plan: Plan,
        *,
        actor: str = "",
        idempotency_key: str | None = None,
        fingerprint: str = "",
    ) -> Operation:
        """Raises BlockedError, LockedError."""
        ...

    def start(self, operation_id: str) -> None:
        """Run it in a background thread of this process."""
        ...

    def items(
        self,
        operation_id: str,
        *,
        step: str | None = None,
        status: ItemStatus | None = None,
        after: str | None = None,
        limit: int = 200,
    ) -> Sequence[Item]: ...

    def progress(self, operation_id: str) -> Progress: ...

    def pause(self, operation_id: str, *, actor: str = "") -> Operation: ...

    def cancel(self, operation_id: str, *, actor: str = "") -> Operation: ...

    def resume(self, operation_id: str, *, actor: str = "") -> Operation: ...

    def retry(self, operation_id: str, *, actor: str = "") -> Operation: ...

    def skip_failed(self, operation_id: str, *, actor: str = "") -> Operation: ...

    def undo(self, operation_id: str, *, actor: str = "") -> Operation: ...
