"""Which addresses things get in the destination, as the operator has chosen; the declarations of ports, routers and floating IPs ask."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from pumphouse.domain.resource import Resource
from pumphouse.workflows.migrate_tenant.kind import Choices

ADDRESSES: Final = "address"
"""Key of `Choices.names`: an external address -> the one to have instead, "" for any."""


def kept(address: str | None, choices: Choices) -> str | None:
    """The external address to ask for in place of this one; None when the cloud shall choose."""
    if address is None or not choices.keep_addresses:
        return None
    return choices.names.get(ADDRESSES, {}).get(address, address) or None


def in_pools(address: str, external_subnets: Iterable[Resource]) -> bool:
    """Whether one of these subnets gives out this address; for the planner. An administrator gets addresses outside of the pools, too, but only within
    the subnet (_validate_port_in_range_or_admin in neutron/db/l3_db.py), so the CIDR decides.
    """
    wanted = ipaddress.ip_address(address)
    return any(wanted in ipaddress.ip_network(each.fields["cidr"], strict=False) for each in external_subnets)
