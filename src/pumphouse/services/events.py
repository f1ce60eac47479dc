"""Use cases of events: the log of an operation, the stream of all, and notifications."""

from collections.abc import Sequence

from pumphouse.domain.events import Event
from pumphouse.ports.store import EventStore


class Events:
    """Everything that happened, by ascending number."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def after(self, seq: int, *, operation_id: str | None = None, limit: int = 200) -> Sequence[Event]:
        """Those behind number `seq`, ascending."""
        return self._store.events(after=seq, limit=limit, operation_id=operation_id)

    def of_operations(self, operation_ids: Sequence[str], seq: int, *, limit: int = 200) -> Sequence[Event]:
        """Those of some operations behind number `seq`, ascending."""
        found = [
            event
            for operation_id in operation_ids
            for event in self._store.events(after=seq, limit=limit, operation_id=operation_id)
        ]
        return sorted(found, key=lambda event: event.seq)[:limit]

    def last_seq(self) -> int:
        """The number of the newest event, 0 when there is none."""
        newest = self._store.events(limit=1, newest=True)
        return newest[0].seq if newest else 0

    def notifications(self, *, limit: int = 50) -> Sequence[Event]:
        """The events that an operator wants to be told of, newest first."""
        return self._store.events(limit=limit, notify=True, newest=True)
