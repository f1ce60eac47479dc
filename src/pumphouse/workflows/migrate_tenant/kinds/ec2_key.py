"""EC2 credentials: the same access key is the same credential; one with another secret is a conflict, as programs may count on either."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.EC2_KEY, "EC2 credential", Identity.NAMED)
