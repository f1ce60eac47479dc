"""A clock for tests: sleeping advances its own time at once. Used by every unit test; safe for many threads."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from pumphouse.ports.clock import Clock

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class FakeClock(Clock):
    """Time that moves only when somebody sleeps or `advance` is called; ids are numbered and well-formed."""

    def __init__(self, start: datetime = START) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._elapsed = 0.0
        self._ids = 0
        self.slept: list[float] = []

    @override
    def now(self) -> datetime:
        with self._lock:
            return self._start + timedelta(seconds=self._elapsed)

    @override
    def monotonic(self) -> float:
        with self._lock:
            return self._elapsed

    @override
    def sleep(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += max(0.0, seconds)
            self.slept.append(seconds)

    @override
    def new_id(self) -> str:
        with self._lock:
            self._ids += 1
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"fake-{id(self)}-{self._ids}"))

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody sleeping."""
        with self._lock:
            self._elapsed += seconds
