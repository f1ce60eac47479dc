"""An in-memory `ports.identity.Tenants`; how to build it, look into it and make it fail stands in tests/fakes/keystone.py.

Every answer can be pickled, so that crash tests can hold it in another process.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from typing_extensions import override

from pumphouse.domain.errors import AmbiguousError, CloudRefusedError, InvalidInputError, NotFoundError
from pumphouse.domain.tenant import (
    EffectiveRole,
    Grant,
    HolderKind,
    Place,
    Source,
    Tenant,
    TenantPeople,
    TenantServer,
)
from pumphouse.ports.identity import Tenants
from tests.fakes.keystone import DEFAULT, FakeGroup, FakeUser, Keystone

__all__ = ["FakeGroup", "FakeTenants", "FakeUser"]

QUOTAS: Mapping[str, Mapping[str, int]] = {
    "nova": {"instances": 10, "cores": 20, "ram": 51200},
    "cinder": {"volumes": 10, "gigabytes": 1000, "snapshots": 10, "per_volume_gigabytes": -1},
    "neutron": {
        "network": 100,
        "subnet": 100,
        "port": 500,
        "router": 10,
        "floatingip": 50,
        "security_group": 10,
    },
}
TYPES = {"nova": "compute", "cinder": "block-storage", "neutron": "network"}


class FakeTenants(Keystone, Tenants):
    """One cloud's tenants in memory."""

    # -- TenantReader

    @override
    def tenants(self) -> Sequence[Tenant]:
        with self.call("tenants"):
            return sorted(self.projects.values(), key=lambda tenant: (tenant.domain_name, tenant.name))

    @override
    def tenant(self, name_or_id: str) -> Tenant:
        with self.call("tenant", name_or_id):
            found = [t for t in self.projects.values() if t.id == name_or_id]
            found = found or [t for t in self.projects.values() if t.name == name_or_id]
            domain, _, name = name_or_id.partition(":")
            found = found or [
                t for t in self.projects.values() if t.name == name and domain in (t.domain_id, t.domain_name)
            ]
            if not found:
                raise NotFoundError("tenant", name_or_id)
            if len(found) > 1:
                those = "; ".join(f"{t.domain_name}:{t.name} ({t.id})" for t in found)
                raise AmbiguousError(
                    f"several domains have a tenant {name_or_id!r}", hint=f"name one of {those}"
                )
            return found[0]

    @override
    def people(self, tenant_id: str) -> TenantPeople:
        with self.call("people", tenant_id):
            tenant = self._project(tenant_id)
            roles = self._roles_in(tenant)
            return TenantPeople(
                tenant=tenant,
                grants=tuple(self._grants_on(tenant_id)),
                roles=tuple(roles),
                application_credentials=tuple(
                    credential
                    for credential in self.credentials.values()
                    if credential.project_id == tenant_id
                ),
                trusts=tuple(trust for trust in self.all_trusts.values() if trust.project_id == tenant_id),
                ec2_credentials={
                    user: count
                    for (user, project), count in self.ec2.items()
                    if project == tenant_id and count
                },
                federated=tuple(self.mappings),
            )

    @override
    def grants(self, tenant_id: str) -> Sequence[Grant]:
        with self.call("grants", tenant_id):
            return self._grants_on(self._project(tenant_id).id)

    @override
    def effective(self, tenant_id: str) -> Sequence[EffectiveRole]:
        with self.call("effective", tenant_id):
            return self._roles_in(self._project(tenant_id))

    @override
    def roles(self) -> Mapping[str, str]:
        with self.call("roles"):
            return dict(self.role_ids)

    @override
    def implied(self) -> Mapping[str, frozenset[str]]:
        with self.call("implied"):
            return {role: self.closure(role) for role in self.role_ids.values() if self.closure(role)}

    @override
    def service_types(self) -> Sequence[str]:
        with self.call("service_types"):
            return list(self.catalog)

    @override
    def our_user_id(self) -> str:
        return self.us.id

    # -- GrantWriter

    @override
    def has_grant(self, grant: Grant) -> bool:
        with self.call("has_grant", grant.key):
            return grant.key in self.assignments

    @override
    def add_grant(self, grant: Grant) -> None:
        with self.call("add_grant", grant.key, writes=True):
            self.assignments.setdefault(grant.key, self.named(grant))

    @override
    def remove_grant(self, grant: Grant) -> None:
        with self.call("remove_grant", grant.key, writes=True):
            self.assignments.pop(grant.key, None)

    @override
    def make_user(self, name: str, password: str) -> str:
        with self.call("make_user", name, writes=True):
            known = [user for user in self.users.values() if (user.name, user.domain_id) == (name, DEFAULT)]
            user = known[0] if known else self.add_user(name)
            user.password = password
            return user.id

    @override
    def find_users(self, prefix: str) -> Mapping[str, str]:
        with self.call("find_users", prefix):
            ours = [user for user in self.users.values() if user.domain_id == DEFAULT]
            return {user.id: user.name for user in ours if user.name.startswith(prefix)}

    @override
    def delete_user(self, user_id: str) -> None:
        with self.call("delete_user", user_id, writes=True):
            self.drop_user(user_id)

    # -- Belongings

    @override
    def tenant_servers(self, tenant_id: str) -> Iterator[TenantServer]:
        with self.call("tenant_servers", tenant_id):
            return iter([server for project, server in self.servers.values() if project == tenant_id])

    @override
    def tenant_server(self, server_id: str) -> TenantServer | None:
        with self.call("tenant_server", server_id):
            return self.servers[server_id][1] if server_id in self.servers else None

    @override
    def tenant_counts(self, tenant_id: str) -> Mapping[str, int]:
        with self.call("tenant_counts", tenant_id):
            servers = sum(1 for project, _ in self.servers.values() if project == tenant_id)
            return {**self.counts[tenant_id], "servers": servers}

    @override
    def server_counts(self) -> Mapping[str, int]:
        with self.call("server_counts"):
            return dict(Counter(project for project, _ in self.servers.values()))

    @override
    def lock_server(self, server_id: str, reason: str) -> None:
        with self.call("lock_server", server_id, reason, writes=True):
            self.change_server(server_id, locked=True, locked_reason=reason)

    @override
    def unlock_server(self, server_id: str) -> None:
        with self.call("unlock_server", server_id, writes=True):
            self.change_server(server_id, locked=False, locked_reason="")

    @override
    def quotas(self, service: str, tenant_id: str) -> Mapping[str, int]:
        with self.call("quotas", service, tenant_id):
            return self._limits(service, tenant_id)

    @override
    def usage(self, service: str, tenant_id: str) -> Mapping[str, int]:
        with self.call("usage", service, tenant_id):
            used = self.used.get((service, tenant_id), {})
            return {name: used.get(name, 0) for name in self._limits(service, tenant_id)}

    @override
    def set_quotas(self, service: str, tenant_id: str, limits: Mapping[str, int]) -> None:
        with self.call("set_quotas", service, tenant_id, writes=True):
            present = self._limits(service, tenant_id)
            if set(limits) - set(present):
                raise CloudRefusedError(f"400: {service} has no quota {sorted(set(limits) - set(present))}")
            self.limits[service, tenant_id] = {**present, **limits}
            if self.limits[service, tenant_id] == QUOTAS[service]:  # nobody can tell it from never set
                del self.limits[service, tenant_id]

    def close(self) -> None:
        """Nothing to give back."""

    # -- inside

    def change_server(self, server_id: str, **values: object) -> None:
        """Let something happen to a server."""
        if server_id not in self.servers:
            raise NotFoundError("server", server_id)
        project, server = self.servers[server_id]
        self.servers[server_id] = (project, replace(server, **values))  # type: ignore[arg-type]  # tests give any field

    def _project(self, tenant_id: str) -> Tenant:
        if tenant_id not in self.projects:
            raise NotFoundError("tenant", tenant_id)
        return self.projects[tenant_id]

    def _grants_on(self, tenant_id: str) -> list[Grant]:
        return [
            grant
            for grant in self.assignments.values()
            if grant.place is Place.PROJECT and grant.place_id == tenant_id
        ]

    def _roles_in(self, tenant: Tenant) -> list[EffectiveRole]:
        found = [
            self._effective(user_id, role_id, grant)
            for grant in self.reaching(tenant.id)
            for user_id in self.holders(grant)
            for role_id in {grant.role_id, *self.closure(grant.role_id)}
        ]
        found += [
            self._effective(user_id, grant.role_id, grant)
            for grant in self.assignments.values()
            if not grant.inherited
            and (
                grant.place is Place.SYSTEM
                or (grant.place is Place.DOMAIN and grant.place_id == tenant.domain_id)
            )
            for user_id in self.holders(grant)
        ]
        return sorted(
            found, key=lambda role: (role.user_domain, role.user_name, role.role_name, role.grant_key)
        )

    def _effective(self, user_id: str, role_id: str, grant: Grant) -> EffectiveRole:
        grouped = grant.holder_kind is HolderKind.GROUP
        sources = {Source.GROUP} if grouped else set[Source]()
        words = [f"group {grant.holder_name}"] if grouped else []
        if grant.inherited:
            sources.add(Source.INHERITED)
            words.append(f"inherited from {grant.place} {grant.place_name}")
        elif grant.place is not Place.PROJECT:
            sources.add(Source.SYSTEM if grant.place is Place.SYSTEM else Source.DOMAIN)
            words.insert(
                0, "on the system" if grant.place is Place.SYSTEM else f"on domain {grant.place_name}"
            )
        sources = sources or {Source.DIRECT}
        names = {each: name for name, each in self.role_ids.items()}
        if role_id != grant.role_id:
            sources.add(Source.IMPLIED)
            words.append(f"implied by {names[grant.role_id]}")
        user = self.users[user_id]
        return EffectiveRole(
            user_id, user.name, self.domains[user.domain_id], role_id, names[role_id], frozenset(sources), ", ".join(words), grant.key
        )  # fmt: skip

    def _limits(self, service: str, tenant_id: str) -> dict[str, int]:
        if service not in QUOTAS:
            raise InvalidInputError("service", service, "it has no quotas")
        if TYPES[service] not in self.catalog:
            return {}
        return dict(self.limits.get((service, tenant_id), QUOTAS[service]))
