"""What a crash has left of network things is recognised, and nothing else: ports that are alike but for their addresses are not mixed up."""

from typing import Any

from pumphouse.domain.resource import Move, MoveState, Resource, ResourceKind
from pumphouse.workflows.migrate_tenant.finding_again import _is_alike, _is_named
from pumphouse.workflows.migrate_tenant.kind import Choices, Kind
from pumphouse.workflows.migrate_tenant.kinds import KINDS

K = ResourceKind
SUBNET = {"$ref": "subnet/s"}
PORT: dict[str, Any] = {
    "network": {"$ref": "network/n"}, "description": "", "admin_state_up": True, "router": None, "mac_address": "fa:16:3e:00:00:01",
    "fixed_ips": [{"subnet": SUBNET, "ip_address": "10.0.0.5"}], "allowed_address_pairs": [], "port_security_enabled": True, "security_groups": [],
    "qos_policy": None, "dns_name": "", "dns_domain": "", "vnic_type": "normal", "extra_dhcp_opts": [], "numa_affinity_policy": None,
    "device_profile": None, "tags": ["a"],
}  # fmt: skip


def alike(kind: Kind, fields: dict[str, Any], found: dict[str, Any], choices: Choices | None = None) -> bool:
    return _is_alike(kind, kind.adjust(fields, choices or Choices()), Resource(kind.kind, "x", "", found))


def test_ports() -> None:
    kind = KINDS[K.PORT]
    other = {
        **PORT,
        "mac_address": "fa:16:3e:00:00:02",
        "fixed_ips": [{"subnet": SUBNET, "ip_address": "10.0.0.6"}],
    }
    assert alike(kind, PORT, PORT)
    assert alike(kind, PORT, {**PORT, "tags": []})
    assert not alike(kind, PORT, other)
    new = Choices(keep_addresses=False)
    assert alike(kind, PORT, other, new)
    assert not alike(
        kind, PORT, {**other, "fixed_ips": [{"subnet": {"$ref": "subnet/t"}, "ip_address": "10.1.0.6"}]}, new
    )
    assert not alike(kind, PORT, {**other, "network": {"$ref": "network/m"}}, new)


def test_interface_of_a_router_keeps_its_address_even_with_new_ones() -> None:
    leg = {**PORT, "router": {"$ref": "router/r"}}
    adjusted = KINDS[K.PORT].adjust(leg, Choices(keep_addresses=False))
    assert adjusted["fixed_ips"] == leg["fixed_ips"]
    assert adjusted["mac_address"] is None


def test_networks_whatever_their_type_but_not_whatever_their_mtu() -> None:
    kind = KINDS[K.NETWORK]
    source = {"mtu": 1450, "provider": {"type": "vxlan", "physical_network": "", "segment": 7}, "tags": []}
    there = {"mtu": 1450, "provider": {"type": "geneve", "physical_network": "", "segment": 9}, "tags": []}
    assert alike(kind, source, there)
    assert not alike(kind, source, {**there, "mtu": 1442})
    assert alike(kind, source, {**there, "mtu": 1442}, Choices(names={"network_mtu": {"1450": ""}}))
    assert not alike(kind, source, there, Choices(names={"network_type": {"vxlan": "vlan"}}))


def test_floating_ips() -> None:
    kind = KINDS[K.FLOATING_IP]
    source = {
        "address": "203.0.113.5",
        "port": {"$ref": "port/p"},
        "fixed_ip_address": "10.0.0.5",
        "port_forwardings": [],
        "tags": [],
    }
    there = {**source, "port": None, "fixed_ip_address": None}
    move = Move(
        "old",
        "t",
        "new",
        kind.kind,
        "f",
        "203.0.113.5",
        MoveState.INTENDED,
        details={"called": "203.0.113.5"},
    )
    for address, choices, expected in (
        ("203.0.113.5", Choices(), True),
        ("203.0.113.6", Choices(), False),
        ("203.0.113.6", Choices(keep_addresses=False), True),
        ("203.0.113.6", Choices(names={"address": {"203.0.113.5": ""}}), True),
    ):
        wanted = kind.adjust(source, choices)
        found = Resource(kind.kind, "x", address, {**there, "address": address})
        assert (_is_named(kind, move, wanted, found) and _is_alike(kind, wanted, found)) is expected
