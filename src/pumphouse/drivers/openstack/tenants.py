"""`ports.identity.Tenants` on a real OpenStack cloud; the toolbox makes one per environment. It only forwards to the files beside it."""

from collections.abc import Iterator, Mapping, Sequence

from typing_extensions import override

from pumphouse.domain.tenant import (
    EffectiveRole,
    Grant,
    Place,
    Tenant,
    TenantPeople,
    TenantServer,
)
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.identity import Identity
from pumphouse.drivers.openstack.tenant_belongings import Belongings
from pumphouse.drivers.openstack.tenant_credentials import Credentials
from pumphouse.drivers.openstack.tenant_grants import Grants, ProbeUsers
from pumphouse.drivers.openstack.tenant_people import People
from pumphouse.drivers.openstack.tenant_projects import Projects
from pumphouse.drivers.openstack.tenant_quotas import QuotaSets
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.clock import Clock
from pumphouse.ports.identity import Tenants


class OpenStackTenants(Tenants):
    """The tenants of one cloud. Safe for use by many threads; all requests share one token and one pool."""

    def __init__(
        self, environment: str, settings: CloudSettings, clock: Clock, identity: Identity | None = None
    ) -> None:
        self.environment = environment
        self._http = Transport(environment, settings, clock, identity)
        self._projects = Projects(self._http)
        self._grants = Grants(self._http)
        self._credentials = Credentials(self._http)
        self._people = People(self._http, self._projects, self._grants)
        self._users = ProbeUsers(self._http)
        self._belongings = Belongings(self._http)
        self._quotas = QuotaSets(self._http)

    def close(self) -> None:
        """Give back threads and connections."""
        self._http.close()

    # -- TenantReader

    @override
    def tenants(self) -> Sequence[Tenant]:
        return self._projects.each()

    @override
    def tenant(self, name_or_id: str) -> Tenant:
        return self._projects.find(name_or_id)

    @override
    def people(self, tenant_id: str) -> TenantPeople:
        return self._people.all_about(tenant_id)

    @override
    def grants(self, tenant_id: str) -> Sequence[Grant]:
        return self._grants.on(Place.PROJECT, tenant_id)

    @override
    def effective(self, tenant_id: str) -> Sequence[EffectiveRole]:
        return self._people.effective(tenant_id)

    @override
    def roles(self) -> Mapping[str, str]:
        return self._people.roles()

    @override
    def implied(self) -> Mapping[str, frozenset[str]]:
        return self._people.implied()

    @override
    def service_types(self) -> Sequence[str]:
        return self._http.services()

    @override
    def our_user_id(self) -> str:
        return self._users.our_id()

    # -- GrantWriter

    @override
    def has_grant(self, grant: Grant) -> bool:
        return self._grants.has(grant)

    @override
    def add_grant(self, grant: Grant) -> None:
        self._grants.add(grant)

    @override
    def remove_grant(self, grant: Grant) -> None:
        self._grants.remove(grant)

    @override
    def make_user(self, name: str, password: str) -> str:
        return self._users.make(name, password)

    @override
    def find_users(self, prefix: str) -> Mapping[str, str]:
        return self._users.find(prefix)

    @override
    def delete_user(self, user_id: str) -> None:
        self._users.delete(user_id)

    # -- Belongings

    @override
    def tenant_servers(self, tenant_id: str) -> Iterator[TenantServer]:
        return self._belongings.servers(tenant_id)

    @override
    def tenant_server(self, server_id: str) -> TenantServer | None:
        return self._belongings.server(server_id)

    @override
    def tenant_counts(self, tenant_id: str) -> Mapping[str, int]:
        return self._belongings.counts(tenant_id)

    @override
    def server_counts(self) -> Mapping[str, int]:
        return self._belongings.server_counts()

    @override
    def lock_server(self, server_id: str, reason: str) -> None:
        self._belongings.lock(server_id, reason)

    @override
    def unlock_server(self, server_id: str) -> None:
        self._belongings.unlock(server_id)

    @override
    def quotas(self, service: str, tenant_id: str) -> Mapping[str, int]:
        return self._quotas.limits(service, tenant_id)

    @override
    def usage(self, service: str, tenant_id: str) -> Mapping[str, int]:
        return self._quotas.usage(service, tenant_id)

    @override
    def set_quotas(self, service: str, tenant_id: str, limits: Mapping[str, int]) -> None:
        self._quotas.set(service, tenant_id, limits)
