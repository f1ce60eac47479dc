"""Reads and changes Placement: inventories, usages, traits, allocations and providers; nodes.py, cloud.py and test_servers.py call it.

Placement has no list of inventories or usages: they are asked per provider. Only `GET /allocation_candidates` tells capacity, use and traits of
many providers at once, and leaves out those that have not even one MiB left; these few are asked one by one. So a summary costs
two requests and one per full node, and complete inventories one more per node, fetched over kept connections at bounded concurrency.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from pumphouse.domain.errors import CloudFaultError, NotFoundError
from pumphouse.domain.node import Inventory
from pumphouse.drivers.openstack.transport import Transport

VERSION: Final = "1.39"
"""1.27 all classes in the summaries, 1.29 nested providers; nothing up to 1.39 changes what we read."""
DISABLED_TRAIT: Final = "COMPUTE_STATUS_DISABLED"
_CONFLICT_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Provider:
    """What a resource provider has: inventories and traits."""

    inventory: Mapping[str, Inventory]
    traits: frozenset[str]

    def summary(self) -> "Provider":
        """The same with inventories that only tell capacity and use, as `Placement.summaries` gives them."""
        short = {name: _short(held.capacity, held.used) for name, held in self.inventory.items()}
        return Provider(short, self.traits)


class Placement:
    """Placement of one cloud."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def provider_ids(self) -> set[str]:
        """All providers. This list has no pages."""
        return {row["uuid"] for row in self._get("/resource_providers")["resource_providers"]}

    def summaries(self) -> dict[str, Provider]:
        """Providers with room for a MiB more, from one request. An inventory's `total` is its whole capacity here, with reserve and ratio
        already counted (`reserved` 0, `ratio` 1).
        """
        body = self._get("/allocation_candidates?resources=MEMORY_MB:1")
        return {uuid: _summary(row) for uuid, row in body["provider_summaries"].items()}

    def provider(self, provider_id: str) -> Provider:
        """One provider, completely: three requests at once. An unknown one has nothing."""
        try:
            inventories, usages, traits = self._http.gather(
                [
                    partial(self._get, f"/resource_providers/{provider_id}/{part}")
                    for part in ("inventories", "usages", "traits")
                ]
            )
        except NotFoundError:
            return Provider({}, frozenset())
        return Provider(
            _inventories(inventories["inventories"], usages["usages"]), frozenset(traits["traits"])
        )

    def inventory(self, provider_id: str, used: Mapping[str, int]) -> dict[str, Inventory]:
        """The complete inventories of a provider whose use is known; empty for an unknown provider."""
        try:
            return _inventories(
                self._get(f"/resource_providers/{provider_id}/inventories")["inventories"], used
            )
        except NotFoundError:
            return {}

    def allocations(self, consumer: str) -> dict[str, dict[str, int]]:
        """What a consumer holds: provider -> class -> amount; an unknown consumer holds nothing."""
        found = self._get(f"/allocations/{consumer}")["allocations"]
        return {provider: dict(held["resources"]) for provider, held in found.items()}

    def consumers(self, provider_id: str) -> list[str]:
        """Who holds something of a provider."""
        return sorted(self._get(f"/resource_providers/{provider_id}/allocations")["allocations"])

    def delete_provider(self, provider_id: str) -> None:
        """Delete a provider and those nested below it, leaves first.

        Raises:
            CloudFaultError: it, or one below it, still has allocations (409).
        """
        tree = self._get(f"/resource_providers?in_tree={provider_id}")["resource_providers"]
        for uuid in _leaves_first(tree, provider_id):
            self._http.delete("placement", f"/resource_providers/{uuid}", microversion=VERSION)

    def set_trait(self, provider_id: str, trait: str, *, present: bool) -> bool:
        """Give or take a trait; whether that changed anything. Nova writes traits too: a lost race (409) is tried again on what is there now."""
        path = f"/resource_providers/{provider_id}/traits"
        for attempt in range(_CONFLICT_TRIES):
            body = self._get(path)
            traits = set(body["traits"])
            if (trait in traits) is present:
                return False
            traits ^= {trait}
            wanted = {
                "traits": sorted(traits),
                "resource_provider_generation": body["resource_provider_generation"],
            }
            try:
                self._http.write("placement", "PUT", path, json=wanted, microversion=VERSION)
            except CloudFaultError:
                if attempt == _CONFLICT_TRIES - 1:
                    raise
                continue
            return True
        return False

    def _get(self, path: str) -> Any:
        return self._http.get("placement", path, microversion=VERSION)


def _summary(row: Mapping[str, Any]) -> Provider:
    inventory = {name: _short(held["capacity"], held["used"]) for name, held in row["resources"].items()}
    return Provider(inventory, frozenset(row.get("traits") or ()))


def _short(capacity: int, used: int) -> Inventory:
    return Inventory(total=capacity, reserved=0, ratio=1.0, used=used, max_unit=capacity)


def _inventories(found: Mapping[str, Any], used: Mapping[str, int]) -> dict[str, Inventory]:
    return {
        name: Inventory(
            total=row["total"],
            reserved=row["reserved"],
            ratio=row["allocation_ratio"],
            used=used.get(name, 0),
            max_unit=row["max_unit"],
        )
        for name, row in found.items()
    }


def _leaves_first(tree: Sequence[Mapping[str, Any]], top: str) -> list[str]:
    """`top` and all below it, children before parents. `tree` is the whole tree, also what is above `top`."""
    children: dict[str, list[str]] = {}
    for row in tree:
        children.setdefault(str(row["parent_provider_uuid"]), []).append(row["uuid"])
    ordered, pending = [], [top] if any(row["uuid"] == top for row in tree) else []
    while pending:
        uuid = pending.pop()
        ordered.append(uuid)
        pending += children.get(uuid, [])
    return ordered[::-1]
