"""Security groups, their rules and address groups from one simulated Neutron to another."""

from typing import Any

from pumphouse.domain.resource import translated
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from tests.unit.openstack.network_rig import NEW_TENANT, TENANT, Cloud, K, moved

RULES = KINDS[K.SECURITY_GROUP_RULES]


def group(cloud: Cloud, name: str = "web", **values: Any) -> str:
    return cloud.sim.put("security-groups", **{"name": name, "project_id": TENANT, **values})


def rule(cloud: Cloud, of: str, **values: Any) -> str:
    body = {
        "security_group_id": of,
        "project_id": TENANT,
        "direction": "ingress",
        "ethertype": "IPv4",
        **values,
    }
    return cloud.sim.put("security-group-rules", **body)


def rules_in(cloud: Cloud, of: str) -> list[dict[str, Any]]:
    return [
        each for each in cloud.sim.table("security-group-rules").values() if each["security_group_id"] == of
    ]


def rewritten(old: Cloud, new: Cloud, source: str, ids: dict[str, str]) -> None:
    """As the workflow makes rules: by `update`, then compared."""
    there = ids[f"security_group/{source}"]
    resource = old.one(K.SECURITY_GROUP_RULES, source)
    wanted = translated(RULES.adjust(resource.fields, Choices()), ids)
    new[K.SECURITY_GROUP_RULES].update(there, wanted)
    assert RULES.differences(wanted, new.one(K.SECURITY_GROUP_RULES, there).fields) == {}


def test_groups_with_all_sorts_of_rules(old: Cloud, new: Cloud) -> None:
    ids: dict[str, str] = {}
    addresses = old.sim.put(
        "address-groups", name="offices", project_id=TENANT, addresses=["10.0.0.0/8", "192.0.2.1/32"]
    )
    web, db = group(old, "web", description="ü", tags=["x"]), group(old, "db", stateful=False)
    rule(
        old,
        web,
        protocol="tcp",
        port_range_min=80,
        port_range_max=443,
        remote_ip_prefix="0.0.0.0/0",
        description="all",
    )
    rule(old, web)  # any protocol from anywhere
    rule(old, web, protocol="icmp", port_range_min=8, port_range_max=0)
    rule(old, web, protocol="112", remote_group_id=web)
    rule(old, db, protocol="tcp", port_range_min=5432, port_range_max=5432, remote_group_id=web)
    rule(old, db, protocol="udp", remote_address_group_id=addresses)
    rule(
        old, db, protocol="ipv6-icmp", ethertype="IPv6", direction="egress", remote_ip_prefix="2001:db8::/32"
    )
    moved(old, new, K.ADDRESS_GROUP, addresses, ids)
    for each in (web, db):
        moved(old, new, K.SECURITY_GROUP, each, ids)
    for each in (web, db):
        rewritten(old, new, each, ids)
    assert len(rules_in(new, ids[f"security_group/{web}"])) == 6
    assert len(new.sim.posts("security-group-rules")) == 2
    assert not [each for each in new.sim.log if each.method == "DELETE"]
    assert new.one(K.SECURITY_GROUP, ids[f"security_group/{db}"]).fields["stateful"] is False


def test_egress_that_the_source_has_taken_away_goes(old: Cloud, new: Cloud) -> None:
    source = group(old)
    for each in rules_in(old, source):
        del old.sim.table("security-group-rules")[each["id"]]
    ids: dict[str, str] = {}
    moved(old, new, K.SECURITY_GROUP, source, ids)
    rewritten(old, new, source, ids)
    assert rules_in(new, ids[f"security_group/{source}"]) == []


def test_default_group_is_adopted_and_rewritten(old: Cloud, new: Cloud) -> None:
    default = next(each for each in old[K.SECURITY_GROUP].of_tenant(TENANT) if each.name == "default")
    for each in rules_in(old, default.id):
        if each["direction"] == "ingress":
            del old.sim.table("security-group-rules")[each["id"]]
    rule(old, default.id, protocol="tcp", port_range_min=22, port_range_max=22)
    declared = KINDS[K.SECURITY_GROUP]
    assert declared.chosen is not None
    there = declared.chosen(default, new[K.SECURITY_GROUP].candidates(NEW_TENANT, [default]))
    assert there is not None
    old.sim.table("security-groups")[default.id]["description"] = "ours"
    source = old.one(K.SECURITY_GROUP, default.id)
    assert set(declared.differences(source.fields, there.fields)) <= declared.adoptable
    new[K.SECURITY_GROUP].update(there.id, {"description": "ours"})
    ids = {default.key: there.id}
    rewritten(old, new, default.id, ids)
    groups = [each for each in new[K.SECURITY_GROUP].of_tenant(NEW_TENANT) if each.name == "default"]
    assert [each.fields["description"] for each in groups] == ["ours"]
    assert {each["direction"] for each in rules_in(new, there.id)} == {"egress", "ingress"}
    assert len(rules_in(new, there.id)) == 3


def test_two_groups_of_one_name_stay_two(old: Cloud, new: Cloud) -> None:
    declared, ids = KINDS[K.SECURITY_GROUP], dict[str, str]()
    for each in (group(old, "same"), group(old, "same")):
        source = old.one(K.SECURITY_GROUP, each)
        assert declared.chosen is not None
        assert declared.chosen(source, new[K.SECURITY_GROUP].candidates(NEW_TENANT, [source])) is None
        moved(old, new, K.SECURITY_GROUP, each, ids)
    assert len(new[K.SECURITY_GROUP].candidates(NEW_TENANT, [source])) == 2


def test_a_thousand_rules_in_few_requests(old: Cloud, new: Cloud) -> None:
    source, ids = group(old), dict[str, str]()
    table = old.sim.table("security-group-rules")
    first = rule(old, source, protocol="tcp", port_range_min=1, port_range_max=1)
    for n in range(2, 999):  # put straight into the table, as every look for a double costs time
        made = f"{n:08d}-0000-0000-0000-000000000000"
        table[made] = {**table[first], "id": made, "port_range_min": n, "port_range_max": n}
    moved(old, new, K.SECURITY_GROUP, source, ids)
    rewritten(old, new, source, ids)
    assert len(rules_in(new, ids[f"security_group/{source}"])) == 1000
    assert len(new.sim.posts("security-group-rules")) == 20


def test_doubles_of_old_releases_are_made_once(old: Cloud, new: Cloud) -> None:
    source, ids = group(old), dict[str, str]()
    first = rule(old, source, protocol="tcp", remote_ip_prefix="0.0.0.0/0")
    table = old.sim.table("security-group-rules")
    table["again"] = {**table[first], "id": "again", "remote_ip_prefix": None, "description": "the same"}
    moved(old, new, K.SECURITY_GROUP, source, ids)
    rewritten(old, new, source, ids)
    assert len(rules_in(new, ids[f"security_group/{source}"])) == 3


def test_forms_of_old_releases(old: Cloud, new: Cloud) -> None:
    source, ids = group(old), dict[str, str]()
    table = old.sim.table("security-group-rules")
    table[rule(old, source, protocol="icmpv6", ethertype="IPv6")]["description"] = None
    table[rule(old, source, protocol="tcp")].update(port_range_min=1, port_range_max=65535)
    moved(old, new, K.SECURITY_GROUP, source, ids)
    rewritten(old, new, source, ids)
    assert {each["protocol"] for each in rules_in(new, ids[f"security_group/{source}"])} == {
        None,
        "tcp",
        "ipv6-icmp",
    }


def test_rewriting_twice_changes_nothing(old: Cloud, new: Cloud) -> None:
    source, ids = group(old), dict[str, str]()
    rule(old, source, protocol="tcp")
    moved(old, new, K.SECURITY_GROUP, source, ids)
    rewritten(old, new, source, ids)
    writes = [each for each in new.sim.log if each.method != "GET"]
    rewritten(old, new, source, ids)
    assert [each for each in new.sim.log if each.method != "GET"] == writes


def test_addresses_of_a_group_are_brought_to_what_they_should_be(new: Cloud) -> None:
    there = new.sim.put(
        "address-groups", name="a", project_id=NEW_TENANT, addresses=["10.0.0.0/8", "10.1.0.0/16"]
    )
    new[K.ADDRESS_GROUP].update(there, {"addresses": ["10.1.0.0/16", "192.0.2.0/24"], "description": "d"})
    assert new.one(K.ADDRESS_GROUP, there).fields == {
        "description": "d",
        "addresses": ["10.1.0.0/16", "192.0.2.0/24"],
    }
