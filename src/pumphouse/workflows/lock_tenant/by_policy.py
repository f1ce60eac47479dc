"""Means `policy`: one override file per service that denies every writing rule for all fenced tenants of the environment.

Several operations may rewrite one file at once. Each reads the file's version first, then the records of all fences, and writes only if the
version is still that: whoever writes last has seen everybody's records.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.fence import Fence, FenceEntry, Means
from pumphouse.ports.policy import PolicyHost, PolicyView
from pumphouse.workflows.lock_tenant.mechanism import Alteration, Drift, Mechanism
from pumphouse.workflows.lock_tenant.overrides import (
    FencedTenant,
    holds,
    lifted_text,
    override_text,
    writing_rules,
)
from pumphouse.workflows.lock_tenant.scene import STANDING, Scene

AT_ONCE = 5
WRITES_AT_MOST = 20
"""How often a write is tried anew because another operation wrote meanwhile."""


class PolicyOverride(Mechanism):
    """Denies by the services' own rules, on their next request."""

    means: ClassVar[Means] = Means.POLICY
    kind: ClassVar[str] = "policy"

    @override
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        # asking a service's code takes a second or two: the plan's words are made of what was asked once (`described`)
        return [Alteration(service, service) for service in services]

    @override
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        _bring_up_to_date(scene, entry.key)

    @override
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        tenant = _named(scene.standing_fence())
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="policy") as pool:
            found = pool.map(lambda entry: _wrong(scene, tenant, entry.key), entries)
            return [words for words in found if words]

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        # the entry no longer stands, so the tenant is not among those of the new text
        _bring_up_to_date(scene, entry.key)
        return None


def described(services: Sequence[str], views: Mapping[str, PolicyView]) -> Sequence[Alteration]:
    """The changes as the plan shows them."""
    planned = []
    for service in services:
        view = views[service]
        what = f"{len(writing_rules(view))} of {len(view.rules)} rules of {service} deny this tenant ({view.where})"
        planned.append(Alteration(service, service, what=what))
    return planned


def _wrong(scene: Scene, tenant: FencedTenant, service: str) -> str:
    view = _host(scene).view(service)
    if holds(view, tenant):
        return ""
    return f"the override of {service} ({view.where}) {'is not what we wrote' if view.ours else 'is gone'}"


def _named(fence: Fence) -> FencedTenant:
    return FencedTenant(fence.tenant_id, fence.tenant_name, fence.domain_id)


def fenced_tenants(scene: Scene, service: str) -> Sequence[FencedTenant]:
    """The tenants of the environment that the override of a service has to name now, by id."""
    found = []
    for fence in scene.tools.fences.fences(scene.environment):
        entries = scene.tools.fences.fence_entries(
            scene.environment, fence.tenant_id, kinds=[PolicyOverride.kind], key=service
        )
        if any(entry.state in STANDING for entry in entries):
            found.append(_named(fence))
    return sorted(found, key=lambda tenant: tenant.id)


def _bring_up_to_date(scene: Scene, service: str) -> None:
    host, fresh = _host(scene), False
    for _ in range(WRITES_AT_MOST):
        # the version before the records: see the module's docstring. A view of the plan will do for closing: the file's version tells whether it is still that,
        # and what stands is verified afterwards.
        view = host.view(service) if fresh else host.recent_view(service)
        tenants = fenced_tenants(scene, service)
        text = override_text(view, tenants) if tenants else lifted_text(view)
        if not fresh and (text == view.ours or not tenants):
            fresh = True
            continue
        if text == view.ours:
            return
        fresh = True
        try:
            host.write(service, text, expected=view.version)
        except ConflictError:
            continue
        return
    raise ConflictError(
        f"the policy override of {service} of {scene.environment} is rewritten by others again and again",
        hint="look who writes there, then retry",
    )


def _host(scene: Scene) -> PolicyHost:
    host = scene.policy
    if host is None:
        raise ConflictError(
            f"the deployer of {scene.environment} offers no place for policy overrides any more",
            hint=f"set it again: pumphouse env set {scene.environment} --deployer ...",
        )
    return host
