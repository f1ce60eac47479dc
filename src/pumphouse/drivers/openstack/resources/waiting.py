"""Waits for what a cloud does by itself; the drivers of kinds call it."""

from collections.abc import Callable
from typing import Final, TypeVar

from pumphouse.domain.errors import DeadlineError
from pumphouse.ports.clock import Clock

T = TypeVar("T")
_FIRST_S: Final = 0.2
_LONGEST_S: Final = 3.0


def until(clock: Clock, what: str, look: Callable[[], T | None], deadline_s: float) -> T:
    """What `look` answers as soon as it is not None; asked again after 0.2 s, then ever more seldom. `what` is for the error: `volume ID to be available`.

    Raises:
        DeadlineError: it did not come.
    """
    deadline = clock.monotonic() + deadline_s
    pause = _FIRST_S
    while True:
        seen = look()
        if seen is not None:
            return seen
        if clock.monotonic() + pause > deadline:
            raise DeadlineError(
                f"waited {deadline_s:.0f} s in vain for {what}",
                hint="look at the service's log; the operation can be resumed",
            )
        clock.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_S)
