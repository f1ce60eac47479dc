"""A process that can die: everything that one engine reaches goes through a `Life`, and nothing gets through any more after its death.

That is how a crash is simulated within one process: threads of the dead engine may linger, but they reach neither cloud nor database nor
clock. Used by rig.py.
"""

import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import event


class Crash(BaseException):
    """The process is dead."""


class Life:
    """One process. `die_at(n)`: it ends at the n-th point; each call of a cloud or deployer has a point before it and one after it."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.passed = 0
        self.last = ""
        self._limit: int | None = None
        self._lock = threading.Lock()

    def die_at(self, number: int) -> None:
        self.passed, self._limit = 0, number

    def point(self, what: str) -> None:
        self.check()
        with self._lock:
            self.passed += 1
            if self._limit is None or self.passed < self._limit:
                return
            self.last = self.last or what
        self.ended.set()
        raise Crash(what)

    def check(self) -> None:
        if self.ended.is_set():
            raise Crash("dead")

    def guard(self, database: Any) -> None:
        """No statement of a dead process reaches the database."""

        @event.listens_for(database, "before_cursor_execute")
        def refuse(*_: Any) -> None:
            self.check()


class Mortal:
    """Anything, as a living process sees it; `counted` calls are points at which it may die."""

    def __init__(
        self, inner: Any, life: Life, *, counted: bool, wrap: Callable[[Any], Any] | None = None
    ) -> None:
        self._inner, self._life, self._counted, self._wrap = inner, life, counted, wrap

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value):
            self._life.check()
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._counted:
                self._life.check()
                found = value(*args, **kwargs)
                return self._wrap(found) if self._wrap else found
            self._life.point(f"before {name}{args}")
            found = value(*args, **kwargs)
            self._life.point(f"after {name}{args}")
            return found

        return call


def mortal_tools(tools: Any, life: Life) -> Any:
    """The toolbox whose clouds and deployers count."""
    return Mortal(tools, life, counted=False, wrap=lambda found: Mortal(found, life, counted=True))
