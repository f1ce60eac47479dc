"""From one power state of a server to another, as a table; servers.py and server_return.py bring servers down, up, and to the state that they had.

A paused or suspended server has unwritten data in its memory, which cannot move: it goes on for a moment and is then shut down cleanly. In the destination it is
booted, and paused or suspended again. A shelved one is down already: Nova has its disk as an image.
"""

from collections.abc import Mapping
from typing import Final

from pumphouse.domain.errors import ConflictError
from pumphouse.engine.step import StepContext
from pumphouse.ports.cutover import Act, Cutover, ServerNow

ACTIVE, SHUTOFF, PAUSED, SUSPENDED = "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"
SHELVED, OFFLOADED, ERROR = "SHELVED", "SHELVED_OFFLOADED", "ERROR"
MOVABLE: Final = frozenset({ACTIVE, SHUTOFF, PAUSED, SUSPENDED, SHELVED, OFFLOADED})
AWAY: Final = frozenset({SHELVED, OFFLOADED})

_SHELVE: Final = dict.fromkeys((ACTIVE, SHUTOFF, PAUSED, SUSPENDED), Act.SHELVE)
WAYS: Final[Mapping[str, Mapping[str, Act]]] = {
    ACTIVE: {SHUTOFF: Act.START, PAUSED: Act.UNPAUSE, SUSPENDED: Act.RESUME},
    SHUTOFF: {ACTIVE: Act.STOP, PAUSED: Act.UNPAUSE, SUSPENDED: Act.RESUME},
    PAUSED: {ACTIVE: Act.PAUSE, SHUTOFF: Act.START, SUSPENDED: Act.RESUME},
    SUSPENDED: {ACTIVE: Act.SUSPEND, SHUTOFF: Act.START, PAUSED: Act.UNPAUSE},
    SHELVED: _SHELVE,
    OFFLOADED: {**_SHELVE, SHELVED: Act.SHELVE_OFFLOAD},
}
"""Goal -> state -> what to ask for next."""
_DEADLINE_S: Final = 1800.0
"""Suspending writes the memory, shelving the whole disk."""


def bring_to(ctx: StepContext, servers: Cutover, id: str, goal: str) -> ServerNow:
    """Bring a server to a power state, step by step; it may be on the way already.

    Raises:
        ConflictError: it is gone, in ERROR, or in a state from which there is no way.
        DeadlineError: it does not get there.
    """

    def look() -> ServerNow | None:
        now = servers.now(id)
        if now is None:
            raise ConflictError(f"server {id} is gone", hint="see who deleted it")
        if now.task:
            return None
        if is_there(now.status, goal):
            return now
        act = WAYS[goal].get(now.status)
        if act is None:
            fault = f": {now.fault}" if now.fault else ""
            raise ConflictError(
                f"server {now.name} is {now.status} and cannot be brought to {goal}{fault}",
                hint="mend it, then retry",
            )
        servers.act(id, act)
        return None

    return ctx.poll(look, what=f"server {id} to be {goal}", deadline_s=_DEADLINE_S)


def is_there(status: str, goal: str) -> bool:
    """Whether a state will do: a cloud that offloads at once keeps none that is only shelved."""
    return status == goal or (goal == SHELVED and status == OFFLOADED)
