"""Which item starts next: in listed order, but none whose groups are full. Used by items.py; no threads and no time in here.

Items with the same groups wait in one line. A line whose head may not start is parked at the group that is full, and looked at again when
that group gets room, so that a choice costs a logarithm of the number of lines and not a walk over all items.
"""

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping

from pumphouse.domain.operation import Item

Groups = tuple[str, ...]


class Schedule:
    """Items that wait, and how many of each group are running."""

    def __init__(self, items: Iterable[Item], limits: Mapping[str, int]) -> None:
        self._limits = limits
        self._running: Counter[str] = Counter()
        self._lines: dict[Groups, deque[tuple[int, Item]]] = {}
        self._ready: list[tuple[int, Groups]] = []
        self._parked: defaultdict[str, list[tuple[int, Groups]]] = defaultdict(list)
        self._count = 0
        self._next = 0
        for item in items:
            self.add(item)

    def __len__(self) -> int:
        return self._count

    def add(self, item: Item) -> None:
        """Put it behind the others."""
        line = self._lines.setdefault(item.groups, deque())
        line.append((self._next, item))
        if len(line) == 1:
            heapq.heappush(self._ready, (self._next, item.groups))
        self._next += 1
        self._count += 1

    def take(self) -> Item | None:
        """The next that may start; its groups are burdened until `release`."""
        while self._ready:
            _, groups = heapq.heappop(self._ready)
            full = next((group for group in groups if not self._room(group)), None)
            if full is not None:
                self._park(full, groups)
                self._wake(groups)
                continue
            line = self._lines[groups]
            _, item = line.popleft()
            self._count -= 1
            self._running.update(groups)
            if line:
                heapq.heappush(self._ready, (line[0][0], groups))
            else:
                del self._lines[groups]
            self._wake(groups)
            return item
        return None

    def release(self, item: Item) -> None:
        """It has ended."""
        self._running.subtract(item.groups)
        self._wake(item.groups)

    def _room(self, group: str) -> bool:
        limit = self._limits.get(group)
        # a limit below one would wait for ever
        return limit is None or self._running[group] < max(1, limit)

    def _park(self, full: str, groups: Groups) -> None:
        heapq.heappush(self._parked[full], (self._lines[groups][0][0], groups))

    def _wake(self, groups: Groups) -> None:
        # one line for each group with room: when that line is looked at, the next one is woken
        for group in groups:
            if self._room(group) and self._parked[group]:
                heapq.heappush(self._ready, heapq.heappop(self._parked[group]))
