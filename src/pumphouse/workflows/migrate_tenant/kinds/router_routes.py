"""Static routes of routers: they need the interfaces that they lead through."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    kind=ResourceKind.ROUTER_ROUTES,
    title="static routes of a router",
    identity=Identity.OWN,
    late=True,
    part_of=ResourceKind.ROUTER,
    unordered=frozenset({"routes"}),
)
