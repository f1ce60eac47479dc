"""Application credentials and trusts: their owners make them anew."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.CREDENTIAL, "credential", Identity.OWN, listed_only=True)
