"""Reads many things of one tenant whose service has no filter by several ids (servers, volumes, their snapshots). Used by their drivers' `named`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from pumphouse.domain.resource import Resource

FEW: Final = 4
"""So many are asked one by one."""

Gather = Callable[[Sequence[Callable[[], Any]]], Sequence[Any]]


def several(
    ids: Sequence[str],
    one: Callable[[str], Resource | None],
    of_tenant: Callable[[str], Sequence[Resource]],
    gather: Gather,
) -> list[Resource]:
    """Those that are there, in the order of `ids`. What is asked for together is one tenant's: the first few tell whose, and his list answers for
    all others, so that requests grow with its pages. What it lacks (gone, or somebody else's) is asked one by one.
    """
    wanted = list(dict.fromkeys(ids))
    found = _one_by_one(wanted[:FEW], one, gather)
    rest = wanted[FEW:]
    if len(rest) > FEW:
        for tenant_id in sorted({each.owner for each in found.values()} - {""}):
            found |= {each.id: each for each in of_tenant(tenant_id)}
    found |= _one_by_one([each for each in rest if each not in found], one, gather)
    return [found[each] for each in wanted if each in found]


def _one_by_one(
    ids: Sequence[str], one: Callable[[str], Resource | None], gather: Gather
) -> dict[str, Resource]:
    answers: Sequence[Resource | None] = gather([partial(one, each) for each in ids])
    return {each.id: each for each in answers if each is not None}
