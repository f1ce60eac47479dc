"""One answer for all who ask the same while a whole is being read; resources.py does so for an inventory, transport.py asks here for each GET.

The drivers of kinds know nothing of one another, so several ask for the same lists (whose servers, which routers, which assignments). Within `reading_once` the first
one's request answers all. Nobody may change what he is given. Outside, every read is a request of its own: what has just been written must be seen.
"""

import contextvars
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class _Answer:
    """Of one question: whoever comes first asks it, the others wait for him."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: tuple[Any] | None = None

    def get(self, ask: Callable[[], Any]) -> Any:
        # who failed leaves it to the next one, who gets an error of his own
        with self._lock:
            if self._found is None:
                self._found = (ask(),)
            return self._found[0]


class _Memory:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[Hashable, _Answer] = {}

    def of(self, question: Hashable) -> _Answer:
        with self._lock:
            return self._answers.setdefault(question, _Answer())


_CURRENT: contextvars.ContextVar[_Memory | None] = contextvars.ContextVar("reading_once", default=None)


@contextmanager
def reading_once() -> Iterator[None]:
    """All reads of this context, and of the calls that it starts by `carried`, are asked once."""
    token = _CURRENT.set(_Memory())
    try:
        yield
    finally:
        _CURRENT.reset(token)


def once(question: Hashable, ask: Callable[[], T]) -> T:
    """The answer to a question, from memory where one is kept."""
    memory = _CURRENT.get()
    if memory is None:
        return ask()
    answer: T = memory.of(question).get(ask)
    return answer


def carried(call: Callable[[], T]) -> Callable[[], T]:
    """The same call for another thread, within the same reading."""
    if _CURRENT.get() is None:
        return call
    return partial(contextvars.copy_context().run, call)
