"""What limits a tenant in one cloud: quotas with their use, free addresses of external networks, capacity of volume pools; resources.py asks for plans.

Answer of `Room.of`, JSON:

* `quotas`: service (`nova`, `neutron`, `cinder`) -> name -> `{"limit": -1 for none, "used": number, reservations included}`; {} for a tenant that does not exist yet.
* `addresses`: id of an external network -> `{"name", "total", "used", "free", "subnets": [{"id", "cidr", "total", "used", "free"}]}`, numbers of addresses.
* `volume_pools`: list of `{"name", "backend", "total_bytes", "free_bytes"}`; None for a number that the backend does not know (`unknown`, `infinite`).
* `gaps`: sentences about what could not be read.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError, NotFoundError
from pumphouse.drivers.openstack.resources.network_room import network_room
from pumphouse.drivers.openstack.tenant_quotas import QuotaSets
from pumphouse.drivers.openstack.transport import Transport

_SERVICES: Final = {"nova": "compute", "cinder": "block-storage"}
_GIB: Final = 1 << 30


class Room:
    """Reads limits."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport
        self._quotas = QuotaSets(transport)

    def of(self, tenant_id: str) -> Mapping[str, Any]:
        """All of it; "" as tenant leaves the quotas out."""
        gaps: list[str] = []
        services = list(_SERVICES) if tenant_id else []
        calls: list[Callable[[], Any]] = [
            partial(self._or_gap, gaps, "limits of networks", {}, partial(self._network, tenant_id)),
            partial(self._or_gap, gaps, "capacity of volume pools", [], self._pools),
            *(partial(self._or_gap, gaps, f"quotas of {each}", {}, partial(self._quota, each, tenant_id)) for each in services),
        ]  # fmt: skip
        network, pools, *quotas = self._http.gather(calls)
        neutron = {"neutron": network.get("quota", {})} if tenant_id else {}
        return {
            "quotas": {**dict(zip(services, quotas, strict=True)), **neutron},
            "addresses": network.get("external_networks", {}),
            "volume_pools": pools,
            "gaps": sorted(gaps),
        }

    def _or_gap(self, gaps: list[str], what: str, nothing: Any, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except (CloudFaultError, CloudRefusedError, CredentialsError, NotFoundError) as error:
            gaps.append(f"{what}: {error.message}")
            return nothing

    def _quota(self, service: str, tenant_id: str) -> dict[str, dict[str, int]]:
        if not self._http.offers(_SERVICES[service]):
            return {}
        limits = self._quotas.limits(service, tenant_id)
        used = self._quotas.usage(service, tenant_id)
        return {name: {"limit": limit, "used": used.get(name, 0)} for name, limit in sorted(limits.items())}

    def _network(self, tenant_id: str) -> Mapping[str, Any]:
        if not self._http.offers("network"):
            return {"quota": {}, "external_networks": {}}
        return network_room(self._http, tenant_id)

    def _pools(self) -> list[dict[str, Any]]:
        if not self._http.offers("block-storage"):
            return []
        rows = self._http.get("block-storage", "/scheduler-stats/get_pools", params={"detail": "True"})[
            "pools"
        ]
        return [_pool(row) for row in sorted(rows, key=lambda row: str(row["name"]))]


def _pool(row: Mapping[str, Any]) -> dict[str, Any]:
    said = row.get("capabilities") or {}
    return {
        "name": str(row["name"]),
        "backend": str(said.get("volume_backend_name") or ""),
        "total_bytes": _bytes(said.get("total_capacity_gb")),
        "free_bytes": _bytes(said.get("free_capacity_gb")),
    }


def _bytes(gib: object) -> int | None:
    """Drivers also say `unknown` and `infinite` (cinder/volume/driver.py)."""
    try:
        number = float(str(gib))
    except ValueError:
        return None
    return int(number * _GIB) if 0 <= number < float("inf") else None
