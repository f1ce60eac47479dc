"""Chooses which of a tenant's things are safe to try on, as administrator, and what their attributes are now. Used by prober.py.

Only deletions are dangerous, so each of them has a kind of its own that is chosen more strictly: `network_in_use`, `subnet_in_use`,
`router_in_use`, `router_port`, `default_security_group`, `volume_in_use`; and `attached_volume` is one that cannot be snapshotted unforced.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pumphouse.domain.errors import CloudRefusedError, NotFoundError
from pumphouse.drivers.openstack.transport import Params, Rows, Transport

_LOCK_VERSION: Final = "2.9"
"""The first that shows whether a server is locked."""
_SOME: Final = 200
"""One page of a list is enough to choose from."""
_ROUTER_OWNERS: Final = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)


@dataclass(frozen=True, slots=True)
class _Kind:
    service: str
    path: str
    one: str
    """The name in the body; "" for a flat one."""
    microversion: str = ""


_KINDS: Final[Mapping[str, _Kind]] = {
    "server": _Kind("compute", "/servers", "server", _LOCK_VERSION),
    "network": _Kind("network", "/networks", "network"),
    "subnet": _Kind("network", "/subnets", "subnet"),
    "router": _Kind("network", "/routers", "router"),
    "port": _Kind("network", "/ports", "port"),
    "security_group": _Kind("network", "/security-groups", "security_group"),
    "floating_ip": _Kind("network", "/floatingips", "floatingip"),
    "volume": _Kind("block-storage", "/volumes", "volume", "3.0"),
    "image": _Kind("image", "/images", ""),
}


class Targets:
    """Looks at a tenant's things in one cloud."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def choose(self, tenant_id: str) -> dict[str, str]:
        """Kind -> id; kinds that the tenant has nothing of are missing."""
        parts = self._http.gather(
            [
                lambda: self._of_nova(tenant_id),
                lambda: self._of_neutron(tenant_id),
                lambda: self._of_cinder(tenant_id),
                lambda: self._of_glance(tenant_id),
            ]
        )
        return {kind: str(row["id"]) for part in parts for kind, row in part.items() if row is not None}

    def is_locked(self, server_id: str) -> bool | None:
        """Whether a server is locked, by whomever; None when it is gone."""
        row = self.row("server", server_id)
        return None if row is None else bool(row.get("locked"))

    def attributes(self, places: Collection[str], targets: Mapping[str, str]) -> dict[str, Any]:
        """`network.name` -> what it is now, for those places whose thing is there."""
        kinds = sorted({place.partition(".")[0] for place in places} & set(targets))
        rows = self._http.gather([self._reading(kind, targets[kind]) for kind in kinds])
        by_kind = {kind: row for kind, row in zip(kinds, rows, strict=True) if row is not None}
        return {
            place: by_kind[kind][name]
            for place in places
            for kind, _, name in [place.partition(".")]
            if kind in by_kind and name in by_kind[kind]
        }

    def row(self, kind: str, id: str) -> Mapping[str, Any] | None:
        """One thing as the cloud shows it to the administrator, None when it is gone."""
        form = _KINDS[kind]
        try:
            body = self._http.get(form.service, f"{form.path}/{id}", microversion=form.microversion)
        except NotFoundError:
            return None
        row: Mapping[str, Any] = body[form.one] if form.one else body
        return row

    def is_gone(self, kind: str, id: str) -> bool:
        """Whether a thing of a kind, also one of the strict kinds, is there no more."""
        plain = _PLAIN.get(kind, kind)
        return plain in _KINDS and self.row(plain, id) is None

    def _reading(self, kind: str, id: str) -> Callable[[], Mapping[str, Any] | None]:
        return lambda: self.row(kind, id)

    def _of_nova(self, tenant_id: str) -> dict[str, Any]:
        params: Params = {"all_tenants": "1", "project_id": tenant_id, "limit": _SOME}
        rows = self._some("compute", "/servers/detail", "servers", params, _LOCK_VERSION)
        # one that is locked needs no lock of ours; one that is off misses the least should everything go wrong
        rows = [
            row for row in rows if not row.get("OS-EXT-STS:task_state") and row.get("status") != "DELETED"
        ]
        rows.sort(key=lambda row: (not row.get("locked"), row.get("status") not in {"SHUTOFF", "ERROR"}))
        return {"server": _first(rows)}

    def _of_neutron(self, tenant_id: str) -> dict[str, Any]:
        mine: Params = {"project_id": tenant_id, "limit": _SOME}
        networks = self._some("network", "/networks", "networks", mine)
        subnets = self._some("network", "/subnets", "subnets", mine)
        routers = self._some("network", "/routers", "routers", mine)
        ports = self._some("network", "/ports", "ports", mine)
        legs = self._some("network", "/ports", "ports", {**mine, "device_owner": _ROUTER_OWNERS})
        groups = self._some("network", "/security-groups", "security_groups", mine)
        addresses = self._some("network", "/floatingips", "floatingips", mine)
        # a port whose router is gone may be deleted by its owner, and holds nothing
        with_router = [leg for leg in legs if leg.get("device_id") in {row["id"] for row in routers}]
        holding = [*with_router, *(p for p in ports if str(p.get("device_owner")).startswith("compute:"))]
        held_networks = {port["network_id"] for port in holding}
        held_subnets = {ip["subnet_id"] for port in holding for ip in port.get("fixed_ips") or ()}
        network_in_use = _first([row for row in networks if row["id"] in held_networks])
        # an IPv6 subnet with automatic addresses may be deleted from under them
        subnet_in_use = _first(
            [row for row in subnets if row["id"] in held_subnets and row.get("ip_version") == 4]
        )
        routed = {port["device_id"] for port in with_router}
        router_in_use = _first([row for row in routers if row["id"] in routed])
        default_group = _first([row for row in groups if row.get("name") == "default"])
        own_ports = [p for p in ports if not str(p.get("device_owner")).startswith("network:")]
        return {
            "network": network_in_use or _first(networks),
            "network_in_use": network_in_use,
            "subnet": subnet_in_use or _first(subnets),
            "subnet_in_use": subnet_in_use,
            "router": router_in_use or _first(routers),
            "router_in_use": router_in_use,
            "port": _first(own_ports) or _first(ports),
            "router_port": _first(with_router),
            "security_group": default_group or _first(groups),
            "default_security_group": default_group,
            "floating_ip": _first(addresses),
        }

    def _of_cinder(self, tenant_id: str) -> dict[str, Any]:
        mine: Params = {"all_tenants": "1", "project_id": tenant_id, "limit": _SOME}
        volumes = self._some("block-storage", "/volumes/detail", "volumes", mine, "3.0")
        snapshots = self._some("block-storage", "/snapshots", "snapshots", mine, "3.0")
        attached = _first(
            [row for row in volumes if row.get("status") == "in-use" and row.get("attachments")]
        )
        with_snapshot = {row["volume_id"] for row in snapshots if row.get("status") == "available"}
        kept = attached or _first([row for row in volumes if row["id"] in with_snapshot])
        return {
            "volume": kept or _first([row for row in volumes if row.get("status") == "available"]),
            "volume_in_use": kept,
            "attached_volume": attached,
        }

    def _of_glance(self, tenant_id: str) -> dict[str, Any]:
        own = self._some(
            "image", "/images", "images", {"owner": tenant_id, "visibility": "all", "limit": _SOME}
        )
        own = [row for row in own if row.get("owner") == tenant_id]
        public = self._some("image", "/images", "images", {"visibility": "public", "limit": 1})
        return {"image": _first(own), "visible_image": _first([*own, *public])}

    def _some(self, service: str, path: str, key: str, params: Params, microversion: str = "") -> Rows:
        try:
            self._http.endpoint(service)
        except CloudRefusedError:
            return []  # this cloud has no such service
        rows: Rows = self._http.get(service, path, params=params, microversion=microversion)[key]
        return rows


_PLAIN: Final[Mapping[str, str]] = {
    "network_in_use": "network",
    "subnet_in_use": "subnet",
    "router_in_use": "router",
    "router_port": "port",
    "default_security_group": "security_group",
    "volume_in_use": "volume",
    "attached_volume": "volume",
    "visible_image": "image",
}


def _first(rows: Sequence[Any]) -> Any:
    return rows[0] if rows else None
