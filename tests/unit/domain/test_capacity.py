"""Simulated placement: what fits where, why not, and that it does so quickly."""

import time
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pumphouse.domain.capacity import Demand, demand_of, place
from pumphouse.domain.node import Inventory, Node
from pumphouse.domain.server import FlavorSize, Server, ServerGroup


def node(
    name: str,
    ram: int = 1000,
    vcpus: int = 8,
    *,
    ratio: float = 1.0,
    max_unit: int | None = None,
    **values: object,
) -> Node:
    defaults: dict[str, object] = {
        "id": name,
        "environment": "e",
        "service_id": name,
        "enabled": True,
        "up": True,
        "provider_id": name,
    }
    inventory = {
        "MEMORY_MB": Inventory(ram, 0, ratio, 0, max_unit or ram),
        "VCPU": Inventory(vcpus, 0, 4.0, 0, vcpus),
    }
    return Node(name=name, inventory=inventory, **{**defaults, **values})  # type: ignore[arg-type]


def demand(id: str, ram: int = 100, **values: object) -> Demand:
    return Demand(id, id, {"MEMORY_MB": ram, "VCPU": 1}, **values)  # type: ignore[arg-type]


def test_it_spreads_when_there_is_room() -> None:
    placed = place([demand(f"s{i}") for i in range(6)], [node("a"), node("b"), node("c")])
    assert Counter(placed.targets.values()) == {"a": 2, "b": 2, "c": 2}


def test_it_packs_when_spreading_leaves_somebody_outside() -> None:
    # spread: 400 and 300 on different nodes, then 700 fits nowhere... largest first avoids that; two dimensions need packing
    demands = [demand("x", 500), demand("y", 500), demand("z", 1000)]
    assert not place(demands, [node("a"), node("b")]).misfits


def test_ratio_reserved_and_max_unit_count() -> None:
    assert place([demand("s", 1500)], [node("a", ratio=2.0)]).misfits["s"].short == {"MEMORY_MB": 500}, (
        "one server may not exceed max_unit"
    )
    assert not place([demand("s", 900), demand("t", 900)], [node("a", ratio=2.0)]).misfits


def test_closed_disabled_and_down_nodes_take_nothing() -> None:
    nodes = [node("a", enabled=False), node("b", up=False), node("c")]
    misfit = place([demand("s")], nodes, closed={"c"}).misfits["s"]
    assert misfit.code == "constraint"
    assert "1 disabled" in misfit.reason
    assert "1 down" in misfit.reason


def test_zone_and_traits() -> None:
    nodes = [node("a", zone="east", traits=frozenset({"T"})), node("b", zone="west")]
    assert place([demand("s", zone="west")], nodes).targets == {"s": "b"}
    assert place([demand("s", required=frozenset({"T"}))], nodes).targets == {"s": "a"}
    assert place([demand("s", forbidden=frozenset({"T"}))], nodes).targets == {"s": "b"}


def test_anti_affinity_and_its_soft_sister() -> None:
    nodes = [node("a"), node("b", 900)]
    hard = ServerGroup("g", "g", "anti-affinity", frozenset({"s", "t", "u"}))
    placed = place([demand("s"), demand("t"), demand("u")], nodes, groups=[hard])
    assert sorted(placed.targets.values()) == ["a", "b"]
    assert [m.code for m in placed.misfits.values()] == ["affinity"]
    soft = ServerGroup("g", "g", "soft-anti-affinity", frozenset({"s", "t", "u"}))
    assert set(place([demand("s"), demand("t"), demand("u")], nodes, groups=[soft]).targets.values()) == {
        "a",
        "b",
    }


def test_a_server_frees_its_old_place_in_a_group_that_allows_two() -> None:
    group = ServerGroup("g", "g", "anti-affinity", frozenset({"s", "t"}), max_per_host=2)
    placed = place([demand("s")], [node("a"), node("b", 100)], groups=[group], hosts={"s": "old", "t": "a"})
    assert placed.targets == {"s": "a"}


def test_demand_follows_nova() -> None:
    specs = {
        "hw:cpu_policy": "dedicated",
        "resources:CUSTOM_X": "2",
        "trait:T": "required",
        "trait:F": "forbidden",
    }
    size = FlavorSize(2, 512, 10, ephemeral_gib=3, swap_mib=1500, extra_specs=specs)
    server = Server("i", "n", "e", "p", "ACTIVE", "h", size, image_id="")
    found = demand_of(server)
    assert found.resources == {"PCPU": 2, "MEMORY_MB": 512, "DISK_GB": 5, "CUSTOM_X": 2}
    assert (found.required, found.forbidden) == ({"T"}, {"F"})


@given(st.lists(st.integers(1, 900), max_size=40), st.lists(st.integers(100, 1500), min_size=1, max_size=8))
def test_nobody_is_overbooked_and_a_misfit_fits_nowhere(sizes: list[int], rooms: list[int]) -> None:
    nodes = [node(f"n{i}", room, 100) for i, room in enumerate(rooms)]
    demands = [demand(f"s{i}", size) for i, size in enumerate(sizes)]
    placed = place(demands, nodes)
    used: Counter[str] = Counter()
    by_id = {d.id: d.resources["MEMORY_MB"] for d in demands}
    for server, target in placed.targets.items():
        used[target] += by_id[server]
    free = {n.name: n.inventory["MEMORY_MB"].capacity - used[n.name] for n in nodes}
    assert min(free.values()) >= 0
    assert set(placed.targets) | set(placed.misfits) == set(by_id)
    assert all(by_id[server] > max(free.values()) for server in placed.misfits)


def test_many_nodes_and_servers_take_no_time() -> None:
    nodes = [node(f"n{i}", 4000 + i, 64) for i in range(500)]
    demands = [demand(f"s{i}", 200 + i % 1700) for i in range(1500)]
    start = time.process_time()
    placed = place(demands, nodes)
    took = time.process_time() - start
    assert len(placed.targets) + len(placed.misfits) == 1500
    assert took < 5, f"{took:.1f} s of CPU"


def test_nodes_kept_for_tenants_take_only_theirs_and_take_them_first() -> None:
    mine = {"mine": {"filter_tenant_id": "acme, globex", "filter_tenant_id_more": "initech"}}
    nodes = [node("a", 500, aggregate_metadata=mine), node("b", 400), node("c", 300, aggregate_metadata={})]
    owners = {"s0": "acme", "s1": "globex", "s2": "initech", "s3": "umbrella", "s4": ""}
    placed = place([demand(one, project_id=owner) for one, owner in owners.items()], nodes)
    assert {one for one, target in placed.targets.items() if target == "a"} == {"s0", "s1", "s2"}
    assert len(placed.targets) == 5
    # and beyond that where there is room
    many = place([demand(f"s{n}", project_id="acme") for n in range(6)], nodes)
    assert Counter(many.targets.values())["a"] == 5
    assert not many.misfits
    refused = place([demand("s", project_id="umbrella")], nodes[:1]).misfits["s"]
    assert "kept for other tenants" in refused.reason
