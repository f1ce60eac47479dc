"""Availability zones: the operator's; a zone stands only for one of the same service."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.ZONE, "availability zone", Identity.MAPPED, scope=frozenset({"service"}))
