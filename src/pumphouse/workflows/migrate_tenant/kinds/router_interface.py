"""Interfaces of routers: each joins a port that was made before to its router."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    kind=ResourceKind.ROUTER_INTERFACE,
    title="router interface",
    identity=Identity.OWN,
)
