"""Users of the tenant. One that exists keeps what he has: groups and options are only added, and nobody is enabled or disabled by a migration."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.USER,
    "user",
    Identity.NAMED,
    scope=frozenset({"domain"}),
    free={
        "external": "one cloud may keep in Keystone whom the other knows from a directory: he is known by his name"
    },
    at_least=frozenset({"groups", "default_project", "options"}),
    adoptable=frozenset({"email", "description", "groups", "default_project"}),
    shared=True,
)
