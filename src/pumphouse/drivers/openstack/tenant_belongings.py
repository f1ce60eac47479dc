"""A tenant's servers, networks, volumes and images, as the administrator sees, counts and locks them; tenants.py calls it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from pumphouse.domain.errors import CloudFaultError, NotFoundError
from pumphouse.domain.tenant import TenantServer
from pumphouse.drivers.openstack.listing import SERVER_VERSION, ServerListing
from pumphouse.drivers.openstack.transport import Params, Transport

LOCK_VERSION = "2.73"
"""From here on Nova keeps the reason of a lock, and shows it in 2.73 and later."""


class _Countable(NamedTuple):
    service: str
    path: str
    key: str
    params: Mapping[str, str]
    owner: str
    """the filter that names the tenant"""


_COUNTABLE: Mapping[str, _Countable] = {
    **{
        name: _Countable("network", f"/{name.replace('_', '-') if name == 'security_groups' else name.replace('_', '')}",
                         name.replace("_", "") if name == "floating_ips" else name, {"fields": "id"}, "project_id")
        for name in ("networks", "subnets", "routers", "ports", "floating_ips", "security_groups")
    },
    "volumes": _Countable("block-storage", "/volumes", "volumes", {"all_tenants": "1"}, "project_id"),
    "snapshots": _Countable("block-storage", "/snapshots", "snapshots", {"all_tenants": "1"}, "project_id"),
    "images": _Countable("image", "/images", "images", {}, "owner"),
    "servers": _Countable("compute", "/servers", "servers", {"all_tenants": "1"}, "project_id"),
}  # fmt: skip


class Belongings:
    """What tenants own."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def servers(self, tenant_id: str) -> Iterator[TenantServer]:
        """Its servers, page by page; none in a cloud without Nova."""
        if not self._http.offers("compute"):
            return
        params: Params = {"all_tenants": "1", "project_id": tenant_id}
        for rows in self._http.pages(
            "compute", "/servers/detail", "servers", params=params, microversion=SERVER_VERSION
        ):
            yield from map(_server, rows)

    def server(self, server_id: str) -> TenantServer | None:
        """One, freshly read; None when it is gone."""
        path = f"/servers/{quote(server_id, safe='')}"
        try:
            return _server(self._http.get("compute", path, microversion=SERVER_VERSION)["server"])
        except NotFoundError:
            return None

    def counts(self, tenant_id: str) -> dict[str, int]:
        """By kind; kinds of services that the cloud does not have are left out."""
        there = {
            service: self._http.offers(service) for service in {kind.service for kind in _COUNTABLE.values()}
        }
        kinds = {name: kind for name, kind in _COUNTABLE.items() if there[kind.service]}
        calls = [partial(self._count, kind, tenant_id) for kind in kinds.values()]
        return dict(zip(kinds, self._http.gather(calls), strict=True))

    def server_counts(self) -> dict[str, int]:
        """Tenant id -> servers, in one sweep that keeps no rows."""
        if not self._http.offers("compute"):
            return {}
        found: Counter[str] = Counter()
        for page in ServerListing(self._http, {}, _owner).pages():
            found.update(page)
        return dict(found)

    def lock(self, server_id: str, reason: str) -> None:
        """Nova's lock by an administrator; on a locked server it replaces lock and reason."""
        self._act(server_id, {"lock": {"locked_reason": reason[:255]} if reason else None})

    def unlock(self, server_id: str) -> None:
        """Takes away any lock."""
        self._act(server_id, {"unlock": None})

    def _act(self, server_id: str, body: Mapping[str, Any]) -> None:
        path = f"/servers/{quote(server_id, safe='')}"
        locked = "lock" in body
        if locked and not self._http.endpoint("compute").has(LOCK_VERSION):
            body = {"lock": None}
        try:
            self._http.write("compute", "POST", f"{path}/action", json=body, microversion=LOCK_VERSION)
        except CloudFaultError as fault:
            if not self._is(path, locked=locked):
                raise fault from None

    def _is(self, path: str, *, locked: bool) -> bool:
        """After a lock whose answer was lost."""
        try:
            row = self._http.get("compute", path, microversion=LOCK_VERSION)["server"]
        except CloudFaultError:
            return False
        return bool(row.get("locked")) == locked

    def _count(self, kind: _Countable, tenant_id: str) -> int:
        params: Params = {**kind.params, kind.owner: tenant_id}
        pages: Callable[..., Iterator[list[dict[str, Any]]]] = self._http.pages
        microversion = "2.1" if kind.service == "compute" else ""
        return sum(
            len(rows)
            for rows in pages(kind.service, kind.path, kind.key, params=params, microversion=microversion)
        )


def _server(row: Mapping[str, Any]) -> TenantServer:
    """A server in a cell that is down has only id, status UNKNOWN and owner."""
    return TenantServer(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        status=str(row.get("status") or "UNKNOWN"),
        task=str(row.get("OS-EXT-STS:task_state") or ""),
        locked=bool(row.get("locked")),
        locked_reason=str(row.get("locked_reason") or ""),
    )


def _owner(row: dict[str, Any]) -> str:
    return str(row.get("tenant_id") or "")
