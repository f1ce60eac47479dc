"""Use cases of tenants: list those of all environments at once, show one with its people, and find one by name or id."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pumphouse.domain.errors import AmbiguousError, CloudFaultError, NotFoundError, PumphouseError
from pumphouse.domain.fence import Fence
from pumphouse.domain.tenant import Tenant, TenantPeople, TenantServer
from pumphouse.ports.toolbox import Toolbox
from pumphouse.services.environments import Environments

AT_ONCE = 8
"""How many environments are asked at the same time."""


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """A tenant, how many servers it has, and the fence around it."""

    tenant: Tenant
    server_count: int
    fence: Fence | None = None


@dataclass(frozen=True, slots=True)
class TenantList:
    """The tenants of those environments that answered, and the errors of the others by environment name."""

    tenants: Sequence[ListedTenant]
    unreachable: Mapping[str, PumphouseError]


@dataclass(frozen=True, slots=True)
class ShownTenant:
    """Everything about a tenant: its people, its servers, how many of which things it has, and the fence around it."""

    people: TenantPeople
    servers: Sequence[TenantServer]
    counts: Mapping[str, int]
    fence: Fence | None = None


@dataclass(frozen=True, slots=True)
class ResolvedTenant:
    """What an operation needs to know of its tenant; `environment` is a name."""

    environment: str
    id: str
    name: str

    @property
    def params(self) -> Mapping[str, str]:
        """The parameters that all operations on a tenant have; the name is for people."""
        return {"environment": self.environment, "tenant": self.id, "name": self.name}


class Tenants:
    """Tenants of environments, with our fences merged in."""

    def __init__(self, *, environments: Environments, tools: Toolbox) -> None:
        self._environments = environments
        self._tools = tools

    def list(self, environment: str | None = None) -> TenantList:
        """The tenants of one environment or of all, asked concurrently, by environment and name.

        Raises:
            NotFoundError: no such environment.
            PumphouseError: the one environment asked for did not answer.
        """
        if environment is not None:
            return TenantList(self._of(self._environments.show(environment).name), {})
        names = [e.name for e in self._environments.list()]
        if not names:
            return TenantList([], {})
        tenants: list[ListedTenant] = []
        unreachable: dict[str, PumphouseError] = {}
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(names)), thread_name_prefix="tenants") as pool:
            asked = {name: pool.submit(self._of, name) for name in names}
            for name, answer in asked.items():
                try:
                    tenants.extend(answer.result())
                except PumphouseError as error:
                    unreachable[name] = error
        return TenantList(tenants, unreachable)

    def show(self, environment: str, tenant: str) -> ShownTenant:
        """One tenant, freshly read."""
        name, found = self._found(environment, tenant)
        cloud = self._tools.tenants(name)
        with ThreadPoolExecutor(max_workers=3, thread_name_prefix="tenant") as pool:
            people = pool.submit(cloud.people, found.id)
            servers = pool.submit(lambda: sorted(cloud.tenant_servers(found.id), key=lambda s: s.name))
            counts = pool.submit(cloud.tenant_counts, found.id)
            fence = self._tools.fences.fence(name, found.id)
            return ShownTenant(people.result(), servers.result(), counts.result(), fence)

    def resolve(self, environment: str, tenant: str) -> ResolvedTenant:
        """A tenant that is given by id, by name or by `DOMAIN:NAME`.

        A tenant that stands behind a fence of ours is known also when it is gone, or its cloud does not answer.

        Raises:
            NotFoundError: the hint lists the tenants that there are.
            AmbiguousError: several domains have the name.
        """
        name = self._environments.show(environment).name
        try:
            found = self._found(name, tenant)[1]
        except (NotFoundError, CloudFaultError):
            fence = self._fenced(name, tenant)
            if fence is None:
                raise
            return ResolvedTenant(name, fence.tenant_id, fence.tenant_name)
        return ResolvedTenant(name, found.id, found.name)

    def _found(self, environment: str, tenant: str) -> tuple[str, Tenant]:
        name = self._environments.show(environment).name
        cloud = self._tools.tenants(name)
        try:
            return name, cloud.tenant(tenant)
        except NotFoundError:
            known = sorted(t.name for t in cloud.tenants())
            some = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
            raise NotFoundError(
                "tenant",
                f"{name}/{tenant}",
                hint=f"tenants of {name}: {some}" if some else f"{name} has no tenant yet",
            ) from None

    def _fenced(self, environment: str, tenant: str) -> Fence | None:
        fences = self._tools.fences.fences(environment)
        for fence in fences:
            if tenant == fence.tenant_id:
                return fence
        named = [f for f in fences if tenant in {f.tenant_name, f"{f.domain_id}:{f.tenant_name}"}]
        if len(named) > 1:
            raise AmbiguousError(
                f"{environment} has several tenants {tenant!r} in maintenance",
                hint=f"name it by its id: {', '.join(f.tenant_id for f in named)}",
            )
        return named[0] if named else None

    def _of(self, environment: str) -> Sequence[ListedTenant]:
        cloud = self._tools.tenants(environment)
        tenants = cloud.tenants()
        counts = cloud.server_counts()
        fences = {f.tenant_id: f for f in self._tools.fences.fences(environment)}
        listed = [ListedTenant(t, counts.get(t.id, 0), fences.get(t.id)) for t in tenants]
        return sorted(listed, key=lambda one: (one.tenant.name, one.tenant.domain_name, one.tenant.id))
