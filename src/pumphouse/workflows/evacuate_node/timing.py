"""How long moves should take and how long they may take; used by the plan and by the mover. docs/evacuation.md explains the model."""

import heapq
from collections import Counter
from collections.abc import Sequence

from pumphouse.domain.server import Server

MIB_PER_S = 100.0
"""What a migration gets through: one gigabit network, used alone."""
LIVE_BASE_S = 5.0
COLD_BASE_S = 15.0
DIRTY_FACTOR = 2.0
"""A running guest writes to its memory while it is copied; a paused one does not."""
SETTLE_S = 60.0
TOLERANCE = 5.0


def estimate_s(server: Server, method: str) -> float:
    """Expected seconds: RAM (twice when it runs) for a live move, and the local disk at its full size for both."""
    size = server.flavor
    disk_mib = 1024 * ((size.root_gib if server.image_id else 0) + size.ephemeral_gib) + size.swap_mib
    if method == "cold":
        return COLD_BASE_S + disk_mib / MIB_PER_S
    factor = 1.0 if server.status == "PAUSED" else DIRTY_FACTOR
    return LIVE_BASE_S + (size.ram_mib * factor + disk_mib) / MIB_PER_S


def deadline_s(server: Server, method: str, parallel: int) -> float:
    """How long a move may take before it counts as stuck.

    Times `parallel`, as Nova runs `max_concurrent_live_migrations` (default 1) of them per source and lets the others wait.
    """
    return (SETTLE_S + TOLERANCE * estimate_s(server, method)) * max(parallel, 1)


def total_s(moves: Sequence[tuple[float, str]], parallel: int, per_target: int) -> float:
    """Seconds until the last of `moves` (seconds, target) has ended, when they start in this order within the limits."""
    now = 0.0
    running: list[tuple[float, str]] = []
    busy: Counter[str] = Counter()
    waiting = list(moves)
    while waiting or running:
        later = []
        for seconds, target in waiting:
            if len(running) < parallel and (not target or busy[target] < per_target):
                heapq.heappush(running, (now + seconds, target))
                busy[target] += 1
            else:
                later.append((seconds, target))
        waiting = later
        now, ended = heapq.heappop(running)
        busy[ended] -= 1
    return now
