"""The `openstack` command-line client agrees with what Pumphouse prints, for both clouds."""

import pytest

from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("cloud", ["old", "new"])
def test_nodes_agree_with_compute_service_list(populated: TestLab, cloud: str) -> None:
    ours = {n["name"]: (n["enabled"], n["up"]) for n in populated.console.ok("node", "list", "--env", cloud)}
    theirs = {
        s["Host"]: (s["Status"] == "enabled", s["State"] == "up")
        for s in populated.console.openstack(cloud, "compute", "service", "list", "--service", "nova-compute")
    }
    assert ours == theirs
    assert (len(ours) >= 1) == (cloud == "old")


def test_servers_by_state_agree_with_server_list(populated: TestLab) -> None:
    theirs = populated.console.openstack("old", "server", "list", "--all-projects", "--long")
    for node in populated.console.ok("node", "list", "--env", "old"):
        shown = populated.console.ok("node", "show", f"old/{node['name']}")
        counted: dict[str, int] = {}
        for server in theirs:
            if server["Host"] == node["name"]:
                counted[server["Status"]] = counted.get(server["Status"], 0) + 1
        assert {k: v for k, v in shown["servers"].items() if v} == counted
        assert shown["servers"] == node["servers"]


@pytest.mark.parametrize("cloud", ["old", "new"])
def test_hypervisors_and_services_agree(populated: TestLab, cloud: str) -> None:
    facts = populated.console.ok("env", "show", cloud, "--refresh")["facts"]
    hypervisors = populated.console.openstack(cloud, "hypervisor", "list")
    assert {h["name"] for h in facts["hypervisors"]} == {h["Hypervisor Hostname"] for h in hypervisors}
    catalog = {e["Type"] for e in populated.console.openstack(cloud, "catalog", "list")}
    assert {s["type"] for s in facts["services"]} == catalog
    flavors = {f["Name"] for f in populated.console.openstack(cloud, "flavor", "list", "--all")}
    assert {f["name"] for f in facts["flavors"]} == flavors


def test_the_releases_are_recognised(populated: TestLab) -> None:
    assert populated.console.ok("env", "show", "old", "--refresh")["facts"]["release"] == "2023.1"
    assert populated.console.ok("env", "show", "new", "--refresh")["facts"]["release"] == "2026.2"


def test_capacity_agrees_with_placement(populated: TestLab) -> None:
    cloud = populated.cloud("old")
    for provider in cloud.placement.resource_providers():
        inventories = cloud.placement.get(
            f"/resource_providers/{provider.id}/inventories", microversion="1.36"
        ).json()["inventories"]
        usages = cloud.placement.get(f"/resource_providers/{provider.id}/usages", microversion="1.36").json()[
            "usages"
        ]
        shown = populated.console.ok("node", "show", f"old/{provider.name}")["inventory"]
        for resource, held in inventories.items():
            assert shown[resource]["total"] == held["total"]
            assert shown[resource]["ratio"] == held["allocation_ratio"]
            assert shown[resource]["used"] == usages[resource]
