"""Server groups: names are not unique, so only our own record tells them apart."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.SERVER_GROUP, "server group", Identity.OWN)
