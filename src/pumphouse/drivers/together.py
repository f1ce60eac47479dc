"""Many threads' writes in one (group commit): of records, since each durable transaction waits for the disk, and of questions to a service's policy.

Who comes while a transaction is under way goes with the next one, so a lone writer waits for nobody, and thirty at once need two transactions.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class _Entry(Generic[T]):
    __slots__ = ("done", "error", "things")

    def __init__(self, things: Sequence[T]) -> None:
        self.things = things
        self.done = False
        self.error: BaseException | None = None


class Together(Generic[T]):
    """Safe for use by many threads. `write` is one transaction: all of what it is given, or nothing. Order is kept."""

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._turn = threading.Condition()
        self._waiting: list[_Entry[T]] = []
        self._led = False

    def put(self, things: Sequence[T]) -> None:
        """Returns when they are written, or raises why they are not."""
        entry = _Entry(things)
        batch: list[_Entry[T]] = []
        with self._turn:
            self._waiting.append(entry)
            while self._led and not entry.done:
                self._turn.wait()
            if not entry.done:
                self._led = True
                batch, self._waiting = self._waiting, []
        if batch:
            self._lead(batch)
        if entry.error is not None:
            raise entry.error

    def _lead(self, batch: Sequence[_Entry[T]]) -> None:
        try:
            self._all(batch)
        except BaseException as error:
            # whoever led was broken off himself: nobody may believe that his own are written
            for entry in batch:
                entry.error = entry.error or error
            raise
        finally:
            with self._turn:
                for entry in batch:
                    entry.done = True
                self._led = False
                self._turn.notify_all()

    def _all(self, batch: Sequence[_Entry[T]]) -> None:
        try:
            self._write([thing for entry in batch for thing in entry.things])
        except Exception as error:
            if len(batch) == 1:
                batch[0].error = error
                return
            # one that cannot be written keeps none of the others back, and each gets an error of his own
            for entry in batch:
                self._all([entry])
