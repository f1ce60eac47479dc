"""Time, identity and waiting, so that no test waits on real time."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time and of new ids."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Block this thread for `seconds`."""
        ...

    def new_id(self) -> str:
        """A fresh uuid4 as text."""
        ...
