"""The database goes away in the middle: short absences are waited out, long ones leave an operation that can be resumed."""

from typing import Any

import pytest

from pumphouse.domain.errors import StoreFaultError
from pumphouse.domain.operation import OperationStatus
from pumphouse.ports.store import Change
from tests.unit.engine.conftest import Bench

pytestmark = pytest.mark.crash

S = OperationStatus


class Weather:
    """Lets writes fail from the n-th on, `length` times."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch, *, first: int, length: int) -> None:
        self.calls = 0
        original = bench.stores.apply

        def apply(operation_id: str, change: Change, **rest: Any) -> None:
            self.calls += 1
            if first <= self.calls < first + length:
                raise StoreFaultError("away")
            original(operation_id, change, **rest)

        monkeypatch.setattr(bench.stores, "apply", apply)


@pytest.mark.parametrize("first", range(1, 16))
def test_a_short_absence_is_waited_out(bench: Bench, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    Weather(bench, monkeypatch, first=first, length=4)
    done = bench.run(parallel=1)
    assert done.status is S.DONE
    assert len(bench.world.journal) == len(set(bench.world.journal)) == 6
    assert 1 < bench.clock.monotonic() < 30


@pytest.mark.parametrize("first", [2, 5, 7, 8, 10, 15])
def test_a_long_one_leaves_it_to_be_resumed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    Weather(bench, monkeypatch, first=first, length=25)
    operation = bench.submit(parallel=1)
    with pytest.raises(StoreFaultError):
        bench.engine.run(operation)
    left = bench.engine.operation(operation)
    assert (left.status, left.owner) == (S.RUNNING, None)
    monkeypatch.undo()
    assert bench.another().run(operation).status is S.DONE
    assert len(bench.world.journal) == len(set(bench.world.journal)) == 6
