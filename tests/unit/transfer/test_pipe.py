"""The queue between reader, hash and sender: never longer than its room, ends with whoever ends, tells errors once the pieces are out."""

import threading

import pytest

from pumphouse.domain.errors import CloudFaultError
from pumphouse.drivers.transfer.pipe import Pipe
from pumphouse.drivers.transfer.throttle import Throttle
from tests.fakes.clock import FakeClock


def test_pieces_come_in_order_and_never_more_than_there_is_room_for() -> None:
    pipe, ahead = Pipe(2), []
    taken: list[bytes] = []

    def fill() -> None:
        for number in range(50):
            pipe.put(bytes([number]))
            ahead.append(number + 1 - len(taken))
        pipe.finish()

    thread = threading.Thread(target=fill)
    thread.start()
    for number, piece in enumerate(pipe):
        taken.append(piece)
        assert piece == bytes([number])
    thread.join(5)
    assert taken == [bytes([number]) for number in range(50)]
    assert max(ahead) <= 4, "two in the queue, one in each hand"


def test_an_error_comes_after_the_pieces_before_it() -> None:
    pipe = Pipe(3)
    pipe.put(b"a")
    pipe.finish(CloudFaultError("broken"))
    pieces = iter(pipe)
    assert next(pieces) == b"a"
    with pytest.raises(CloudFaultError, match="broken"):
        next(pieces)


def test_a_reader_that_waits_for_room_learns_that_nobody_takes_any_more() -> None:
    pipe = Pipe(1)
    pipe.put(b"a")
    said: list[bool] = []
    thread = threading.Thread(target=lambda: said.append(pipe.put(b"b")))
    thread.start()
    pipe.close()
    thread.join(5)
    assert said == [False]
    assert list(pipe) == []


def test_the_throttle_spreads_what_is_sent_and_saves_nothing_up() -> None:
    clock = FakeClock()
    throttle = Throttle(100, clock)
    for _ in range(5):
        throttle.take(50)
    assert clock.monotonic() == pytest.approx(2.0), "the fifth begins when four have gone"
    clock.advance(60)
    throttle.take(1000)
    throttle.take(1)
    assert clock.monotonic() == pytest.approx(72.0), "a minute of silence is not made up for"
    Throttle(0, clock).take(1 << 40)
    assert clock.monotonic() == pytest.approx(72.0)
