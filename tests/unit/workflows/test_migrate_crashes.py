"""kill -9 before and after each call of a migration, of its undo and of a rollback, and each call failing once: nothing is doubled, nothing is lost.

`make check` takes a few points of each, `make test` more; `PUMPHOUSE_CRASH_STRIDE=1` enumerates all of them.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pumphouse.domain.errors import CloudFaultError, ConflictError, PumphouseError
from pumphouse.domain.operation import OperationStatus
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.drivers.database.stores import Stores
from tests.unit.workflows.migrate_rig import MigrateRig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
GIVEN = int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "151"))
STRIDE = {29: 41}.get(GIVEN, GIVEN)
K = ResourceKind


def points(folder: Path, *, undo: bool = False) -> int:
    rig = MigrateRig(folder)
    operation = rig.submit()
    if undo:
        rig.engine.run(operation.id)
        rig.engine.undo(operation.id)
    rig.run_until_death(operation, 10**9)
    rig.close()
    return rig.life.passed


def is_whole(rig: MigrateRig, where: str) -> None:
    """Everything is there once, verified, with its bytes, and no confirmed extent went over twice."""
    assert {m.state for m in rig.moves()} == {MoveState.VERIFIED}, where
    for kind in (
        K.NETWORK,
        K.SUBNET,
        K.SECURITY_GROUP,
        K.PORT,
        K.IMAGE,
        K.VOLUME,
        K.SERVER,
        K.USER,
        K.FLAVOR,
    ):
        assert len(rig.there.made(kind)) == len(rig.source.made(kind)), f"{where}: {kind}"
    assert sorted(rig.there.data.values()) == sorted(rig.source.data.values()), where
    assert max(rig.volumes.sent.values()) == 1, f"{where}: {rig.volumes.sent}"


def dies_at(folder: Path, number: int, total: int) -> None:
    rig = MigrateRig(folder)
    operation = rig.submit()
    assert rig.run_until_death(operation, number)
    where = f"death at point {number} of {total}, {rig.life.last}"
    rig.reboot()
    done = rig.engine.run(operation.id)
    assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
    is_whole(rig, where)
    rig.close()


def is_undone_after(folder: Path, number: int, total: int) -> None:
    rig = MigrateRig(folder)
    before = rig.world()
    operation = rig.submit()
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
def test_a_migration_goes_on_after_its_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count")
    assert total > 200
    for number in range(40, total + 1, max(STRIDE, total // 3)):
        dies_at(tmp_path / str(number), number, total)


@pytest.mark.crash
def test_nothing_is_left_by_an_undo_after_a_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count")
    for number in range(total // 2, total + 1, max(STRIDE, total // 2 + 1)):
        is_undone_after(tmp_path / str(number), number, total)


@pytest.mark.crash
def test_what_is_only_mapped_is_never_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between two writes would leave an intent that nobody takes up again: all that needs it would fail."""
    written: list[Move] = []
    put = Stores.put_moves

    def seen(stores: Stores, moves: Sequence[Move]) -> None:
        written.extend(moves)
        put(stores, moves)

    monkeypatch.setattr(Stores, "put_moves", seen)
    rig = MigrateRig(tmp_path)
    assert rig.run().status is OperationStatus.DONE
    mapped = {move.state for move in written if move.kind is K.EXTERNAL_NETWORK}
    assert mapped == {MoveState.VERIFIED}
    rig.close()


@pytest.mark.crash
def test_a_migration_goes_on_after_every_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count")
    for number in range(1, total + 1, STRIDE):
        dies_at(tmp_path / str(number), number, total)


@pytest.mark.crash
def test_nothing_is_left_by_an_undo_after_any_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count")
    for number in range(2, total + 1, STRIDE):
        is_undone_after(tmp_path / str(number), number, total)


@pytest.mark.crash
def test_an_undo_goes_on_after_its_crash(tmp_path: Path) -> None:
    total = points(tmp_path / "count", undo=True)
    for number in range(3, total + 1, STRIDE):
        rig = MigrateRig(tmp_path / str(number))
        before = rig.world()
        done = rig.run()
        rig.engine.undo(done.id)
        assert rig.run_until_death(done, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        undone = rig.engine.run(done.id)
        assert undone.status is OperationStatus.UNDONE, f"{where}: {rig.errors(undone)}"
        assert rig.world() == before, where
        rig.close()


@pytest.mark.crash
def test_a_rollback_goes_on_after_its_crash(tmp_path: Path) -> None:
    for number in range(1, 200, STRIDE):
        rig = MigrateRig(tmp_path / str(number))
        before = rig.world()
        assert rig.run().status is OperationStatus.DONE
        operation = rig.submit("rollback_tenant")
        if rig.run_until_death(operation, number):
            rig.reboot()
        back = rig.engine.run(operation.id)
        assert back.status is OperationStatus.DONE, f"point {number}: {rig.errors(back)}"
        assert rig.world() == before, f"point {number}"
        rig.close()


def once(where: str, make: Callable[[], PumphouseError]) -> tuple[Callable[[str], None], list[str]]:
    """A cloud that fails once at each place that begins so."""
    seen: list[str] = []

    def fault(point: str) -> None:
        if point.startswith(where) and point not in seen:
            seen.append(point)
            raise make()

    return fault, seen


@pytest.mark.crash
@pytest.mark.parametrize("moment", ["before", "after"])
def test_each_creation_that_answers_500_or_not_at_all_is_found_again(tmp_path: Path, moment: str) -> None:
    rig = MigrateRig(tmp_path)
    rig.fault, seen = once(f"new: {moment} create", lambda: CloudFaultError("HTTP 500"))
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert len(seen) > 20
    is_whole(rig, moment)
    rig.close()


@pytest.mark.crash
def test_each_creation_that_conflicts_once_fails_alone_and_is_retried(tmp_path: Path) -> None:
    rig = MigrateRig(tmp_path)
    rig.fault, seen = once("new: before create", lambda: ConflictError("HTTP 409"))
    done = rig.run()
    for _ in range(30):
        if done.status is OperationStatus.DONE:
            break
        done = rig.retry(done)
    assert done.status is OperationStatus.DONE, rig.errors(done)
    assert len(seen) > 20
    is_whole(rig, "409")
    rig.close()


@pytest.mark.crash
@pytest.mark.parametrize(
    "place", ["new: read", "new: before update", "new: after update", "old: read", "new: before extent"]
)
def test_every_other_call_that_fails_once_is_endured(tmp_path: Path, place: str) -> None:
    rig = MigrateRig(tmp_path)
    rig.fault, _ = once(place, lambda: CloudFaultError("HTTP 503"))
    done = rig.run()
    assert done.status is OperationStatus.DONE, rig.errors(done)
    is_whole(rig, place)
    rig.close()
