"""The root disks of the lab's guests go where the guests go; the file runs in Nova's Python, and needs nothing of Nova."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import pumphouse.lab
from pumphouse.lab.disks import root_disk
from pumphouse.lab.errors import LabConfigurationError

FILE = Path(pumphouse.lab.__file__).parent / "guest/nova_virt/pumphouse_disks.py"
GUEST = "5d0b6c8e-0000-4000-8000-000000000001"


@pytest.fixture
def nodes(tmp_path: Path) -> tuple[Any, Any]:
    """The disks of two nodes of one cloud."""
    spec = importlib.util.spec_from_file_location("pumphouse_disks", FILE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = [module.RootDisks(tmp_path / "old/nodes" / name) for name in ("node-1", "node-2")]
    (tmp_path / "image").write_bytes(b"image" + bytes(300_000) + b"end")
    made[0].write(GUEST, tmp_path / "image")
    return made[0], made[1]


def wrote(disk: Path, text: bytes) -> None:
    with disk.open("r+b") as file:
        file.write(text)


def test_a_new_disk_has_the_bytes_of_its_image_and_zeros_are_holes(tmp_path: Path, nodes: Any) -> None:
    disk = nodes[0].path(GUEST)
    assert disk.read_bytes() == (tmp_path / "image").read_bytes()
    assert disk.stat().st_blocks * 512 < 200_000
    (tmp_path / "empty").write_bytes(bytes(200_000))
    nodes[0].write("other", tmp_path / "empty")
    assert nodes[0].path("other").read_bytes() == bytes(200_000)
    assert nodes[0].path("other").stat().st_blocks == 0


def test_it_is_carried_to_the_node_that_asks(tmp_path: Path, nodes: Any) -> None:
    wrote(nodes[0].path(GUEST), b"mine")
    assert nodes[1].take(GUEST)
    assert nodes[1].path(GUEST).read_bytes().startswith(b"mine")
    assert not nodes[0].path(GUEST).exists()
    assert nodes[1].take(GUEST), "a repeat after a crash"
    nodes[0].remove(GUEST)  # the node comes back after its evacuation
    assert root_disk(tmp_path, GUEST) == nodes[1].path(GUEST)
    assert not nodes[1].take("unknown")


def test_a_cold_migration_copies_it_and_can_be_confirmed(tmp_path: Path, nodes: Any) -> None:
    nodes[0].set_aside(GUEST)
    assert root_disk(tmp_path, GUEST).name == f"{GUEST}_resize"
    nodes[1].receive(GUEST)
    wrote(nodes[1].path(GUEST), b"after")
    assert root_disk(tmp_path, GUEST) == nodes[1].path(GUEST) == nodes[1].find(GUEST)
    nodes[0].remove(GUEST)  # what confirming destroys at the source
    nodes[0].confirm(GUEST)
    assert [str(p) for p in tmp_path.glob(f"old/nodes/*/disks/{GUEST}*")] == [str(nodes[1].path(GUEST))]
    assert nodes[1].path(GUEST).read_bytes().startswith(b"after")


@pytest.mark.parametrize("destroyed", [True, False])
def test_a_reverted_cold_migration_has_the_disk_as_it_was(
    tmp_path: Path, nodes: Any, destroyed: bool
) -> None:
    nodes[0].set_aside(GUEST)
    nodes[1].receive(GUEST)
    wrote(nodes[1].path(GUEST), b"after")
    if destroyed:
        nodes[1].remove(GUEST)
    nodes[0].revert(GUEST)
    assert root_disk(tmp_path, GUEST).read_bytes().startswith(b"image")
    assert len(list(tmp_path.glob(f"old/nodes/*/disks/{GUEST}*"))) == 1


def test_an_image_is_fetched_once_and_never_half(tmp_path: Path, nodes: Any) -> None:
    calls = []

    def download(path: str) -> None:
        calls.append(path)
        Path(path).write_bytes(b"half")
        if len(calls) == 1:
            raise OSError("cut off")

    with pytest.raises(OSError, match="cut off"):
        nodes[0].image("i", download)
    assert nodes[0].image("i", download).read_bytes() == b"half"
    assert nodes[0].image("i", download).name == "i"
    assert len(calls) == 2
    assert [p.name for p in nodes[0].image("i", download).parent.iterdir()] == ["i"]


def test_a_server_without_a_root_disk_is_told(tmp_path: Path, nodes: Any) -> None:
    nodes[0].remove(GUEST)
    with pytest.raises(LabConfigurationError, match=GUEST):
        root_disk(tmp_path, GUEST)
