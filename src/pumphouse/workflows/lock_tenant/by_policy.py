"""Means `policy`: one override file per service that denies every writing rule for all fenced tenants of the environment.

Several operations may rewrite one file at once. Each reads the file's version first, then the records of all fences, and writes only if the
version is still that: whoever writes last has seen everybody's records.
"""

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.fence import FenceEntry, Means
from pumphouse.ports.policy import PolicyHost
from pumphouse.workflows.lock_tenant.mechanism import Alteration, Drift, Mechanism
from pumphouse.workflows.lock_tenant.overrides import FencedTenant, lifted_text, override_text, writing_rules
from pumphouse.workflows.lock_tenant.scene import STANDING, Scene

WRITES_AT_MOST = 20
"""How often a write is tried anew because another operation wrote meanwhile."""


class PolicyOverride(Mechanism):
    """Denies by the services' own rules, on their next request."""

    means: ClassVar[Means] = Means.POLICY
    kind: ClassVar[str] = "policy"

    @override
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        host = _host(scene)
        planned = []
        for service in services:
            view = host.view(service)
            count = len(writing_rules(view))
            what = f"{count} of {len(view.rules)} rules of {service} deny this tenant ({view.where})"
            planned.append(Alteration(service, service, {"where": view.where, "rules": count}, what))
        return planned

    @override
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        _bring_up_to_date(scene, entry.key)

    @override
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        wrong = []
        for entry in entries:
            view = _host(scene).view(entry.key)
            if view.ours != override_text(view, fenced_tenants(scene, entry.key)):
                state = "is not what we wrote" if view.ours else "is gone"
                wrong.append(f"the override of {entry.key} ({view.where}) {state}")
        return wrong

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        # the entry no longer stands, so the tenant is not among those of the new text
        _bring_up_to_date(scene, entry.key)
        return None


def fenced_tenants(scene: Scene, service: str) -> Sequence[FencedTenant]:
    """The tenants of the environment that the override of a service has to name now, by id."""
    found = []
    for fence in scene.tools.fences.fences(scene.environment):
        entries = scene.tools.fences.fence_entries(
            scene.environment, fence.tenant_id, kinds=[PolicyOverride.kind]
        )
        if any(entry.key == service and entry.state in STANDING for entry in entries):
            found.append(FencedTenant(fence.tenant_id, fence.tenant_name, fence.domain_id))
    return sorted(found, key=lambda tenant: tenant.id)


def _bring_up_to_date(scene: Scene, service: str) -> None:
    host = _host(scene)
    for _ in range(WRITES_AT_MOST):
        # the version before the records: see the module's docstring
        view = host.view(service)
        tenants = fenced_tenants(scene, service)
        text = override_text(view, tenants) if tenants else lifted_text(view)
        if text == view.ours:
            return
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
