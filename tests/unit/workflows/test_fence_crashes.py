"""kill -9 before and after each call of `on` and of `off`, once each: afterwards `off` brings back exactly the first state.

`make check` takes a few points of each, `make test` every 59th; `PUMPHOUSE_CRASH_STRIDE=1` enumerates all of them.
"""

import os
from pathlib import Path

import pytest

from pumphouse.domain.operation import Operation, OperationStatus
from tests.unit.workflows.fence_rig import FenceRig

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
STRIDE = int(os.environ.get("PUMPHOUSE_CRASH_STRIDE", "151"))
POLICY = pytest.param(True, {}, id="policy")
ROLES = pytest.param(False, {}, id="roles", marks=pytest.mark.crash)
WEAK = pytest.param(
    False, {"means": "locks,quotas", "allow_partial": True}, id="locks", marks=pytest.mark.crash
)


def build(folder: Path, *, policies: bool) -> FenceRig:
    folder.mkdir(parents=True, exist_ok=True)
    return FenceRig(folder, policies=policies, inherited=policies)


def points(folder: Path, *, policies: bool, params: dict[str, object], off: bool) -> int:
    rig = build(folder, policies=policies)
    operation = rig.submit("lock_tenant", **params)
    if off:
        rig.engine.run(operation.id)
        operation = rig.submit("unlock_tenant")
    rig.run_until_death(operation, 10**9)
    rig.close()
    return rig.life.passed


def is_as_before(rig: FenceRig, before: object, where: str) -> None:
    assert rig.snapshot_all() == before, where
    assert rig.is_open, where
    assert rig.stores.fences() == [], where
    assert rig.keystone.can_authenticate(rig.credential), where
    assert rig.keystone.can_use_trust(rig.trust), where


def lift(rig: FenceRig, operation: Operation) -> Operation | None:
    """What an operator types after the crash; None when nothing was begun that could be lifted."""
    rig.reboot()
    if rig.stores.fence("old", rig.tenant.id) is None:
        rig.engine.cancel(operation.id)
        return None
    return rig.lift()


@pytest.mark.parametrize(("policies", "params"), [POLICY, ROLES, WEAK])
def test_off_after_a_crash_of_on(tmp_path: Path, policies: bool, params: dict[str, object]) -> None:
    total = points(tmp_path / "count", policies=policies, params=params, off=False)
    assert total > 60
    for number in range(1, total + 1, STRIDE):
        rig = build(tmp_path / str(number), policies=policies)
        before = rig.snapshot_all()
        operation = rig.submit("lock_tenant", **params)
        rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        off = lift(rig, operation)
        assert off is None or off.status is OperationStatus.DONE, f"{where}: {rig.errors(off)}"
        is_as_before(rig, before, where)
        rig.close()


@pytest.mark.crash
@pytest.mark.parametrize(("policies", "params"), [POLICY, ROLES, WEAK])
def test_on_goes_on_after_its_crash(tmp_path: Path, policies: bool, params: dict[str, object]) -> None:
    total = points(tmp_path / "count", policies=policies, params=params, off=False)
    for number in range(2, total + 1, STRIDE):
        rig = build(tmp_path / str(number), policies=policies)
        before = rig.snapshot_all()
        operation = rig.submit("lock_tenant", **params)
        rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        done = rig.engine.run(operation.id)
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        off = rig.run("unlock_tenant")
        assert off.status is OperationStatus.DONE, f"{where}: {rig.errors(off)}"
        is_as_before(rig, before, where)
        rig.close()


@pytest.mark.crash
@pytest.mark.parametrize(("policies", "params"), [POLICY, ROLES, WEAK])
def test_off_goes_on_after_its_crash(tmp_path: Path, policies: bool, params: dict[str, object]) -> None:
    total = points(tmp_path / "count", policies=policies, params=params, off=True)
    for number in range(3, total + 1, STRIDE):
        rig = build(tmp_path / str(number), policies=policies)
        before = rig.snapshot_all()
        assert rig.run("lock_tenant", **params).status is OperationStatus.DONE
        operation = rig.submit("unlock_tenant")
        rig.run_until_death(operation, number)
        where = f"death at point {number} of {total}, {rig.life.last}"
        rig.reboot()
        done = rig.engine.run(operation.id)
        assert done.status is OperationStatus.DONE, f"{where}: {rig.errors(done)}"
        is_as_before(rig, before, where)
        rig.close()
