"""Limits of the tenant: those that differ from the source's defaults are set, whatever the destination's defaults are."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.QUOTA,
    "quota",
    Identity.NAMED,
    at_least=frozenset({"limits", "by_type"}),
    adoptable=frozenset({"limits", "by_type"}),
    parallel=3,
)
