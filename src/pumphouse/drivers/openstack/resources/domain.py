"""Keystone's domains: mapped, never made. Fields: none, a domain is only referred to.

Notes: `description`, `enabled`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import override

from pumphouse.domain.errors import CredentialsError
from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.drivers.openstack.resources.keystone import by_id
from pumphouse.drivers.openstack.resources.mapped import Mapped
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.tenant_projects import keystone_rows


class Domains(Mapped):
    """Domains of one Keystone."""

    kind = ResourceKind.DOMAIN

    def __init__(self, reach: Reach) -> None:
        self._http = reach.http

    @override
    def named(self, ids: Sequence[str]) -> Sequence[Resource]:
        try:
            rows = by_id(self._http, "/domains", "domain", ids)
        except CredentialsError:  # the admin of one domain may not look: ids must do
            rows = [{"id": each, "name": each} for each in ids]
        return [_resource(row) for row in rows]

    @override
    def candidates(self, tenant_id: str, wanted: Sequence[Resource]) -> Sequence[Resource]:
        return [_resource(row) for row in keystone_rows(self._http, "/domains", "domains")]


def _resource(row: Mapping[str, Any]) -> Resource:
    notes = {"description": str(row.get("description") or ""), "enabled": bool(row.get("enabled", True))}
    return Resource(ResourceKind.DOMAIN, str(row["id"]), str(row["name"]), {}, notes)
