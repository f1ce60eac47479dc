"""The planner by itself: no clouds, no engine."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.fence import EntryState, FenceEntry
from pumphouse.domain.migration import Method
from pumphouse.domain.node import Inventory as NodeRoom
from pumphouse.domain.node import Node
from pumphouse.domain.resource import Inventory, Move, MoveState, Resource, ResourceKind, ref
from pumphouse.workflows.migrate_tenant import findings
from pumphouse.workflows.migrate_tenant.capacity import of_capacity
from pumphouse.workflows.migrate_tenant.fingerprint import digest_of, prints_of
from pumphouse.workflows.migrate_tenant.kind import Choices
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.packing import packed, unpacked
from pumphouse.workflows.migrate_tenant.planner import PRINTS, Row, Scene, plan_rows
from pumphouse.workflows.migrate_tenant.pools import answered_twice, outside_of_pools
from pumphouse.workflows.migrate_tenant.selection import unselected
from pumphouse.workflows.migrate_tenant.unfenced import unfenced
from tests.fakes.kinds import TOY_KINDS

K = ResourceKind
AT = datetime(2026, 1, 1, tzinfo=UTC)


def thing(
    kind: ResourceKind, name: str, id: str = "", *, owner: str = "t", size: int = 0, **fields: Any
) -> Resource:
    return Resource(kind, id or name, name, fields, {}, "1", size, owner)


def inventory(*things: Resource) -> Inventory:
    return Inventory("old", "t", AT, things)


def rows(*things: Resource, **more: Any) -> dict[str, Row]:
    scene = Scene(inventory(*things), TOY_KINDS, **{"choices": Choices(), **more})
    return {row.source.key: row for row in plan_rows(scene)}


def moved(resource: Resource, target: str, state: MoveState = MoveState.VERIFIED, **more: Any) -> Move:
    details = {PRINTS: prints_of(resource, TOY_KINDS[resource.kind])}
    return Move("old", "t", "new", resource.kind, resource.id, resource.name, state, target, ours=True, source_version="1", details=details, **more)  # fmt: skip


NFS = thing(K.VOLUME_TYPE, "nfs", "vt1", owner="")
VOLUME = thing(K.VOLUME, "data", size=10, type=ref(K.VOLUME_TYPE, "vt1"))


def test_what_needs_an_open_name_cannot_move_and_says_why() -> None:
    found = rows(NFS, VOLUME)
    assert found[NFS.key].method is Method.OPEN
    assert found[VOLUME.key].method is Method.CANNOT
    assert "volume_type/vt1" in found[VOLUME.key].reason


def test_two_of_one_name_are_told_apart_by_id_only() -> None:
    offered = {K.VOLUME_TYPE: [thing(K.VOLUME_TYPE, "nfs", x, owner="") for x in ("a", "b")]}
    assert rows(NFS, candidates=offered)[NFS.key].method is Method.OPEN
    by_id = Choices(names={"volume_type": {"nfs": "b"}})
    assert rows(NFS, candidates=offered, choices=by_id)[NFS.key].target_id == "b"


def test_of_two_domains_users_the_one_of_the_mapped_domain_is_meant() -> None:
    domain = thing(K.DOMAIN, "Default", "d1", owner="")
    ann = thing(K.USER, "ann", "u1", owner="", domain=ref(K.DOMAIN, "d1"))
    users = [thing(K.USER, "ann", f"u-{d}", owner="", domain=ref(K.DOMAIN, d)) for d in ("other", "new")]
    offered = {K.DOMAIN: [thing(K.DOMAIN, "Default", "new", owner="")], K.USER: users}
    row = rows(domain, ann, candidates=offered)[ann.key]
    assert (row.method, row.target_id) == (Method.REUSE, "u-new")


def test_a_counterpart_that_has_gone_is_made_again() -> None:
    net = thing(K.NETWORK, "net", description="")
    there = thing(K.NETWORK, "net", "n9", description="")
    kept = rows(net, moves=[moved(net, "n9")], present={there.key: there})[net.key]
    assert (kept.method, kept.target_id) == (Method.KEEP, "n9")
    assert rows(net, moves=[moved(net, "n9")])[net.key].method is Method.CREATE
    made = rows(net, moves=[moved(net, "n9", MoveState.MADE)], present={there.key: there})[net.key]
    assert (made.method, made.target_id) == (Method.CREATE, "n9")


def test_a_change_of_the_source_is_brought_over_where_that_can_be() -> None:
    net = thing(K.NETWORK, "net", description="", mtu=1450)
    there = {"network/n9": thing(K.NETWORK, "net", "n9")}
    other = thing(K.NETWORK, "net", description="new", mtu=1450)
    row = rows(other, moves=[moved(net, "n9")], present=there)[net.key]
    assert (row.method, row.differing, row.again) == (Method.ADOPT, ("description",), True)
    other = thing(K.NETWORK, "net", description="", mtu=9000)
    assert rows(other, moves=[moved(net, "n9")], present=there)[net.key].method is Method.CONFLICT


def test_an_attached_volume_goes_with_its_server_or_stays() -> None:
    offered = {K.VOLUME_TYPE: [thing(K.VOLUME_TYPE, "nfs", "a", owner="")]}
    server = thing(K.SERVER, "web", volumes=[ref(K.VOLUME, "data")])
    assert rows(NFS, VOLUME, server, candidates=offered)[VOLUME.key].data_with == server.key
    broken = thing(K.SERVER, "web", volumes=[ref(K.VOLUME, "data")], broken=True)
    row = rows(NFS, VOLUME, broken, candidates=offered)[VOLUME.key]
    assert row.method is Method.CANNOT
    assert "web" in row.reason


def test_rows_survive_the_database() -> None:
    row = Row(VOLUME, Method.ADOPT, "why", "id", "name", ("a",), "server/x", again=True)
    assert unpacked(packed(row)) == row


def test_the_digest_heeds_what_is_copied_and_not_what_a_fence_does() -> None:
    server = thing(K.SERVER, "web", locked=False, power="on", flavor=None)
    grant = thing(K.ASSIGNMENT, "member", holder=None)
    first = digest_of(inventory(server, grant), TOY_KINDS)
    fenced = thing(K.SERVER, "web", locked=True, power="off", flavor=None)
    assert digest_of(inventory(fenced), TOY_KINDS) == first
    assert (
        digest_of(inventory(thing(K.SERVER, "web", locked=False, power="on", flavor=1)), TOY_KINDS) != first
    )
    assert digest_of(inventory(server, thing(K.NETWORK, "n")), TOY_KINDS) != first
    unseen = thing(K.CREDENTIAL, "EC2 credentials of 1 users: Keystone does not list them")
    assert digest_of(inventory(server, unseen), TOY_KINDS) == first, (
        "a list that Keystone refused once blocks no plan"
    )


def test_a_fence_is_taken_away_in_thought() -> None:
    data = {"holder_kind": "user", "holder_id": "u", "role_id": "r", "place": "project", "place_id": "t"}
    entries = [
        FenceEntry("withdrawn", "g1", data, EntryState.DONE),
        FenceEntry("added", "g2", data, EntryState.DONE),
        FenceEntry("lock", "web", {}, EntryState.INTENDED),
        FenceEntry("quota", "nova", {"before": {"cores": 40}, "pinned": {"cores": 2}}, EntryState.DONE),
        FenceEntry("withdrawn", "g3", data, EntryState.RESTORED),
    ]
    now = inventory(
        thing(K.ASSIGNMENT, "reader", "g2"),
        thing(K.SERVER, "web", locked=True),
        thing(K.QUOTA, "nova", "nova/t", limits={"cores": 2, "ram": 5}),
    )
    before = {each.key: each.fields for each in unfenced(now, entries).resources}
    assert before["server/web"] == {"locked": False}
    assert before["quota/nova/t"] == {"limits": {"cores": 40, "ram": 5}}
    assert before["assignment/g1"]["holder"] == ref(K.USER, "u")
    assert {"assignment/g2", "assignment/g3"} & set(before) == set()


def test_what_is_included_brings_what_it_needs_and_what_follows_it() -> None:
    things = [
        thing(K.PROJECT, "acme", "t"),
        thing(K.NETWORK, "n1"),
        thing(K.NETWORK, "n2"),
        thing(K.SUBNET, "s1", network=ref(K.NETWORK, "n1")),
        thing(K.ROUTER, "r1"),
        thing(K.ROUTER_INTERFACE, "i1", router=ref(K.ROUTER, "r1"), subnet=ref(K.SUBNET, "s1")),
        thing(K.PORT, "p1", network=ref(K.NETWORK, "n1"), subnets=[ref(K.SUBNET, "s1")]),
        thing(K.SERVER, "web", ports=[ref(K.PORT, "p1")]),
    ]
    left = unselected(inventory(*things), ["web"], [])
    assert set(left) == {"network/n2"}
    left = unselected(inventory(*things), [], ["web", "router"])
    assert set(left) == {"server/web", "port/p1", "router/r1"}
    with pytest.raises(InvalidInputError, match="nonsense"):
        unselected(inventory(*things), ["nonsense"], [])


def test_room_is_counted() -> None:
    public = thing(K.EXTERNAL_NETWORK, "public", "e1", owner="")
    address = thing(K.FLOATING_IP, "1.2.3.4", network=ref(K.EXTERNAL_NETWORK, "e1"))
    planned = [
        Row(public, Method.MAP, target_id="E"),
        Row(address, Method.CREATE),
        Row(VOLUME, Method.CREATE),
    ]
    room = {
        "quotas": {"cinder": {"volumes": {"limit": 3, "used": 3}, "gigabytes": {"limit": -1, "used": 0}}},
        "addresses": {"E": {"name": "public", "total": 4, "used": 4}},
        "volume_pools": [{"name": "p", "backend": "", "total_bytes": 5, "free_bytes": 5}],
        "gaps": [],
    }
    codes = {f.code: str(f.severity) for f in findings.of_room(planned, room, inventory(), TOY_KINDS)}
    assert codes == {"no-quota": "critical", "no-addresses": "critical", "little-room": "warning"}


def test_an_external_address_that_the_destination_has_not_is_found_before_anything_is_made() -> None:
    public = thing(K.EXTERNAL_NETWORK, "public", owner="")
    pool = thing(K.EXTERNAL_SUBNET, "v4", owner="", network=ref(K.EXTERNAL_NETWORK, "public"), cidr="203.0.113.0/24")  # fmt: skip
    floating = thing(
        K.FLOATING_IP,
        "203.0.113.5",
        network=ref(K.EXTERNAL_NETWORK, "public"),
        address="203.0.113.5",
        port_forwardings=[],
    )
    gateway = [{"subnet": ref(K.EXTERNAL_SUBNET, "v4"), "ip_address": "203.0.113.9"}]
    router = thing(K.ROUTER, "edge", gateway=ref(K.EXTERNAL_NETWORK, "public"), gateway_addresses=gateway)
    elsewhere = thing(K.EXTERNAL_SUBNET, "v4", "e", owner="", network=ref(K.EXTERNAL_NETWORK, "other"), cidr="203.0.113.0/24")  # fmt: skip

    def told(cidr: str, **chosen: Any) -> list[str]:
        subnet = thing(K.EXTERNAL_SUBNET, "v4", "s", owner="", network=ref(K.EXTERNAL_NETWORK, "n"), cidr=cidr)  # fmt: skip
        offered = {
            K.EXTERNAL_NETWORK: [thing(K.EXTERNAL_NETWORK, "public", "n", owner="")],
            K.EXTERNAL_SUBNET: [elsewhere, subnet],
        }
        scene = Scene(inventory(public, pool, floating, router), KINDS, Choices(**chosen), candidates=offered)
        twice.extend(each.message for each in answered_twice(plan_rows(scene), scene))
        return [each.subject for each in outside_of_pools(plan_rows(scene), scene)]

    twice: list[str] = []
    assert told("203.0.113.0/24") == []
    assert len(twice) == 1
    assert "203.0.113.9" in twice[0]
    assert "203.0.113.5" not in twice[0], (
        "floating IPs leave the source before they answer in the destination"
    )
    assert told("198.51.100.0/24") == ["router edge", "floating_ip 203.0.113.5"]
    assert told("198.51.100.0/24", names={"address": {"203.0.113.9": ""}}) == ["floating_ip 203.0.113.5"]
    assert len(twice) == 2
    twice.clear()
    assert told("198.51.100.0/24", keep_addresses=False) == []
    assert not twice


def node(name: str, vcpus: int, *, up: bool = True, ram: int = 8192) -> Node:
    amounts = {"VCPU": vcpus, "MEMORY_MB": ram, "DISK_GB": 100}
    room = {key: NodeRoom(total, 0, 1.0, 0, total) for key, total in amounts.items()}
    return Node(name, name, "new", name, enabled=True, up=up, inventory=room)


@pytest.mark.parametrize(
    ("nodes", "codes"),
    [
        ([], ["no-node"]),
        ([node("n1", 8, up=False)], ["no-node"]),
        ([node("n1", 8)], []),
        ([node("n1", 5)], ["no-capacity"]),
        ([node("n1", 1), node("n2", 1)], ["no-capacity"]),
        # enough in all, and in pieces: Nova may know better
        ([node("n1", 3), node("n2", 3)], ["little-capacity"]),
        ([node("n1", 8, ram=1024)], ["no-capacity"]),
    ],
)
def test_servers_that_would_not_boot_are_found_before_they_are_stopped(
    nodes: list[Node], codes: list[str]
) -> None:
    flavor = thing(K.FLAVOR, "big", owner="", vcpus=2, ram=512, disk=1)
    servers = [thing(K.SERVER, f"s{n}", flavor=ref(K.FLAVOR, "big"), image=None) for n in range(3)]
    planned = [Row(each, Method.CREATE) for each in (flavor, *servers)]
    assert [each.code for each in of_capacity(planned, nodes, "new")] == codes
    assert of_capacity(planned[:1], nodes, "new") == []
