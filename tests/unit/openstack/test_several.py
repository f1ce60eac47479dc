"""Many things of one tenant are read with its list, few one by one; what is gone is left out, what is somebody else's is found all the same."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.drivers.openstack.resources.several import FEW, several


class Shelf:
    """Things by id with their owners; counts what it is asked."""

    def __init__(self, **owners: str) -> None:
        self.owners = owners
        self.asked: list[str] = []

    def one(self, id: str) -> Resource | None:
        self.asked.append(id)
        return self._thing(id) if id in self.owners else None

    def of_tenant(self, tenant_id: str) -> Sequence[Resource]:
        self.asked.append(f"all of {tenant_id}")
        return [self._thing(each) for each, owner in self.owners.items() if owner == tenant_id]

    def _thing(self, id: str) -> Resource:
        return Resource(ResourceKind.VOLUME, id, id, {}, owner=self.owners[id])

    def read(self, *ids: str) -> list[str]:
        return [each.id for each in several(ids, self.one, self.of_tenant, gather)]


def gather(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    return [call() for call in calls]


def ids(count: int) -> list[str]:
    return [f"v{number}" for number in range(count)]


def test_a_thousand_cost_one_list_and_keep_their_order() -> None:
    shelf = Shelf(**dict.fromkeys(ids(1000), "acme"))
    wanted = list(reversed(ids(1000)))
    assert shelf.read(*wanted) == wanted
    assert len(shelf.asked) == FEW + 1


@pytest.mark.parametrize("count", [0, 1, 2 * FEW])
def test_few_are_asked_one_by_one(count: int) -> None:
    shelf = Shelf(**dict.fromkeys(ids(count), "acme"))
    assert shelf.read(*ids(count)) == ids(count)
    assert shelf.asked == ids(count)


def test_what_is_gone_or_somebody_elses_is_asked_for_itself() -> None:
    shelf = Shelf(**dict.fromkeys(ids(20), "acme"))
    del shelf.owners["v0"], shelf.owners["v15"]
    shelf.owners["v16"] = "globex"
    assert shelf.read(*ids(20), "v3") == [each for each in ids(20) if each not in {"v0", "v15"}]
    assert shelf.asked == ["v0", "v1", "v2", "v3", "all of acme", "v15", "v16"]


def test_when_the_first_are_gone_nobody_is_forgotten() -> None:
    shelf = Shelf(v9="acme")
    assert shelf.read(*ids(10)) == ["v9"]
    assert shelf.read() == []
