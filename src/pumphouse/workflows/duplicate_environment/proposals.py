"""What is proposed for a setting that must be decided; pure functions by the name that decisions.toml gives them. The planner calls them."""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

FIRST_VLAN, LAST_VLAN = 2, 4094
"""1 is the native VLAN of most switches, 0 and 4095 are reserved (IEEE 802.1Q)."""
MOST_ADDRESSES: Final = 65536
"""Larger subnets are searched in their first addresses only."""
POOL: Final = 64
"""Addresses of a proposed pool, if there are as many."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A value, or None with the reason why there is none. `needed`: without an answer nothing is built."""

    value: Any
    note: str = ""
    needed: bool = False


def next_vlans(was: Any, taken: Sequence[Any]) -> Proposal:
    """For each range the next one of the same size that nobody uses on that physical network, above it or else below."""
    proposed: list[dict[str, Any]] = []
    used = [*was, *(row for ranges in taken for row in ranges or ())]
    for row in was:
        if row["minimum"] is None or row["maximum"] is None:
            proposed.append(dict(row))
            continue
        size = row["maximum"] - row["minimum"] + 1
        free = _free_vlans(str(row["physical_network"]), size, int(row["maximum"]), [*used, *proposed])
        if free is None:
            return Proposal(
                None, f"there are no {size} free VLANs in a row on {row['physical_network']}", needed=True
            )
        proposed.append(
            {"physical_network": row["physical_network"], "minimum": free, "maximum": free + size - 1}
        )
    return Proposal(proposed)


def other_pools(was: Any, taken: Sequence[Any]) -> Proposal:
    """The same networks and subnets, with pools of addresses that the original's pools leave free."""
    del taken
    notes: list[str] = []
    networks = []
    for network in was:
        subnets = []
        for subnet in network.get("subnets") or ():
            pools = _free_pools(subnet)
            if not pools:
                notes.append(f"{network['name']}: {subnet['cidr']} has no address left beside the original's")
                continue
            subnets.append({**subnet, "pools": pools, "dhcp": False})
        networks.append({**network, "subnets": subnets})
    return Proposal(networks, "; ".join(notes))


def by_deployer(was: Any, taken: Sequence[Any]) -> Proposal:
    """The deployer chooses."""
    del was, taken
    return Proposal(None)


PROPOSALS: Final[Mapping[str, Callable[[Any, Sequence[Any]], Proposal]]] = {
    "next_vlans": next_vlans,
    "other_pools": other_pools,
    "by_deployer": by_deployer,
    "by_operator": by_deployer,
}


def overlapping(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two lists of VLAN ranges share one."""
    return any(
        a["physical_network"] == b["physical_network"]
        and a["minimum"] is not None
        and b["minimum"] is not None
        and a["minimum"] <= b["maximum"]
        and b["minimum"] <= a["maximum"]
        for a in ours
        for b in theirs
    )


def _free_vlans(network: str, size: int, above: int, used: Sequence[Mapping[str, Any]]) -> int | None:
    for first in [*range(above + 1, LAST_VLAN - size + 2), *range(FIRST_VLAN, LAST_VLAN - size + 2)]:
        wanted = {"physical_network": network, "minimum": first, "maximum": first + size - 1}
        if not overlapping([wanted], used):
            return int(first)
    return None


def _free_pools(subnet: Mapping[str, Any]) -> list[dict[str, str]]:
    """The longest run of addresses outside the original's pools and gateway, at most POOL of them."""
    net = ipaddress.ip_network(subnet["cidr"], strict=False)
    held = [(int(_ip(p["start"])), int(_ip(p["end"]))) for p in subnet.get("pools") or ()]
    gateway = int(_ip(subnet["gateway"])) if subnet.get("gateway") else None
    first, last = int(net.network_address) + 1, int(net.broadcast_address)
    last = min(last - (1 if net.version == 4 else 0), first + MOST_ADDRESSES)
    best: tuple[int, int] | None = None
    start: int | None = None
    for address in range(first, last + 2):
        free = (
            address <= last and address != gateway and not any(low <= address <= high for low, high in held)
        )
        if free and start is None:
            start = address
        if not free and start is not None:
            if best is None or address - start > best[1] - best[0] + 1:
                best = (start, address - 1)
            start = None
    if best is None:
        return []
    family = ipaddress.IPv4Address if net.version == 4 else ipaddress.IPv6Address
    return [{"start": str(family(best[0])), "end": str(family(min(best[1], best[0] + POOL - 1)))}]


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)
