"""What a fence asks of Keystone, and of the tenant's servers, networks and volumes. Implemented by drivers/openstack/tenants.py.

Errors as in ports/cloud.py. Reads are retried inside the driver; writes are idempotent, sent once, and answer quietly when there was nothing to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from pumphouse.domain.tenant import (
    EffectiveRole,
    Grant,
    Tenant,
    TenantPeople,
    TenantServer,
)


class TenantReader(Protocol):
    """Looks at tenants and their people."""

    def tenants(self) -> Sequence[Tenant]:
        """All projects of all domains, the domains' own pseudo projects left out."""
        ...

    def tenant(self, name_or_id: str) -> Tenant:
        """One project, by id, by name, or by `DOMAIN:NAME`.

        Raises:
            NotFoundError, AmbiguousError: a name that several domains have; the hint lists `DOMAIN:NAME` and id of each.
        """
        ...

    def people(self, tenant_id: str) -> TenantPeople:
        """Everything about who may do what in it. The number of requests grows with the users (application credentials can be listed per user
        only, with bounded concurrency), not with the grants.
        """
        ...

    def grants(self, tenant_id: str) -> Sequence[Grant]:
        """The assignments on the tenant itself, direct and inherited-to-below, with names. One request."""
        ...

    def effective(self, tenant_id: str) -> Sequence[EffectiveRole]:
        """What every user has in it in the end, with the sources."""
        ...

    def roles(self) -> Mapping[str, str]:
        """Name -> id of the roles that belong to no domain."""
        ...

    def implied(self) -> Mapping[str, frozenset[str]]:
        """Role id -> ids of the roles that it implies, directly and through others."""
        ...

    def service_types(self) -> Sequence[str]:
        """The official types of the services in the catalog (volumev3 is `block-storage`), sorted. Comes with the token."""
        ...

    def our_user_id(self) -> str:
        """The user that we are: his access is never touched."""
        ...


class GrantWriter(Protocol):
    """Changes assignments and makes the short-lived user of a probe."""

    def has_grant(self, grant: Grant) -> bool:
        """Whether this very assignment exists now."""
        ...

    def add_grant(self, grant: Grant) -> None:
        """Raises NotFoundError when its holder, role or place is gone."""
        ...

    def remove_grant(self, grant: Grant) -> None:
        """An assignment that is not there (or whose holder is gone) is no error."""
        ...

    def make_user(self, name: str, password: str) -> str:
        """A user in the domain of our own user (one that we may write); answers the id; one of that name that exists gets the new password."""
        ...

    def find_users(self, prefix: str) -> Mapping[str, str]:
        """Id -> name of the users of that domain whose names begin so."""
        ...

    def delete_user(self, user_id: str) -> None:
        """An unknown one is no error."""
        ...


class Belongings(Protocol):
    """The tenant's things, seen and locked by the administrator."""

    def tenant_servers(self, tenant_id: str) -> Iterator[TenantServer]:
        """Its servers, page by page."""
        ...

    def tenant_server(self, server_id: str) -> TenantServer | None:
        """One server, freshly read; None when it is gone."""
        ...

    def tenant_counts(self, tenant_id: str) -> Mapping[str, int]:
        """How many networks, subnets, routers, ports, floating_ips, security_groups, volumes, snapshots, images, servers it has."""
        ...

    def server_counts(self) -> Mapping[str, int]:
        """Tenant id -> number of servers, in one sweep over all servers."""
        ...

    def lock_server(self, server_id: str, reason: str) -> None:
        """Nova's admin lock (microversion 2.73 keeps the reason)."""
        ...

    def unlock_server(self, server_id: str) -> None:
        """Takes away any lock, the owner's too: the caller knows whether there was one."""
        ...

    def quotas(self, service: str, tenant_id: str) -> Mapping[str, int]:
        """The limits of a tenant that are set for it (nova, cinder, neutron); -1 is unlimited."""
        ...

    def usage(self, service: str, tenant_id: str) -> Mapping[str, int]:
        """What it uses, by the same names."""
        ...

    def set_quotas(self, service: str, tenant_id: str, limits: Mapping[str, int]) -> None:
        """Set these limits, leave others. For Nova and Cinder beyond usage checks (`force`) where they offer it."""
        ...


class Tenants(TenantReader, GrantWriter, Belongings, Protocol):
    """Everything about the tenants of one cloud. Safe for use by many threads."""

    environment: str
