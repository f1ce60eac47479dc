"""Networks of the operator's: external ones, and provider networks that tenants use."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    kind=ResourceKind.EXTERNAL_NETWORK,
    title="external network",
    identity=Identity.MAPPED,
)
