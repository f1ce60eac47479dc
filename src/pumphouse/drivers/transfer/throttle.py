"""One limit of bytes per second for all copies of this process; every engine asks before it sends."""

import threading

from pumphouse.ports.clock import Clock


class Throttle:
    """`bytes_per_s` 0 is no limit. Safe for use by many threads: each waits its turn, in the order in which they ask."""

    def __init__(self, bytes_per_s: float, clock: Clock) -> None:
        self._rate = bytes_per_s
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, size: int) -> None:
        """Wait until `size` bytes may be sent. What was not used while nobody copied is not saved up."""
        if self._rate <= 0:
            return
        with self._lock:
            now = self._clock.monotonic()
            begins = max(now, self._free_at)
            self._free_at = begins + size / self._rate
        if begins > now:
            self._clock.sleep(begins - now)
