"""Flavors of the tenant's servers. One that exists must be equal: other tenants have servers of it."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(
    ResourceKind.FLAVOR,
    "flavor",
    Identity.NAMED,
    free={
        "flavor_id": "its id is kept where it is free in the destination",
        "description": "a flavor that exists keeps its own description",
    },
    at_least=frozenset({"access"}),
    adoptable=frozenset({"access"}),
    completed=frozenset({"extra_specs"}),
    shared=True,
    # Nova writes a flavor's parts in several transactions, and few are ever missing
    parallel=4,
)
