"""Writes that come together: one transaction, each its own failure."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from pumphouse.drivers.together import Together


def test_who_comes_during_a_write_goes_with_the_next_one() -> None:
    begun, go_on = threading.Event(), threading.Event()
    written: list[list[int]] = []

    def write(numbers: Sequence[int]) -> None:
        begun.set()
        assert go_on.wait(10)
        written.append(list(numbers))

    together = Together(write)
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(together.put, [0])
        assert begun.wait(10)
        others = [pool.submit(together.put, [number]) for number in range(1, 21)]
        while len(together._waiting) < 20:
            assert not go_on.wait(0.001)
        go_on.set()
        for each in (first, *others):
            each.result()

    assert written[0] == [0]
    assert sorted(written[1]) == list(range(1, 21))
    assert len(written) == 2


def test_one_that_cannot_be_written_keeps_none_of_the_others_back() -> None:
    begun, go_on = threading.Event(), threading.Event()
    written: set[int] = set()

    def write(numbers: Sequence[int]) -> None:
        begun.set()
        assert go_on.wait(10)
        if 3 in numbers:
            raise ValueError("three")
        written.update(numbers)

    together = Together(write)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(together.put, [0])
        assert begun.wait(10)
        others = {number: pool.submit(together.put, [number]) for number in range(1, 6)}
        while len(together._waiting) < 5:
            assert not go_on.wait(0.001)
        go_on.set()
        first.result()
        for number, each in others.items():
            if number == 3:
                with pytest.raises(ValueError, match="three"):
                    each.result()
            else:
                each.result()

    assert written == {0, 1, 2, 4, 5}
    together.put([7])
    assert 7 in written
