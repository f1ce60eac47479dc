"""Removes what checks have made, by name: at the end of each check, and what killed runs have left at the start of the next. Used by steps.py."""

from collections.abc import Callable, Collection
from typing import Final

from pumphouse.domain.errors import PermanentError, PumphouseError, StaleOwnerError, StoppedError
from pumphouse.engine.step import StepContext
from pumphouse.ports.workbench import Kind, Thing, Workbench
from pumphouse.workflows.check_health.check import GONE_S

ORDER: Final = (
    Kind.SERVER,
    Kind.FLOATING_IP,
    Kind.ROUTER,
    Kind.SUBNET,
    Kind.NETWORK,
    Kind.SECURITY_GROUP_RULE,
    Kind.SECURITY_GROUP,
    Kind.VOLUME_SNAPSHOT,
    Kind.VOLUME,
    Kind.IMAGE,
    Kind.FLAVOR,
    Kind.KEYPAIR,
    Kind.USER,
)
"""What hangs on something goes before it."""
ASK_AGAIN: Final = 10
"""A thing that was asked to go is asked again after so many looks: some services take such a wish only once it is idle."""


def clear(
    ctx: StepContext,
    bench: Workbench,
    prefix: str,
    kinds: Collection[Kind],
    *,
    spare: Callable[[Thing], bool] = lambda thing: False,
) -> int:
    """Delete all things of these kinds whose name begins with `prefix`, and wait until they are gone; returns how many there were.

    Raises:
        PermanentError: some could not be removed; names them. All kinds are tried all the same.
    """
    seen: set[str] = set()
    trouble: list[str] = []
    for kind in ORDER:
        if kind in kinds:
            try:
                seen |= _clear_kind(ctx, bench, prefix, kind, spare)
            except (StoppedError, StaleOwnerError):
                raise
            except PumphouseError as error:
                trouble.append(f"{kind}: {error.message}")
    if trouble:
        raise PermanentError(
            f"could not remove what the check has made: {'; '.join(trouble)}",
            hint=f"the next smoke run tries again; or delete what is named {prefix}...",
        )
    return len(seen)


def _clear_kind(
    ctx: StepContext, bench: Workbench, prefix: str, kind: Kind, spare: Callable[[Thing], bool]
) -> set[str]:
    seen: dict[str, int] = {}
    refusals: dict[str, str] = {}

    def probe() -> bool | None:
        left = [thing for thing in bench.find(kind, prefix) if not spare(thing)]
        for thing in left:
            looks = seen.get(thing.id, 0)
            seen[thing.id] = looks + 1
            if looks % ASK_AGAIN == 0:
                _ask(bench, thing, refusals)
        return None if left else True

    try:
        ctx.poll(probe, what=f"{kind} {prefix}* to be gone", deadline_s=GONE_S, interval_s=0.6)
    except PermanentError as error:
        if refusals:
            raise PermanentError(f"{error.message} ({'; '.join(sorted(set(refusals.values())))})") from error
        raise
    return set(seen)


def _ask(bench: Workbench, thing: Thing, refusals: dict[str, str]) -> None:
    """Ask to delete one; a refusal is kept for the message, as most pass when what uses the thing has gone."""
    try:
        bench.delete(thing.kind, thing.id)
    except (StoppedError, StaleOwnerError):
        raise
    except PumphouseError as error:
        refusals[thing.id] = error.message
