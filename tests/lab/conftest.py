"""The lab that the tests run against: brought up once, reset by those tests that use nodes up, taken down at the end."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openstack.connection import Connection

from pumphouse.lab import Lab
from tests.lab import clouds
from tests.lab.console import Console

LAB_DIR = Path(os.environ.get("PUMPHOUSE_TEST_LAB_DIR", Path(__file__).parents[2] / ".lab-test")).absolute()
PORT_BASE = os.environ.get("PUMPHOUSE_TEST_LAB_PORT", "24000")
KEEP = bool(os.environ.get("PUMPHOUSE_TEST_LAB_KEEP"))


@dataclass
class TestLab:
    """Two running clouds, a console to type into, and a way to look at the clouds themselves."""

    __test__ = False
    console: Console
    touched: bool = False
    """whether nodes have left, or joined, since the clouds were made"""
    populated: bool = False

    @property
    def directory(self) -> Path:
        return self.console.lab_dir

    def cloud(self, name: str) -> Connection:
        return clouds.connect(self.directory / "clouds.yaml", name)

    def reset(self) -> None:
        """Fresh clouds and a fresh Pumphouse; the environments are registered anew."""
        shutil.rmtree(self.console.state_dir, ignore_errors=True)
        said = self.console("lab", "reset", timeout_s=900)
        assert said.code == 0, said.err[-4000:]
        self.touched = self.populated = False


@pytest.fixture(scope="session")
def lab_session() -> Iterator[TestLab]:
    state = LAB_DIR.with_name(LAB_DIR.name + "-state")
    shutil.rmtree(state, ignore_errors=True)
    console = Console(LAB_DIR, state)
    said = console("lab", "up", "--port-base", PORT_BASE, timeout_s=1500)
    assert said.code == 0, f"lab up: exit {said.code}\n{said.out[-2000:]}\n{said.err[-4000:]}"
    lab = TestLab(console, touched=KEEP)
    yield lab
    if not KEEP:
        said = console("lab", "down", "--wipe")
        shutil.rmtree(state, ignore_errors=True)
        assert said.code == 0, said.err[-4000:]


@pytest.fixture(scope="module")
def lab(lab_session: TestLab) -> TestLab:
    """The lab as it comes: `old` with three nodes, `new` with none; reset if an earlier module has used it up."""
    if lab_session.touched:
        lab_session.reset()
    return lab_session


@pytest.fixture(scope="module")
def used_lab(lab: TestLab) -> TestLab:
    """The same for modules that take nodes away or add some: whoever comes next gets fresh clouds."""
    lab.touched = True
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
def two_nodes_each(used_lab: TestLab) -> TestLab:
    """`new` gets two nodes of its own besides `old`'s three."""
    machine, cloud = Lab(used_lab.directory), used_lab.cloud("new")
    nodes = ("node-11", "node-12")
    for node in nodes:
        machine.start_node("new", node)
    clouds.wait_for(
        "the new nodes up",
        lambda: all(clouds.compute_hosts(cloud).get(n, ("", ""))[1] == "up" for n in nodes),
    )
    machine.discover_hosts("new")
    clouds.wait_for("the new nodes in Placement", lambda: set(nodes) <= set(clouds.providers(cloud)))
    return used_lab
