"""Pause, cancel, resume, retry, skip, undo, from inside and from beside the process that runs the operation."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pumphouse.domain.errors import CloudRefusedError, ConflictError, LockedError, StaleOwnerError
from pumphouse.domain.operation import TRANSITIONS, ItemStatus, OperationStatus, StepStatus
from pumphouse.engine.step import NewItem, StepContext
from pumphouse.ports.store import Change
from tests.fakes.marks import MarkItems
from tests.unit.engine.conftest import LONG_S, Bench

pytestmark = pytest.mark.crash

S = OperationStatus


def until(bench: Bench, operation: str, *statuses: S) -> None:
    pause = threading.Event()
    for _ in range(int(LONG_S / 0.01)):
        if bench.engine.operation(operation).status in statuses:
            return
        pause.wait(0.01)
    raise AssertionError(f"is {bench.engine.operation(operation).status}")


def test_pause_stops_between_items_and_resume_goes_on(bench: Bench) -> None:
    operation = bench.submit(count=8, parallel=1)
    other = bench.another()
    bench.at("move-2:before", lambda: (other.pause(operation), bench.heeded()))
    paused = bench.engine.run(operation)
    assert paused.status is S.PAUSED
    assert paused.owner is None
    assert paused.steps[1].counts == {ItemStatus.DONE: 3, ItemStatus.PENDING: 5}
    assert bench.engine.resume(operation).status is S.RUNNING
    assert other.run(operation).status is S.DONE
    assert len(bench.world.journal) == len(set(bench.world.journal)) == 11


def test_pause_takes_effect_between_steps_too(bench: Bench) -> None:
    operation = bench.submit()
    # asked for in this process, it is heeded at once, not at the watch's next look
    bench.at("prepare:before", lambda: bench.engine.pause(operation))
    assert bench.engine.run(operation).status is S.PAUSED
    assert bench.world.marks() == {"prepare"}


@pytest.mark.parametrize(("verb", "status"), [("pause", S.PAUSED), ("cancel", S.CANCELLED)])
def test_a_wish_between_claim_and_beginning_is_heeded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, verb: str, status: S
) -> None:
    operation = bench.submit()
    other = bench.another()
    memory = bench.stores.memory

    def asked(operation_id: str) -> Mapping[str, Any]:
        monkeypatch.undo()
        getattr(other, verb)(operation_id)
        return memory(operation_id)

    monkeypatch.setattr(bench.stores, "memory", asked)
    assert bench.engine.run(operation).status is status
    assert bench.world.marks() == set()


@pytest.mark.parametrize("verb", ["resume", "retry", "undo"])
def test_cancel_leaves_a_way_on_and_back(bench: Bench, verb: str) -> None:
    operation = bench.submit(count=4, parallel=1)
    bench.at("move-1:after", lambda: bench.engine.cancel(operation))
    assert bench.engine.run(operation).status is S.CANCELLED
    getattr(bench.engine, verb)(operation)
    ended = bench.engine.run(operation)
    assert ended.status is (S.UNDONE if verb == "undo" else S.DONE)
    assert len(bench.world.marks()) == (0 if verb == "undo" else 7)


def test_a_cancelled_one_lets_go_of_its_node_and_asks_for_it_again(bench: Bench) -> None:
    first = bench.submit()
    bench.engine.cancel(first)
    second = bench.submit()
    with pytest.raises(LockedError, match=second):
        bench.engine.resume(first)
    assert bench.engine.operation(first).status is S.CANCELLED
    bench.engine.run(second)
    bench.engine.resume(first)
    assert bench.engine.run(first).status is S.DONE


def test_skip_failed_leaves_them_and_ends_with_errors(bench: Bench) -> None:
    bench.fail_at({"move-1:before": CloudRefusedError("no room")})
    failed = bench.run()
    bench.engine.skip_failed(failed.id)
    ended = bench.engine.run(failed.id)
    assert ended.status is S.DONE_WITH_ERRORS
    assert ended.steps[1].counts == {ItemStatus.DONE: 2, ItemStatus.SKIPPED: 1}
    assert bench.engine.items(failed.id)[1].error == "no room"


def test_retry_looks_again_for_what_there_is_to_do(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fail_at({"move-1:before": CloudRefusedError("no room")})
    failed = bench.run()
    listing = MarkItems.list_items

    def one_more(step: MarkItems, ctx: StepContext) -> Sequence[NewItem]:
        return [*listing(step, ctx), NewItem("late", "move-late", "thing")]

    monkeypatch.setattr(MarkItems, "list_items", one_more)
    bench.world.hook = lambda _point: None
    bench.engine.retry(failed.id)
    assert bench.engine.run(failed.id).steps[1].counts == {ItemStatus.DONE: 4}
    assert bench.world.journal.count("do move-0") == bench.world.journal.count("do move-late") == 1


def test_skip_failed_needs_failed_items(bench: Bench) -> None:
    bench.fail_at({"commit:before": CloudRefusedError("no")})
    failed = bench.run()
    with pytest.raises(ConflictError, match="nothing to skip"):
        bench.engine.skip_failed(failed.id)


def test_undo_of_failed_items_includes_those_that_may_have_acted(bench: Bench) -> None:
    bench.fail_at({"move-1:after": CloudRefusedError("lost the answer")})
    failed = bench.run()
    bench.engine.skip_failed(failed.id)
    bench.engine.run(failed.id)
    bench.engine.undo(failed.id)
    assert bench.engine.run(failed.id).status is S.UNDONE
    assert bench.world.marks() == set()


def test_a_failed_undo_can_be_tried_again(bench: Bench) -> None:
    done = bench.run()
    bench.fail_at({"move-1:undo": CloudRefusedError("no")})
    bench.engine.undo(done.id)
    broken = bench.engine.run(done.id)
    assert broken.status is S.UNDO_FAILED
    assert broken.error == "undo of set marks: 1 failed: move-1: no"
    assert [s.status for s in broken.steps] == [
        StepStatus.DONE,
        StepStatus.UNDO_FAILED,
        StepStatus.UNDONE,
        StepStatus.UNDONE,
    ]
    bench.world.hook = lambda _point: None
    bench.engine.retry(done.id)
    assert bench.engine.run(done.id).status is S.UNDONE
    assert bench.world.journal.count("undo move-0") == 1


def test_undo_stops_before_what_cannot_be_undone(bench: Bench) -> None:
    done = bench.run(irreversible=True)
    bench.engine.undo(done.id)
    stood = bench.engine.run(done.id)
    assert stood.status is S.UNDO_FAILED
    assert stood.error == "undo stops here: 'mark commit' is done and cannot be undone"
    assert stood.steps[3].status is StepStatus.UNDONE
    assert bench.world.marks() == {"prepare", "move-0", "move-1", "move-2", "commit"}


def test_wishes_that_a_state_does_not_allow_are_refused_with_what_it_allows(bench: Bench) -> None:
    done = bench.run()
    for verb in ("pause", "cancel", "resume", "retry", "skip_failed"):
        with pytest.raises(ConflictError, match="is done and cannot be") as caught:
            getattr(bench.engine, verb)(done.id)
        assert caught.value.hint == "from here it can become: undoing"
    bench.engine.undo(done.id)
    bench.engine.run(done.id)
    assert not TRANSITIONS[S.UNDONE]
    with pytest.raises(ConflictError):
        bench.engine.undo(done.id)


def test_pause_and_cancel_of_what_nobody_runs_happen_at_once(bench: Bench) -> None:
    operation = bench.submit()
    assert bench.engine.pause(operation).status is S.PAUSED
    assert bench.engine.cancel(operation).status is S.CANCELLED
    assert bench.world.journal == []


def test_in_the_background_and_twice_started_it_runs_once(bench: Bench) -> None:
    operation = bench.submit(count=6)
    for engine in (bench.engine, bench.engine, bench.another()):
        engine.start(operation)
    until(bench, operation, S.DONE)
    assert len(bench.world.journal) == 9


def test_only_so_many_at_once(bench: Bench) -> None:
    engine = bench.another(operations_at_once=2)
    running, most, lock, two = [0], [0], threading.Lock(), threading.Event()

    def hook(point: str) -> None:
        if point in ("prepare:before", "finish:after"):
            with lock:
                running[0] += 1 if point == "prepare:before" else -1
                most[0] = max(most[0], running[0])
                if running[0] == 2:
                    two.set()
        if point == "prepare:before":
            two.wait(LONG_S)

    bench.world.hook = hook
    operations = [bench.submit(lock=f"node:a/{n}", count=1) for n in range(5)]
    for operation in operations:
        engine.start(operation)
    for operation in operations:
        until(bench, operation, S.DONE)
    assert most[0] == 2


def test_close_lets_another_go_on_at_once(bench: Bench) -> None:
    operation = bench.submit(count=6, parallel=1)
    reached, go_on = threading.Event(), threading.Event()
    bench.at("move-2:before", lambda: (reached.set(), go_on.wait(LONG_S)))
    bench.engine.start(operation)
    assert reached.wait(LONG_S)
    closing = threading.Thread(target=bench.engine.close)
    closing.start()
    assert bench.engine._shutdown.wait(LONG_S)
    go_on.set()
    closing.join(LONG_S)
    left = bench.engine.operation(operation)
    assert (left.status, left.owner) == (S.RUNNING, None)
    other = bench.another()
    assert [o.id for o in other.recover()] == [operation]
    until(bench, operation, S.DONE)
    assert len(bench.world.journal) == len(set(bench.world.journal)) == 9


def test_a_replaced_owner_stops_and_writes_nothing_more(bench: Bench) -> None:
    operation = bench.submit(count=3, parallel=1)

    def taken_over() -> None:
        held = bench.stores.ownership(operation)
        assert bench.stores.claim(
            operation, expected=held.token, owner="other", token="t2", now=bench.clock.now()
        )

    bench.at("move-1:before", taken_over)
    with pytest.raises(StaleOwnerError):
        bench.engine.run(operation)
    assert bench.engine.items(operation)[1].status is ItemStatus.RUNNING
    assert bench.stores.ownership(operation).token == "t2"
    assert "do commit" not in bench.world.journal
    bench.stores.apply(operation, Change(memory={"x": 1}), token="t2", now=bench.clock.now())


class TestChildren:
    def test_a_child_runs_under_its_parents_locks(self, bench: Bench) -> None:
        done = bench.run("parent")
        assert done.status is S.DONE
        child = bench.stores.child(done.id, "first")
        assert child is not None
        assert (child.status, child.parent_id) == (S.DONE, done.id)
        assert bench.world.journal[0] == "do open"
        assert bench.world.journal[-1] == "do close"

    def test_its_failure_is_its_parents_and_retry_reaches_it(self, bench: Bench) -> None:
        bench.fail_at({"move-1:before": CloudRefusedError("no room")})
        failed = bench.run("parent")
        assert failed.status is S.FAILED
        assert failed.error == "run a child: set marks: 1 failed: move-1: no room"
        assert [e.operation_id for e in bench.stores.events(notify=True)] == [failed.id]
        bench.world.hook = lambda _point: None
        bench.engine.retry(failed.id)
        assert bench.engine.run(failed.id).status is S.DONE
        assert len(bench.stores.operations(parent_id=failed.id)) == 1
        assert bench.world.journal.count("do move-0") == 1

    def test_skip_failed_reaches_it_and_errors_show_above(self, bench: Bench) -> None:
        bench.fail_at({"move-1:before": CloudRefusedError("no room")})
        failed = bench.run("parent")
        bench.engine.skip_failed(failed.id)
        assert bench.engine.run(failed.id).status is S.DONE_WITH_ERRORS

    def test_pause_reaches_its_items(self, bench: Bench) -> None:
        operation = bench.submit("parent", count=8, parallel=1)
        # the wish is the parent's; the child hears of it from the watch
        bench.at("move-2:before", lambda: (bench.engine.pause(operation), bench.heeded()))
        assert bench.engine.run(operation).status is S.PAUSED
        assert len(bench.world.journal) == 5
        bench.engine.resume(operation)
        assert bench.engine.run(operation).status is S.DONE
        assert len(bench.world.journal) == len(set(bench.world.journal)) == 13

    def test_undo_goes_through_it_from_wherever_it_stands(self, bench: Bench) -> None:
        bench.fail_at({"commit:after": CloudRefusedError("no")})
        failed = bench.run("parent")
        bench.world.hook = lambda _point: None
        bench.engine.undo(failed.id)
        assert bench.engine.run(failed.id).status is S.UNDONE
        assert bench.world.marks() == set()

    def test_a_dead_family_is_paused_and_undone_as_one(self, bench: Bench) -> None:
        operation = bench.submit("parent")
        bench.at("commit:after", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            bench.engine.run(operation)
        bench.clock.advance(60)
        other = bench.another()
        assert other.pause(operation).status is S.PAUSED
        child = bench.stores.child(operation, "first")
        assert child is not None
        assert child.status is S.PAUSED
        other.undo(operation)
        assert other.run(operation).status is S.UNDONE
        assert bench.world.marks() == set()

    def test_it_cannot_be_steered_alone(self, bench: Bench) -> None:
        done = bench.run("parent")
        child = bench.stores.child(done.id, "first")
        assert child is not None
        with pytest.raises(ConflictError, match="is a part of"):
            bench.engine.undo(child.id)

    def test_progress_includes_it(self, bench: Bench) -> None:
        done = bench.run("parent", count=4)
        progress = bench.engine.progress(done.id)
        assert (progress.done, progress.total) == (4, 4)


def test_every_wish_is_recorded_with_who_asked(bench: Bench) -> None:
    operation = bench.submit(count=4, parallel=1)
    other = bench.another()
    bench.at("move-1:before", lambda: (other.pause(operation, actor="eve"), bench.heeded()))
    assert bench.engine.run(operation).status is S.PAUSED
    bench.engine.resume(operation, actor="ann")
    bench.fail_at({"move-3:before": CloudRefusedError("no")})
    assert bench.engine.run(operation).status is S.FAILED
    bench.engine.retry(operation, actor="bob")
    assert bench.engine.run(operation).status is S.FAILED
    bench.engine.skip_failed(operation, actor="cid")
    bench.engine.run(operation)
    bench.engine.undo(operation, actor="dan")
    asked = {
        e.type: e.data.get("actor") for e in bench.stores.events(limit=1000) if e.type.endswith("_asked")
    }
    assert asked == {
        "operation.pause_asked": "eve",
        "operation.resume_asked": "ann",
        "operation.retry_asked": "bob",
        "operation.skip_asked": "cid",
        "operation.undo_asked": "dan",
    }
