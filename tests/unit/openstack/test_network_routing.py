"""Ports, routers, trunks and floating IPs from one simulated Neutron to another."""

from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, ConflictError
from pumphouse.domain.resource import ref, translated
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.kinds.floating_ip import in_pools
from tests.simulated.server import Fault
from tests.unit.openstack.network_rig import (
    NEW_TENANT,
    TENANT,
    Cloud,
    K,
    both,
    mapped,
    moved,
    private,
    with_external,
)

NEW_ADDRESSES = Choices(keep_addresses=False)


def port_of(cloud: Cloud, network: str, subnet: str, *addresses: str, **values: Any) -> str:
    fixed = [{"subnet_id": subnet, "ip_address": each} for each in addresses]
    return cloud.sim.put(
        "ports",
        **{"project_id": TENANT, "network_id": network, "fixed_ips": fixed, "security_groups": [], **values},
    )


# -- ports


def test_port_with_everything(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    groups = [old.sim.put("security-groups", name=f"g{n}", project_id=TENANT) for n in range(5)]
    for group in groups:
        moved(old, new, K.SECURITY_GROUP, group, ids)
    port = port_of(
        old, network, subnet, "10.0.0.7", "10.0.0.5", name="nic", mac_address="fa:16:3e:aa:bb:cc", security_groups=groups, description="d",
        allowed_address_pairs=[{"ip_address": "10.0.0.99"}, {"ip_address": "10.1.0.0/16", "mac_address": "fa:16:3e:00:00:99"}],
        dns_name="web", dns_domain="example.org.", tags=["t"], device_id="server-1", device_owner="compute:nova", admin_state_up=False,
        extra_dhcp_opts=[{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}],
        **{"binding:vnic_type": "macvtap", "binding:host_id": "node-1"},
    )  # fmt: skip
    found = moved(old, new, K.PORT, port, ids)
    assert found.fields["mac_address"] == "fa:16:3e:aa:bb:cc"
    assert {each["ip_address"] for each in found.fields["fixed_ips"]} == {"10.0.0.5", "10.0.0.7"}
    assert {each["mac_address"] for each in found.fields["allowed_address_pairs"]} == {
        None,
        "fa:16:3e:00:00:99",
    }
    assert found.notes["device_owner"] == ""
    assert old.one(K.PORT, port).notes["host"] == "node-1"


def test_port_without_security_and_without_address(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    moved(old, new, K.PORT, port_of(old, network, subnet, port_security_enabled=False), ids)
    body = new.sim.posts("ports")[0].body["port"]
    assert body["fixed_ips"] == []
    assert body["security_groups"] == []
    assert body["port_security_enabled"] is False


def test_new_addresses(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    port = port_of(old, network, subnet, "10.0.0.77", mac_address="fa:16:3e:aa:bb:cc")
    found = moved(old, new, K.PORT, port, ids, NEW_ADDRESSES)
    assert found.fields["mac_address"] != "fa:16:3e:aa:bb:cc"
    assert [each["ip_address"] for each in found.fields["fixed_ips"]] != ["10.0.0.77"]
    assert [each["subnet"] for each in found.fields["fixed_ips"]] == [
        {"$ref": f"subnet/{ids[f'subnet/{subnet}']}"}
    ]


def test_neutrons_own_ports_are_nobodys(old: Cloud) -> None:
    network, subnet = private(old)
    for number, owner in enumerate(
        ("network:dhcp", "network:distributed", "network:router_gateway", "network:floatingip", "network:router_centralized_snat",
         "network:router_ha_interface", "neutron:LOADBALANCERV2", "Octavia", "manila:share")
    ):  # fmt: skip
        port_of(old, network, subnet, f"10.0.0.{number + 50}", device_owner=owner)
    router = old.sim.put("routers", project_id=TENANT)
    mine = [port_of(old, network, subnet, f"10.0.0.{number + 100}", device_owner=owner, device_id=router)
            for number, owner in enumerate(("", "compute:az1", "network:router_interface_distributed", "trunk:subport", "my:vip"))]  # fmt: skip
    found = old[K.PORT].of_tenant(TENANT)
    assert [each.id for each in found] == mine
    assert [bool(each.notes.get("remarks")) for each in found] == [False] * 4 + [True]


@pytest.mark.parametrize("wanted", [["10.0.0.2"], ["10.0.0.2", "10.0.0.9"]])
def test_an_own_port_of_neutrons_makes_way(old: Cloud, new: Cloud, wanted: list[str]) -> None:
    new.sim.steals = True
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    thief = next(iter(new.sim.table("ports").values()))
    assert thief["fixed_ips"][0]["ip_address"] == "10.0.0.2"
    port = port_of(old, network, subnet, *wanted, mac_address="fa:16:3e:aa:bb:cc")
    moved(old, new, K.PORT, port, ids)
    moved_aside = new.sim.table("ports")[thief["id"]]
    assert moved_aside["fixed_ips"][0]["ip_address"] not in wanted


def test_a_port_of_somebody_else_does_not_make_way(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    there = port_of(
        new, ids[f"network/{network}"], ids[f"subnet/{subnet}"], "10.0.0.9", device_owner="compute:nova"
    )
    with pytest.raises(ConflictError, match="in use"):
        moved(old, new, K.PORT, port_of(old, network, subnet, "10.0.0.9"), ids)
    assert new.sim.table("ports")[there]["fixed_ips"][0]["ip_address"] == "10.0.0.9"


def test_port_on_a_network_of_the_operators(old: Cloud, new: Cloud) -> None:
    ids = mapped(source := with_external(old), with_external(new))
    port = port_of(old, *source, "203.0.113.9")
    found = moved(old, new, K.PORT, port, ids)
    assert found.fields["network"] == {"$ref": f"external_network/{ids[f'external_network/{source[0]}']}"}


# -- routers


def routed(old: Cloud, new: Cloud, **values: Any) -> tuple[dict[str, str], str, str]:
    """A router with a gateway and one interface, moved; answers ids, router and interface port of the source."""
    source = with_external(old)
    ids = mapped(source, with_external(new))
    network, subnet = both(old, new, ids)
    info = {
        "network_id": source[0],
        "enable_snat": False,
        "external_fixed_ips": [{"subnet_id": source[1], "ip_address": "203.0.113.20"}],
    }
    router = old.sim.put(
        "routers", **{"name": "r", "project_id": TENANT, "external_gateway_info": info, **values}
    )
    leg = port_of(old, network, subnet, "10.0.0.1", device_owner="network:router_interface", device_id=router)
    moved(old, new, K.ROUTER, router, ids)
    moved(old, new, K.PORT, leg, ids)
    moved(old, new, K.ROUTER_INTERFACE, f"{router}/{leg}", ids)
    return ids, router, leg


def test_router_with_gateway_interface_and_routes(old: Cloud, new: Cloud) -> None:
    routes = [
        {"destination": "192.168.0.0/16", "nexthop": "10.0.0.9"},
        {"destination": "172.16.0.0/12", "nexthop": "10.0.0.8"},
    ]
    ids, router, leg = routed(old, new, routes=routes, tags=["core"])
    found = new.one(K.ROUTER, ids[f"router/{router}"])
    assert found.fields["gateway_addresses"][0]["ip_address"] == "203.0.113.20"
    assert found.fields["gateway"]["enable_snat"] is False
    assert old[K.ROUTER_ROUTES].of_tenant(TENANT)[0].id == router
    moved(old, new, K.ROUTER_ROUTES, router, ids)
    assert new.one(K.ROUTER_ROUTES, found.id).fields["routes"] == sorted(routes, key=str)
    [interface] = new[K.ROUTER_INTERFACE].of_tenant(NEW_TENANT)
    assert interface.name == "r"
    assert interface.id == f"{found.id}/{ids[f'port/{leg}']}"


def test_both_interfaces_of_a_network_with_two_versions(old: Cloud, new: Cloud) -> None:
    """Neutron would give a free port on it a derived address of its own, and take no other one in such a subnet."""
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    slaac = {"ip_version": 6, "cidr": "2001:db8::/64", "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}
    six = old.sim.put("subnets", name="six", project_id=TENANT, network_id=network, **slaac)
    moved(old, new, K.SUBNET, six, ids)
    router = old.sim.put("routers", name="r", project_id=TENANT)
    moved(old, new, K.ROUTER, router, ids)
    server = old.sim.put(
        "ports", project_id=TENANT, network_id=network, fixed_ips=[{"subnet_id": subnet}], security_groups=[]
    )
    assert len(moved(old, new, K.PORT, server, ids).fields["fixed_ips"]) == 2
    for where, address in ((subnet, "10.0.0.1"), (six, "2001:db8::1")):
        leg = port_of(old, network, where, address, device_owner="network:router_interface", device_id=router)
        before = moved(old, new, K.PORT, leg, ids)
        assert [each["ip_address"] for each in before.fields["fixed_ips"]] == [address]
        assert new[K.ROUTER_INTERFACE].of_tenant(NEW_TENANT) == [] or address != "10.0.0.1"
        moved(old, new, K.ROUTER_INTERFACE, f"{router}/{leg}", ids)
        assert new.one(K.PORT, before.id).fields == before.fields
    assert len(new[K.ROUTER_INTERFACE].of_tenant(NEW_TENANT)) == 2


def test_an_interface_that_was_a_port_before_keeps_its_port_security(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    router = old.sim.put("routers", name="r", project_id=TENANT)
    moved(old, new, K.ROUTER, router, ids)
    group = old.sim.put("security-groups", name="sg", project_id=TENANT)
    moved(old, new, K.SECURITY_GROUP, group, ids)
    pairs = [{"ip_address": "10.0.0.200"}]
    leg = port_of(old, network, subnet, "10.0.0.7", security_groups=[group], allowed_address_pairs=pairs)
    old.sim.row("ports", leg).update(device_owner="network:router_interface", device_id=router)
    found = moved(old, new, K.PORT, leg, ids)
    assert found.fields["port_security_enabled"]
    assert found.fields["security_groups"] == [ref(K.SECURITY_GROUP, ids[f"security_group/{group}"])]
    moved(old, new, K.ROUTER_INTERFACE, f"{router}/{leg}", ids)


def test_a_half_made_interface_port_is_told_completed_and_removed(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    router = old.sim.put("routers", name="r", project_id=TENANT)
    moved(old, new, K.ROUTER, router, ids)
    leg = port_of(old, network, subnet, "10.0.0.1", device_owner="network:router_interface", device_id=router)
    declared = KINDS[K.PORT]
    for removed in (True, False):
        new.sim.faults.append(Fault(500, hits=lambda r: r.method == "PUT" and "/ports/" in r.path))
        with pytest.raises(CloudFaultError):
            moved(old, new, K.PORT, leg, ids)
        [half] = new[K.PORT].of_tenant(NEW_TENANT)
        wanted = translated(old.one(K.PORT, leg).fields, ids)
        wrong = declared.differences(wanted, half.fields)
        assert set(wrong) - set(declared.on_purpose) == {"admin_state_up"}
        if removed:
            new[K.PORT].delete(half.id)
    new[K.PORT].update(half.id, {"admin_state_up": True})
    ids[f"port/{leg}"] = half.id
    moved(old, new, K.ROUTER_INTERFACE, f"{router}/{leg}", ids)


def test_removal_in_reverse(old: Cloud, new: Cloud) -> None:
    ids, router, leg = routed(old, new, routes=[{"destination": "192.168.0.0/16", "nexthop": "10.0.0.9"}])
    there = moved(old, new, K.ROUTER_ROUTES, router, ids).id
    for _ in range(2):  # a second time is no error
        new[K.ROUTER_ROUTES].delete(there)
        new[K.ROUTER_INTERFACE].delete(f"{there}/{ids[f'port/{leg}']}")
        new[K.PORT].delete(ids[f"port/{leg}"])
        new[K.ROUTER].delete(there)
    assert new.sim.table("routers") == {}
    assert new.sim.table("ports") == {}


def test_gateway_address_by_choice(old: Cloud, new: Cloud) -> None:
    source = with_external(old)
    ids = mapped(source, with_external(new))
    info = {
        "network_id": source[0],
        "external_fixed_ips": [{"subnet_id": source[1], "ip_address": "203.0.113.20"}],
    }
    router = old.sim.put("routers", name="r", project_id=TENANT, external_gateway_info=info)
    for choices, wanted in (
        (Choices(names={"address": {"203.0.113.20": "203.0.113.21"}}), {"203.0.113.21"}),
        (Choices(names={"address": {"203.0.113.20": ""}}), None),
        (NEW_ADDRESSES, None),
    ):
        found = {
            each["ip_address"]
            for each in moved(old, new, K.ROUTER, router, ids, choices).fields["gateway_addresses"]
        }
        assert found == wanted if wanted else "203.0.113.20" not in found


def test_router_without_gateway(old: Cloud, new: Cloud) -> None:
    router = old.sim.put("routers", name="r", project_id=TENANT, admin_state_up=False, distributed=True)
    assert moved(old, new, K.ROUTER, router, {}).fields["gateway"] is None
    assert old.one(K.ROUTER, router).notes["distributed"] is True


def test_interface_by_a_port_of_somebody_else_is_seen(old: Cloud) -> None:
    network, subnet = private(old)
    router = old.sim.put("routers", name="r", project_id=TENANT)
    leg = port_of(
        old,
        network,
        subnet,
        "10.0.0.3",
        device_owner="network:ha_router_replicated_interface",
        device_id=router,
        project_id="x",
    )
    assert [each.id for each in old[K.ROUTER_INTERFACE].of_tenant(TENANT)] == [f"{router}/{leg}"]


# -- trunks


def test_trunk(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    ports = [port_of(old, network, subnet, f"10.0.0.{n}") for n in range(10, 14)]
    for port in ports:
        moved(old, new, K.PORT, port, ids)
    subs = [
        {"port_id": port, "segmentation_type": "vlan", "segmentation_id": 200 - n}
        for n, port in enumerate(ports[1:])
    ]
    trunk = old.sim.put("trunks", name="t", project_id=TENANT, port_id=ports[0], sub_ports=subs, tags=["x"])
    found = moved(old, new, K.TRUNK, trunk, ids)
    fewer = translated(old.one(K.TRUNK, trunk).fields, ids)["sub_ports"][:1]
    new[K.TRUNK].update(found.id, {"sub_ports": fewer})
    assert new.one(K.TRUNK, found.id).fields["sub_ports"] == fewer


# -- floating IPs


def floating(old: Cloud, new: Cloud, **values: Any) -> tuple[dict[str, str], str, str]:
    source = with_external(old)
    ids = mapped(source, with_external(new))
    network, subnet = both(old, new, ids)
    port = port_of(old, network, subnet, "10.0.0.50", "10.0.0.51")
    moved(old, new, K.PORT, port, ids)
    row = {
        "project_id": TENANT,
        "floating_network_id": source[0],
        "floating_ip_address": "203.0.113.50",
        **values,
    }
    if values.get("port_id") == "port":
        row["port_id"] = port
    fip = old.sim.put("floatingips", **row)
    return ids, fip, port


def test_floating_ip_keeps_its_address_and_is_cut_over_later(old: Cloud, new: Cloud) -> None:
    ids, fip, port = floating(
        old, new, port_id="port", fixed_ip_address="10.0.0.51", description="d", tags=["t"]
    )
    found = moved(old, new, K.FLOATING_IP, fip, ids)
    assert (found.name, found.fields["port"]) == ("203.0.113.50", None)
    before = old.one(K.FLOATING_IP, fip).fields
    old[K.FLOATING_IP].update(fip, {"port": None, "fixed_ip_address": None, "port_forwardings": []})
    assert old.one(K.FLOATING_IP, fip).fields["port"] is None
    later = {name: before[name] for name in KINDS[K.FLOATING_IP].later}
    new[K.FLOATING_IP].update(found.id, translated(later, ids))
    after = new.one(K.FLOATING_IP, found.id).fields
    assert after["port"] == {"$ref": f"port/{ids[f'port/{port}']}"}
    assert after["fixed_ip_address"] == "10.0.0.51"
    # and back
    new[K.FLOATING_IP].update(found.id, {"port": None, "fixed_ip_address": None, "port_forwardings": []})
    old[K.FLOATING_IP].update(fip, later)
    assert old.one(K.FLOATING_IP, fip).fields == before


def test_port_forwardings(old: Cloud, new: Cloud) -> None:
    ids, fip, port = floating(old, new)
    forwardings = [
        {"protocol": "tcp", "external_ports": "2222", "internal_ports": "22", "internal_ip_address": "10.0.0.50", "description": "ssh"},
        {"protocol": "udp", "external_ports": "5000:5010", "internal_ports": "6000:6010", "internal_ip_address": "10.0.0.51", "description": ""},
    ]  # fmt: skip
    wanted = [{**each, "internal_port": {"$ref": f"port/{port}"}} for each in forwardings]
    old[K.FLOATING_IP].update(fip, {"port_forwardings": wanted})
    source = old.one(K.FLOATING_IP, fip)
    assert sorted(source.fields["port_forwardings"], key=str) == sorted(wanted, key=str)
    found = moved(old, new, K.FLOATING_IP, fip, ids)
    later = translated({name: source.fields[name] for name in KINDS[K.FLOATING_IP].later}, ids)
    for _ in range(2):  # a second time changes nothing
        new[K.FLOATING_IP].update(found.id, later)
        assert (
            KINDS[K.FLOATING_IP].differences(
                translated(source.fields, ids), new.one(K.FLOATING_IP, found.id).fields
            )
            == {}
        )
    new[K.FLOATING_IP].update(found.id, {"port_forwardings": []})
    assert new.one(K.FLOATING_IP, found.id).fields["port_forwardings"] == []


def test_floating_ip_by_choice(old: Cloud, new: Cloud) -> None:
    ids, fip, _ = floating(old, new)
    assert (
        moved(
            old, new, K.FLOATING_IP, fip, ids, Choices(names={"address": {"203.0.113.50": "203.0.113.60"}})
        ).name
        == "203.0.113.60"
    )
    assert moved(old, new, K.FLOATING_IP, fip, ids, NEW_ADDRESSES).name != "203.0.113.50"
    assert moved(old, new, K.FLOATING_IP, fip, ids).name == "203.0.113.50"
    with pytest.raises(ConflictError, match="in use"):
        moved(old, new, K.FLOATING_IP, fip, ids)


def test_pools(old: Cloud) -> None:
    subnets = [old.one(K.EXTERNAL_SUBNET, with_external(old)[1])]
    assert in_pools("203.0.113.5", subnets)
    assert not in_pools("198.51.100.5", subnets)
    assert not in_pools("2001:db8::1", subnets)
