"""Role assignments: made last, as the users may enter from then on. An assignment has no content beside what it is known by."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.ASSIGNMENT,
    "role assignment",
    Identity.NAMED,
    scope=frozenset({"holder", "role", "place", "inherited"}),
)
