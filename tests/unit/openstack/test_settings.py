"""How a cloud is built, as told by its APIs: each key from its answer, unknown where nobody tells, with a bounded number of requests."""

from collections.abc import Iterator
from typing import Any

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, CredentialsError, InvalidInputError
from pumphouse.domain.settings import Setting
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.settings import KINDS, OpenStackSettings
from tests.fakes.clock import FakeClock
from tests.simulated.content import Content, uid
from tests.simulated.server import Fault, SimulatedCloud


@pytest.fixture
def reader(sim: SimulatedCloud, clock: FakeClock) -> Iterator[OpenStackSettings]:
    made = OpenStackSettings("sim", CloudSettings("sim", "password", sim.auth), clock)
    yield made
    made.close()


def read(reader: OpenStackSettings) -> dict[str, Setting]:
    return {setting.key: setting for setting in reader.read()}


def reply(sim: SimulatedCloud, path: str, body: Any, status: int = 200) -> None:
    sim.replies["GET", path] = (status, body)


def test_what_the_apis_tell(reader: OpenStackSettings) -> None:
    found = read(reader)
    told = {key: setting.value for key, setting in found.items() if setting.known}
    wanted = {
        "release.name": "2023.1",
        "service.compute.max_microversion": "2.95",
        "compute.cpu_allocation_ratio": 4.0,
        "compute.ram_allocation_ratio": 1.0,
        "compute.reserved_host_memory_mib": 512,
        "compute.zones": ["nova"],
        "network.types_in_use": ["geneve"],
        "storage.glance.default_store": "ceph",
        "storage.cinder.default_type": "__DEFAULT__",
        "storage.cinder.backup": True,
        "identity.driver": "sql",
        "quota.cinder.volumes": 10,
        "quota.nova.cores": 20,
        "quota.neutron.network": 100,
    }
    assert {key: told.get(key) for key in wanted} == wanted
    assert told["storage.cinder.backends"] == [
        {"name": "disk", "type": "nfs"},
        {"name": "ssd", "type": "ceph"},
    ]
    assert told["storage.glance.stores"] == [{"id": "ceph", "type": "rbd"}, {"id": "disk", "type": "file"}]
    assert told["storage.cinder.type_quotas"] == {"fast": {"volumes": 5}}
    assert told["storage.glance.disk_formats"] == ["qcow2", "raw"]
    assert told["compute.cpu_models"] == [{"arch": "x86_64", "vendor": "Intel", "model": "Icelake-Server"}]
    assert told["network.segments_in_use"] == [
        {"type": "geneve", "physical_network": "", "minimum": 1, "maximum": 3, "networks": 3}
    ]
    assert not [key for key in told if key.startswith("quota.cinder") and "fast" in key]
    assert all(setting.source and setting.read_at for setting in found.values())


def test_what_no_api_tells_is_unknown_and_never_guessed(reader: OpenStackSettings) -> None:
    found = read(reader)
    for key in ("network.tenant_types", "network.mechanism_drivers", "network.mtu", "compute.cpu_mode"):
        assert (found[key].known, found[key].value) == (False, None)
        assert "no API tells" in found[key].source
    ranges = found["network.segmentation.geneve.range"]
    assert not ranges.known
    assert "no such thing" in ranges.source
    # agents without bridge mappings: the physical networks of networks alone would be half the truth
    assert not found["network.physical_networks"].known


def test_segment_ranges_where_neutron_has_them(sim: SimulatedCloud, reader: OpenStackSettings) -> None:
    def row(kind: str, low: int, high: int, physical: str | None = None) -> dict[str, Any]:
        return {"id": f"{kind}{low}", "network_type": kind, "minimum": low, "maximum": high, "physical_network": physical}  # fmt: skip

    reply(sim, "network/network_segment_ranges", {"network_segment_ranges": [
        row("geneve", 1, 5000), row("vxlan", 1, 10), row("vxlan", 20, 30), row("vlan", 200, 299, "b"), row("vlan", 100, 199, "a"),
    ]})  # fmt: skip
    found = read(reader)
    assert found["network.segmentation.geneve.range"].value == {"minimum": 1, "maximum": 5000}
    assert not found["network.segmentation.vxlan.range"].known
    assert [r["physical_network"] for r in found["network.segmentation.vlan.ranges"].value] == ["a", "b"]


@pytest.mark.parametrize(
    "configurations",
    [
        {"bridge-mappings": "physnet1:br-1,public:br-ex"},
        {"bridge_mappings": {"physnet1": "br-1", "public": "br-ex"}},
        {"device_mappings": {"physnet1": ["eth1"], "public": ["eth2"]}},
    ],
)
def test_physical_networks_of_each_kind_of_agent(
    sim: SimulatedCloud, reader: OpenStackSettings, configurations: dict[str, Any]
) -> None:
    agent = {"id": "1", "binary": "agent", "host": "node-1", "configurations": configurations}
    reply(sim, "network/agents", {"agents": [agent]})
    assert read(reader)["network.physical_networks"].value == ["physnet1", "public"]


def test_ratios_are_unknown_where_nodes_differ(sim: SimulatedCloud, reader: OpenStackSettings) -> None:
    other = sim.content.inventories(0)
    other["VCPU"]["allocation_ratio"] = 2.0
    reply(sim, f"placement/resource_providers/{uid('node', 2)}/inventories", {"inventories": other})
    summaries = sim.content.summaries()
    summaries[uid("node", 2)]["resources"]["VCPU"]["capacity"] = 128
    reply(sim, "placement/allocation_candidates", {"provider_summaries": summaries})
    found = read(reader)
    assert not found["compute.cpu_allocation_ratio"].known
    assert "nodes differ: 2, 4" in found["compute.cpu_allocation_ratio"].source
    assert found["compute.ram_allocation_ratio"].value == 1.0


def test_nodes_of_one_kind_are_asked_once_and_full_ones_each(clock: FakeClock) -> None:
    with SimulatedCloud(Content(nodes=30, servers=0, full_nodes=3)) as sim:
        reader = OpenStackSettings("sim", CloudSettings("sim", "password", sim.auth), clock)
        assert read(reader)["compute.cpu_allocation_ratio"].value == 4.0
        reader.close()
        asked = sim.count("placement", "/resource_providers/")
    assert asked == 3 + 1


def test_too_many_kinds_of_nodes_are_not_asked(clock: FakeClock) -> None:
    with SimulatedCloud(Content(nodes=80, servers=0, full_nodes=70)) as sim:
        reader = OpenStackSettings("sim", CloudSettings("sim", "password", sim.auth), clock)
        found = read(reader)["compute.cpu_allocation_ratio"]
        reader.close()
        assert sim.count("placement", "/resource_providers/") == 0
    assert not found.known
    assert "71 kinds" in found.source


def test_the_number_of_requests_grows_only_by_pages(clock: FakeClock) -> None:
    counts = []
    for size in (1, 40):
        content = Content(nodes=10 * size, servers=0, networks=50 * size, flavors=10 * size, aggregates=size)
        with SimulatedCloud(content) as sim:
            reader = OpenStackSettings("sim", CloudSettings("sim", "password", sim.auth), clock)
            found = read(reader)
            reader.close()
            counts.append(sim.count())
        assert len(found["contents.flavors"].value) == 10 * size
        assert len(found["contents.external_networks"].value) == 50 * size // 100
    # the second page of 2,000 networks, and their external ones' subnets
    assert counts[1] - counts[0] == 2
    assert counts[1] < 60


def test_a_part_that_fails_is_unknown_and_says_why(sim: SimulatedCloud, reader: OpenStackSettings) -> None:
    sim.faults.append(Fault(403, times=99, hits=lambda r: r.path == "/agents", body={"error": {"message": "not for you"}}))  # fmt: skip
    sim.faults.append(Fault(500, times=99, hits=lambda r: r.service == "block-storage"))
    found = read(reader)
    assert not found["network.agent_binaries"].known
    assert "not for you" in found["network.agent_binaries"].source
    assert not found["quota.cinder"].known
    assert not found["contents.volume_types"].known
    assert found["quota.nova.cores"].value == 20


def test_an_answer_of_another_shape_is_unknown(sim: SimulatedCloud, reader: OpenStackSettings) -> None:
    reply(sim, "image/info/stores/detail", {"stores": [{"name": "x"}]})
    reply(sim, "compute/os-aggregates", {"aggregates": None})
    found = read(reader)
    assert "not understood" in found["storage.glance.stores"].source
    assert not found["contents.aggregates"].known


def test_a_cloud_without_cinder_has_none_of_its_keys(
    sim: SimulatedCloud, reader: OpenStackSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.simulated import server

    monkeypatch.delitem(server.ROOTS, "block-storage")
    found = read(reader)
    assert not [key for key in found if "cinder" in key or key == "contents.volume_types"]
    assert "block-storage" not in found["service.types"].value
    assert reader.contents("volume_type") == []


def test_a_dead_cloud_and_refused_credentials_fail_as_a_whole(sim: SimulatedCloud, clock: FakeClock) -> None:
    wrong = OpenStackSettings(
        "sim", CloudSettings("sim", "password", {**sim.auth, "password": "wrong"}), clock
    )
    with pytest.raises(CredentialsError):
        wrong.read()
    wrong.close()
    dead = OpenStackSettings(
        "sim", CloudSettings("sim", "password", {**sim.auth, "auth_url": "http://127.0.0.1:1/v3"}), clock
    )
    with pytest.raises(CloudFaultError):
        dead.read()
    dead.close()


def test_contents_are_plain_rows(sim: SimulatedCloud, reader: OpenStackSettings) -> None:
    reply(sim, "compute/os-aggregates", {"aggregates": [
        {"id": 7, "name": "gold", "availability_zone": "az1", "hosts": ["node-1"], "metadata": {"availability_zone": "az1", "ssd": "true", "filter_tenant_id": "x"}},
    ]})  # fmt: skip
    reply(sim, "network/networks", {"networks": [
        {"id": "n1", "name": "public", "router:external": True, "provider:network_type": "flat", "provider:physical_network": "ex", "mtu": 1500},
        {"id": "n2", "name": "inner", "provider:network_type": "geneve"},
    ]})  # fmt: skip
    reply(sim, "network/subnets", {"subnets": [
        {"id": "s1", "network_id": "n1", "name": "v4", "ip_version": 4, "cidr": "198.51.100.0/24", "gateway_ip": None, "enable_dhcp": False,
         "allocation_pools": [{"start": "198.51.100.9", "end": "198.51.100.99"}]},
    ]})  # fmt: skip
    assert list(reader.contents("aggregate")) == [
        {"name": "gold", "zone": "az1", "metadata": {"ssd": "true"}, "tenant_bound": True}
    ]
    (public,) = reader.contents("external_network")
    assert (public["name"], public["physical_network"], public["segment"]) == ("public", "ex", None)
    assert public["subnets"][0]["pools"] == [{"start": "198.51.100.9", "end": "198.51.100.99"}]
    fast = reader.contents("volume_type")[1]
    assert fast["qos"] == {"name": "limited", "consumer": "front-end", "specs": {"total_iops_sec": "500"}}
    assert fast["encryption"]["provider"] == "luks"
    roles = {row["name"]: row for row in reader.contents("role") if row["domain"] == ""}
    assert roles["admin"] == {"name": "admin", "domain": "", "description": "", "immutable": True, "implies": ["member"]}  # fmt: skip
    quotas = {row["name"]: row["limits"] for row in reader.contents("quota")}
    assert quotas["cinder"] == {"volumes": 10, "gigabytes": 1000}


def test_contents_hold_no_ids(reader: OpenStackSettings) -> None:
    for kind in KINDS:
        for row in reader.contents(kind):
            assert row["name"], kind
            assert not {name for name in row if name == "id" or name.endswith("_id")}, kind


def test_wrong_kinds_and_contents_that_are_not_told(sim: SimulatedCloud, reader: OpenStackSettings) -> None:
    with pytest.raises(InvalidInputError, match="no such contents") as caught:
        reader.contents("flavours")
    assert "flavor" in caught.value.hint
    reply(sim, "compute/os-aggregates", {"forbidden": {"message": "not for you"}}, 403)
    with pytest.raises(CloudRefusedError, match="aggregate"):
        reader.contents("aggregate")
