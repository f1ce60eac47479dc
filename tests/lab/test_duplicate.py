"""The specification's environment duplication test on real clouds: for an original of an old release and for one of the same release, with different
kinds of networks and storage; then the duplicate takes a node and passes the checks. Killed in the middle, it goes on or leaves nothing.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest
import yaml

from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.records import Records
from tests.lab.test_lab_environments import killed, leftovers

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("empty_lab")]

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
def other(lab: TestLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An original of the new release with other kinds of networks and storage than `old` has."""
    file = tmp_path_factory.mktemp("choices") / "otherwise.toml"
    file.write_text(OTHERWISE)
    said = lab.console(
        "lab", "env-create", "other", "--release", "2026.2", "--settings", str(file), timeout_s=600
    )
    assert said.code == 0, said.out + said.err
    yield "other"
    lab.console("lab", "env-delete", "other")
    lab.console("env", "remove", "other", "--yes")


def test_the_plan_has_every_setting_in_one_of_three_lists_and_can_be_saved(
    lab: TestLab, tmp_path: Path
) -> None:
    file = tmp_path / "twin.yaml"
    plan = lab.console.ok("env", "duplicate", "old", "--name", "twin", "--release", "2026.2", "--save", str(file))  # fmt: skip
    written = yaml.safe_load(file.read_text())
    assert {row["fate"] for row in written["settings"]} == {"copied", "translated", "you must decide"}
    planned = {row["key"] for row in written["settings"]} | set(written["unknown"])
    assert planned >= set(lab.console.ok("env", "settings", "old")["settings"])
    assert {s["key"] for s in plan["settings"]} == {row["key"] for row in written["settings"]}
    assert "twin" not in yaml.safe_load((lab.directory / "clouds.yaml").read_text())["clouds"]
    older = lab.console("env", "duplicate", "new", "--name", "twin", "--release", "2023.1", "--dry-run")
    assert older.code == 3
    assert "older-release" in older.out


def killed_and_resumed(lab: TestLab, name: str, step: str, wait_s: float, *more: str) -> str:
    """Duplicate `old`, killed with kill -9 a while after that step has begun (the command alone: what the deployer has started goes on, and is
    found again), then to its end. Answers the id of the operation.
    """
    records = Records(lab.console.state_dir / "pumphouse.db")
    known = records.begun_steps()
    words = ("env", "duplicate", "old", "--name", name, "--release", "2026.2", *more, "--deploy", "--yes")
    running = lab.console.begin(*words)
    clouds.wait_for(
        f"{step} has begun, or the command has ended",
        lambda: (
            step in {row[2] for row in records.begun_steps() - known} or running.process.poll() is not None
        ),
        300,
        0.01,
    )
    killed(running, wait_s)
    assert running.process.returncode == -SIGKILL, "it was not killed in its middle"
    operation = records.root_operation("duplicate_environment")
    assert operation
    resumed = lab.console.ok("operation", "resume", operation, timeout_s=900)
    assert resumed["status"] == "done"
    return operation


@pytest.mark.long
def test_killed_while_it_builds_it_goes_on_and_leaves_nothing_when_undone(lab: TestLab) -> None:
    operation = killed_and_resumed(lab, "cut", "build", 2.0)
    assert lab.console.openstack("cut", "network", "list")
    undone = lab.console.ok("operation", "undo", operation, "--yes", timeout_s=600)
    assert undone["status"] == "undone"
    assert leftovers(lab, "cut", FREE) == []
    assert "cut" not in {e["name"] for e in lab.console.ok("env", "list")}


def test_an_old_cloud_is_duplicated_under_the_new_release_killed_in_the_middle(lab: TestLab) -> None:
    contents = ("--contents", "flavors,volume_types,images,roles,quotas")
    killed_and_resumed(lab, "twin", "discover", 0.3, *contents)
    flavors = {row["Name"] for row in lab.console.openstack("old", "flavor", "list", "--all")}
    assert {row["Name"] for row in lab.console.openstack("twin", "flavor", "list", "--all")} == flavors
    again = duplicate(lab, "old", "twin", *contents)
    assert again["status"] == "done"
    agree(lab, "old", "twin", again)
    made = [
        s["name"] for s in again["steps"] if any(n for word, n in s["counts"].items() if word != "skipped")
    ]
    assert made == [], "a second run made something"


def test_the_duplicate_takes_a_node_passes_the_checks_and_can_be_deleted_without_it(
    lab: TestLab,
) -> None:
    move = takes_a_node(lab, "old", "node-3", "twin")
    said = lab.console("env", "delete", "twin", "--yes")
    assert said.code == 3, "one with a node was deleted"
    assert "it has nodes: node-3" in said.err + said.out
    undone = lab.console.ok("operation", "undo", move, "--yes", timeout_s=900)
    assert undone["status"] == "undone"
    assert lab.console.ok("env", "delete", "twin", "--yes", timeout_s=600)["status"] == "done"
    assert leftovers(lab, "twin", FREE) == []


@pytest.mark.long
def test_a_cloud_with_other_networks_and_storage_is_duplicated_within_its_release(
    lab: TestLab, other: str
) -> None:
    done = duplicate(lab, other, "other-twin")
    assert done["status"] == "done"
    agree(lab, other, "other-twin", done)
    one, two = settings(lab, other), settings(lab, "other-twin")
    key = "network.segmentation.vlan.ranges"
    assert one[key][0]["minimum"] == 1200
    assert two[key][0]["minimum"] > 1299
    move = takes_a_node(lab, "old", "node-2", "other-twin")
    assert lab.console.ok("operation", "undo", move, "--yes", timeout_s=900)["status"] == "undone"
    assert lab.console.ok("env", "delete", "other-twin", "--yes", timeout_s=600)["status"] == "done"
    assert leftovers(lab, "other-twin", FREE + 1) == []
