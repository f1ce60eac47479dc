"""Events and notifications on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pumphouse.domain.events import Event
from pumphouse.domain.finding import Severity
from pumphouse.wire.model import View


class EventView(View):
    """One thing that happened. `id` is its number, which is also the id in the event stream; `status` is its severity."""

    id: int
    name: str
    type: str
    status: Severity
    at: datetime
    message: str = ""
    subject: str = ""
    environment: str | None = None
    operation_id: str | None = None
    step: str | None = None
    notify: bool = False
    data: Mapping[str, Any] = {}

    @classmethod
    def of(cls, event: Event) -> Self:
        """The view of `event`."""
        return cls(
            id=event.seq,
            name=event.message,
            type=event.type,
            status=event.severity,
            at=event.at,
            message=event.message,
            subject=event.subject,
            environment=event.environment,
            operation_id=event.operation_id,
            step=event.step,
            notify=event.notify,
            data=dict(event.data),
        )
