"""Events: the append-only record of everything that happened; SSE, audit and notifications read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pumphouse.domain.finding import Severity


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `type` is `subject.verb` in the past tense (`node.maintenance_entered`, `server.moved`, `step.failed`); `seq` grows by one for
    each event of the database and is the SSE id. `notify` marks those that are also notifications.
    """

    seq: int
    at: datetime
    type: str
    message: str
    severity: Severity = Severity.INFO
    subject: str = ""
    environment: str | None = None
    operation_id: str | None = None
    step: str | None = None
    notify: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event before it has a number and a time."""

    type: str
    message: str
    severity: Severity = Severity.INFO
    subject: str = ""
    environment: str | None = None
    operation_id: str | None = None
    step: str | None = None
    notify: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
