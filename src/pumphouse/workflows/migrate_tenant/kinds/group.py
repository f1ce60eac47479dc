"""Groups that hold roles in the tenant."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.GROUP,
    "group",
    Identity.NAMED,
    scope=frozenset({"domain"}),
    adoptable=frozenset({"description"}),
    shared=True,
)
