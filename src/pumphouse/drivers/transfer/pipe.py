"""A short queue of pieces between two threads, so that reading, hashing and sending go on at the same time; images.py has one to each consumer."""

import threading
from collections import deque
from collections.abc import Iterator


class Pipe:
    """One thread puts, one takes. Never holds more than `room` pieces: whoever is faster waits."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._pieces: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._finished = False
        self._closed = False
        self._error: Exception | None = None

    def put(self, piece: bytes) -> bool:
        """Wait for room and add a piece; False when nobody takes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._pieces) < self._room)
            if self._closed:
                return False
            self._pieces.append(piece)
            self._changed.notify_all()
            return True

    def finish(self, error: Exception | None = None) -> None:
        """Nothing comes any more; with `error` the taker gets that after the last piece."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    def close(self) -> None:
        """The taker goes away."""
        with self._changed:
            self._closed = True
            self._pieces.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._pieces) or self._finished or self._closed)
                if self._pieces:
                    piece = self._pieces.popleft()
                    self._changed.notify_all()
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield piece
