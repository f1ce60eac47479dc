"""Addresses for the small networks of the smoke checks: those of documentation and benchmarks, beside whatever the external network uses."""

from ipaddress import IPv4Network, ip_network
from typing import Final

from pumphouse.domain.errors import PermanentError
from pumphouse.ports.workbench import Kind, Workbench

BLOCKS: Final = tuple(
    map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/24", "198.19.0.0/24"))
)
"""RFC 5737 and RFC 2544: nobody's own networks have them, but a test cloud's external network may."""


def small_network(bench: Workbench, external: str | None, number: int) -> str:
    """The CIDR of the `number`th network of 16 addresses that a router with a gateway in `external` can have, too: Neutron refuses overlaps.

    Raises:
        PermanentError: the external network covers all of them.
    """
    taken = [ip_network(cidr) for cidr in _cidrs(bench, external)]
    for block in BLOCKS:
        if not any(t.version == 4 and t.overlaps(block) for t in taken):
            return str(list(block.subnets(new_prefix=28))[number])
    raise PermanentError(
        "the external network has all addresses that the checks would use for a small network"
    )


def _cidrs(bench: Workbench, external: str | None) -> list[str]:
    if external is None:
        return []
    network = bench.look(Kind.NETWORK, external)
    subnets = network.details.get("subnets", ()) if network else ()
    found = (bench.look(Kind.SUBNET, subnet) for subnet in subnets)
    return [str(subnet.details["cidr"]) for subnet in found if subnet and "cidr" in subnet.details]
