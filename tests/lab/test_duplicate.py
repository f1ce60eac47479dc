"""The specification's environment duplication test on real clouds: for an original of an old release and for one of the same release, with different
kinds of networks and storage; then the duplicate takes a node and passes the checks. Killed in the middle, it goes on or leaves nothing.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.test_lab_environments import killed, leftovers

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("used_lab")]

OTHERWISE = """
[network]
tenant_types = ["vlan", "geneve"]
mtu = 9000
[[network.segmentation.vlan.ranges]]
physical_network = "physnet1"
minimum = 1200
maximum = 1299
[storage.cinder]
default_type = "virtuozzo"
backends = [{name = "virtuozzo", type = "vzstorage"}, {name = "nfs", type = "nfs"}]
[storage.glance]
default_store = "fast"
stores = [{id = "fast", type = "file"}, {id = "web", type = "http"}]
[compute]
cpu_allocation_ratio = 7.5
[quota.nova]
cores = 77
[quota.cinder]
volumes = 44
"""
LIKE = ("network.tenant_types", "network.mtu", "storage.cinder.backends", "storage.cinder.default_type", "storage.glance.stores",
        "storage.glance.default_store", "compute.cpu_allocation_ratio", "quota.nova.cores", "quota.cinder.volumes")  # fmt: skip


FREE = 2
"""The place of ports behind those of `old` and `new`; a lab has four."""


def settings(lab: TestLab, environment: str) -> dict[str, Any]:
    found = lab.console.ok("env", "settings", environment, "--refresh")["settings"]
    return {key: row["value"] for key, row in found.items() if row["known"]}


def duplicate(lab: TestLab, original: str, name: str, *more: str) -> Any:
    words = ("env", "duplicate", original, "--name", name, "--release", "2026.2", *more)
    return lab.console.ok(*words, "--deploy", "--yes", timeout_s=900)


def agree(lab: TestLab, original: str, name: str, done: Any) -> None:
    """The comparison that was shown, and an independent look, say that the two are alike."""
    verdicts = {line["key"]: line["verdict"] for line in done["comparison"]}
    assert "different" not in verdicts.values(), done["comparison"]
    one, other = settings(lab, original), settings(lab, name)
    assert one.get("network.tenant_types"), "the lab's deployer tells nothing: the test would prove nothing"
    for key in LIKE:
        if key in one:
            assert other.get(key) == one[key], key
    assert other["release.name"] == "2026.2"
    assert not secrets(lab, original) & secrets(lab, name), "generated secrets are always new"
    types = {row["Name"] for row in lab.console.openstack(name, "volume", "type", "list")}
    assert types >= {row["Name"] for row in lab.console.openstack(original, "volume", "type", "list")}
    assert lab.console.openstack(name, "compute", "service", "list", "--service", "nova-compute") == []


def secrets(lab: TestLab, cloud: str) -> set[str]:
    """All that its services and its entry authenticate with, and Keystone's keys."""
    folder = lab.directory / "clouds" / cloud
    found = {file.read_text().strip() for file in (folder / "keystone").glob("*/[0-9]*")}
    assert found, "no keys of Keystone"
    for file in (folder / "etc").glob("*/*.conf"):
        for one in re.finditer(r"^password *= *(\S+)|rabbit://[\w-]+:([^@/]+)@", file.read_text(), re.M):
            found.add(one.group(1) or one.group(2))
    entries = yaml.safe_load((lab.directory / "clouds.yaml").read_text())["clouds"]
    return found | {entries[cloud]["auth"]["password"]}


def takes_a_node(lab: TestLab, source: str, node: str, name: str) -> str:
    """Answers the id of the move, by which the node goes back."""
    moved = lab.console.ok("node", "move", f"{source}/{node}", "--to", name, "--yes", timeout_s=900)
    assert moved["status"] == "done"
    assert clouds.compute_hosts(lab.cloud(name)) == {node: ("enabled", "up")}
    for checks in ("sanity", "smoke"):
        run = lab.console.ok("health", "run", name, "--set", checks, timeout_s=600)
        assert run["status"] == "passed", run
    return str(moved["id"])


@pytest.fixture(scope="module")
def other(used_lab: TestLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An original of the new release with other kinds of networks and storage than `old` has."""
    file = tmp_path_factory.mktemp("choices") / "otherwise.toml"
    file.write_text(OTHERWISE)
    said = used_lab.console(
        "lab", "env-create", "other", "--release", "2026.2", "--settings", str(file), timeout_s=600
    )
    assert said.code == 0, said.out + said.err
    yield "other"
    used_lab.console("lab", "env-delete", "other")
    used_lab.console("env", "remove", "other", "--yes")


def test_the_plan_has_every_setting_in_one_of_three_lists_and_can_be_saved(
    used_lab: TestLab, tmp_path: Path
) -> None:
    file = tmp_path / "twin.yaml"
    plan = used_lab.console.ok("env", "duplicate", "old", "--name", "twin", "--release", "2026.2", "--save", str(file))  # fmt: skip
    written = yaml.safe_load(file.read_text())
    assert {row["fate"] for row in written["settings"]} == {"copied", "translated", "you must decide"}
    planned = {row["key"] for row in written["settings"]} | set(written["unknown"])
    assert planned >= set(used_lab.console.ok("env", "settings", "old")["settings"])
    assert {s["key"] for s in plan["settings"]} == {row["key"] for row in written["settings"]}
    assert "twin" not in yaml.safe_load((used_lab.directory / "clouds.yaml").read_text())["clouds"]
    older = used_lab.console("env", "duplicate", "new", "--name", "twin", "--release", "2023.1", "--dry-run")
    assert older.code == 3
    assert "older-release" in older.out


@pytest.mark.parametrize(("after_s", "way"), [(3.0, "undo"), (8.0, "delete"), (15.0, "undo")])
def test_killed_in_the_middle_it_goes_on_and_leaves_nothing_when_taken_back(
    used_lab: TestLab, after_s: float, way: str
) -> None:
    """kill -9 of the command alone: what the deployer has started goes on, and is found again."""
    console = used_lab.console
    words = ("env", "duplicate", "old", "--name", "cut", "--release", "2026.2", "--deploy", "--yes")
    killed(console.begin(*words), after_s)
    begun = [
        o for o in _operations(used_lab) if o["subject"] == "cut" and o["kind"] == "duplicate_environment"
    ]
    if not begun:
        assert leftovers(used_lab, "cut", FREE) == []
        return
    operation = begun[0]["id"]
    if begun[0]["status"] != "done":
        assert console.ok("operation", "resume", operation, timeout_s=900)["status"] == "done"
    assert console.openstack("cut", "network", "list")
    if way == "undo":
        assert console.ok("operation", "undo", operation, "--yes", timeout_s=600)["status"] == "undone"
    else:
        assert console.ok("env", "delete", "cut", "--yes", timeout_s=600)["status"] == "done"
    assert leftovers(used_lab, "cut", FREE) == []
    assert "cut" not in {e["name"] for e in console.ok("env", "list")}


def _operations(lab: TestLab) -> list[dict[str, Any]]:
    found = lab.console.ok("operation", "list")
    return list(found["items"] if isinstance(found, dict) else found)


def test_an_old_cloud_is_duplicated_under_the_new_release(used_lab: TestLab) -> None:
    contents = ("--contents", "flavors,volume_types,images,roles,quotas")
    done = duplicate(used_lab, "old", "twin", *contents)
    assert done["status"] == "done"
    agree(used_lab, "old", "twin", done)
    flavors = {row["Name"] for row in used_lab.console.openstack("old", "flavor", "list", "--all")}
    assert {row["Name"] for row in used_lab.console.openstack("twin", "flavor", "list", "--all")} == flavors
    again = duplicate(used_lab, "old", "twin", *contents)
    assert again["status"] == "done"
    made = [
        s["name"] for s in again["steps"] if any(n for word, n in s["counts"].items() if word != "skipped")
    ]
    assert made == [], "a second run made something"


def test_the_duplicate_takes_a_node_passes_the_checks_and_can_be_deleted_without_it(
    used_lab: TestLab,
) -> None:
    move = takes_a_node(used_lab, "old", "node-3", "twin")
    said = used_lab.console("env", "delete", "twin", "--yes")
    assert said.code == 3, "one with a node was deleted"
    assert "it has nodes: node-3" in said.err + said.out
    undone = used_lab.console.ok("operation", "undo", move, "--yes", timeout_s=900)
    assert undone["status"] == "undone"
    assert used_lab.console.ok("env", "delete", "twin", "--yes", timeout_s=600)["status"] == "done"
    assert leftovers(used_lab, "twin", FREE) == []


def test_a_cloud_with_other_networks_and_storage_is_duplicated_within_its_release(
    used_lab: TestLab, other: str
) -> None:
    done = duplicate(used_lab, other, "other-twin")
    assert done["status"] == "done"
    agree(used_lab, other, "other-twin", done)
    one, two = settings(used_lab, other), settings(used_lab, "other-twin")
    key = "network.segmentation.vlan.ranges"
    assert one[key][0]["minimum"] == 1200
    assert two[key][0]["minimum"] > 1299
    takes_a_node(used_lab, "old", "node-2", "other-twin")
