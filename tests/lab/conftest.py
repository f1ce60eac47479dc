"""The lab that the tests run against: brought up once, shared by all modules, taken down at the end.

To make it afresh costs over half a minute, and to populate it as much again. So the modules come in the order of `ORDER`: first those that find
and leave it empty, then those that share the populated one, then, after the one `lab reset` that is itself under test, those that use it up.
Before each module its fixture looks whether the lab is fit for it and makes it afresh if not, so that each module also runs alone.
"""

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from openstack.connection import Connection

from pumphouse.lab import Lab
from tests.lab import clouds
from tests.lab.console import Console

LAB_DIR = Path(os.environ.get("PUMPHOUSE_TEST_LAB_DIR", Path(__file__).parents[2] / ".lab-test")).absolute()
PORT_BASE = os.environ.get("PUMPHOUSE_TEST_LAB_PORT", "24000")
KEEP = bool(os.environ.get("PUMPHOUSE_TEST_LAB_KEEP"))
NODES = {"node-1", "node-2", "node-3"}
MORE_NODES = ("node-11", "node-12")
ORDER = (
    # an empty lab, left as it was found
    "test_policy_rules",
    "test_policy_host",
    "test_prober",
    "test_fence",
    "test_fence_crashes",
    "test_deployer_contract",
    "test_health",
    "test_transfer",
    # a populated one, left as it was found
    "test_agreement",
    "test_settings",
    "test_tenants",
    "test_reallocation",
    "test_crashes",
    # `new` gets nodes of its own
    "test_maintenance",
    "test_cloud_driver",
    "test_root_disks",
    # tenants leave `old` for `new`
    "test_migrate",
    "test_migrate_faults",
    "test_migrate_kills",
    # a lab in any shape; the last resets it
    "test_lab_environments",
    "test_lab",
    # use it up
    "test_faults",
    "test_duplicate",
    "test_delete",
)


@dataclass
class TestLab:
    """Two running clouds, a console to type into, and a way to look at the clouds themselves."""

    __test__ = False
    console: Console
    doubtful: str = ""
    """why the clouds have to be made afresh before the next module, whatever they look like"""
    populated: bool = False
    resets: list[str] = field(default_factory=list)
    """why it was reset, each time"""

    @property
    def directory(self) -> Path:
        return self.console.lab_dir

    def neutron_log(self, cloud: str) -> Path:
        return self.directory / "log" / f"{cloud}-neutron.log"

    def cloud(self, name: str) -> Connection:
        return clouds.connect(self.directory / "clouds.yaml", name)

    def foreign(self) -> str:
        """What no module can go on with; "" if there is nothing."""
        found = {c.name for c in Lab(self.directory).clouds}
        return self.doubtful or ("" if found == {"old", "new"} else f"its clouds are {sorted(found)}")

    def changed(self, *, new: Collection[str] = ()) -> str:
        """What is not as `lab up` made it, but for the nodes of `new`; "" if nothing is."""
        for name, expected in (("old", NODES), ("new", new)):
            cloud = self.cloud(name)
            if (hosts := clouds.compute_hosts(cloud)) != dict.fromkeys(expected, ("enabled", "up")):
                return f"the nodes of {name} are {hosts}"
            if not self.populated and (left := sorted(s.name for s in clouds.servers(cloud).values())):
                return f"{name} has servers: {left}"
        return ""

    def reset(self, why: str) -> None:
        """Fresh clouds and a fresh Pumphouse; the environments are registered anew."""
        shutil.rmtree(self.console.state_dir, ignore_errors=True)
        said = self.console("lab", "reset", timeout_s=900)
        assert said.code == 0, said.err[-4000:]
        self.doubtful, self.populated = "", False
        self.resets.append(why)


LABS: list[TestLab] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The modules of this folder in `ORDER`, in the places that they have among the others."""
    places = [place for place, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    if strangers := {items[place].path.stem for place in places} - set(ORDER):
        raise pytest.UsageError(f"{__file__}: ORDER has no place for {sorted(strangers)}")
    ordered = sorted((items[place] for place in places), key=lambda item: ORDER.index(item.path.stem))
    for place, item in zip(places, ordered, strict=True):
        items[place] = item


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for lab in LABS:
        for why in lab.resets:
            terminalreporter.write_line(f"the lab was reset: {why}")


@pytest.fixture(scope="session")
def lab_session() -> Iterator[TestLab]:
    state = LAB_DIR.with_name(LAB_DIR.name + "-state")
    shutil.rmtree(state, ignore_errors=True)
    console = Console(LAB_DIR, state)
    said = console("lab", "up", "--port-base", PORT_BASE, timeout_s=1500)
    assert said.code == 0, f"lab up: exit {said.code}\n{said.out[-2000:]}\n{said.err[-4000:]}"
    lab = TestLab(console)
    LABS.append(lab)
    yield lab
    if not KEEP:
        said = console("lab", "down", "--wipe")
        shutil.rmtree(state, ignore_errors=True)
        assert said.code == 0, said.err[-4000:]


@pytest.fixture(scope="module")
def any_lab(lab_session: TestLab, request: pytest.FixtureRequest) -> Iterator[TestLab]:
    """The two clouds with whatever nodes and servers they have. A module that fails may leave anything: the next one gets fresh clouds."""
    if why := lab_session.foreign():
        lab_session.reset(f"before {request.path.stem}: {why}")
    failed = request.session.testsfailed
    yield lab_session
    if request.session.testsfailed > failed:
        lab_session.doubtful = f"{request.path.stem} has failed"


@pytest.fixture(scope="module")
def lab(any_lab: TestLab, request: pytest.FixtureRequest) -> TestLab:
    """The lab as it comes, perhaps populated: `old` with three nodes, `new` with none."""
    if why := any_lab.changed():
        any_lab.reset(f"before {request.path.stem}: {why}")
    return any_lab


@pytest.fixture(scope="module")
def empty_lab(lab: TestLab, request: pytest.FixtureRequest) -> TestLab:
    """The same without the workload."""
    if lab.populated:
        lab.reset(f"before {request.path.stem}: it is populated")
    return lab


@pytest.fixture(scope="module")
def populated(lab: TestLab) -> TestLab:
    """`old` with the believable workload of `lab populate`."""
    if not lab.populated:
        said = lab.console("lab", "populate", "old", timeout_s=900)
        assert said.code == 0, said.err[-4000:]
        lab.populated = True
    return lab


@pytest.fixture(scope="module")
def two_nodes_each(any_lab: TestLab, request: pytest.FixtureRequest) -> TestLab:
    """`new` has two nodes of its own besides `old`'s three."""
    if not any_lab.changed(new=MORE_NODES):
        return any_lab
    lab: TestLab = request.getfixturevalue("lab")
    machine, cloud = Lab(lab.directory), lab.cloud("new")
    for node in MORE_NODES:
        machine.start_node("new", node)
    clouds.wait_for(
        "the new nodes up",
        lambda: all(clouds.compute_hosts(cloud).get(n, ("", ""))[1] == "up" for n in MORE_NODES),
    )
    machine.discover_hosts("new")
    clouds.wait_for("the new nodes in Placement", lambda: set(MORE_NODES) <= set(clouds.providers(cloud)))
    return lab
