"""Tells progress also while nothing moves, so that a copy that waits (for a cloud, for a slow extent) can be stopped all the same. The volume engines have one."""

from pumphouse.ports.transfer import ProgressOf


class Heartbeat:
    """A progress callback that can repeat itself."""

    def __init__(self, progress: ProgressOf, total: int) -> None:
        self._progress = progress
        self._last = (0, total)

    def __call__(self, done: int, total: int) -> None:
        self._last = (done, total)
        self._progress(done, total)

    def beat(self) -> None:
        """Say the last again; raises what the callback raises to end the copy."""
        self._progress(*self._last)
