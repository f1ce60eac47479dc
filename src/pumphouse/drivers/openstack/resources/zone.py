"""Availability zones: mapped, never made. Id and name are SERVICE/NAME with SERVICE compute, volume or network: two services may each have a zone `nova`.

Fields: `service`, so that a zone is only mapped to one of the same service. Notes: `available`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.drivers.openstack.resources.mapped import Mapped
from pumphouse.drivers.openstack.resources.reach import Reach

_LISTS: Final = {
    "compute": ("compute", "/os-availability-zone", "availabilityZoneInfo", "2.1"),
    "volume": ("block-storage", "/os-availability-zone", "availabilityZoneInfo", ""),
    "network": ("network", "/availability_zones", "availability_zones", ""),
}


class Zones(Mapped):
    """Zones of one cloud."""

    kind = ResourceKind.ZONE

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        wanted = set(ids)
        services = sorted({each.partition("/")[0] for each in wanted} & set(_LISTS))
        return [each for each in self._of(services) if each.id in wanted]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return self._of(sorted({each.id.partition("/")[0] for each in wanted} & set(_LISTS)))

    def _of(self, services: Sequence[str]) -> list[Resource]:
        found = self._http.gather([partial(self._list, each) for each in services])
        return list({each.id: each for zones in found for each in zones}.values())

    def _list(self, service: str) -> list[Resource]:
        program, path, key, version = _LISTS[service]
        if not self._http.offers(program):
            return []
        try:
            rows = self._http.get(program, path, microversion=version)[key]
        except NotFoundError:  # Neutron without the extension availability_zone
            return []
        return [_resource(service, row) for row in rows]


def _resource(service: str, row: Mapping[str, Any]) -> Resource:
    """Nova and Cinder say `zoneName` and `zoneState`; Neutron `name` and `state`, once for routers and once for networks."""
    name = f"{service}/{row.get('zoneName') or row['name']}"
    state = row.get("zoneState")
    available = bool(state.get("available")) if isinstance(state, dict) else row.get("state") == "available"
    return Resource(ResourceKind.ZONE, name, name, {"service": service}, {"available": available})
