"""Address groups: lists of addresses that rules of security groups refer to."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    kind=ResourceKind.ADDRESS_GROUP,
    title="address group",
    identity=Identity.OWN,
)
