"""The tenant itself."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.PROJECT,
    "project",
    Identity.NAMED,
    scope=frozenset({"domain"}),
    free={
        "parent": "projects above a tenant are not made: where the destination has none of these names it stands directly below its domain"
    },
    adoptable=frozenset({"description", "tags"}),
)
