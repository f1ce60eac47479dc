"""Counts what a tenant has in services whose things Pumphouse does not move, so that nobody is surprised; resources.py asks for each inventory.

One list request per service. What the administrator cannot list for another tenant is said in words: Barbican shows secrets only to their own project, Swift
an account only to its own members and resellers' administrators.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pumphouse.domain.errors import CloudRefusedError, PumphouseError
from pumphouse.drivers.openstack.transport import Transport


@dataclass(frozen=True, slots=True)
class _Service:
    """A list of a service; `{tenant}` in path, params and headers is the tenant's id.

    Args:
        things: what it lists, as people call it.
        key: of the rows in the answer.
        owner: field of a row that names the tenant, checked again here: a service that does not know the filter would answer with everybody's.
    """

    things: str
    path: str
    key: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: tuple[str, ...] = ("project_id", "tenant_id")


_COUNTED: Final[Mapping[str, _Service]] = {
    "load-balancer": _Service("load balancers (Octavia)", "/v2.0/lbaas/loadbalancers", "loadbalancers", {"project_id": "{tenant}", "limit": "1000"}),
    # Designate lists other projects' zones only with this header (designate/api/middleware.py)
    "dns": _Service("DNS zones (Designate)", "/v2/zones", "zones", {"limit": "1000"}, headers={"X-Auth-Sudo-Project-ID": "{tenant}"}),
    "shared-file-system": _Service(
        "shared file systems (Manila)", "/shares/detail", "shares", {"all_tenants": "1", "project_id": "{tenant}"}
    ),
    "orchestration": _Service(
        "stacks (Heat)", "/stacks", "stacks", {"global_tenant": "True", "tenant": "{tenant}"}, owner=("project",)
    ),
    "container-infrastructure-management": _Service(
        "container clusters (Magnum)", "/v1/clusters", "clusters", {"all_tenants": "True"}
    ),
    "database": _Service("databases (Trove)", "/mgmt/instances", "instances", {"tenant_id": "{tenant}"}, owner=("tenant_id",)),
}  # fmt: skip

_UNSEEN: Final[Mapping[str, str]] = {
    "key-manager": "secrets (Barbican)",
    "object-store": "containers and objects (Swift)",
    "workflow": "workflows (Mistral)",
    "messaging": "queues (Zaqar)",
    "instance-ha": "failover segments (Masakari)",
    "backup": "backups (Freezer)",
}
"""What the administrator of another project is not shown."""

_ALSO_CALLED: Final = {
    "share": "shared-file-system",
    "sharev2": "shared-file-system",
    "container-infra": "container-infrastructure-management",
    "workflowv2": "workflow",
}


class Unmoved:
    """Looks into the services that are left out."""

    def __init__(self, transport: Transport) -> None:
        self._http = transport

    def sentences(self, tenant_id: str) -> list[str]:
        """One for each service in the catalog in which the tenant has something, or of which that cannot be told."""
        present = {_ALSO_CALLED.get(each, each): each for each in self._http.services()}
        unseen = [
            f"the cloud offers {things}; what the tenant has of these cannot be counted from outside, and none of it is moved"
            for name, things in _UNSEEN.items()
            if name in present
        ]
        counted = [name for name in _COUNTED if name in present]
        found = self._http.gather(
            [partial(self._sentence, name, present[name], tenant_id) for name in counted]
        )
        return [*(words for words in found if words), *unseen]

    def _sentence(self, name: str, called: str, tenant_id: str) -> str:
        service = _COUNTED[name]
        try:
            count = self._count(called, service, tenant_id)
        except PumphouseError as error:
            return f"the cloud offers {service.things}, which are not moved; the tenant's could not be counted: {error.message}"
        return f"{count} {service.things} of the tenant are not moved" if count else ""

    def _count(self, called: str, service: _Service, tenant_id: str) -> int:
        params = {name: value.format(tenant=tenant_id) for name, value in service.params.items()}
        headers = {name: value.format(tenant=tenant_id) for name, value in service.headers.items()}
        path = self._path(called, service.path)
        body = self._http.get_once(called, path, params=params, headers=headers)
        rows = body.get(service.key) if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise CloudRefusedError(f"GET {path} did not answer with a list")
        return sum(1 for row in rows if _is_of(row, service.owner, tenant_id))

    def _path(self, called: str, path: str) -> str:
        """Without the version where the endpoint's URL has one already."""
        version = path.split("/")[1]
        at = self._http.endpoint(called).url
        if version.startswith("v") and version[1:2].isdigit() and f"/{version.partition('.')[0]}" in at:
            return path.removeprefix(f"/{version}")
        return path


def _is_of(row: Mapping[str, Any], owner: tuple[str, ...], tenant_id: str) -> bool:
    said = next((str(row[name]) for name in owner if row.get(name)), tenant_id)
    return said == tenant_id
