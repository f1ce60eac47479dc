"""Keypairs of the tenant's users; the same name with another key is a conflict, as a program may count on either."""

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind

KIND = Kind(ResourceKind.KEYPAIR, "keypair", Identity.NAMED, scope=frozenset({"user"}), shared=True)
