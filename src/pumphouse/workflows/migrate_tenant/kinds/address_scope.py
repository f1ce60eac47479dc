"""Address scopes, the tenant's own and those shared with it."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds.network_sharing import the_same

KIND = Kind(
    kind=ResourceKind.ADDRESS_SCOPE,
    title="address scope",
    identity=Identity.NAMED,
    chosen=the_same,
)
