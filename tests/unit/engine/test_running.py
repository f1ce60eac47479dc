"""Order, retries, failures, policies: what an operation does when it runs."""

import itertools
from collections.abc import Mapping
from typing import Any, cast

import pytest

from pumphouse.domain.errors import (
    BlockedError,
    CloudFaultError,
    CloudRefusedError,
    ConflictError,
    DeadlineError,
    LockedError,
    NotFoundError,
)
from pumphouse.domain.finding import critical
from pumphouse.domain.operation import Item, ItemStatus, OperationStatus, StepStatus
from pumphouse.engine.step import Skipped, StepContext
from tests.fakes.marks import MarkItems, MarkStep
from tests.unit.engine.conftest import Bench

S = OperationStatus


def test_steps_run_in_order_and_every_one_is_recorded(bench: Bench) -> None:
    done = bench.run(count=2)
    assert done.status is S.DONE
    assert bench.world.journal == ["do prepare", "do move-0", "do move-1", "do commit", "do finish"]
    assert [step.status for step in done.steps] == [StepStatus.DONE] * 4
    assert done.started_at
    assert done.ended_at
    assert done.owner is None
    assert done.current_step is None
    assert bench.types()[0] == "operation.accepted"
    assert bench.types()[-1] == "operation.done"


def test_what_an_item_answers_is_recorded_with_it(bench: Bench) -> None:
    done = bench.run(count=1)
    item = bench.engine.items(done.id)[0]
    assert (item.status, item.attempts, item.result, item.data) == (
        ItemStatus.DONE,
        1,
        {"at": "new"},
        {"n": 0},
    )


def test_a_temporary_fault_is_tried_again_with_growing_pauses(bench: Bench) -> None:
    tries = []

    def hook(point: str) -> None:
        if point == "prepare:before":
            tries.append(bench.clock.monotonic())
            if len(tries) < 4:
                raise CloudFaultError("busy")

    bench.world.hook = hook
    done = bench.run()
    assert done.status is S.DONE
    assert done.steps[0].attempts == 4
    pauses = [b - a for a, b in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] >= 0.6
    assert bench.types().count("step.retrying") == 3


def test_the_cloud_may_say_how_long_to_wait(bench: Bench) -> None:
    faults = [CloudFaultError("later", after_s=120.0)]
    bench.world.hook = lambda point: _raise(faults.pop()) if point == "prepare:before" and faults else None
    assert bench.run().status is S.DONE
    assert bench.clock.monotonic() >= 120


def test_after_the_last_try_the_step_fails(bench: Bench) -> None:
    bench.fail_at({"prepare:before": CloudFaultError("busy", hint="wait")})
    failed = bench.run()
    assert failed.status is S.FAILED
    assert failed.error == "mark prepare: busy"
    assert failed.hint == "wait"
    assert failed.steps[0].attempts == 5
    assert [s.status for s in failed.steps[1:]] == [StepStatus.PENDING] * 3
    notices = bench.stores.events(notify=True)
    assert [n.type for n in notices] == ["operation.failed"]


def test_a_permanent_error_fails_at_once(bench: Bench) -> None:
    bench.fail_at({"prepare:before": CloudRefusedError("no")})
    assert bench.run().steps[0].attempts == 1
    assert bench.clock.monotonic() == 0


def test_an_error_that_is_not_ours_is_recorded_without_its_secrets(bench: Bench) -> None:
    bench.fail_at(
        {"prepare:before": ValueError("cannot use mysql://root:hunter2@db/x with password='s3cret'")}
    )
    failed = bench.run()
    everything = f"{failed} {bench.stores.events(limit=1000)}"
    assert "ValueError: cannot use mysql://root:***@db/x" in failed.error
    assert "hunter2" not in everything
    assert "s3cret" not in everything


def test_a_failed_item_fails_alone_and_the_operator_is_asked(bench: Bench) -> None:
    bench.fail_at({"move-1:before": CloudRefusedError("no room")})
    failed = bench.run(count=4)
    assert failed.status is S.FAILED
    assert failed.steps[1].counts == {ItemStatus.DONE: 3, ItemStatus.FAILED: 1}
    assert failed.error == "set marks: 1 failed: move-1: no room"
    assert bench.types().count("item.failed") == 1


def test_an_items_temporary_fault_holds_up_nobody_else(bench: Bench) -> None:
    faults = [CloudFaultError("busy") for _ in range(3)]
    bench.world.hook = lambda point: _raise(faults.pop()) if point == "move-0:before" and faults else None
    done = bench.run(count=3, parallel=1)
    assert done.status is S.DONE
    assert bench.world.journal[1:4] == ["do move-1", "do move-2", "do move-0"]
    assert bench.engine.items(done.id)[0].attempts == 4


def test_skip_goes_on_without_the_failed(bench: Bench) -> None:
    bench.fail_at({"move-1:before": CloudRefusedError("no room")})
    ended = bench.run(on_failure="skip")
    assert ended.status is S.DONE_WITH_ERRORS
    assert ended.steps[1].status is StepStatus.DONE_WITH_ERRORS
    assert "finish" in bench.world.marks()
    bench.world.hook = lambda _point: None
    bench.engine.retry(ended.id)
    assert bench.engine.run(ended.id).status is S.DONE
    assert bench.world.journal.count("do move-0") == 1
    assert "move-1" in bench.world.marks()


def test_undo_on_failure_puts_everything_back(bench: Bench) -> None:
    bench.fail_at({"commit:after": CloudRefusedError("no")})
    ended = bench.run(on_failure="undo")
    assert ended.status is S.UNDONE
    assert ended.error == "mark commit: no"
    assert bench.world.marks() == set()
    assert "operation.failed" in bench.types()


def test_a_step_with_nothing_to_do_is_skipped_and_not_undone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        MarkStep, "check", lambda self, _ctx: Skipped("is so already") if self.name == "commit" else None
    )
    done = bench.run()
    assert (done.steps[2].status, done.steps[2].reason) == (StepStatus.SKIPPED, "is so already")
    bench.engine.undo(done.id)
    assert bench.engine.run(done.id).steps[2].status is StepStatus.SKIPPED
    assert "undo commit" not in bench.world.journal


def test_what_began_once_is_not_asked_again_whether_there_is_something_to_do(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own effect would look like nothing to do, and undo would leave it standing."""
    monkeypatch.setattr(
        MarkStep, "check", lambda self, _ctx: Skipped("there") if self.world.has(self.name) else None
    )
    bench.fail_at({"commit:after": CloudRefusedError("no")})
    failed = bench.run()
    bench.world.hook = lambda _point: None
    bench.engine.retry(failed.id)
    assert bench.engine.run(failed.id).steps[2].status is StepStatus.DONE
    bench.engine.undo(failed.id)
    bench.engine.run(failed.id)
    assert bench.world.marks() == set()


def test_items_may_be_skipped_by_their_own_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MarkItems, "do_item", lambda _self, _ctx, _item: Skipped("moved by somebody"))
    done = bench.run()
    assert done.status is S.DONE
    assert done.steps[1].counts == {ItemStatus.SKIPPED: 3}
    assert bench.engine.items(done.id)[0].result == {"reason": "moved by somebody"}


def test_critical_findings_block_and_nothing_is_written(bench: Bench) -> None:
    params = {"findings": ()}
    plan = bench.engine.plan("mark", params)
    blocked = type(plan)(**{**_fields(plan), "findings": (critical("no-room", "server a", "no room"),)})
    with pytest.raises(BlockedError, match="server a: no room"):
        bench.engine.submit("mark", params, blocked)
    assert bench.engine.operations() == []


def test_a_second_one_for_the_same_node_is_told_who_holds_it(bench: Bench) -> None:
    first = bench.submit()
    with pytest.raises(LockedError, match=first):
        bench.submit()
    bench.submit(lock="node:a/other")
    bench.engine.run(first)
    bench.submit()


def test_the_same_key_starts_nothing_twice(bench: Bench) -> None:
    plan = bench.engine.plan("mark", {})
    first = bench.engine.submit("mark", {}, plan, idempotency_key="k")
    assert bench.engine.submit("mark", {}, plan, idempotency_key="k").id == first.id
    with pytest.raises(ConflictError, match="'k'"):
        bench.engine.submit("mark", {"count": 9}, plan, idempotency_key="k")


def test_unknown_names(bench: Bench) -> None:
    with pytest.raises(NotFoundError) as caught:
        bench.engine.plan("nonsense", {})
    assert "mark" in caught.value.hint
    with pytest.raises(NotFoundError):
        bench.engine.operation("12345678")


def test_poll_endures_faults_and_says_the_last_at_its_deadline(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, CloudFaultError("500"), None, "there"])

    def probe() -> str | None:
        answer = next(answers, CloudFaultError("500 for ever"))
        return _raise(answer) if isinstance(answer, Exception) else answer

    def do(_self: MarkStep, ctx: StepContext) -> None:
        assert ctx.poll(probe, what="it", deadline_s=10, interval_s=1) == "there"
        ctx.poll(probe, what="the other", deadline_s=30, interval_s=7)

    monkeypatch.setattr(MarkStep, "do", do)
    failed = bench.run()
    assert (
        failed.error
        == "mark prepare: the other did not come true within 30 s; the last answer was: 500 for ever"
    )
    assert bench.clock.monotonic() == pytest.approx(33)
    assert DeadlineError.code == "deadline"


def test_what_is_remembered_is_there_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []

    def do(self: MarkStep, ctx: StepContext) -> None:
        seen.append(ctx.recall("from", "nobody"))
        ctx.remember(**{"from": self.name})

    def do_item(_self: MarkItems, ctx: StepContext, item: Item) -> Mapping[str, Any]:
        ctx.remember_item(item, ticket=item.key)
        recorded = bench.engine.items(ctx.operation.id)[int(item.key)]
        assert (recorded.status, recorded.result) == (ItemStatus.RUNNING, {"ticket": item.key})
        return {"done": True}

    monkeypatch.setattr(MarkStep, "do", do)
    monkeypatch.setattr(MarkItems, "do_item", do_item)
    done = bench.run(count=2)
    assert done.status is S.DONE, done.error
    assert seen == ["nobody", "prepare", "commit"]
    assert [i.result for i in bench.engine.items(done.id)] == [
        {"ticket": n, "done": True} for n in ("0", "1")
    ]


def test_groups_are_never_overrun(bench: Bench) -> None:
    import threading

    lock, now, most = threading.Lock(), {"even": 0, "all": 0}, {"even": 0, "all": 0}
    gate = threading.Barrier(4, timeout=0.05)

    def hook(point: str) -> None:
        name, _, when = point.partition(":")
        if not name.startswith("move-") or when not in ("before", "after"):
            return
        with lock:
            for group in ("all", *(["even"] if int(name[5:]) % 2 == 0 else [])):
                now[group] += 1 if when == "before" else -1
                most[group] = max(most[group], now[group])
        if when == "before":
            try:
                gate.wait()
            except threading.BrokenBarrierError:
                gate.reset()

    bench.world.hook = hook
    assert bench.run(count=24, parallel=4, limits={"even:True": 1}).status is S.DONE
    assert most["even"] == 1
    assert 2 <= most["all"] <= 4


def test_progress_counts_and_estimates(bench: Bench) -> None:
    bench.world.hook = lambda point: bench.clock.advance(10) if point.endswith(":after") else None
    progress: list[Any] = []
    operation = bench.submit(count=4, parallel=1)
    before = bench.world.hook

    def hook(point: str) -> None:
        before(point)
        if point == "move-3:before":
            progress.append(bench.engine.progress(operation))

    bench.world.hook = hook
    bench.engine.run(operation)
    assert (progress[0].done, progress[0].failed, progress[0].total) == (3, 0, 4)
    assert progress[0].eta_s == pytest.approx(10)
    after = bench.engine.progress(operation)
    assert (after.done, after.total) == (4, 4)


def _raise(error: Exception) -> Any:
    raise error


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in cast("Any", value).__dataclass_fields__}
