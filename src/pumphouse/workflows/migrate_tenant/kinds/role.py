"""Roles: a role is known by its name, as the services' policies know it."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.ROLE,
    "role",
    Identity.NAMED,
    scope=frozenset({"domain"}),
    unordered=frozenset({"implies"}),
    shared=True,
    ours=frozenset({"implies"}),
    completed=frozenset({"implies"}),
    free={
        "description": "releases describe the roles that they bring in their own words",
        "implies": "what a role implies that exists is its own cloud's decision",
        "immutable": "whether a role may be changed is its own cloud's decision",
    },
)
