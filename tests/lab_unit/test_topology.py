"""Which clouds a lab has, and where its nodes are, survives on disk and refuses nonsense."""

from pathlib import Path

import pytest

from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.topology import (
    CloudSpec,
    NodeSize,
    default_clouds,
    load_topology,
    make_topology,
    parse_clouds,
    save_topology,
    write_atomically,
)


def test_default_is_an_old_cloud_with_three_nodes_and_a_new_one_with_none() -> None:
    assert default_clouds() == (
        CloudSpec("old", "2023.1", ("node-1", "node-2", "node-3")),
        CloudSpec("new", "2026.2"),
    )


def test_nodes_are_numbered_through_all_clouds() -> None:
    clouds = parse_clouds(["a=2023.1:2", "b=2026.2:1", "c=2026.2"])
    assert [c.nodes for c in clouds] == [("node-1", "node-2"), ("node-3",), ()]


@pytest.mark.parametrize("option", ["old", "old=", "=2023.1", "old=2023.1:many", "old=2023.1:-1"])
def test_a_bad_cloud_option_names_itself_and_the_right_form(option: str) -> None:
    with pytest.raises(LabConfigurationError, match="NAME=RELEASE") as caught:
        parse_clouds([option])
    assert caught.value.value == option
    assert "old=2023.1:3" in caught.value.hint


@pytest.mark.parametrize(
    "clouds",
    [
        (),
        (CloudSpec("Old", "2023.1"),),
        (CloudSpec("a b", "2023.1"),),
        (CloudSpec("a", "2023.1"), CloudSpec("a", "2026.2")),
        (CloudSpec("a", "2023.1", ("no/node",)),),
        tuple(CloudSpec(f"c{n}", "2023.1") for n in range(5)),
    ],
)
def test_impossible_clouds_are_refused(clouds: tuple[CloudSpec, ...]) -> None:
    with pytest.raises(LabConfigurationError):
        make_topology(clouds)


@pytest.mark.parametrize("base", [80, 65400])
def test_port_bases_that_cannot_hold_all_ports_are_refused(base: int) -> None:
    with pytest.raises(LabConfigurationError, match="port base"):
        make_topology(default_clouds(), port_base=base)


def test_a_moved_node_stays_moved_and_the_first_shape_is_remembered(tmp_path: Path) -> None:
    topology = make_topology(default_clouds(), port_base=23000, node_size=NodeSize(4, 8192, 40))
    moved = topology.without_node("old", "node-3").with_node("new", "node-3").with_node("new", "spare")
    save_topology(tmp_path / "lab.json", moved)
    loaded = load_topology(tmp_path / "lab.json")
    assert loaded == moved
    assert loaded is not None
    assert loaded.cloud("new").nodes == ("node-3", "spare")
    assert loaded.first().cloud("old").nodes == ("node-1", "node-2", "node-3")
    assert loaded.shape() == topology.shape()


def test_each_node_keeps_its_own_number() -> None:
    topology = make_topology(default_clouds()).with_node("new", "spare").with_node("old", "other")
    numbers = list(topology.node_numbers.values())
    assert sorted(numbers) == sorted(set(numbers)) == [1, 2, 3, 4, 5]


def test_adding_a_node_twice_changes_nothing() -> None:
    once = make_topology(default_clouds()).with_node("new", "spare")
    assert once.with_node("new", "spare") == once


def test_no_lab_no_topology(tmp_path: Path) -> None:
    assert load_topology(tmp_path / "lab.json") is None


def test_atomic_write_leaves_no_draft_and_keeps_the_mode(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "secret"
    write_atomically(target, "one", mode=0o600)
    write_atomically(target, "two", mode=0o600)
    assert target.read_text() == "two"
    assert target.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in target.parent.iterdir()] == ["secret"]
