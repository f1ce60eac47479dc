"""What must never be tried on a user's things: the table of actions, and the choice of targets."""

from collections.abc import Iterator

import pytest

from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.probe_actions import ACTIONS, Action, chosen, filled
from pumphouse.drivers.openstack.prober import OpenStackProber
from tests.fakes.clock import FakeClock
from tests.unit.openstack.tenant_cloud import OTHER, TENANT, TenantCloud, thing

STRICT = {
    "network_in_use", "subnet_in_use", "router_in_use", "router_port", "default_security_group", "volume_in_use", "bait_image",
}  # fmt: skip


@pytest.fixture
def sim() -> Iterator[TenantCloud]:
    with TenantCloud() as cloud:
        yield cloud


@pytest.fixture
def prober(sim: TenantCloud) -> Iterator[OpenStackProber]:
    made = OpenStackProber(
        "sim", CloudSettings(cloud="sim", auth_type="password", auth=sim.auth), FakeClock()
    )
    yield made
    made.close()


@pytest.mark.parametrize("action", [a for a in ACTIONS if a.writes], ids=lambda a: f"{a.service} {a.name}")
def test_every_writing_row_says_why_it_is_safe_and_keeps_to_it(action: Action) -> None:
    assert action.why
    if action.method == "DELETE":
        of_a_key = action.path.endswith("/{mark}")
        assert of_a_key or action.locked or action.needs() <= STRICT
    if action.path.endswith("/action") and action.service == "nova":
        assert action.locked or "nowhere" in action.places()
    if action.method == "POST" and len(action.path.split("/")) == 2:
        is_rule = action.name == "create security group rule"  # has no name, and is not one in any case
        assert is_rule or "mark" in action.places(), "what it makes by mistake must be found again"
    if action.method in {"PUT", "PATCH"}:
        assert any("." in place for place in action.places()) or {"nowhere", "mark"} & action.places()


def test_names_of_rows_are_unique_but_for_alternatives() -> None:
    names = [(a.service, a.name) for a in ACTIONS]
    doubled = {name for name in names if names.count(name) > 1}
    assert doubled == {
        ("neutron", "create subnet"),
        ("cinder", "create snapshot"),
        ("glance", "create image"),
    }
    for available in (frozenset[str](), frozenset({"attached_volume", "volume", "visible_image", "network"})):
        rows = [
            (a.service, a.name)
            for a, _ in chosen(available, services=frozenset({"cinder", "glance"}), traces=True)
        ]
        assert len(rows) == len(set(rows))


def test_places_are_filled_everywhere_and_keep_their_types() -> None:
    values = {"mark": "m", "volume.size": 3, "volume": "v"}
    template = {"{mark}": ["/volumes/{volume}/x", "{volume.size}", 7, None, {"a": "{mark}{mark}"}]}
    assert filled(template, values) == {"m": ["/volumes/v/x", 3, 7, None, {"a": "mm"}]}


def test_everything_in_use_is_found(prober: OpenStackProber) -> None:
    assert dict(prober.targets(TENANT)) == {
        "server": "server-1", "network": "net-1", "network_in_use": "net-1", "subnet": "sub-1", "subnet_in_use": "sub-1",
        "router": "router-1", "router_in_use": "router-1", "port": "port-1", "router_port": "leg-1",
        "security_group": "group-1", "default_security_group": "group-1", "floating_ip": "fip-1",
        "volume": "vol-1", "volume_in_use": "vol-1", "image": "image-1", "visible_image": "image-1",
    }  # fmt: skip


@pytest.mark.crash
def test_what_could_be_deleted_is_never_a_target_of_deletion(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    sim.things["network", "ports"] = [
        thing("orphan", device_owner="network:router_interface", device_id="gone", network_id="net-1",
              fixed_ips=[{"subnet_id": "sub-1"}]),
        thing("dhcp", device_owner="network:dhcp", network_id="net-1", fixed_ips=[{"subnet_id": "sub-1"}]),
    ]  # fmt: skip
    sim.things["network", "security_groups"] = [thing("own", name="web")]
    sim.things["block-storage", "snapshots"] = []
    targets = prober.targets(TENANT)
    assert STRICT.isdisjoint(targets)
    assert {"network", "subnet", "router", "port", "security_group", "volume"} <= set(targets)


def test_an_ipv6_subnet_is_not_held_by_its_ports(sim: TenantCloud, prober: OpenStackProber) -> None:
    sim.things["network", "subnets"][0]["ip_version"] = 6
    targets = prober.targets(TENANT)
    assert "subnet_in_use" not in targets
    assert targets["network_in_use"] == "net-1"


def test_a_locked_server_comes_first_then_one_that_is_off(sim: TenantCloud, prober: OpenStackProber) -> None:
    servers = sim.things["compute", "servers"]
    servers[:] = [
        thing("busy", status="SHUTOFF", locked=True, **{"OS-EXT-STS:task_state": "deleting"}),
        thing("on", status="ACTIVE", locked=False),
        thing("off", status="SHUTOFF", locked=False),
        thing("locked", status="ACTIVE", locked=True),
    ]
    assert prober.targets(TENANT)["server"] == "locked"
    del servers[3]
    assert prober.targets(TENANT)["server"] == "off"


def test_attached_volumes_are_preferred_and_images_of_others_only_lend_their_id(
    sim: TenantCloud, prober: OpenStackProber
) -> None:
    sim.things["block-storage", "volumes"].append(
        thing("used", status="in-use", size=1, attachments=[{"server_id": "server-1"}])
    )
    sim.things["image", "images"] = [thing("public", OTHER, visibility="public")]
    targets = prober.targets(TENANT)
    assert targets["attached_volume"] == targets["volume_in_use"] == targets["volume"] == "used"
    assert targets["visible_image"] == "public"
    assert "image" not in targets
