"""Journals for tests: in memory, and one that dies after so many confirmations."""

from collections.abc import Mapping, Sequence

from typing_extensions import override

from pumphouse.ports.transfer import ExtentJournal


class KilledError(Exception):
    """The process ended here."""


class MemoryJournal(ExtentJournal):
    """Confirmed extents in a dictionary; `lives` is how many confirmations it takes before everything ends, just after the last was durable."""

    def __init__(self, lives: int = -1) -> None:
        self.extents: dict[int, str] = {}
        self.lives = lives
        self.calls = 0

    @override
    def confirmed(self) -> Mapping[int, str]:
        return dict(self.extents)

    @override
    def confirm(self, extents: Sequence[tuple[int, str]]) -> None:
        self.extents.update(extents)
        self.calls += 1
        self.lives -= 1
        if self.lives == 0:
            raise KilledError
