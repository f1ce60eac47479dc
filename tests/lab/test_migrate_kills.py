"""kill -9 of a migration, of its rollback and of its commit right after requests of every shape, in the middle of uploads and between the extents of a volume.

`operation resume` ends well each time; nothing is doubled, and nothing that was confirmed goes over again. `PUMPHOUSE_CRASH_STRIDE=1` kills after all shapes of requests.
"""

import os
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from tests.lab.conftest import TestLab
from tests.lab.moving_lab import ready_for_moves
from tests.lab.shaky_scene import Scene, shaky_scene
from tests.lab.weather import Asked, Trap

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1500)]
STRIDE = max(1, min(5, int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "5"))))
PREFIX = "kill-series"
MIB = 1 << 20
IMAGE_MIB, DATA_MIB = 48, 144
BATCH = 64 * MIB
"""Of a volume, between two entries in its journal."""


@pytest.fixture(scope="module")
def scene(two_nodes_each: TestLab) -> Iterator[Scene]:
    ready_for_moves(two_nodes_each)
    state = two_nodes_each.console.state_dir.with_name("kills-state")
    with shaky_scene(two_nodes_each, state, PREFIX, image_mib=IMAGE_MIB, data_mib=DATA_MIB) as made:
        yield made


class Shapes:
    """Fits the writes of a shape that was not killed after yet, but only each STRIDE-th."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.killed: list[str] = []

    def __call__(self, asked: Asked) -> bool:
        if not asked.writes or asked.shape in self.seen:
            return False
        self.seen.add(asked.shape)
        if len(self.seen) % STRIDE:
            return False
        self.killed.append(asked.shape)
        return True


def killed_again_and_again(scene: Scene, words: list[str], kind: str) -> list[str]:
    """The shapes of the requests after which it was killed; it has ended well."""
    shapes = Shapes()
    while True:
        trap = Trap(shapes)
        said = scene.begin(*words, trap=trap).wait()
        operation = scene.records.root_operation(kind)
        assert operation, said
        if not trap.sprung:
            scene.weather.set_trap(None)
            assert said.code == 0, f"{said.out[-3000:]}\n{scene.errors()}"
            assert scene.status(operation) == "done"
            return shapes.killed
        words = ["operation", "resume", operation]


def test_after_requests_of_every_shape(scene: Scene) -> None:
    killed = killed_again_and_again(scene, scene.migrate, "migrate_tenant")
    assert len(killed) * STRIDE > 25, killed
    scene.is_moved()
    killed = killed_again_and_again(scene, scene.rollback, "rollback_tenant")
    assert len(killed) * STRIDE > 12, killed
    scene.is_as_before()


def test_in_the_middle_of_data(scene: Scene) -> None:
    """An image is sent again as a whole, once; of a volume only what was not confirmed."""
    scene.weather.forget()
    trap = Trap(lambda asked: asked.is_upload and asked.cloud == "new", int, "bytes", IMAGE_MIB // 2 * MIB)
    said = scene.begin(*scene.migrate, trap=trap).wait()
    assert trap.sprung, said
    operation = str(scene.records.root_operation("migrate_tenant"))
    journalled = scene.records.confirmed_extents()
    running = scene.begin("operation", "resume", operation)
    end = monotonic() + 300
    while scene.records.confirmed_extents() == journalled:
        assert running.process.poll() is None, "it ended too soon"
        assert monotonic() < end, "nothing goes on"
        sleep(0.01)
    running.kill()
    said = scene.begin("operation", "resume", operation).wait()
    assert said.code == 0, f"{said.out[-3000:]}\n{scene.errors()}"
    scene.is_moved()
    sent = sorted(size for (cloud, _), size in scene.weather.bytes.items() if cloud == "new")
    # the image, of which half went in vain, and the root disk
    assert IMAGE_MIB * MIB * 1.5 <= sent[-1] <= IMAGE_MIB * MIB * 1.75
    assert sum(sent) <= IMAGE_MIB * MIB * 2.75
    moved = {each["name"]: each for each in scene.report()["moved"] if each["kind"] == "volume"}
    copied_again = [
        each for each in moved.values() if 0 < int(each["moved_bytes"]) <= DATA_MIB * MIB - BATCH + 12 * MIB
    ]
    assert copied_again, moved


def test_a_commit(scene: Scene) -> None:
    killed = killed_again_and_again(scene, ["tenant", "commit", scene.named, "--yes"], "commit_tenant")
    assert len(killed) * STRIDE > 5, killed
    scene.is_emptied()
