"""A fence whose time has come is lifted once, retried when that fails, and told of when it cannot be."""

from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from pumphouse.domain.errors import BlockedError, LockedError, StoreFaultError
from pumphouse.domain.fence import Fence, tenant_lock
from pumphouse.domain.operation import Operation, OperationStatus
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import Change, NewOperation
from pumphouse.services.lifting import Lifting
from pumphouse.services.tenants import ResolvedTenant
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME, GLOBEX, toy_fence

S = OperationStatus
TENANT = ResolvedTenant("old", ACME, "acme")


class Later(Clock):
    """The real time, moved on by the test."""

    def __init__(self, real: Clock) -> None:
        self.real = real
        self.by = timedelta()

    @override
    def now(self) -> datetime:
        return self.real.now() + self.by

    @override
    def monotonic(self) -> float:
        return self.real.monotonic()

    @override
    def sleep(self, seconds: float) -> None:
        self.real.sleep(seconds)

    @override
    def new_id(self) -> str:
        return self.real.new_id()


@pytest.fixture
def clock(bench: Bench) -> Later:
    return Later(bench.clock)


@pytest.fixture
def lifting(bench: Bench, clock: Later) -> Lifting:
    return Lifting(bench.services, bench.stores, clock, 60)


def put(bench: Bench, tenant: str = ACME, *, minutes: float = -1) -> Fence:
    now = bench.clock.now()
    fence = toy_fence(now - timedelta(hours=1), tenant, until=now + timedelta(minutes=minutes))
    bench.stores.put_fence(fence)
    return fence


def settled(bench: Bench) -> list[Operation]:
    """All operations, oldest first, when none is at work any more."""
    for _ in range(1000):
        found = bench.stores.operations()
        if not any(o.status in {S.ACCEPTED, S.RUNNING} for o in found):
            return list(reversed(found))
        bench.clock.sleep(0.01)
    raise AssertionError("it is still at work")


def overdue(bench: Bench) -> list[str]:
    return [e.message for e in bench.stores.events(notify=True) if e.type == "tenant.maintenance_overdue"]


def test_only_what_is_due_is_lifted(bench: Bench, lifting: Lifting) -> None:
    put(bench)
    put(bench, GLOBEX, minutes=5)
    lifting.look_once()
    (only,) = settled(bench)
    assert (only.kind, only.status, only.actor) == ("unlock_tenant", S.DONE, "until")
    assert [f.tenant_id for f in bench.stores.fences()] == [GLOBEX]
    lifting.look_once()
    assert len(settled(bench)) == 1


def test_two_servers_lift_it_once(bench: Bench, lifting: Lifting, clock: Later) -> None:
    bench.fencing.gate.clear()
    put(bench)
    lifting.look_once()
    Lifting(bench.services, bench.stores, clock, 60).look_once()
    lifting.look_once()
    bench.fencing.gate.set()
    assert len(settled(bench)) == 1


def test_a_failed_lifting_is_retried_with_growing_pauses(
    bench: Bench, lifting: Lifting, clock: Later
) -> None:
    put(bench)
    bench.fencing.failing.add("unlock_tenant")
    lifting.look_once()
    assert settled(bench)[0].status is S.FAILED

    def retries() -> int:
        settled(bench)
        return sum(e.type == "operation.retry_asked" for e in bench.stores.events(limit=500))

    for minutes, wanted in ((0, 0), (0.5, 0), (1.1, 1), (0.5, 1), (1, 1), (1, 2), (2, 2), (2.1, 3)):
        clock.by += timedelta(minutes=minutes)
        lifting.look_once()
        assert retries() == wanted, clock.by
    bench.fencing.failing.clear()
    clock.by += timedelta(hours=1)
    lifting.look_once()
    (only,) = settled(bench)
    assert only.status is S.DONE
    assert not bench.stores.fences()
    assert not overdue(bench), "the operation tells of its own failures"


def test_what_an_operator_has_stopped_is_his(bench: Bench, lifting: Lifting, clock: Later) -> None:
    put(bench)
    bench.fencing.failing.add("unlock_tenant")
    lifting.look_once()
    (failed,) = settled(bench)
    bench.engine.cancel(failed.id)
    for _ in range(3):
        clock.by += timedelta(hours=2)
        lifting.look_once()
    (only,) = settled(bench)
    assert only.status is S.CANCELLED


def test_a_failed_on_makes_way(bench: Bench, lifting: Lifting) -> None:
    bench.fencing.failing.add("lock_tenant")
    until = (bench.clock.now() + timedelta(seconds=0.2)).isoformat()
    params = {"environment": "old", "tenant": ACME, "until": until}
    bench.services.operations.start("lock_tenant", params, actor="me")
    assert settled(bench)[0].status is S.FAILED
    bench.clock.sleep(0.25)
    lifting.look_once()
    first, second = settled(bench)
    assert (first.status, second.status, second.kind) == (S.CANCELLED, S.DONE, "unlock_tenant")
    assert not bench.stores.fences()


def test_what_is_at_work_is_not_disturbed_but_told_once(bench: Bench, lifting: Lifting, clock: Later) -> None:
    put(bench)
    bench.fencing.gate.clear()
    params = {"environment": "old", "tenant": ACME}
    at_work = bench.services.operations.start("verify_tenant", params, actor="me")
    for _ in range(3):
        lifting.look_once()
        clock.by += timedelta(minutes=10)
    assert bench.stores.operation(at_work.id).status in {S.ACCEPTED, S.RUNNING}
    assert len(overdue(bench)) == 1
    assert "acme of old should have ended" in overdue(bench)[0]
    bench.fencing.gate.set()
    settled(bench)
    clock.by += timedelta(hours=1)
    lifting.look_once()
    assert [o.kind for o in settled(bench)] == ["verify_tenant", "unlock_tenant"]
    assert not bench.stores.fences()


def test_one_that_cannot_be_lifted_does_not_keep_the_others(bench: Bench, lifting: Lifting) -> None:
    put(bench)
    put(bench, GLOBEX)
    bench.fencing.gate.clear()
    bench.services.operations.start("verify_tenant", {"environment": "old", "tenant": ACME}, actor="me")
    lifting.look_once()
    bench.fencing.gate.set()
    settled(bench)
    assert [f.tenant_id for f in bench.stores.fences()] == [ACME]


def test_a_database_that_does_not_answer_is_asked_again(
    bench: Bench, lifting: Lifting, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bench)

    def broken(now: datetime) -> list[Fence]:
        raise StoreFaultError("away")

    with monkeypatch.context() as patch:
        patch.setattr(bench.stores, "due_fences", broken)
        lifting.look_once()
    assert not bench.stores.operations()
    lifting.look_once()
    assert settled(bench)[0].status is S.DONE


def test_the_thread_looks_at_once_and_ends(bench: Bench) -> None:
    put(bench)
    lifting = Lifting(bench.services, bench.stores, bench.clock, 60)
    lifting.start()
    for _ in range(500):
        if bench.stores.operations():
            break
        bench.clock.sleep(0.01)
    lifting.close()
    assert settled(bench)[0].status is S.DONE


def stopped(bench: Bench, *statuses: S, kind: str = "lock_tenant") -> str:
    """An operation on the tenant that nobody works on, as a dead process leaves it."""
    now = bench.clock.now()
    made = Operation(bench.clock.new_id(), kind, "something", S.ACCEPTED, {}, None, now, environment="old")
    bench.stores.add_operation(NewOperation(made, root_id=made.id, locks=[tenant_lock("old", ACME)]))
    for one in statuses:
        bench.stores.apply(made.id, Change(status=one), token=None, now=now)
    return made.id


@pytest.mark.parametrize(
    "statuses",
    [(S.PAUSED,), (S.RUNNING,), (S.RUNNING, S.FAILED), (S.RUNNING, S.UNDOING, S.UNDO_FAILED)],
    ids=lambda s: s[-1],
)
def test_what_stands_still_makes_way_for_off(bench: Bench, statuses: tuple[S, ...]) -> None:
    put(bench)
    left = stopped(bench, *statuses)
    first = bench.services.fences.lift(TENANT, actor="me", key="k")
    assert settled(bench)[-1].status is S.DONE
    assert bench.stores.operation(left).status is S.CANCELLED
    assert bench.services.fences.lift(TENANT, actor="me", key="k").id == first.id


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("lock_tenant", (S.RUNNING, S.UNDOING)),
        ("lock_tenant", ()),
        ("migrate_tenant", (S.RUNNING, S.FAILED)),
    ],
    ids=["goes back", "waits for its turn", "not ours"],
)
def test_what_goes_back_or_is_not_ours_does_not(bench: Bench, kind: str, statuses: tuple[S, ...]) -> None:
    put(bench)
    left = stopped(bench, *statuses, kind=kind)
    with pytest.raises(LockedError):
        bench.services.fences.lift(TENANT, actor="me")
    assert bench.stores.operation(left).status is (statuses or (S.ACCEPTED,))[-1]
    assert bench.stores.fences()


def test_a_blocked_off_takes_nothing_from_others(bench: Bench) -> None:
    left = stopped(bench, S.RUNNING, S.FAILED)
    with pytest.raises(BlockedError):
        bench.services.fences.lift(TENANT, actor="me")
    assert bench.stores.operation(left).status is S.FAILED
