"""Health checks and the populated workload on both clouds: what they make is gone afterwards, what they find is told by the exit code."""

import signal
import subprocess
from time import monotonic, sleep
from typing import Any

import pytest

from tests.lab.clouds import remove
from tests.lab.conftest import TestLab
from tests.lab.console import BIN

pytestmark = pytest.mark.lab
MARK = "pumphouse-health-"


def leftovers(lab: TestLab, name: str) -> list[str]:
    """Names of things that a health check has left in a cloud."""
    cloud = lab.cloud(name)
    identity: Any = cloud.identity  # the SDK's type admits Keystone's v2, which no cloud has
    found: list[Any] = [
        cloud.compute.servers(all_projects=True), cloud.compute.flavors(is_public=None), cloud.compute.keypairs(),
        cloud.block_storage.volumes(all_projects=True), cloud.image.images(), cloud.network.networks(), cloud.network.routers(),
        cloud.network.security_groups(), identity.users(),
    ]  # fmt: skip
    return [str(thing.name) for things in found for thing in things if MARK in (thing.name or "")]


@pytest.mark.parametrize(
    ("cloud", "chosen"), [("old", "sanity"), ("new", "sanity"), ("old", "smoke"), ("new", "smoke")]
)
def test_both_sets_pass_on_both_releases(lab: TestLab, cloud: str, chosen: str) -> None:
    run = lab.console.ok("health", "run", cloud, "--set", chosen)
    bad = [c for c in run["checks"] if c["status"] not in {"passed", "skipped"}]
    assert run["status"] == "passed", bad
    skipped = {c["name"] for c in run["checks"] if c["status"] == "skipped"}
    if chosen == "smoke":
        assert ("boot_server" in skipped) == (cloud == "new"), "the new cloud has no node yet"
        assert leftovers(lab, cloud) == []


def test_a_killed_smoke_run_is_taken_up_and_leaves_nothing(lab: TestLab) -> None:
    killed = subprocess.Popen(
        [BIN / "pumphouse", "health", "run", "old", "--set", "smoke"],
        env=lab.console.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = monotonic() + 60
    while not leftovers(lab, "old") and monotonic() < until:
        sleep(1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert leftovers(lab, "old"), "it was to be killed in the middle"
    operation = next(o for o in lab.console.ok("operation", "list") if o["name"].startswith("smoke"))
    lab.console.ok("operation", "resume", operation["id"])
    run = lab.console.ok("health", "show", "old")
    assert run["status"] == "passed"
    assert leftovers(lab, "old") == []


@pytest.mark.long
def test_populate_twice_changes_nothing_and_repairs_what_is_missing(populated: TestLab) -> None:
    again = populated.console.ok("lab", "populate", "old")
    assert again["changed"] == 0
    assert sum(again["servers_by_node"].values()) == 12
    assert set(again["servers_by_node"]) == {"node-1", "node-2", "node-3"}
    assert set(again["servers_by_status"]) == {"ACTIVE", "SHUTOFF", "PAUSED"}
    cloud = populated.cloud("old")
    lost = cloud.compute.find_server("globex-web-2", all_projects=True)
    remove(cloud, lost.id)
    repaired = populated.console.ok("lab", "populate", "old")
    assert repaired["changed"] == 1
    assert repaired["counts"]["server"]["made"] == 1
