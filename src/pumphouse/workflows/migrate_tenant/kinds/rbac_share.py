"""Shares of a tenant's network things with other projects."""

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind


def _obstacle(resource: Resource, choices: Choices) -> str:
    del choices
    if resource.fields["action"] != "access_as_external":
        return ""
    return "it gives access to an external network, and those are the operator's to give"


KIND = Kind(kind=ResourceKind.RBAC_SHARE, title="network share", identity=Identity.OWN, obstacle=_obstacle)
