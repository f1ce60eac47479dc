"""The plan of a populated cloud: deterministic, in proportion, and checked."""

from collections import Counter

import pytest

from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.populate.images import image_bytes
from pumphouse.lab.populate.plan import make_plan


def test_the_default_workload() -> None:
    plan = make_plan()
    assert [t.name for t in plan.tenants] == ["acme", "globex", "initech"]
    assert len(plan.servers) == 12
    assert Counter(s.status for s in plan.servers) == {"ACTIVE": 9, "SHUTOFF": 2, "PAUSED": 1}
    assert sum(bool(s.boot_volume) for s in plan.servers) == 3
    assert sum(bool(s.volumes) for s in plan.servers) >= 3
    assert sum(len(s.networks) > 1 for s in plan.servers) == 1
    assert Counter(s.group for s in plan.servers if s.group) == {
        "acme-web": 2,
        "globex-web": 2,
        "initech-web": 2,
    }
    assert {s.name for s in plan.servers} >= {"acme-web-1", "globex-db-1", "initech-batch-1"}


def test_it_is_the_same_each_time_and_grows_without_changing_what_was_there() -> None:
    assert make_plan() == make_plan()
    assert {s.name for s in make_plan(12).servers} < {s.name for s in make_plan(60).servers}


@pytest.mark.parametrize("count", [0, 1, 5, 12, 100])
def test_what_servers_need_is_planned(count: int) -> None:
    plan = make_plan(count)
    names = [s.name for s in plan.servers]
    assert len(names) == len(set(names)) == count
    for tenant in plan.tenants:
        volumes = {v.name for v in tenant.volumes}
        networks = {n.name for n in tenant.networks}
        for server in tenant.servers:
            assert set(server.networks) <= networks
            assert set(server.volumes) <= volumes
            assert server.boot_volume in volumes | {""}
            assert server.flavor in {f.name for f in plan.flavors}
            assert server.image in {plan.image.name, tenant.image.name, ""}


@pytest.mark.parametrize(
    ("servers", "tenants", "field"),
    [
        (-1, ("acme",), "--servers"),
        (501, ("acme",), "--servers"),
        (1, (), "--tenants"),
        (1, ("acme", "acme"), "--tenants"),
        (1, ("Acme",), "--tenants"),
        (1, ("a b",), "--tenants"),
    ],
)
def test_bad_input_is_named(servers: int, tenants: tuple[str, ...], field: str) -> None:
    with pytest.raises(LabConfigurationError) as caught:
        make_plan(servers, tenants)
    assert caught.value.field == field
    assert caught.value.hint


def test_image_bytes_are_reproducible_and_differ_by_name() -> None:
    assert image_bytes("a", 1) == image_bytes("a", 1) != image_bytes("b", 1)
    assert len(image_bytes("a", 1)) == 1024 * 1024
