"""Carries notifications from the database's outbox to the notifiers, in a thread of its own. Made and started by `main`.

A notification that cannot be delivered is tried again after 5 s, 10 s, 20 s and so on up to 10 min, until `give_up_s` have passed since it
happened. Delivery is at least once to each notifier, and recorded for each by its name: a process without the webhook's setting leaves what is
for the webhook to one that has it.
"""

import threading
from collections.abc import Sequence
from datetime import timedelta

import structlog

from pumphouse.domain.errors import PumphouseError
from pumphouse.domain.events import Event
from pumphouse.ports.clock import Clock
from pumphouse.ports.notifier import Notifier
from pumphouse.ports.store import OutboxStore

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 600.0
log = structlog.get_logger(__name__)


class Outbox:
    """Delivers to every notifier; one that fails does not hold up the others."""

    def __init__(
        self,
        store: OutboxStore,
        notifiers: Sequence[Notifier],
        clock: Clock,
        *,
        give_up_s: float = 86400.0,
        poll_s: float = 1.0,
    ) -> None:
        self._store = store
        self._notifiers = notifiers
        self._clock = clock
        self._give_up_s = give_up_s
        self._poll_s = poll_s
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._attempts: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Begin to deliver in the background."""
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, after one last round so that what has just happened is not left lying."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
            self._thread = None

    def deliver_due(self) -> int:
        """One round; answers how many deliveries there were."""
        return sum(self._deliver_to(notifier) for notifier in self._notifiers)

    def _deliver_to(self, notifier: Notifier) -> int:
        delivered, sink, now = 0, notifier.name, self._clock.now()
        since = now - timedelta(seconds=self._give_up_s)
        for event in self._store.undelivered(sink, due=now, since=since):
            try:
                notifier.deliver(event)
            except PumphouseError as error:
                self._put_off(event, sink, error)
            else:
                self._attempts.pop((sink, event.seq), None)
                self._store.delivered(event.seq, sink, at=self._clock.now())
                delivered += 1
        return delivered

    def _put_off(self, event: Event, sink: str, error: PumphouseError) -> None:
        attempts = self._attempts.get((sink, event.seq), 0) + 1
        self._attempts[sink, event.seq] = attempts
        now = self._clock.now()
        if (now - event.at).total_seconds() >= self._give_up_s:
            log.error(
                "notification.given_up", seq=event.seq, sink=sink, attempts=attempts, error=error.message
            )
            self._attempts.pop((sink, event.seq), None)
            self._store.not_delivered(event.seq, sink, error=error.message, next_at=None)
            return
        pause = timedelta(seconds=min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempts - 1)))
        log.warning("notification.put_off", seq=event.seq, sink=sink, attempts=attempts, error=error.message)
        self._store.not_delivered(event.seq, sink, error=error.message, next_at=now + pause)

    def _run(self) -> None:
        while True:
            last = self._stop.wait(self._poll_s)
            try:
                self.deliver_due()
            except PumphouseError as error:
                log.warning("outbox.store_failed", error=error.message)
            if last:
                return
