"""One look at a tenant and its cloud for the plan: nothing is changed, services are asked what they enforce."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pumphouse.domain.errors import PumphouseError
from pumphouse.domain.fence import SERVICE_TYPES, SERVICES, Fence, Means
from pumphouse.domain.tenant import Tenant, TenantPeople, TenantServer
from pumphouse.ports.policy import Persona, PolicyHost, PolicyView
from pumphouse.workflows.lock_tenant.choice import Choice, Facts, choose
from pumphouse.workflows.lock_tenant.open_rules import open_rules
from pumphouse.workflows.lock_tenant.overrides import writing_rules
from pumphouse.workflows.lock_tenant.role_book import READER, RoleBook
from pumphouse.workflows.lock_tenant.scene import Scene

AT_ONCE = 5
TOKEN_CACHE_S = 300
"""keystonemiddleware's own default (`token_cache_time`), where a service's setting cannot be read."""
NAMES = {
    **{kind: name for name, kind in SERVICE_TYPES.items()},
    "volumev3": "cinder",
    "block-storage": "cinder",
}
NEVER_WRITTEN = frozenset({"placement"})
"""Services of the catalog that ordinary tenants cannot write to."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the plan is made of."""

    tenant: Tenant
    people: TenantPeople
    book: RoleBook
    servers: Sequence[TenantServer]
    facts: Facts
    choice: Choice
    views: Mapping[str, PolicyView]
    passed_by_reader: Mapping[str, tuple[int, int]]
    """service -> writing rules that a reader passes, and all writing rules; where its code could be asked"""
    unknown_services: Sequence[str]
    """services of the catalog that no fence knows"""
    fence: Fence | None
    deaf: Mapping[str, str] = field(default_factory=dict)
    """services whose policy could not be read, and why"""

    @property
    def token_cache_s(self) -> int:
        """How long the slowest of the services that a swap holds believes an old token."""
        held = self.choice.services_of(Means.ROLES)
        return max((self.cache_of(s) for s in held if s != "keystone"), default=0)

    def cache_of(self, service: str) -> int:
        """How long a service believes an old token, in seconds; Keystone looks at its own database."""
        view = self.views.get(service)
        return TOKEN_CACHE_S if view is None or view.token_cache_s is None else view.token_cache_s


def look(scene: Scene, wanted: Sequence[Means]) -> Look:
    """Ask Keystone, Nova and the deployer."""
    tenants = scene.tenants
    tenant = tenants.tenant(scene.tenant_id)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look") as pool:
        people = pool.submit(tenants.people, tenant.id)
        servers = pool.submit(lambda: list(tenants.tenant_servers(tenant.id)))
        types = pool.submit(tenants.service_types)
        reader = Persona(READER, (READER,), tenant.id, tenant.name, tenant.domain_id)
        views, verdicts, deaf = views_of(scene.policy, [reader] if Means.ROLES in wanted else [])
        present, unknown = _present(types.result())
        passed = _passed_by_reader(views, verdicts)
        facts = Facts(
            present=present,
            overridable=frozenset(views),
            honours={service: count == 0 for service, (count, _) in passed.items()},
        )
        return Look(
            tenant=tenant,
            people=people.result(),
            book=RoleBook.at(scene, people.result().grants),
            servers=servers.result(),
            facts=facts,
            choice=choose(facts, wanted),
            views=views,
            passed_by_reader=passed,
            unknown_services=unknown,
            fence=scene.fence,
            deaf=deaf,
        )


Verdicts = Mapping[str, Mapping[str, bool]]


def views_of(
    host: PolicyHost | None, personas: Sequence[Persona] = ()
) -> tuple[Mapping[str, PolicyView], Mapping[str, Verdicts], Mapping[str, str]]:
    """What each service enforces, and whom of these its rules let through. A service whose code does not answer is not overridden; the plan says so."""
    views: dict[str, PolicyView] = {}
    verdicts: dict[str, Verdicts] = {}
    deaf: dict[str, str] = {}
    if host is None:
        return views, verdicts, deaf

    def ask(service: str) -> tuple[PolicyView, Verdicts]:
        return host.look(service, personas) if personas else (host.view(service), {})

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="policy") as pool:
        asked = {s: pool.submit(ask, s) for s in host.services() if s in SERVICES}
        for service, answer in asked.items():
            try:
                views[service], verdicts[service] = answer.result()
            except PumphouseError as error:
                deaf[service] = error.message
    return views, verdicts, deaf


def _passed_by_reader(
    views: Mapping[str, PolicyView], verdicts: Mapping[str, Verdicts]
) -> Mapping[str, tuple[int, int]]:
    return {
        service: (len(open_rules(views[service], found[READER])), len(writing_rules(views[service])))
        for service, found in verdicts.items()
        if READER in found
    }


def _present(types: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    names = {NAMES.get(kind, kind) for kind in types}
    present = [service for service in SERVICES if service in names or service == "keystone"]
    return present, sorted(names - set(SERVICES) - NEVER_WRITTEN)
