"""How the simulated Neutron gives addresses to ports. Used by neutron.py."""

import ipaddress
from typing import TYPE_CHECKING

from tests.simulated.neutron_rows import RefusedError, Row

if TYPE_CHECKING:
    from tests.simulated.neutron import SimulatedNeutron

INTERFACES = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)


def allocate(cloud: "SimulatedNeutron", port: Row, fixed_ips: list[Row]) -> None:
    """As a real one: where IPv6 addresses come of the MAC, they come to every port but to a router's, and only a router's may have others there."""
    others = [
        p
        for p in cloud.table("ports").values()
        if p["network_id"] == port["network_id"] and p["id"] != port["id"]
    ]
    taken = {ip["ip_address"] for each in others for ip in each["fixed_ips"]}
    if port["device_owner"] not in INTERFACES:
        _derive(cloud, port, fixed_ips)
    for wanted in fixed_ips:
        net = ipaddress.ip_network(cloud.row("subnets", wanted["subnet_id"])["cidr"])
        if "ip_address" not in wanted:
            wanted["ip_address"] = next(str(a) for a in net.hosts() if str(a) not in taken and a != net[1])
        if wanted["ip_address"] in taken:
            said = f"Unable to complete operation for network {port['network_id']}. The IP address {wanted['ip_address']} is in use."
            raise RefusedError(409, said)
        taken.add(wanted["ip_address"])


def _derive(cloud: "SimulatedNeutron", port: Row, fixed_ips: list[Row]) -> None:
    subnets = [s for s in cloud.table("subnets").values() if s["network_id"] == port["network_id"]]
    derived = {
        s["id"]: eui64(s["cidr"], port["mac_address"]) for s in subnets if s["ipv6_address_mode"] == "slaac"
    }
    for each in fixed_ips:
        if each["subnet_id"] in derived and each.get("ip_address") not in (None, derived[each["subnet_id"]]):
            raise RefusedError(
                400,
                "IPv6 address can not be directly assigned to a port on a subnet with automatic addresses",
            )
    fixed_ips[:] = [each for each in fixed_ips if each["subnet_id"] not in derived or "ip_address" in each]
    fixed_ips += [{"subnet_id": subnet, "ip_address": address} for subnet, address in derived.items()]


def eui64(cidr: str, mac: str) -> str:
    parts = [int(each, 16) for each in mac.split(":")]
    parts = [parts[0] ^ 2, *parts[1:3], 0xFF, 0xFE, *parts[3:]]
    return str(ipaddress.ip_network(cidr)[int.from_bytes(bytes(parts), "big")])
