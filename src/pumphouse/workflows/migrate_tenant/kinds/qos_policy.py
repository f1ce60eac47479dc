"""QoS policies, the tenant's own and those of the operator that it uses: one that is there already with the same rules is used, else the tenant gets its own."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds.network_sharing import the_same

KIND = Kind(
    kind=ResourceKind.QOS_POLICY,
    title="QoS policy",
    identity=Identity.NAMED,
    chosen=the_same,
    completed=frozenset({"rules", "tags"}),
)
