"""Notifications in the log; always on, so that they are found even when nobody has configured a webhook. Made by `main`."""

from typing import ClassVar

import structlog
from typing_extensions import override

from pumphouse.domain.events import Event
from pumphouse.ports.notifier import Notifier

log = structlog.get_logger(__name__)


class LogNotifier(Notifier):
    """Writes one line for each."""

    name: ClassVar[str] = "log"

    @override
    def deliver(self, event: Event) -> None:
        log.warning(
            "notification",
            seq=event.seq,
            type=event.type,
            severity=str(event.severity),
            message=event.message,
            environment=event.environment,
            operation=event.operation_id,
        )
