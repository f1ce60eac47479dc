"""`env settings` against an independent look: the `openstack` client asks the same clouds of both releases, and agrees."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab
CLOUDS = ("old", "new")


@pytest.fixture(scope="module", params=CLOUDS)
def cloud(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ours(populated: TestLab, cloud: str) -> dict[str, Any]:
    """The known values, freshly read."""
    found = populated.console.ok("env", "settings", cloud, "--refresh")["settings"]
    return {key: one["value"] for key, one in found.items() if one["known"]}


def names(rows: list[dict[str, Any]], field: str = "Name") -> list[str]:
    return sorted(row[field] for row in rows)


def test_services_and_release(populated: TestLab, cloud: str, ours: dict[str, Any]) -> None:
    assert ours["release.name"] == {"old": "2023.1", "new": "2026.2"}[cloud]
    catalog = populated.console.openstack(cloud, "catalog", "list")
    former = {"volumev3": "block-storage"}
    assert ours["service.types"] == sorted({former.get(entry["Type"], entry["Type"]) for entry in catalog})
    versions = populated.console.openstack(cloud, "versions", "show", "--service", "compute")
    assert ours["service.compute.max_microversion"] in {v["Max Microversion"] for v in versions}


def test_contents(populated: TestLab, cloud: str, ours: dict[str, Any]) -> None:
    ask = populated.console.openstack
    assert names(ours["contents.flavors"], "name") == names(ask(cloud, "flavor", "list", "--all"))
    for row in ask(cloud, "flavor", "list", "--all"):
        mine = next(one for one in ours["contents.flavors"] if one["name"] == row["Name"])
        assert (mine["vcpus"], mine["ram_mib"], mine["disk_gib"]) == (row["VCPUs"], row["RAM"], row["Disk"])
    assert names(ours["contents.volume_types"], "name") == names(ask(cloud, "volume", "type", "list"))
    assert names(ours["contents.images"], "name") == names(ask(cloud, "image", "list", "--public"))
    assert names(ours["contents.aggregates"], "name") == names(ask(cloud, "aggregate", "list"))
    assert names(ours["contents.roles"], "name") == names(ask(cloud, "role", "list"))
    assert names(ours["contents.domains"], "name") == names(ask(cloud, "domain", "list"))
    implied = {
        (row["Prior Role Name"], row["Implied Role Name"]) for row in ask(cloud, "implied", "role", "list")
    }
    assert {(role["name"], other) for role in ours["contents.roles"] for other in role["implies"]} == implied


def test_networks(populated: TestLab, cloud: str, ours: dict[str, Any]) -> None:
    ask = populated.console.openstack
    networks = ask(cloud, "network", "list", "--long")
    assert ours["network.types_in_use"] == sorted({row["Network Type"] for row in networks})
    extensions = ask(cloud, "extension", "list", "--network")
    assert ours["network.extensions"] == names(extensions, "Alias")
    external = {row["name"]: row for row in ours["contents.external_networks"]}
    assert sorted(external) == names(ask(cloud, "network", "list", "--external"))
    for name, mine in external.items():
        shown = ask(cloud, "network", "show", name)
        assert (mine["type"], mine["physical_network"], mine["mtu"]) == (
            shown["provider:network_type"],
            shown["provider:physical_network"],
            shown["mtu"],
        )
        subnets = ask(cloud, "subnet", "list", "--network", name, "--long")
        assert sorted(row["cidr"] for row in mine["subnets"]) == names(subnets, "Subnet")
    agents = ask(cloud, "network", "agent", "list")
    assert ours["network.agent_binaries"] == sorted({row["Binary"] for row in agents})


def test_storage(populated: TestLab, cloud: str, ours: dict[str, Any]) -> None:
    ask = populated.console.openstack
    (default,) = ask(cloud, "volume", "type", "list", "--default")
    assert ours["storage.cinder.default_type"] == default["Name"]
    services = ask(cloud, "volume", "service", "list")
    assert ours["storage.cinder.backup"] == any(row["Binary"] == "cinder-backup" for row in services)
    behind = {row["Host"].partition("@")[2] for row in services if row["Binary"] == "cinder-volume"}
    assert len(ours["storage.cinder.backends"]) <= len(behind)
    stores = populated.cloud(cloud).image.get("/info/stores/detail").json()["stores"]
    assert {row["id"]: row["type"] for row in ours["storage.glance.stores"]} == {
        store["id"]: store["type"] for store in stores
    }


def test_compute(populated: TestLab, cloud: str, ours: dict[str, Any]) -> None:
    machine = populated.cloud(cloud)
    hypervisors = populated.console.openstack(cloud, "hypervisor", "list", "--long")
    if not hypervisors:
        assert not {"compute.hypervisors", "compute.cpu_models"} & ours.keys()
        # without a node Placement tells nothing: this is what the deployer has configured, Nova's own default
        assert ours["compute.cpu_allocation_ratio"] == 4.0
        return
    assert {row["type"] for row in ours["compute.hypervisors"]} == {
        row["Hypervisor Type"] for row in hypervisors
    }
    for key, resource in (("cpu", "VCPU"), ("ram", "MEMORY_MB"), ("disk", "DISK_GB")):
        ratios = {
            inventory["allocation_ratio"]
            for provider in machine.placement.resource_providers()
            for name, inventory in machine.placement.get(f"/resource_providers/{provider.id}/inventories")
            .json()["inventories"]
            .items()
            if name == resource
        }
        assert {ours[f"compute.{key}_allocation_ratio"]} == ratios


def test_quotas(populated: TestLab, cloud: str, ours: dict[str, Any]) -> None:
    theirs = {row["Resource"]: row["Limit"] for row in populated.console.openstack(cloud, "quota", "show", "--default")}  # fmt: skip
    for ours_name, theirs_name in (
        ("nova.cores", "cores"),
        ("nova.ram", "ram"),
        ("nova.instances", "instances"),
        ("cinder.volumes", "volumes"),
        ("cinder.gigabytes", "gigabytes"),
        ("neutron.network", "networks"),
        ("neutron.port", "ports"),
        ("neutron.floatingip", "floating_ips"),
    ):
        assert ours[f"quota.{ours_name}"] == theirs[theirs_name], ours_name


def test_the_difference_of_both(populated: TestLab) -> None:
    there = populated.console.ok("env", "diff", "old", "new", "--refresh")
    assert there["status"] != "blocked"
    back = populated.console("env", "diff", "new", "old", "-o", "json")
    assert back.code == 1
    assert "older-release" in {finding["code"] for finding in back.json()["findings"]}


def test_what_was_read_is_there_when_the_cloud_is_away(populated: TestLab, tmp_path: Path) -> None:
    """An environment of its own, whose clouds.yaml later names an address at which nobody answers."""
    entries = tmp_path / "clouds.yaml"
    entries.write_text((populated.directory / "clouds.yaml").read_text())
    populated.console.ok("env", "add", "away", "--cloud", "old", "--config", str(entries))
    try:
        kept = populated.console.ok("env", "settings", "away")
        answered = re.sub(r"auth_url: \S+", "auth_url: http://127.0.0.1:9/v3", entries.read_text())
        entries.write_text(answered)
        assert populated.console.ok("env", "settings", "away") == kept
        gone = populated.console("env", "settings", "away", "--refresh")
        assert gone.code == 1
        assert "without --refresh" in gone.err
    finally:
        populated.console("env", "remove", "away", "--yes")
