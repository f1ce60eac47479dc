"""Works the items of one step with a bounded number of threads: intent written, act, result written, one transaction for all that is due.

Only the step's own thread writes to the database here; the item threads act. Used by stages.py for doing and for undoing.
"""

import heapq
import queue
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pumphouse.domain.errors import StaleOwnerError, StoppedError, StoreFaultError, TemporaryError
from pumphouse.domain.events import NewEvent
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item, ItemStatus
from pumphouse.engine.context import RunContext
from pumphouse.engine.faults import describe
from pumphouse.engine.kit import Kit
from pumphouse.engine.lanes import Lanes
from pumphouse.engine.ledger import Ledger
from pumphouse.engine.schedule import Schedule
from pumphouse.engine.step import ItemStep, Skipped
from pumphouse.ports.store import Change

LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Direction:
    """Doing or undoing: what is called, and the words for the states on the way."""

    act: Callable[[RunContext, Item], Mapping[str, Any] | Skipped | None]
    waiting: ItemStatus
    running: ItemStatus
    done: ItemStatus
    failed: ItemStatus
    event: str


def doing(step: ItemStep) -> Direction:
    """Forwards."""
    return Direction(
        step.do_item,
        ItemStatus.PENDING,
        ItemStatus.RUNNING,
        ItemStatus.DONE,
        ItemStatus.FAILED,
        "item.failed",
    )


def undoing(step: ItemStep) -> Direction:
    """Backwards."""

    def act(ctx: RunContext, item: Item) -> None:
        step.undo_item(ctx, item)

    return Direction(
        act,
        ItemStatus.UNDOING,
        ItemStatus.UNDOING,
        ItemStatus.UNDONE,
        ItemStatus.UNDO_FAILED,
        "item.undo_failed",
    )


@dataclass(frozen=True, slots=True)
class _Ended:
    """What an item thread tells: the item as it is to be recorded, and whether it is to be tried again in `again_s` seconds."""

    item: Item
    again_s: float | None = None
    lost: bool = False
    stopped: bool = False


class ItemWork:
    """One pass over the items of a step."""

    def __init__(
        self, kit: Kit, ledger: Ledger, ctx: RunContext, step: ItemStep, direction: Direction
    ) -> None:
        self._kit = kit
        self._ledger = ledger
        self._ctx = ctx
        self._step = step
        self._direction = direction
        self._results: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._delayed: list[tuple[float, int, Item]] = []
        self._tries: Counter[str] = Counter()
        self._tally: Counter[ItemStatus] = Counter()
        self._began = self._told = kit.clock.monotonic()
        self.stopped = False
        """Whether it ended because something asked it to stop, with items left."""

    def go(self, items: Sequence[Item], *, settled: int = 0) -> None:
        """Work them all, or until a stop is asked for; failed ones do not hold up the others.

        Args:
            items: what is to be worked.
            settled: how many items of the step are not among them, for the progress.

        Raises:
            StaleOwnerError: another process has taken over.
            StoreFaultError: the database stayed away.
        """
        width = max(1, self._step.parallel(self._ctx))
        schedule = Schedule(items, self._step.limits(self._ctx))
        total = settled + len(items)
        lanes = Lanes(width, f"items-{self._step.name}")
        running = 0
        ended: list[_Ended] = []
        try:
            while True:
                self._rejoin(schedule)
                begun = (
                    []
                    if self._ctx.signals.stop() or self.stopped
                    else self._choose(schedule, width - running)
                )
                self._write(ended, begun, settled, total)
                for item in begun:
                    lanes.submit(lambda item=item: self._act(item))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                running += len(begun)
                if not running and (
                    self._ctx.signals.stop() or self.stopped or not (schedule or self._delayed)
                ):
                    break
                ended = self._collect(running)
                running -= len(ended)
                self._settle(schedule, ended)
        except (StaleOwnerError, StoreFaultError):
            # nobody may go on with the operation, this process included, while items of it still act here
            for _ in range(running):
                self._results.get()
            raise
        finally:
            lanes.close()
        self.stopped = self.stopped or bool(schedule or self._delayed)

    def _choose(self, schedule: Schedule, room: int) -> list[Item]:
        begun: list[Item] = []
        now = self._kit.clock.now()
        while len(begun) < room and (item := schedule.take()) is not None:
            begun.append(
                replace(
                    item,
                    status=self._direction.running,
                    attempts=item.attempts + 1,
                    started_at=now,
                    ended_at=None,
                    error="",
                )
            )
        return begun

    def _write(self, ended: Sequence[_Ended], begun: Sequence[Item], settled: int, total: int) -> None:
        changed = [e.item for e in ended if not e.lost and not e.stopped] + list(begun)
        if not changed:
            return
        events = [self._failure(e.item) for e in ended if e.item.status is self._direction.failed]
        told = self._progress(settled, total)
        self._ledger.write(Change(items=changed, events=events + told))
        for item in begun:
            self._ctx.live[item.id] = item

    def _act(self, item: Item) -> None:
        self._results.put(self._try(item))

    def _try(self, item: Item) -> _Ended:
        try:
            answer = self._direction.act(self._ctx, item)
        except StoppedError:
            # it stays "running": whoever goes on looks at the cloud first
            return _Ended(item, stopped=True)
        except StaleOwnerError:
            return _Ended(item, lost=True)
        except TemporaryError as error:
            self._tries[item.id] += 1
            tries = self._tries[item.id]
            if tries < self._step.attempts:
                text = describe(error).message
                return _Ended(
                    self._final(item, self._direction.waiting, text), self._kit.back_off(tries, error.after_s)
                )
            return self._failed(item, error)
        except Exception as error:  # the step boundary: whatever an item throws is its own failure
            return self._failed(item, error)
        return _Ended(self._succeeded(item, answer))

    def _succeeded(self, item: Item, answer: Mapping[str, Any] | Skipped | None) -> Item:
        final = self._final(item, self._direction.done, "")
        if isinstance(answer, Skipped):
            return replace(final, status=ItemStatus.SKIPPED, result={**final.result, "reason": answer.reason})
        return replace(final, result={**final.result, **(answer or {})})

    def _failed(self, item: Item, error: Exception) -> _Ended:
        fault = describe(error, operation_id=self._ctx.operation.id, step=item.step, item=item.name)
        return _Ended(self._final(item, self._direction.failed, fault.message))

    def _final(self, item: Item, status: ItemStatus, error: str) -> Item:
        # `live` holds what was remembered with the item while it ran
        present = self._ctx.live.get(item.id, item)
        return replace(present, status=status, error=error, ended_at=self._kit.clock.now())

    def _collect(self, running: int) -> list[_Ended]:
        if not running:
            due = self._delayed[0][0] - self._kit.clock.monotonic()
            self._kit.wait(due, self._ctx.signals.stop)
            return []
        try:
            ended = [self._results.get(timeout=LOOK_S)]
        except queue.Empty:
            return []
        while not self._results.empty():
            ended.append(self._results.get())
        return ended

    def _settle(self, schedule: Schedule, ended: Sequence[_Ended]) -> None:
        for one in ended:
            schedule.release(one.item)
            self._ctx.live.pop(one.item.id, None)
            if one.lost:
                self._ctx.signals.lose()
            elif one.stopped:
                self.stopped = True
            elif one.again_s is not None:
                due = self._kit.clock.monotonic() + one.again_s
                heapq.heappush(self._delayed, (due, self._tries[one.item.id], one.item))
            else:
                self._tally[one.item.status] += 1

    def _rejoin(self, schedule: Schedule) -> None:
        now = self._kit.clock.monotonic()
        while self._delayed and self._delayed[0][0] <= now:
            schedule.add(heapq.heappop(self._delayed)[2])

    def _failure(self, item: Item) -> NewEvent:
        message = f"{item.kind} {item.name}: {item.error}"
        return self._ledger.event(
            self._direction.event,
            message,
            step=item.step,
            subject=item.name,
            severity=Severity.WARNING,
            data={"item": item.id},
        )

    def _progress(self, settled: int, total: int) -> list[NewEvent]:
        now = self._kit.clock.monotonic()
        if now - self._told < self._kit.settings.progress_every_s:
            return []
        self._told = now
        worked = sum(self._tally.values())
        failed = self._tally[self._direction.failed]
        left = total - settled - worked
        eta = round((now - self._began) / worked * left, 1) if worked else None
        data = {"done": settled + worked - failed, "failed": failed, "total": total, "eta_s": eta}
        return [
            self._ledger.event(
                "step.progress", f"{settled + worked} of {total}", step=self._step.name, data=data
            )
        ]
