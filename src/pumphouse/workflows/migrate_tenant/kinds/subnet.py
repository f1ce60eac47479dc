"""Subnets of tenants' networks."""

from collections.abc import Mapping
from typing import Any

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind

_DELEGATED = "a delegated prefix is given anew by the destination's router"


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    del choices
    if not fields["prefix_delegation"]:
        return fields
    return {**fields, "cidr": None, "gateway_ip": None, "allocation_pools": None}


KIND = Kind(
    kind=ResourceKind.SUBNET,
    title="subnet",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose=dict.fromkeys(("cidr", "gateway_ip", "allocation_pools"), _DELEGATED),
    completed=frozenset({"tags"}),
    unordered=frozenset({"allocation_pools", "host_routes", "service_types"}),
    parallel=32,
)
