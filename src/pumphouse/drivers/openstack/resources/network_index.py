"""Whose network is it: tells the tenants' own from those of the operator, for references; the drivers of network kinds ask it."""

import threading
from collections.abc import Iterable
from typing import Any, Final

from pumphouse.domain.resource import ResourceKind, ref
from pumphouse.drivers.openstack.resources.neutron_kind import IDS_AT_ONCE, owner_of
from pumphouse.drivers.openstack.resources.reach import Reach

_KEPT_S: Final = 60.0
"""The owner of a network never changes, but an administrator may make it external."""
_FIELDS: Final = ("id", "project_id", "router:external")


class NetworkIndex:
    """Asks for networks that it does not know yet, many at once. Safe for use by many threads."""

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http
        self._clock = reach.clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, str, bool]] = {}

    def learn(self, network_ids: Iterable[str]) -> None:
        """Know these afterwards."""
        since = self._clock.monotonic() - _KEPT_S
        with self._lock:
            missing = [each for each in dict.fromkeys(network_ids) if each and self._age(each) < since]
        for at in range(0, len(missing), IDS_AT_ONCE):
            params = {"id": missing[at : at + IDS_AT_ONCE], "fields": _FIELDS}
            rows = self._http.rows("network", "/networks", "networks", params=params)
            now = self._clock.monotonic()
            with self._lock:
                for row in rows:
                    self._known[str(row["id"])] = (now, owner_of(row), bool(row.get("router:external")))

    def _age(self, network_id: str) -> float:
        return self._known[network_id][0] if network_id in self._known else float("-inf")

    def is_own(self, network_id: str, project_id: str) -> bool:
        """Whether it is that project's own and not external; one that is gone is taken for its own. It must have been learnt."""
        known = self._known.get(network_id)
        return known is None or (known[1] == project_id and not known[2])

    def network(self, network_id: str, project_id: str) -> dict[str, str]:
        """The reference of something of that project to a network."""
        own = self.is_own(network_id, project_id)
        return ref(ResourceKind.NETWORK if own else ResourceKind.EXTERNAL_NETWORK, network_id)

    def subnet(self, subnet_id: str, network_id: str, project_id: str) -> dict[str, str]:
        """The reference of something of that project to a subnet of a network."""
        own = self.is_own(network_id, project_id)
        return ref(ResourceKind.SUBNET if own else ResourceKind.EXTERNAL_SUBNET, subnet_id)


def fixed_ips(index: NetworkIndex, row: dict[str, Any]) -> list[dict[str, Any]]:
    """All addresses of a port's row, sorted."""
    network_id, owner = str(row["network_id"]), owner_of(row)
    made = [
        {"subnet": index.subnet(str(each["subnet_id"]), network_id, owner), "ip_address": each["ip_address"]}
        for each in row.get("fixed_ips") or []
    ]
    return sorted(made, key=lambda each: (str(each["subnet"]), str(each["ip_address"])))
