"""A few daemon threads that take work from a queue: items of a step, and operations in the background.

Not concurrent.futures: its threads keep the interpreter from ending until the last item has ended.
"""

import queue
import threading
from collections.abc import Callable

Work = Callable[[], None]


class Lanes:
    """At most `width` pieces of work at once; threads start when they are needed and end with `close`."""

    def __init__(self, width: int, name: str) -> None:
        self._width = width
        self._name = name
        self._queue: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._unfinished = 0

    def submit(self, work: Work) -> None:
        """Queue `work`, which must not raise."""
        with self._lock:
            self._unfinished += 1
            if self._unfinished > len(self._threads) and len(self._threads) < self._width:
                number = len(self._threads) + 1
                thread = threading.Thread(target=self._go, name=f"{self._name}-{number}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(work)

    def close(self) -> None:
        """Let the threads end when the queue is empty; does not wait."""
        with self._lock:
            for _ in self._threads:
                self._queue.put(None)

    def _go(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            finally:
                with self._lock:
                    self._unfinished -= 1
