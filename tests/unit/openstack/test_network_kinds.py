"""Every kind of network from one simulated Neutron to another: made as the workflow makes it, read back, compared by its declaration."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, ConflictError
from pumphouse.domain.resource import translated
from pumphouse.drivers.openstack.resources.network_room import network_room
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from tests.simulated.server import Fault
from tests.unit.openstack.network_rig import (
    NEW_TENANT,
    OPERATOR,
    TENANT,
    Cloud,
    K,
    both,
    moved,
    ref,
    with_external,
)

NETWORK_KINDS = (
    K.QOS_POLICY, K.ADDRESS_SCOPE, K.SUBNET_POOL, K.NETWORK, K.SUBNET, K.ADDRESS_GROUP, K.SECURITY_GROUP, K.SECURITY_GROUP_RULES, K.RBAC_SHARE,
    K.ROUTER, K.PORT, K.ROUTER_INTERFACE, K.ROUTER_ROUTES, K.TRUNK, K.FLOATING_IP, K.EXTERNAL_NETWORK, K.EXTERNAL_SUBNET,
)  # fmt: skip


# -- networks and subnets


def test_network_with_everything(old: Cloud, new: Cloud) -> None:
    policy = old.sim.put("qos/policies", name="gold", project_id=TENANT, rules=[
        {"id": "r1", "type": "bandwidth_limit", "max_kbps": 1000, "max_burst_kbps": 200, "direction": "ingress"},
        {"id": "r2", "type": "dscp_marking", "dscp_mark": 26},
    ])  # fmt: skip
    network = old.sim.put(
        "networks", name="Größe 網路 🚰", project_id=TENANT, description="ä", mtu=1400, port_security_enabled=False, dns_domain="example.org.",
        qos_policy_id=policy, availability_zone_hints=["nova"], tags=["b", "a"],
    )  # fmt: skip
    ids = {"zone/network/nova": "network/nova"}
    assert moved(old, new, K.QOS_POLICY, policy, ids).fields["rules"]
    found = moved(old, new, K.NETWORK, network, ids)
    assert found.name == "Größe 網路 🚰"
    assert found.fields["tags"] == ["a", "b"]
    assert found.notes["created_at"]


def test_two_networks_of_one_name_and_one_without(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    for name in ("same", "same", ""):
        moved(old, new, K.NETWORK, old.sim.put("networks", name=name, project_id=TENANT), ids)
    assert len(set(ids.values())) == 3
    assert [each.name for each in new[K.NETWORK].of_tenant(NEW_TENANT)] == ["same", "same", ""]


def test_type_is_the_destinations_own_unless_mapped(old: Cloud, new: Cloud) -> None:
    network = old.sim.put("networks", name="n", project_id=TENANT, **{"provider:network_type": "vxlan"})
    ids: dict[str, str] = {}
    assert moved(old, new, K.NETWORK, network, ids).fields["provider"]["type"] == "geneve"
    choices = Choices(names={"network_type": {"vxlan": "vlan/physnet2/7"}})
    found = moved(old, new, K.NETWORK, network, ids, choices)
    assert found.fields["provider"] == {"type": "vlan", "physical_network": "physnet2", "segment": 7}


def test_mtu_by_the_operators_map(old: Cloud, new: Cloud) -> None:
    network = old.sim.put("networks", name="n", project_id=TENANT, mtu=1450)
    assert (
        moved(old, new, K.NETWORK, network, {}, Choices(names={"network_mtu": {"1450": ""}})).fields["mtu"]
        == 1442
    )
    assert (
        moved(old, new, K.NETWORK, network, {}, Choices(names={"network_mtu": {"1450": "1400"}})).fields[
            "mtu"
        ]
        == 1400
    )


@pytest.mark.parametrize(
    "values",
    [
        {"gateway_ip": None, "enable_dhcp": False},
        {"gateway_ip": "10.0.0.254", "allocation_pools": [{"start": "10.0.0.100", "end": "10.0.0.120"}, {"start": "10.0.0.10", "end": "10.0.0.20"}]},
        {"dns_nameservers": ["9.9.9.9", "1.1.1.1"], "host_routes": [{"destination": "192.168.0.0/16", "nexthop": "10.0.0.9"}]},
        {"ip_version": 6, "cidr": "2001:db8::/64", "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac", "gateway_ip": "2001:db8::1"},
        {"ip_version": 6, "cidr": "2001:db8::/64", "ipv6_address_mode": "dhcpv6-stateful", "ipv6_ra_mode": "dhcpv6-stateful"},
        {"service_types": ["compute:nova"], "dns_publish_fixed_ip": True, "tags": ["x"], "description": "d"},
    ],
)  # fmt: skip
def test_subnets(old: Cloud, new: Cloud, values: dict[str, Any]) -> None:
    network = old.sim.put("networks", name="n", project_id=TENANT)
    subnet = old.sim.put(
        "subnets",
        **{
            "name": "s",
            "project_id": TENANT,
            "network_id": network,
            "ip_version": 4,
            "cidr": "10.0.0.0/24",
            **values,
        },
    )
    ids: dict[str, str] = {}
    moved(old, new, K.NETWORK, network, ids)
    found = moved(old, new, K.SUBNET, subnet, ids)
    assert found.fields["gateway_ip"] == old.sim.table("subnets")[subnet]["gateway_ip"]


def test_subnet_of_a_pool_and_its_scope(old: Cloud, new: Cloud) -> None:
    scope = old.sim.put("address-scopes", name="scope", project_id=TENANT)
    pool = old.sim.put(
        "subnetpools",
        name="pool",
        project_id=TENANT,
        address_scope_id=scope,
        prefixes=["10.8.0.0/16"],
        default_quota=5,
    )
    network = old.sim.put("networks", name="n", project_id=TENANT)
    subnet = old.sim.put(
        "subnets",
        name="s",
        project_id=TENANT,
        network_id=network,
        ip_version=4,
        cidr="10.8.3.0/24",
        subnetpool_id=pool,
    )
    ids: dict[str, str] = {}
    for kind, each in (
        (K.ADDRESS_SCOPE, scope),
        (K.SUBNET_POOL, pool),
        (K.NETWORK, network),
        (K.SUBNET, subnet),
    ):
        moved(old, new, kind, each, ids)


def test_a_delegated_prefix_is_asked_for_anew(old: Cloud, new: Cloud) -> None:
    network = old.sim.put("networks", name="n", project_id=TENANT)
    subnet = old.sim.put(
        "subnets",
        name="s",
        project_id=TENANT,
        network_id=network,
        ip_version=6,
        subnetpool_id="prefix_delegation",
        cidr="::/64",
    )
    old.sim.table("subnets")[subnet]["cidr"] = "2001:db8:77::/64"
    ids: dict[str, str] = {}
    moved(old, new, K.NETWORK, network, ids)
    assert moved(old, new, K.SUBNET, subnet, ids).fields["prefix_delegation"]
    assert "cidr" not in new.sim.posts("subnets")[0].body["subnet"]


def test_shared_policy_of_the_operator_is_used_not_made(old: Cloud, new: Cloud) -> None:
    rules = [{"id": "1", "type": "bandwidth_limit", "max_kbps": 1000}]
    policy = old.sim.put("qos/policies", name="gold", project_id=OPERATOR, rules=rules)
    there = new.sim.put("qos/policies", name="gold", project_id=OPERATOR, rules=rules)
    new.sim.put(
        "qos/policies",
        name="gold",
        project_id=OPERATOR,
        rules=[{"id": "2", "type": "bandwidth_limit", "max_kbps": 5}],
    )
    source = old.one(K.QOS_POLICY, policy)
    chosen = KINDS[K.QOS_POLICY].chosen
    assert chosen is not None
    same = chosen(source, new[K.QOS_POLICY].candidates(NEW_TENANT, [source]))
    assert same is not None
    assert same.id == there


def test_a_neutron_without_an_extension_has_none_of_the_kind(old: Cloud) -> None:
    old.sim.faults.append(Fault(404, times=99, hits=lambda request: "/trunks" in request.path))
    assert old[K.TRUNK].of_tenant(TENANT) == []


def test_attributes_that_nobody_uses_are_not_sent(old: Cloud, new: Cloud) -> None:
    new.sim.without = {
        "dns_domain",
        "dns_name",
        "qos_policy_id",
        "vlan_transparent",
        "numa_affinity_policy",
        "device_profile",
        "service_types",
    }
    old.sim.without = {"dns_domain", "dns_name"}
    ids: dict[str, str] = {}
    network, subnet = both(old, new, ids)
    group = old.sim.put("security-groups", name="g", project_id=TENANT)
    moved(old, new, K.SECURITY_GROUP, group, ids)
    port = old.sim.put(
        "ports",
        project_id=TENANT,
        network_id=network,
        fixed_ips=[{"subnet_id": subnet}],
        security_groups=[group],
    )
    moved(old, new, K.PORT, port, ids)


# -- many at once, and what goes wrong


def test_twenty_networks_are_one_request_and_twenty_reads_are_few(old: Cloud, new: Cloud) -> None:
    ids = [old.sim.put("networks", name=f"n{n}", project_id=TENANT) for n in range(20)]
    fields = translated(old.one(K.NETWORK, ids[0]).fields, {}) | {"provider": None}
    new.clock.sleep = _really(new)  # type: ignore[method-assign]  # the others need real time to come
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda n: new[K.NETWORK].create(NEW_TENANT, f"n{n}", fields), range(20)))
        before = len(new.sim.log)
        found = list(pool.map(lambda each: new.one(K.NETWORK, each), made))
    assert [each.name for each in found] == [f"n{n}" for n in range(20)]
    assert len(new.sim.posts("networks")) <= 4
    assert len(new.sim.log) - before <= 8


def test_one_refused_network_fails_alone(old: Cloud, new: Cloud) -> None:
    fields = translated(old.one(K.NETWORK, old.sim.put("networks", project_id=TENANT)).fields, {}) | {
        "provider": None
    }
    new.sim.refuses = lambda _path, body: (409, "Quota exceeded") if body.get("name") == "n3" else None
    new.clock.sleep = _really(new)  # type: ignore[method-assign]  # the others need real time to come

    def make(number: int) -> str:
        try:
            return new[K.NETWORK].create(NEW_TENANT, f"n{number}", fields)
        except ConflictError as error:
            return error.message

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(make, range(8)))
    assert "Quota exceeded" in answers[3]
    assert sorted(row["name"] for row in new.sim.table("networks").values()) == [
        f"n{n}" for n in range(8) if n != 3
    ]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_fault_is_told_and_not_repeated(old: Cloud, new: Cloud, status: int) -> None:
    fields = translated(old.one(K.NETWORK, old.sim.put("networks", project_id=TENANT)).fields, {}) | {
        "provider": None
    }
    new.sim.faults.append(
        Fault(status, hits=lambda request: request.method == "POST" and request.service == "network")
    )
    with pytest.raises(CloudFaultError):
        new[K.NETWORK].create(NEW_TENANT, "n", fields)
    assert len(new.sim.posts("networks")) == 1


def test_what_is_in_use_is_not_deleted(new: Cloud) -> None:
    network = new.sim.put("networks", project_id=NEW_TENANT)
    new.sim.put("ports", project_id=NEW_TENANT, network_id=network)
    with pytest.raises(ConflictError):
        new[K.NETWORK].delete(network)
    assert sum(new.clock.slept) <= 25
    new[K.NETWORK].delete("00000000-0000-0000-0000-000000000000")


def test_what_lets_go_after_a_while_is_deleted(new: Cloud) -> None:
    network = new.sim.put("networks", project_id=NEW_TENANT)
    new.sim.faults.append(Fault(409, times=2, hits=lambda request: request.method == "DELETE"))
    new[K.NETWORK].delete(network)
    assert network not in new.sim.table("networks")


def test_a_bad_value_is_refused_in_the_clouds_words(new: Cloud) -> None:
    new.sim.without = {"admin_state_up"}
    with pytest.raises(CloudRefusedError, match="Unrecognized"):
        new[K.NETWORK].create(NEW_TENANT, "n", {"admin_state_up": True})


def _really(cloud: Cloud) -> Any:
    return lambda seconds: threading.Event().wait(0.1 if seconds < 0.1 else 0)


# -- external networks


def test_external_networks_are_candidates_never_made(old: Cloud, new: Cloud) -> None:
    source, there = with_external(old), with_external(new)
    provider = new.sim.put(
        "networks", name="storage", project_id=OPERATOR, shared=True, **{"provider:network_type": "vlan"}
    )
    new.sim.put("networks", name="secret", project_id=OPERATOR)
    new.sim.put("networks", name="own", project_id=NEW_TENANT)
    wanted = [old.one(K.EXTERNAL_NETWORK, source[0])]
    found = new[K.EXTERNAL_NETWORK].candidates(NEW_TENANT, wanted)
    assert {each.id for each in found} == {there[0], provider}
    subnet = old.one(K.EXTERNAL_SUBNET, source[1])
    chosen = KINDS[K.EXTERNAL_SUBNET].chosen
    assert chosen is not None
    counterpart = chosen(subnet, new[K.EXTERNAL_SUBNET].candidates(NEW_TENANT, [subnet]))
    assert counterpart is not None
    assert counterpart.id == there[1]
    with pytest.raises(ConflictError, match="operator"):
        new[K.EXTERNAL_NETWORK].create(NEW_TENANT, "public", {})


def test_an_external_network_of_the_tenant_is_no_network(old: Cloud) -> None:
    network = old.sim.put("networks", name="public", project_id=TENANT, **{"router:external": True})
    old.sim.put("subnets", project_id=TENANT, network_id=network, ip_version=4, cidr="203.0.113.0/24")
    assert old[K.NETWORK].of_tenant(TENANT) == []
    assert old[K.SUBNET].of_tenant(TENANT) == []


def test_room(new: Cloud) -> None:
    network, subnet = with_external(new)
    new.sim.put("networks", project_id=NEW_TENANT)
    room = network_room(new.http, NEW_TENANT)
    assert room["quota"]["network"] == {"limit": 10, "used": 4}
    assert room["external_networks"] == {
        network: {"name": "public", "total": 200, "used": 20, "free": 180, "subnets": [
            {"id": subnet, "cidr": "203.0.113.0/24", "total": 200, "used": 20, "free": 180}]},
    }  # fmt: skip


# -- shares


def test_shares(old: Cloud, new: Cloud) -> None:
    ids = {f"project/{TENANT}": NEW_TENANT, "project/other": "other-there"}
    network, _ = both(old, new, ids)
    for target in ("*", "other"):
        share = old.sim.put(
            "rbac-policies",
            project_id=TENANT,
            object_type="network",
            object_id=network,
            action="access_as_shared",
            target_tenant=target,
        )
        moved(old, new, K.RBAC_SHARE, share, ids)
    public, _ = with_external(old)
    old.sim.put(
        "rbac-policies",
        project_id=TENANT,
        object_type="network",
        object_id=public,
        action="access_as_external",
        target_tenant="*",
    )
    assert len(old[K.RBAC_SHARE].of_tenant(TENANT)) == 2
    assert {row["target_tenant"] for row in new.sim.table("rbac-policies").values()} == {"*", "other-there"}
    assert ref(K.PROJECT, "other-there") in [
        each.fields["target"] for each in new[K.RBAC_SHARE].candidates(NEW_TENANT, [])
    ]


# -- a tenant that is not there yet, and kinds that are made one by one


def test_a_tenant_that_is_not_made_yet_has_nothing(new: Cloud) -> None:
    with_external(new)
    gateway = new.sim.put("networks", project_id="")
    new.sim.put("ports", project_id="", network_id=gateway, device_owner="")
    for kind in new.drivers:
        if kind in NETWORK_KINDS:
            assert list(new[kind].of_tenant("")) == []


def test_routers_are_made_side_by_side(new: Cloud) -> None:
    fields = {
        "description": "",
        "admin_state_up": True,
        "gateway": None,
        "gateway_addresses": [],
        "availability_zone_hints": [],
        "tags": [],
    }
    together = threading.Barrier(3, timeout=10)
    new.sim.refuses = lambda path, _body: together.wait() and None if path == "routers" else None
    new.sim._guard = threading.Semaphore(3)  # type: ignore[assignment]  # its requests must be able to meet
    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(lambda n: new[K.ROUTER].create(NEW_TENANT, f"r{n}", fields), range(3)))) == 3
