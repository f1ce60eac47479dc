"""How many writes of one kind go to a service side by side: as many as make it faster. Used for rules of security groups, which no request can carry for several groups.

A Neutron of many workers answers twenty requests at once in the time of one; one of a single worker takes half as long again for twenty side by side as for the same
one after the other (measured on 2026.2: 100 rules of 20 groups in 3.6 to 4.2 s one by one, 5.3 to 6.1 s at once). So the width is found out while we work: it is doubled as
long as that brings a quarter more in the same time, and looked at again after a while, as clouds are busy at times.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pumphouse.ports.clock import Clock

_GAIN: Final = 1.25
_REST_S: Final = 0.5
_LASTS: Final = 16
"""Windows after which a width is doubted again."""


class Width:
    """The rule alone, without threads: told of each begin and end (`at` in seconds, `weight` in whatever is counted), it says how many may run."""

    def __init__(self, at_most: int) -> None:
        self.now = 1
        self._at_most = at_most
        self._running = 0
        self._last = float("-inf")
        self._window(0.0)
        self._before: float | None = None
        """What half as many have done in a second."""
        self._settled = 0

    @property
    def free(self) -> bool:
        return self._running < self.now

    def begin(self, at: float) -> None:
        """One sets out; what was measured before a rest counts no more."""
        if not self._running and at - self._last > _REST_S:
            self._window(at)
        self._running += 1

    def end(self, at: float, weight: float) -> None:
        """One is back; after two rounds it is judged."""
        self._running -= 1
        self._last = at
        self._ended += 1
        self._weight += weight
        if self._ended >= 2 * self.now and at > self._since:
            self._judge(self._weight / (at - self._since))
            self._window(at)

    def _window(self, at: float) -> None:
        self._since, self._ended, self._weight = at, 0, 0.0

    def _judge(self, rate: float) -> None:
        if self._settled > 1:
            self._settled -= 1
        elif self._settled or self._before is None or rate > _GAIN * self._before:
            self._settled, self._before = 0, rate
            if 2 * self.now <= self._at_most:
                self.now *= 2
            else:
                self._settled = _LASTS
        else:
            self.now = max(1, self.now // 2)
            self._settled = _LASTS


class Pace:
    """Lets as many through at once as its `Width` says. Safe for use by many threads."""

    def __init__(self, clock: Clock, at_most: int) -> None:
        self._clock = clock
        self._width = Width(at_most)
        self._turn = threading.Condition()
        self._inside = 0

    def is_busy(self) -> bool:
        """Whether somebody works or waits for his turn."""
        return self._inside > 0

    @contextmanager
    def turn(self, weight: float) -> Iterator[None]:
        """Wait for one's turn, and be measured; what fails weighs nothing."""
        with self._turn:
            self._inside += 1
            while not self._width.free:
                self._turn.wait()
            self._width.begin(self._clock.monotonic())
        done = 0.0
        try:
            yield
            done = weight
        finally:
            with self._turn:
                self._inside -= 1
                self._width.end(self._clock.monotonic(), done)
                self._turn.notify_all()
