"""What a node's local state says of it: halted by hand is not being erased."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pumphouse.drivers.deployers.lab.driver import _STATES
from pumphouse.lab import nodes
from pumphouse.lab.layout import Layout
from pumphouse.lab.nodes import NodeState
from pumphouse.ports.deployer import NodeDeployState


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    processes = SimpleNamespace(alive=lambda _: False, record=lambda _: None, stop=lambda _: None)
    made = SimpleNamespace(layout=Layout(tmp_path), processes=processes)
    (made.layout.node_dir("old", "node-1") / "instances").mkdir(parents=True)
    return made


@pytest.fixture
def cloud() -> Any:
    return SimpleNamespace(name="old", services=SimpleNamespace(node_name=lambda node: f"old-{node}"))


def dies(*_: object, **__: object) -> None:
    raise SystemExit


def test_a_halted_node_is_no_removal_that_goes_on(machine: Any, cloud: Any) -> None:
    nodes.halt_node(machine, cloud, "node-1")
    state = nodes.node_state(machine, cloud, "node-1")
    assert state is NodeState.STOPPED
    assert _STATES[state] is NodeDeployState.ERROR


@pytest.mark.parametrize("last", ["stop", "rmtree"])
def test_an_erasure_that_was_cut_off_is_one(
    machine: Any, cloud: Any, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    where: Any = machine.processes if last == "stop" else nodes.shutil
    monkeypatch.setattr(where, last, dies)
    with pytest.raises(SystemExit):
        nodes.erase_node(machine, cloud, "node-1")
    assert _STATES[nodes.node_state(machine, cloud, "node-1")] is NodeDeployState.REMOVING
    monkeypatch.undo()
    nodes.keep_node(machine, "old", "node-1")
    assert nodes.node_state(machine, cloud, "node-1") is NodeState.STOPPED
    nodes.erase_node(machine, cloud, "node-1")
    assert nodes.node_state(machine, cloud, "node-1") is NodeState.ABSENT


def test_every_state_is_one_of_the_contract() -> None:
    assert set(_STATES) == set(NodeState)
