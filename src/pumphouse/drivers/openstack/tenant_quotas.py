"""Limits of tenants in Nova, Cinder and Neutron, and what they use of them; tenants.py calls it."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from pumphouse.domain.errors import CloudFaultError, InvalidInputError
from pumphouse.drivers.openstack.transport import Params, Transport


class _Quotas(NamedTuple):
    service: str
    path: str
    key: str
    detail: str
    """where limits and usage are, below the path"""
    detail_params: Params
    used: str
    forced: bool = False
    """whether a limit below usage must be asked for with `force`: only Nova; Cinder and Neutron take it as it is"""


_OF: Mapping[str, _Quotas] = {
    "nova": _Quotas("compute", "/os-quota-sets", "quota_set", "/detail", {}, "in_use", forced=True),
    "cinder": _Quotas("block-storage", "/os-quota-sets", "quota_set", "", {"usage": "True"}, "in_use"),
    "neutron": _Quotas("network", "/quotas", "quota", "/details", {}, "used"),
}
_NOVA_VERSION = "2.1"
"""The oldest shape: later ones leave out what nova-network had, and an absent one could not be put back."""


class QuotaSets:
    """Quotas of tenants."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def limits(self, service: str, tenant_id: str) -> dict[str, int]:
        """What holds for the tenant, be it its own or the default. Empty when the cloud has no such service."""
        return {name: int(row["limit"]) for name, row in self._detail(service, tenant_id).items()}

    def usage(self, service: str, tenant_id: str) -> dict[str, int]:
        """By the same names. Reservations count as used: they are about to be."""
        used = _form(service).used
        return {
            name: int(row.get(used) or 0) + max(0, int(row.get("reserved") or 0))
            for name, row in self._detail(service, tenant_id).items()
        }

    def set(self, service: str, tenant_id: str, limits: Mapping[str, int]) -> None:
        """Set these, leave others."""
        form = _form(service)
        if not limits:
            return
        body: dict[str, Any] = dict(limits)
        if form.forced:
            body["force"] = True
        path = f"{form.path}/{quote(tenant_id, safe='')}"
        try:
            self._http.write(form.service, "PUT", path, json={form.key: body}, microversion=_version(form))
        except CloudFaultError as fault:
            if not self._are(service, tenant_id, limits):
                raise fault from None

    def _are(self, service: str, tenant_id: str, limits: Mapping[str, int]) -> bool:
        """After a write whose answer was lost."""
        try:
            now = self.limits(service, tenant_id)
        except CloudFaultError:
            return False
        return all(now.get(name) == limit for name, limit in limits.items())

    def _detail(self, service: str, tenant_id: str) -> dict[str, Mapping[str, Any]]:
        form = _form(service)
        if not self._http.offers(form.service):
            return {}
        path = f"{form.path}/{quote(tenant_id, safe='')}{form.detail}"
        body = self._http.get(form.service, path, params=form.detail_params, microversion=_version(form))
        return {name: row for name, row in body[form.key].items() if isinstance(row, dict)}


def _form(service: str) -> _Quotas:
    if service not in _OF:
        raise InvalidInputError("service", service, "it has no quotas", hint=f"one of {', '.join(_OF)}")
    return _OF[service]


def _version(form: _Quotas) -> str:
    return _NOVA_VERSION if form.service == "compute" else ""
