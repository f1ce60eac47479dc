"""Means `locks`: Nova's admin lock on each server. Weak: it stops the life cycle of servers, and nothing of networks, volumes and images."""

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.fence import LOCK_REASON, FenceEntry, Means
from pumphouse.workflows.lock_tenant.mechanism import Alteration, Drift, Mechanism
from pumphouse.workflows.lock_tenant.scene import Scene


class ServerLocks(Mechanism):
    """Locks what is not locked; what its owner had locked stays as it is, as our unlock would take his lock away."""

    means: ClassVar[Means] = Means.LOCKS
    kind: ClassVar[str] = "lock"

    @override
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        del services
        servers = scene.tenants.tenant_servers(scene.tenant_id)
        return [Alteration(s.id, s.name, {"name": s.name}, "locked by us") for s in servers if not s.locked]

    @override
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        scene.tenants.lock_server(entry.key, LOCK_REASON)

    @override
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        locked = {s.id: s.locked for s in scene.tenants.tenant_servers(scene.tenant_id)}
        return [
            f"server {e.data.get('name', e.key)} was unlocked by somebody"
            for e in entries
            if not locked.get(e.key, True)
        ]

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        found = scene.tenants.tenant_server(entry.key)
        if found is None:
            return Drift(f"server {entry.data.get('name', entry.key)} was deleted meanwhile")
        if found.locked and found.locked_reason not in ("", LOCK_REASON):
            return Drift(f"server {found.name} was locked by somebody else meanwhile ({found.locked_reason})")
        if found.locked:
            scene.tenants.unlock_server(entry.key)
        return None
