"""Means `quotas`: limits pinned to what is used. Weak: nothing new is made, but everything may be changed and deleted."""

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.fence import FenceEntry, Means
from pumphouse.workflows.lock_tenant.mechanism import Alteration, Drift, Mechanism
from pumphouse.workflows.lock_tenant.scene import Scene

WITH_QUOTAS = ("nova", "cinder", "neutron")


class PinnedQuotas(Mechanism):
    """Pins the quotas of Nova, Cinder and Neutron."""

    means: ClassVar[Means] = Means.QUOTAS
    kind: ClassVar[str] = "quota"

    @override
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        planned = []
        for service in services:
            if service not in WITH_QUOTAS:
                continue
            before = dict(scene.tenants.quotas(service, scene.tenant_id))
            usage = scene.tenants.usage(service, scene.tenant_id)
            pinned = {name: usage[name] for name in before if name in usage and before[name] != usage[name]}
            if pinned:
                data = {"before": {name: before[name] for name in pinned}, "pinned": pinned}
                planned.append(
                    Alteration(service, service, data, f"{len(pinned)} limits set to what is used")
                )
        return planned

    @override
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        scene.tenants.set_quotas(entry.key, scene.tenant_id, entry.data["pinned"])

    @override
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        changed = {entry.key: _changed(scene, entry) for entry in entries}
        return [f"limits of {s} were changed by somebody: {', '.join(c)}" for s, c in changed.items() if c]

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        now = scene.tenants.quotas(entry.key, scene.tenant_id)
        before, pinned = entry.data["before"], entry.data["pinned"]
        ours = {name: value for name, value in before.items() if now.get(name) == pinned[name]}
        if ours:
            scene.tenants.set_quotas(entry.key, scene.tenant_id, ours)
        foreign = sorted(n for n in before if now.get(n) not in (pinned[n], before[n]))
        return (
            Drift(f"limits of {entry.key} set by somebody meanwhile stay: {', '.join(foreign)}")
            if foreign
            else None
        )


def _changed(scene: Scene, entry: FenceEntry) -> Sequence[str]:
    now = scene.tenants.quotas(entry.key, scene.tenant_id)
    return sorted(name for name, value in entry.data["pinned"].items() if now.get(name) != value)
