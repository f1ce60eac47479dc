"""What the drivers of kinds work with: the administrator's requests, the clock, and requests from inside a tenant. Made by resources.py.

Nova makes servers and server groups only in the project of the token, and Cinder volumes and snapshots likewise: there is no field for another owner (see
create_server in nova/api/openstack/compute/servers.py, `project_id = context.project_id`). So our own user enters the tenant for the time of a migration: he gets
the role with which he is administrator elsewhere, and a token for that project. The workflow takes the role away (`leave`), as nobody else knows when it is done.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from pumphouse.domain.errors import CloudRefusedError, CredentialsError
from pumphouse.domain.tenant import Grant, HolderKind, Place
from pumphouse.drivers.openstack.tenant_grants import Grants
from pumphouse.drivers.openstack.tenant_projects import keystone_rows
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock

ADMIN: Final = "admin"
_RESCOPABLE: Final = frozenset({"password", "v3password"})
"""Kinds of authentication that get a token for another project: an application credential is bound to its own."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Given to every driver of a kind."""

    http: Transport
    """as the administrator, in his own project"""
    clock: Clock
    inside: Callable[[str], Transport]
    """tenant id -> the same user with a token for that tenant. Raises CredentialsError when he cannot get one."""


class Insides:
    """The tenants that our own user has entered. Safe for use by many threads."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._http = transport
        self._clock = clock
        self._grants = Grants(transport)
        self._lock = threading.Lock()
        self._open: dict[str, Transport] = {}

    def of(self, tenant_id: str) -> Transport:
        """Requests from inside a tenant; enters it when that was not done yet."""
        with self._lock:
            if tenant_id not in self._open:
                self._open[tenant_id] = self._enter(tenant_id)
            return self._open[tenant_id]

    def is_inside(self, tenant_id: str) -> bool:
        """Whether our user has the role in the tenant, given by us or not; our own project counts as entered."""
        return tenant_id == self._http.project_id() or self._grants.has(self._grant(tenant_id))

    def leave(self, tenant_id: str) -> None:
        """Take the role away; our own project is never left."""
        if tenant_id == self._http.project_id():
            return
        with self._lock:
            opened = self._open.pop(tenant_id, None)
        if opened is not None:
            opened.close()
        self._grants.remove(self._grant(tenant_id))

    def close(self) -> None:
        """Give back connections; the roles stay, for those who go on."""
        with self._lock:
            for transport in self._open.values():
                transport.close()
            self._open.clear()

    def _enter(self, tenant_id: str) -> Transport:
        settings = self._http.settings
        if settings.auth_type not in _RESCOPABLE:
            raise CredentialsError(
                f"{self._http.environment}: with {settings.auth_type} our user gets no token for tenant {tenant_id}, so nothing can be made in it",
                hint="give the environment an entry with user and password: `pumphouse env set --cloud ENTRY`",
            )
        if not self.is_inside(tenant_id):
            self._grants.add(self._grant(tenant_id))
        auth = {
            name: value
            for name, value in settings.auth.items()
            if not name.startswith(("project_", "tenant_", "domain_")) and name != "system_scope"
        }
        # endpoints that the operator named hold the id of our own project where a service has it in its path (Cinder)
        own, overrides = self._http.project_id(), settings.endpoint_overrides
        moved = {
            name: url.replace(own, tenant_id) if own and own in url else url
            for name, url in overrides.items()
        }
        changed = replace(settings, auth={**auth, "project_id": tenant_id}, endpoint_overrides=moved)
        return Transport(self._http.environment, changed, self._clock)

    def _grant(self, tenant_id: str) -> Grant:
        rows = keystone_rows(self._http, "/roles", "roles", {"name": ADMIN})
        role = next((str(row["id"]) for row in rows if not row.get("domain_id")), "")
        if not role:
            raise CloudRefusedError(
                f"{self._http.environment} has no role {ADMIN}, with which Pumphouse enters tenants",
                hint="make the role, and let the policy of the cloud's services know it as their administrator's",
            )
        return Grant(HolderKind.USER, self._http.user()[0], role, Place.PROJECT, tenant_id)
