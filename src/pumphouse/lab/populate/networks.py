"""Makes a tenant's networks, router, security groups and keypair, as the tenant itself. Used by `run`."""

import ipaddress
from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openstack.network.v2.network import Network

from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.plan import MARK, PUBLIC_NETWORK, NetworkPlan, TenantPlan
from pumphouse.lab.populate.tasks import Outcome

ANYWHERE = "0.0.0.0/0"
# (protocol, first port, last port, from): None as source is the group itself
RULES: dict[str, tuple[tuple[str, int | None, int | None, str | None], ...]] = {
    "web": (
        ("icmp", None, None, ANYWHERE),
        ("tcp", 22, 22, ANYWHERE),
        ("tcp", 80, 80, ANYWHERE),
        ("tcp", 443, 443, ANYWHERE),
    ),
    "internal": (
        ("tcp", 22, 22, "10.0.0.0/8"),
        ("tcp", 5432, 5432, "10.0.0.0/8"),
        ("udp", 1024, 65535, None),
    ),
}


def ensure_public_network(admin: Door) -> Outcome:
    """The external network with addresses for floating IPs; the lab's own one is kept if it is there."""
    network = admin.network.find_network(PUBLIC_NETWORK)
    if network is not None and network.subnet_ids:
        return Outcome.KEPT
    if network is None:
        network = admin.network.create_network(
            name=PUBLIC_NETWORK,
            description=MARK,
            is_router_external=True,
            is_shared=False,
            provider_network_type="flat",
            provider_physical_network="public",
        )
    admin.network.create_subnet(
        name=f"{PUBLIC_NETWORK}-v4",
        description=MARK,
        network_id=network.id,
        ip_version=4,
        cidr="203.0.113.0/24",
        gateway_ip="203.0.113.1",
        allocation_pools=[{"start": "203.0.113.10", "end": "203.0.113.250"}],
        is_dhcp_enabled=False,
    )
    return Outcome.MADE


def ensure_network(tenant: Door, project_id: str, plan: NetworkPlan) -> Outcome:
    """A network with one subnet."""
    network = find_network(tenant, project_id, plan.name)
    if network is not None and network.subnet_ids:
        return Outcome.KEPT
    outcome = Outcome.MADE if network is None else Outcome.REPAIRED
    if network is None:
        network = tenant.network.create_network(name=plan.name, description=MARK)
    gateway = next(ipaddress.ip_network(plan.cidr).hosts())
    tenant.network.create_subnet(
        name=f"{plan.name}-v4",
        description=MARK,
        network_id=network.id,
        ip_version=4,
        cidr=plan.cidr,
        gateway_ip=str(gateway),
        dns_nameservers=["192.0.2.53"],
    )
    return outcome


def find_network(tenant: Door, project_id: str, name: str) -> Network | None:
    """The tenant's own network of that name: shared ones of others may have the same."""
    for network in tenant.network.networks(name=name, project_id=project_id):
        return network
    return None


def ensure_router(tenant: Door, project_id: str, plan: TenantPlan) -> Outcome:
    """The tenant's router with its gateway in the external network and a leg in each of the tenant's networks."""
    outcome = Outcome.KEPT
    public = tenant.network.find_network(PUBLIC_NETWORK, ignore_missing=False)
    router = next(iter(tenant.network.routers(name=plan.router, project_id=project_id)), None)
    if router is None:
        router = tenant.network.create_router(
            name=plan.router, description=MARK, external_gateway_info={"network_id": public.id}
        )
        outcome = Outcome.MADE
    elif not router.external_gateway_info:
        tenant.network.update_router(router, external_gateway_info={"network_id": public.id})
        outcome = Outcome.REPAIRED
    legs = {ip["subnet_id"] for port in tenant.network.ports(device_id=router.id) for ip in port.fixed_ips}
    for wanted in plan.networks:
        network = find_network(tenant, project_id, wanted.name)
        for subnet_id in network.subnet_ids if network else ():
            if subnet_id not in legs:
                tenant.network.add_interface_to_router(router, subnet_id)
                outcome = Outcome.REPAIRED if outcome is Outcome.KEPT else outcome
    return outcome


def ensure_security_groups(tenant: Door, project_id: str, plan: TenantPlan) -> Outcome:
    """Two groups with their rules; missing rules are added."""
    outcome = Outcome.KEPT
    for name in plan.security_groups:
        group = next(iter(tenant.network.security_groups(name=name, project_id=project_id)), None)
        if group is None:
            group = tenant.network.create_security_group(name=name, description=MARK)
            outcome = Outcome.MADE
        have = {
            (r["protocol"], r["port_range_min"], r["port_range_max"], r["remote_ip_prefix"])
            for r in group.security_group_rules
            if r["direction"] == "ingress"
        }
        missing = [r for r in RULES[name.removeprefix(f"{plan.name}-")] if r not in have]
        for rule in _rule_bodies(missing, group.id):
            tenant.network.create_security_group_rule(**rule)
            outcome = Outcome.REPAIRED if outcome is Outcome.KEPT else outcome
    return outcome


def _rule_bodies(
    rules: list[tuple[str, int | None, int | None, str | None]], group_id: str
) -> Iterator[dict[str, object]]:
    for protocol, first, last, source in rules:
        yield {
            "security_group_id": group_id,
            "direction": "ingress",
            "ether_type": "IPv4",
            "protocol": protocol,
            "port_range_min": first,
            "port_range_max": last,
            "remote_ip_prefix": source,
            "remote_group_id": None if source else group_id,
        }


def ensure_keypair(tenant: Door, name: str) -> Outcome:
    """A keypair of the tenant's operator. Nobody can log in to a guest of the fake hypervisor, so the private half is not kept."""
    if tenant.compute.find_keypair(name) is not None:
        return Outcome.KEPT
    public = Ed25519PrivateKey.generate().public_key()
    text = public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    # since 2.92 Nova makes no keys itself, so all releases are given one
    tenant.compute.create_keypair(name=name, public_key=f"{text} {name}")
    return Outcome.MADE
