"""kill -9 before and after each call of a duplicate and of a deletion: afterwards there is a working environment or nothing.

`make check` takes a few points of each, `make test` every 13th; `PUMPHOUSE_CRASH_STRIDE=1` enumerates all of them.
"""

import os
from pathlib import Path

import pytest

from pumphouse.domain.operation import OperationStatus
from tests.fakes.sites import PIECES
from tests.unit.workflows.duplicate_rig import DuplicateRig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
GIVEN = int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "61"))
STRIDE = {29: 13}.get(GIVEN, GIVEN)
PARAMS = {"contents": ["flavors", "roles", "images", "quotas"]}


def points(folder: Path, *, deletion: bool) -> int:
    rig = DuplicateRig(folder)
    operation = rig.submit(**PARAMS)
    if deletion:
        rig.engine.run(operation.id)
        operation = rig.submit("delete_environment")
    rig.run_until_death(operation, 10**9)
    rig.close()
    return rig.life.passed


def test_a_duplicate_goes_on_after_its_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count", deletion=False)
    assert total > 60
    for number in range(1, total + 1, STRIDE):
        rig = DuplicateRig(tmp_path / str(number))
        operation = rig.submit(**PARAMS)
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        done = rig.engine.run(operation.id)
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        assert rig.sites.standing() == {"twin": set(PIECES)}, where
        assert rig.sites.secrets == {"twin": 1}, f"{where}: its secrets were made twice"
        assert sorted(rig.known.known) == ["old", "twin"], where
        assert rig.sites.sites["twin"].contents["flavor"] == rig.sites.sites["old"].contents["flavor"], where
        rig.close()


@pytest.mark.crash
def test_nothing_is_left_by_an_undo_after_a_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count", deletion=False)
    for number in range(2, total + 1, STRIDE):
        rig = DuplicateRig(tmp_path / str(number))
        before = rig.world()
        operation = rig.submit(**PARAMS)
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        rig.engine.cancel(operation.id)
        rig.engine.run(operation.id)
        undone = rig.undo(operation)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
        assert rig.world() == before, where
        rig.close()


@pytest.mark.crash
def test_an_undo_goes_on_after_its_crash(tmp_path: Path) -> None:
    rig = DuplicateRig(tmp_path / "count")
    done = rig.run(**PARAMS)
    rig.engine.undo(done.id)
    rig.run_until_death(done, 10**9)
    rig.close()
    total = rig.life.passed
    assert total > 20
    for number in range(3, total + 1, STRIDE):
        rig = DuplicateRig(tmp_path / str(number))
        before = rig.world()
        done = rig.run(**PARAMS)
        rig.engine.undo(done.id)
        assert rig.run_until_death(done, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        undone = rig.engine.run(done.id)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
        assert rig.world() == before, where
        rig.close()


@pytest.mark.crash
def test_a_deletion_goes_on_after_its_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count", deletion=True)
    assert total > 15
    for number in range(1, total + 1, STRIDE):
        rig = DuplicateRig(tmp_path / str(number))
        before = rig.world()
        assert rig.run(**PARAMS).status is OperationStatus.DONE
        operation = rig.submit("delete_environment")
        assert rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        done = rig.engine.run(operation.id)
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        assert rig.world() == before, where
        rig.close()
