"""Whatever the fields of a network thing are: made and read again they are the same, and names are no identity."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pumphouse.domain.resource import ref
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from tests.unit.openstack.network_rig import NEW_TENANT, Cloud, K

EXAMPLES = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
tags = st.lists(st.sampled_from(["a", "b", "ü", "env=prod"]), unique=True).map(sorted)
numbers = st.integers(1, 65535)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    made = Cloud("new")
    with made.sim:
        yield made
    made.http.close()


def survives(cloud: Cloud, kind: K, name: str, fields: dict[str, Any]) -> None:
    made = cloud[kind].create(NEW_TENANT, name, fields)
    found = cloud.one(kind, made)
    assert (found.name, found.owner, found.id) == (name, NEW_TENANT, made)
    assert KINDS[kind].differences(fields, found.fields) == {}
    assert set(fields) == set(found.fields)
    again = cloud.one(kind, made)
    assert again.version == found.version
    cloud[kind].delete(made)
    assert list(cloud[kind].named([made])) == []


networks = st.fixed_dictionaries({
    "description": texts, "admin_state_up": st.booleans(), "mtu": st.none() | st.integers(68, 9000), "port_security_enabled": st.booleans(),
    "dns_domain": st.sampled_from(["", "example.org."]), "qos_policy": st.none(), "vlan_transparent": st.none() | st.booleans(), "tags": tags,
    "availability_zone_hints": st.lists(st.sampled_from(["az1", "az 2"]), unique=True).map(lambda names: [ref(K.ZONE, f"network/{n}") for n in sorted(names)]),
    "provider": st.none() | st.fixed_dictionaries({"type": st.just("vlan"), "physical_network": st.just("physnet1"), "segment": st.integers(1, 4094)}),
})  # fmt: skip


@EXAMPLES
@given(name=texts, fields=networks)
def test_networks(cloud: Cloud, name: str, fields: dict[str, Any]) -> None:
    survives(cloud, K.NETWORK, name, fields)


@st.composite
def subnets(draw: st.DrawFn) -> dict[str, Any]:
    six = draw(st.booleans())
    cidr, host = ("2001:db8::/64", "2001:db8::") if six else ("10.3.0.0/16", "10.3.0.")
    mode = draw(st.sampled_from([None, "slaac", "dhcpv6-stateful", "dhcpv6-stateless"])) if six else None
    first = draw(st.integers(10, 99))
    return {
        "description": draw(texts), "ip_version": 6 if six else 4, "cidr": cidr, "enable_dhcp": draw(st.booleans()),
        "gateway_ip": draw(st.sampled_from([None, f"{host}1", f"{host}9"])), "ipv6_address_mode": mode, "ipv6_ra_mode": mode,
        "allocation_pools": [{"start": f"{host}{first}", "end": f"{host}{first + 50}"}],
        "dns_nameservers": draw(st.lists(st.sampled_from(["9.9.9.9", "1.1.1.1", "8.8.8.8"]), unique=True)),
        "host_routes": draw(st.sampled_from([[], [{"destination": "192.168.0.0/16", "nexthop": f"{host}7"}]])),
        "subnet_pool": None, "prefix_delegation": False, "service_types": draw(st.sampled_from([[], ["compute:nova"]])),
        "dns_publish_fixed_ip": draw(st.booleans()), "tags": draw(tags),
    }  # fmt: skip


@EXAMPLES
@given(name=texts, fields=subnets())
def test_subnets(cloud: Cloud, name: str, fields: dict[str, Any]) -> None:
    network = cloud.sim.put("networks", project_id=NEW_TENANT)
    survives(cloud, K.SUBNET, name, {**fields, "network": ref(K.NETWORK, network)})


rules = st.fixed_dictionaries({
    "direction": st.sampled_from(["ingress", "egress"]), "ethertype": st.sampled_from(["IPv4", "IPv6"]),
    "protocol": st.sampled_from([None, "tcp", "udp", "112"]), "remote_ip_prefix": st.none(), "remote_address_group": st.none(),
    "remote_group": st.sampled_from([None, "self"]), "description": texts,
}).flatmap(lambda rule: numbers.map(lambda port: {
    **rule, **dict.fromkeys(("port_range_min", "port_range_max"), port if rule["protocol"] in ("tcp", "udp") else None)
}))  # fmt: skip


@EXAMPLES
@given(
    wanted=st.lists(
        rules,
        max_size=8,
        unique_by=lambda r: str(sorted((k, str(v)) for k, v in r.items() if k != "description")),
    )
)
def test_rules(cloud: Cloud, wanted: list[dict[str, Any]]) -> None:
    group = cloud[K.SECURITY_GROUP].create(NEW_TENANT, "g", {"description": "", "stateful": True, "tags": []})
    own = ref(K.SECURITY_GROUP, group)
    fields = {
        "security_group": own,
        "rules": [{**r, "remote_group": own if r["remote_group"] else None} for r in wanted],
    }
    cloud[K.SECURITY_GROUP_RULES].update(group, fields)
    found = cloud.one(K.SECURITY_GROUP_RULES, group)
    assert KINDS[K.SECURITY_GROUP_RULES].differences(fields, found.fields) == {}


@st.composite
def ports(draw: st.DrawFn) -> dict[str, Any]:
    secure = draw(st.booleans())
    last = draw(st.lists(st.integers(2, 250), unique=True, max_size=3))
    return {
        "description": draw(texts), "admin_state_up": draw(st.booleans()), "router": None, "port_security_enabled": secure,
        "mac_address": f"fa:16:3e:00:{draw(st.integers(0, 255)):02x}:{draw(st.integers(0, 255)):02x}",
        "last": last, "allowed_address_pairs": [{"ip_address": "10.0.0.99", "mac_address": draw(st.sampled_from([None, "fa:16:3e:ff:ff:ff"]))}] if secure else [],
        "security_groups": [], "qos_policy": None, "dns_name": draw(st.sampled_from(["", "web"])), "dns_domain": "",
        "vnic_type": draw(st.sampled_from(["normal", "direct", "macvtap"])), "numa_affinity_policy": draw(st.sampled_from([None, "required"])),
        "device_profile": None, "tags": draw(tags),
        "extra_dhcp_opts": draw(st.sampled_from([[], [{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}]])),
    }  # fmt: skip


@EXAMPLES
@given(name=texts, fields=ports())
def test_ports(cloud: Cloud, name: str, fields: dict[str, Any]) -> None:
    network = cloud.sim.put("networks", project_id=NEW_TENANT)
    subnet = cloud.sim.put(
        "subnets", project_id=NEW_TENANT, network_id=network, ip_version=4, cidr="10.0.0.0/24"
    )
    addresses = [{"subnet": ref(K.SUBNET, subnet), "ip_address": f"10.0.0.{n}"} for n in fields["last"]]
    fields = {
        **{k: v for k, v in fields.items() if k != "last"},
        "network": ref(K.NETWORK, network),
        "fixed_ips": addresses,
    }
    survives(cloud, K.PORT, name, fields)
