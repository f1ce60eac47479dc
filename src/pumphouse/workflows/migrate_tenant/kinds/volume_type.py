"""Volume types: the operator's."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.VOLUME_TYPE, "volume type", Identity.MAPPED)
