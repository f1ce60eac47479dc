"""Floating IPs: with the same address where the pool allows. What they lead to is set when what is behind them moves."""

from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.resource import ResourceKind
from pumphouse.workflows.migrate_tenant.kind import Choices, Identity, Kind
from pumphouse.workflows.migrate_tenant.kinds.addresses import in_pools, kept

__all__ = ["KIND", "in_pools"]

LATER: Final = frozenset({"port", "fixed_ip_address", "port_forwardings"})
_NEW = "new addresses were asked for"


def _adjust(fields: Mapping[str, Any], choices: Choices) -> Mapping[str, Any]:
    adjusted = {**fields, "address": kept(fields["address"], choices)}
    if choices.keep_addresses:
        return adjusted
    forwardings = [{**each, "internal_ip_address": None} for each in fields["port_forwardings"]]
    return {**adjusted, "fixed_ip_address": None, "port_forwardings": forwardings}


KIND = Kind(
    kind=ResourceKind.FLOATING_IP,
    title="floating IP",
    identity=Identity.OWN,
    adjust=_adjust,
    on_purpose={
        "address": "the operator wants another address here",
        "fixed_ip_address": _NEW,
        "port_forwardings": _NEW,
    },
    completed=frozenset({"tags"}),
    unordered=frozenset({"port_forwardings"}),
    named_after="address",
    later=LATER,
    touched=LATER,
)
