"""Two environments side by side: what differs, what cannot be told, and which findings speak about moving from one to the other."""

from datetime import UTC, datetime
from typing import Any

import pytest

from pumphouse.domain.comparison import compare
from pumphouse.domain.comparison_findings import is_older
from pumphouse.domain.settings import Setting, Settings, completed

AT = datetime(2026, 11, 22, tzinfo=UTC)
UNKNOWN = object()


def setting(key: str, value: Any) -> Setting:
    known = value is not UNKNOWN
    return Setting(key, value if known else None, "somebody", AT, known=known)


def built(name: str, **values: Any) -> Settings:
    """`__` stands for the dot."""
    rows = [setting(key.replace("__", "."), value) for key, value in values.items()]
    return completed(name, rows, {}, AT)


def codes(left: Settings, right: Settings) -> list[tuple[str, str]]:
    return [(str(found.severity), found.code) for found in compare(left, right).findings]


def test_the_cloud_comes_first_and_the_deployer_fills_in() -> None:
    found = [setting("network.mtu", UNKNOWN), setting("release.name", "2026.2")]
    told = {"network.mtu": (9000, "neutron.conf"), "release.name": ("2023.1", "a file"), "own.key": (1, "a file")}  # fmt: skip
    settings = completed("old", found, told, AT)
    assert (settings.value("network.mtu"), settings.values["network.mtu"].source) == (9000, "neutron.conf")
    assert settings.release == "2026.2"
    assert list(settings.values) == ["network.mtu", "own.key", "release.name"]


def test_equal_different_and_unknown() -> None:
    left = built("old", a__same=1, a__other=1, a__mine=1, a__dark=UNKNOWN, a__shade=1)
    right = built("new", a__same=1, a__other=2, a__yours=1, a__dark=1, a__shade=UNKNOWN)
    found = compare(left, right)
    assert found.equal == ("a.same",)
    assert found.unknown == ("a.dark", "a.shade")
    assert [d.key for d in found.differences] == ["a.mine", "a.other", "a.yours"]
    assert found.differences[0].right is None
    assert found.differences[2].left is None


def test_an_unknown_value_is_not_equal_to_an_unknown_one() -> None:
    found = compare(built("old", a=UNKNOWN), built("new", a=UNKNOWN))
    assert (found.equal, found.unknown, found.differences) == ((), ("a",), ())


def test_what_any_two_clouds_differ_in_comes_last() -> None:
    left = built("old", service__compute__endpoints={"public": "a"}, zz=1, network__mtus_in_use={"vlan": [1]})
    right = built("new", service__compute__endpoints={"public": "b"}, zz=2, network__mtus_in_use={})
    found = compare(left, right).differences
    assert [(d.key, d.own) for d in found] == [("zz", False), ("network.mtus_in_use", True), ("service.compute.endpoints", True)]  # fmt: skip


def test_rows_are_told_by_name() -> None:
    left = built(
        "old", contents__flavors=[{"name": "a", "vcpus": 1}, {"name": "b", "vcpus": 1}, {"name": "c"}]
    )
    right = built("new", contents__flavors=[{"name": "b", "vcpus": 2}, {"name": "c"}, {"name": "d"}])
    (found,) = compare(left, right).differences
    assert (found.only_left, found.only_right) == (("a",), ("d",))
    assert found.changed == {"b": ("vcpus",)}
    twice = built("old", contents__images=[{"name": "x"}, {"name": "x"}])
    (found,) = compare(twice, built("new", contents__images=[{"name": "x"}])).differences
    assert found.changed == {"x": ()}


CPU = {"arch": "x86_64", "vendor": "Intel", "model": "Icelake"}


@pytest.mark.parametrize(
    ("left", "right", "wanted"),
    [
        ({"release__name": "2026.2"}, {"release__name": "2023.1"}, ("critical", "older-release")),
        ({"service__types": ["compute", "dns"]}, {"service__types": ["compute"]}, ("critical", "service-missing")),
        ({"network__extensions": ["qos", "dvr"]}, {"network__extensions": ["qos"]}, ("warning", "extension-missing")),
        ({"network__tenant_types": ["vlan"]}, {"network__tenant_types": ["geneve"]}, ("warning", "tenant-network-kind")),
        ({"network__types_in_use": ["vlan"]}, {"network__type_drivers": ["geneve"]}, ("critical", "network-kind-missing")),
        ({"network__physical_networks": ["a"]}, {"network__physical_networks": []}, ("warning", "physical-network-missing")),
        ({"network__mtu": 9000}, {"network__mtu": 1500}, ("warning", "mtu-smaller")),
        ({"network__mtus_in_use": {"vlan": [9000]}}, {"network__mtus_in_use": {"vlan": [1500]}}, ("warning", "mtu-smaller")),
        ({"contents__volume_types": [{"name": "ssd"}]}, {"contents__volume_types": []}, ("warning", "volume-type-missing")),
        ({"contents__volume_types": [{"name": "ssd", "public": True}]}, {"contents__volume_types": [{"name": "ssd"}]}, ("info", "volume-type-differs")),
        ({"storage__cinder__backends": [{"name": "a", "type": "nfs"}]}, {"storage__cinder__backends": [{"name": "a", "type": "ceph"}]}, ("warning", "volume-backend-kind")),
        ({"compute__cpu_models": [CPU]}, {"compute__cpu_models": [{**CPU, "model": "Nehalem"}]}, ("warning", "cpu-model")),
        ({"compute__cpu_models": [CPU]}, {"compute__cpu_models": [{**CPU, "arch": "aarch64"}]}, ("critical", "cpu-architecture")),
        ({"compute__hypervisors": [{"type": "QEMU", "version": 1}]}, {"compute__hypervisors": [{"type": "VMware", "version": 1}]}, ("critical", "hypervisor-kind")),
    ],
)  # fmt: skip
def test_what_matters_for_a_move(
    left: dict[str, Any], right: dict[str, Any], wanted: tuple[str, str]
) -> None:
    assert wanted in codes(built("old", **left), built("new", **right))
    # the same on both sides, or unknown on one, is no finding
    for mine, other in ((left, left), (right, right), (dict.fromkeys(left, UNKNOWN), right), (left, dict.fromkeys(right, UNKNOWN))):  # fmt: skip
        assert wanted not in codes(built("old", **mine), built("new", **other))


def test_what_could_not_be_judged_is_said() -> None:
    found = codes(built("old", network__mtu=UNKNOWN), built("new", network__mtu=1500))
    assert found == [("info", "not-known")]


def test_findings_begin_with_the_worst() -> None:
    left = built("old", release__name="2026.2", network__mtu=9000, compute__cpu_models=UNKNOWN)
    right = built("new", release__name="zed", network__mtu=1500, compute__cpu_models=[])
    assert [severity for severity, _ in codes(left, right)] == ["critical", "warning", "info"]


def test_releases_are_older_by_letters_and_then_by_years() -> None:
    ages = ["ussuri", "yoga", "zed", "2023.1", "2024.2", "2026.2"]
    for number, release in enumerate(ages):
        assert [is_older(other, release) for other in ages] == [n < number for n in range(len(ages))]
