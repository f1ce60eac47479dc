"""How many writes go side by side, against services of one worker and of many."""

import heapq
import threading

import pytest

from pumphouse.drivers.openstack.resources.pacing import Pace, Width
from tests.fakes.clock import FakeClock


def simulated(
    workers: int, requests: int, *, cost_of_company: float = 0.0, at_most: int = 32
) -> tuple[float, list[int]]:
    """Seconds that so many requests of one second take, and the widths on the way. A request beyond the workers waits for one, and makes all others slower."""
    width, now, left = Width(at_most), 0.0, requests
    running: list[float] = []
    free = [0.0] * workers
    seen = [width.now]
    while left or running:
        while left and width.free:
            width.begin(now)
            begin = max(now, heapq.heappop(free))
            end = begin + 1.0 + cost_of_company * max(0, len(running) + 1 - workers)
            heapq.heappush(free, end)
            heapq.heappush(running, end)
            left -= 1
        now = heapq.heappop(running)
        width.end(now, 1.0)
        if width.now != seen[-1]:
            seen.append(width.now)
    return now, seen


def test_one_worker_is_asked_one_by_one() -> None:
    took, widths = simulated(1, 100, cost_of_company=0.4)
    assert max(widths) == 2, "two are tried, and found to bring nothing"
    assert took < 110


def test_many_workers_are_all_used() -> None:
    took, widths = simulated(32, 400)
    assert widths[-1] == 32
    assert took < 25


def test_as_many_as_there_are_workers() -> None:
    took, widths = simulated(4, 200, cost_of_company=0.1)
    assert set(widths[-2:]) <= {4, 8}
    assert took < 65


def test_the_operators_bound_holds() -> None:
    assert max(simulated(32, 200, at_most=6)[1]) == 4


def test_a_rest_is_not_counted() -> None:
    width = Width(8)
    for at in (0.0, 100.0, 200.0, 300.0):
        width.begin(at)
        width.end(at + 1.0, 1.0)
    assert width.now == 1, "alone it is never judged"


def test_who_waits_is_let_in_and_a_failure_gives_its_place_back() -> None:
    pace, clock = Pace(FakeClock(), 8), threading.Barrier(3, timeout=10)
    done: list[int] = []

    def one(number: int) -> None:
        clock.wait()
        with pace.turn(1.0):
            done.append(number)

    with pytest.raises(ValueError, match="broken"), pace.turn(1.0):
        raise ValueError("broken")
    threads = [threading.Thread(target=one, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(done) == [0, 1, 2]
