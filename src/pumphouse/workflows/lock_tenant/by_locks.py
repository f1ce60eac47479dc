"""Means `locks`: Nova's admin lock on each server. Weak: it stops the life cycle of servers, and nothing of networks, volumes and images."""

from collections.abc import Sequence
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.fence import FenceEntry, Means
from pumphouse.domain.tenant import TenantServer
from pumphouse.workflows.lock_tenant.mechanism import Alteration, Drift, Mechanism
from pumphouse.workflows.lock_tenant.scene import Scene

REASON = "pumphouse: its tenant is in maintenance"


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
        scene.tenants.lock_server(entry.key, REASON)

    @override
    def verify(self, scene: Scene, entry: FenceEntry) -> str:
        found = _find(scene, entry.key)
        return "" if found is None or found.locked else f"server {found.name} was unlocked by somebody"

    @override
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        found = _find(scene, entry.key)
        if found is None:
            return Drift(f"server {entry.data.get('name', entry.key)} was deleted meanwhile")
        if found.locked and found.locked_reason not in ("", REASON):
            return Drift(f"server {found.name} was locked by somebody else meanwhile ({found.locked_reason})")
        if found.locked:
            scene.tenants.unlock_server(entry.key)
        return None


def _find(scene: Scene, server_id: str) -> TenantServer | None:
    return scene.tenants.tenant_server(server_id)
