"""Calls that come together: one request, each its own answer, each its own failure."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, ConflictError
from pumphouse.drivers.openstack.errors import BusyError
from pumphouse.drivers.openstack.resources.batching import Batcher
from tests.fakes.clock import FakeClock


class Gathering(FakeClock):
    """Its first sleep, in which a leader waits for others, ends when so many calls are waiting."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.calls = calls
        self.batcher: Batcher[int, str] | None = None
        self.first = True

    def sleep(self, seconds: float) -> None:
        if self.first and self.batcher is not None:
            self.first = False
            deadline = threading.Event()
            while len(self.batcher._waiting) < self.calls:
                assert not deadline.wait(0.001)
        super().sleep(seconds)


def asked(carry: Callable[[Sequence[int]], Sequence[str]], calls: int, at_most: int = 50) -> list[object]:
    """What `calls` callers get who come while the first one waits."""
    clock = Gathering(calls)
    clock.batcher = batcher = Batcher(clock, carry, at_most=at_most)

    def call(number: int) -> object:
        try:
            return batcher.ask(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(calls) as pool:
        return list(pool.map(call, range(calls)))


def test_calls_that_come_together_are_one_request_answered_in_order() -> None:
    sent: list[Sequence[int]] = []

    def carry(batch: Sequence[int]) -> Sequence[str]:
        sent.append(list(batch))
        return [f"answer {each}" for each in batch]

    assert asked(carry, 20) == [f"answer {each}" for each in range(20)]
    assert len(sent) == 1


def test_a_batch_is_bounded() -> None:
    sent: list[int] = []

    def carry(batch: Sequence[int]) -> Sequence[str]:
        sent.append(len(batch))
        return [str(each) for each in batch]

    assert asked(carry, 20, at_most=8) == [str(each) for each in range(20)]
    assert max(sent) <= 8
    assert sum(sent) == 20


@pytest.mark.parametrize("error", [CloudRefusedError("no"), BusyError("busy")])
def test_one_bad_call_fails_alone(error: Exception) -> None:
    made: list[int] = []

    def carry(batch: Sequence[int]) -> Sequence[str]:
        if 13 in batch:
            raise error
        made.extend(batch)
        return [str(each) for each in batch]

    answers = asked(carry, 20)
    assert answers[13] is error
    assert [a for n, a in enumerate(answers) if n != 13] == [str(n) for n in range(20) if n != 13]
    assert sorted(made) == [n for n in range(20) if n != 13]


def test_a_lost_answer_is_not_asked_for_again_and_everybody_is_told() -> None:
    sent: list[int] = []

    def carry(batch: Sequence[int]) -> Sequence[str]:
        sent.append(len(batch))
        raise CloudFaultError("read timed out", after_s=3.0)

    answers = asked(carry, 5)
    assert sent == [5]
    assert all(isinstance(each, CloudFaultError) and each.after_s == 3.0 for each in answers)
    assert len({id(each) for each in answers}) == 5


def test_too_few_answers_are_a_fault_for_all() -> None:
    answers = asked(lambda batch: ["one"] * (len(batch) - 1), 4)
    assert all(isinstance(each, CloudFaultError) for each in answers)


def test_nobody_waits_for_ever_when_the_leader_breaks() -> None:
    def carry(batch: Sequence[int]) -> Sequence[str]:
        raise ZeroDivisionError

    answers = asked(carry, 4)
    assert [type(each) for each in answers].count(ZeroDivisionError) == 1
    assert [type(each) for each in answers].count(CloudFaultError) == 3


def test_a_permanent_error_reaches_everybody() -> None:
    def carry(batch: Sequence[int]) -> Sequence[str]:
        raise ConflictError("not so")

    assert all(isinstance(each, ConflictError) for each in asked(carry, 3))


def test_who_comes_later_leads_himself() -> None:
    batcher: Batcher[int, str] = Batcher(FakeClock(), lambda batch: [str(each) for each in batch])
    assert [batcher.ask(1), batcher.ask(2)] == ["1", "2"]


def test_a_busy_cloud_gets_fewer_at_once_and_a_quick_one_more() -> None:
    took_s = 40.0
    sent: list[int] = []
    clock = Gathering(40)

    def carry(batch: Sequence[int]) -> Sequence[str]:
        sent.append(len(batch))
        clock.first = False
        clock.sleep(took_s)
        return [str(each) for each in batch]

    clock.batcher = batcher = Batcher(clock, carry, at_most=50)

    def wave(calls: int) -> list[int]:
        sent.clear()
        clock.first, clock.calls = True, calls
        with ThreadPoolExecutor(calls) as pool:
            assert list(pool.map(batcher.ask, range(calls))) == [str(each) for each in range(calls)]
        return list(sent)

    assert wave(40) == [20, 10, 5, 2, 1, 1, 1]
    took_s = 0.1
    assert wave(60) == [1, 2, 4, 8, 16, 29]


class Sleeper(FakeClock):
    """Does something at its tenth sleep."""

    def __init__(self, at_the_tenth: Callable[[], None]) -> None:
        super().__init__()
        self._then = at_the_tenth

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.slept) == 10:
            self._then()


def test_who_is_on_his_way_is_waited_for() -> None:
    on_their_way = [True]
    clock = Sleeper(on_their_way.clear)
    batcher: Batcher[int, str] = Batcher(
        clock, lambda batch: [str(each) for each in batch], coming=lambda: bool(on_their_way)
    )
    assert batcher.ask(7) == "7"
    assert len(clock.slept) == 11, "and once more for those of whom nobody knew"


def test_nobody_is_waited_for_for_ever() -> None:
    clock = FakeClock()
    batcher: Batcher[int, str] = Batcher(
        clock, lambda batch: [str(each) for each in batch], coming=lambda: True, window_s=0.5
    )
    assert batcher.ask(7) == "7"
    assert clock.monotonic() <= 4.0
