"""Each request of a migration goes wrong once, in every way in which APIs do; the migration and its rollback end well all the same, with nothing doubled and nothing left.

`PUMPHOUSE_CRASH_STRIDE=1` takes as many turns as there are faults, so that each request meets each of them.
"""

import os
from collections.abc import Iterator

import pytest

from tests.lab.conftest import TestLab
from tests.lab.moving_lab import ready_for_moves
from tests.lab.shaky_scene import Scene, shaky_scene
from tests.lab.weather import Fault, Trap

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1500)]
PREFIX = "fault-series"
STRIDE = max(1, min(4, int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "4"))))
TURNS = range(0, len(Fault), STRIDE)
"""With as many turns as there are faults each request meets each; two let each meet two."""


@pytest.fixture(scope="module")
def scene(two_nodes_each: TestLab) -> Iterator[Scene]:
    ready_for_moves(two_nodes_each)
    state = two_nodes_each.console.state_dir.with_name("faults-state")
    with shaky_scene(two_nodes_each, state, PREFIX) as made:
        yield made


@pytest.mark.parametrize("turn", TURNS)
def test_every_request_goes_wrong_once(scene: Scene, turn: int) -> None:
    """The first request of each shape meets a fault, when it is planned and when it is done, in the migration and in the rollback."""
    scene.through(scene.migrate, "migrate_tenant", *Fault, offset=turn)
    struck = {fault: {shape for each, shape in scene.weather.struck if each is fault} for fault in Fault}
    assert all(struck.values()), struck
    assert len({shape for shapes in struck.values() for shape in shapes if " POST " in shape}) > 20
    scene.is_moved()
    scene.through(scene.rollback, "rollback_tenant", *Fault, offset=turn)
    assert sum(" DELETE " in shape for _, shape in scene.weather.struck) > 8
    scene.is_as_before()


def test_glance_is_killed_and_comes_back_during_an_upload(scene: Scene) -> None:
    def restart() -> None:
        scene.machine.kill("new-glance")
        scene.machine.restart("new-glance")

    trap = Trap(lambda asked: asked.is_upload and asked.cloud == "new", restart, "bytes", 1 << 20)
    scene.weather.set_trap(trap)
    scene.through(scene.migrate, "migrate_tenant")
    assert trap.sprung
    scene.is_moved()
    scene.through(scene.rollback, "rollback_tenant")
    scene.is_as_before()
