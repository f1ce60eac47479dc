"""Routers with their gateways."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds.addresses import kept


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    addresses = [
        {**each, "ip_address": address}
        for each in fields["gateway_addresses"]
        if (address := kept(each["ip_address"], choices))
    ]
    return {**fields, "gateway_addresses": addresses}


KIND = Kind(
    kind=ResourceKind.ROUTER,
    title="router",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose={"gateway_addresses": "the operator wants another external address here"},
    completed=frozenset({"tags"}),
    unordered=frozenset({"gateway_addresses", "availability_zone_hints"}),
)
