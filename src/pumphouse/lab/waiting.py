"""The one place of the lab that sleeps: every wait here has a deadline and a name for the error message."""

import time
from collections.abc import Callable

from pumphouse.lab.errors import LabTimeoutError

POLL_S = 0.1


def pause(seconds: float) -> None:
    """Let other processes work for `seconds`; for loops that keep their own deadline."""
    time.sleep(seconds)  # noqa: TID251 - the lab waits for processes of this machine, here and nowhere else


def now() -> float:
    """Seconds of a clock that only goes forward."""
    return time.monotonic()


def wait_until(
    done: Callable[[], bool], *, what: str, timeout_s: float, poll_s: float = POLL_S, hint: str = ""
) -> None:
    """Call `done` until it is true.

    Raises:
        LabTimeoutError: `timeout_s` seconds went by.
    """
    deadline = now() + timeout_s
    while not done():
        if now() >= deadline:
            raise LabTimeoutError(f"{what}: not within {timeout_s:.0f} s", hint=hint)
        pause(poll_s)
