"""How long a migration will take: from what earlier copies of it have shown, else from figures of ours. Pure; workflow.py calls it for the plan."""

from collections.abc import Iterable, Sequence
from typing import Final

from pumphouse.domain.migration import Detail, Method
from pumphouse.domain.resource import Move, ResourceKind
from pumphouse.workflows.migrate_tenant.data import WITH_DATA
from pumphouse.workflows.migrate_tenant.planner import Row

BYTES_PER_S: Final = 60 * (1 << 20)
"""Of one copy; measured between two Glances on one machine 96-111 MiB/s, less over a network."""
THING_S: Final = 0.3
SERVER_S: Final = 45.0
FENCE_S: Final = 60.0
_MADE: Final = (Method.CREATE, Method.ADOPT)


def speed_of(moves: Iterable[Move]) -> float:
    """Bytes per second that earlier copies have reached, else our own figure."""
    moved, seconds = 0, 0.0
    for move in moves:
        if move.kind in WITH_DATA and move.details.get(Detail.MOVED):
            moved += int(move.details[Detail.MOVED])
            seconds += float(move.details.get(Detail.SECONDS, 0.0))
    return moved / seconds if moved and seconds > 1.0 else float(BYTES_PER_S)


def bytes_of(rows: Iterable[Row]) -> int:
    """How many will go over the wire, at most."""
    return sum(size_of(row) for row in rows)


def size_of(row: Row) -> int:
    """How many bytes of it are copied."""
    return row.source.size_bytes if row.method in _MADE else 0


def seconds_of(row: Row, speed: float) -> float:
    """How long this one takes."""
    if row.method not in _MADE:
        return 0.0
    base = SERVER_S if row.source.kind is ResourceKind.SERVER else THING_S
    return round(base + size_of(row) / speed, 1)


def whole(rows: Sequence[Row], speed: float, parallel: int, *, fence: bool) -> float:
    """The whole of it: bytes share one wire, servers go side by side."""
    things = sum(seconds_of(row, speed) for row in rows if row.source.kind is not ResourceKind.SERVER)
    servers = [seconds_of(row, speed) for row in rows if row.source.kind is ResourceKind.SERVER]
    side_by_side = max([sum(servers) / max(1, parallel), *servers], default=0.0)
    return round((FENCE_S if fence else 0.0) + things / 2 + side_by_side, 1)
