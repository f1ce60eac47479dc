"""Images are streamed from one Glance to the other over real HTTP: whole, proven, again after faults, with flat memory, several at once."""

import hashlib
import random
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pumphouse.domain.errors import CloudFaultError, ConflictError, StoppedError
from pumphouse.drivers.transfer.images import ATTEMPTS, GlanceImageTransfer
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.ports.transfer import Copied
from tests.fakes.clock import FakeClock
from tests.unit.transfer.glances import Glance, GlanceEnd

MIB = 1 << 20
DATA = random.Random(7).randbytes(3 * MIB + 17)


class Clouds:
    """Two Glances and what copies between them."""

    def __init__(self, old: Glance, new: Glance, rate: float = 0) -> None:
        self.old, self.new = old, new
        self.clock = FakeClock()
        ends = {glance.name: GlanceEnd(glance) for glance in (old, new)}
        self.transfer = GlanceImageTransfer(lambda name: ends[name], self.clock, Throttle(rate, self.clock))  # type: ignore[arg-type, return-value]  # as much of an end as images need
        self.told: list[tuple[int, int]] = []

    def copy(self, id: str = "a", to: str = "b") -> Copied:
        return self.transfer.copy_image("old", id, "new", to, lambda *p: self.told.append(p))


@pytest.fixture
def clouds() -> Iterator[Clouds]:
    with Glance("old") as old, Glance("new") as new:
        old.add("a", DATA)
        new.add("b", None)
        yield Clouds(old, new)


def test_the_bytes_arrive_once_and_are_proven(clouds: Clouds) -> None:
    done = clouds.copy()
    assert clouds.new.data["b"] == DATA
    assert done.digest == f"sha512:{hashlib.sha512(DATA).hexdigest()}"
    assert (done.size_bytes, done.moved_bytes) == (len(DATA), len(DATA))
    assert clouds.told[0] == (0, len(DATA))
    assert clouds.told[-1] == (len(DATA), len(DATA))
    assert clouds.old.downloads == clouds.new.uploads == 1


def test_one_that_is_there_is_only_compared(clouds: Clouds) -> None:
    clouds.copy()
    again = clouds.copy()
    assert again.moved_bytes == 0
    assert again.digest == f"sha512:{hashlib.sha512(DATA).hexdigest()}"
    assert clouds.old.downloads == clouds.new.uploads == 1


def test_one_that_is_there_and_differs_is_refused_and_not_kept(clouds: Clouds) -> None:
    clouds.new.add("b", DATA[:-1] + b"x", protected=True)
    with pytest.raises(ConflictError, match="its hash is not the original's"):
        clouds.copy()
    assert "b" not in clouds.new.images


def test_a_download_that_ends_early_never_becomes_an_image(clouds: Clouds) -> None:
    clouds.old.cut_download = lambda number: MIB if number <= 2 else None
    done = clouds.copy()
    assert clouds.new.data["b"] == DATA
    assert clouds.old.downloads == 3
    assert done.moved_bytes == 3 * len(DATA)
    assert clouds.clock.slept, "it did not hammer"


def test_an_upload_that_fails_midway_is_sent_again_whole(clouds: Clouds) -> None:
    clouds.new.break_upload = lambda number: "500" if number == 1 else ""
    clouds.copy()
    assert clouds.new.data["b"] == DATA
    assert clouds.new.uploads == 2


def test_a_refused_token_costs_one_more_try(clouds: Clouds) -> None:
    clouds.new.break_upload = lambda number: "refuse" if number == 1 else ""
    clouds.copy()
    assert clouds.new.data["b"] == DATA


def test_an_answer_that_was_lost_is_not_an_upload_that_was_lost(clouds: Clouds) -> None:
    clouds.new.break_upload = lambda number: "lose"
    done = clouds.copy()
    assert clouds.new.uploads == 1
    assert done.moved_bytes == len(DATA)


def test_it_gives_up_in_the_end(clouds: Clouds) -> None:
    clouds.new.break_upload = lambda number: "500"
    with pytest.raises(CloudFaultError):
        clouds.copy()
    assert clouds.new.uploads == ATTEMPTS
    assert clouds.new.images["b"]["status"] == "queued", "what can be used again stays"


def test_an_image_of_a_glance_that_died_is_deleted_so_that_another_can_be_made(clouds: Clouds) -> None:
    clouds.new.break_upload = lambda number: "die"
    with pytest.raises(CloudFaultError, match="stayed saving") as caught:
        clouds.copy()
    assert "another one" in caught.value.hint
    assert "b" not in clouds.new.images
    clouds.new.break_upload = lambda number: ""
    clouds.new.add("c", None)
    clouds.copy(to="c")
    assert clouds.new.data["c"] == DATA


def test_damage_at_the_destination_is_found_and_not_kept(clouds: Clouds) -> None:
    clouds.new.break_upload = lambda number: "flip"
    with pytest.raises(ConflictError, match="damaged"):
        clouds.copy()
    assert "b" not in clouds.new.images


def test_damage_on_the_way_from_the_source_is_found_and_not_kept(clouds: Clouds) -> None:
    clouds.old.flip_download = True
    with pytest.raises(ConflictError, match="not what it says it has"):
        clouds.copy()
    assert "b" not in clouds.new.images


def test_a_glance_without_sha512_is_compared_by_what_it_has(clouds: Clouds) -> None:
    for name in ("os_hash_algo", "os_hash_value"):
        clouds.old.images["a"][name] = None
    done = clouds.copy()
    assert done.details["source_hash"].startswith("md5:")
    assert done.digest == f"sha512:{hashlib.sha512(DATA).hexdigest()}"
    clouds.old.images["a"]["checksum"] = "0" * 32
    clouds.new.add("c", None)
    with pytest.raises(ConflictError):
        clouds.copy(to="c")


def test_progress_can_stop_it(clouds: Clouds) -> None:
    def progress(done: int, total: int) -> None:
        del total
        if done > MIB:
            raise StoppedError("pause")

    with pytest.raises(StoppedError):
        clouds.transfer.copy_image("old", "a", "new", "b", progress)
    clouds.copy()
    assert clouds.new.data["b"] == DATA, "what had come before the pause does not count"


def test_an_image_that_has_no_bytes_is_refused(clouds: Clouds) -> None:
    clouds.old.images["a"]["status"] = "deactivated"
    with pytest.raises(ConflictError, match="deactivated"):
        clouds.copy()


@pytest.mark.crash
def test_memory_stays_flat_and_several_go_at_once_under_one_throttle() -> None:
    size = 48 * MIB
    big = bytes(size)
    with Glance("old") as old, Glance("new") as new:
        clouds = Clouds(old, new, rate=8 * MIB)
        for number in range(3):
            old.add(f"a{number}", big)
            new.add(f"b{number}", None)
        # what the Glance of this test holds itself is not ours
        before = len(threads_held())
        tracemalloc.start()
        with ThreadPoolExecutor(3) as pool:
            done = list(pool.map(lambda n: clouds.copy(f"a{n}", f"b{n}"), range(3)))
        own = sum(stat.size for stat in tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, "*/drivers/transfer/*")]
        ).statistics("filename"))  # fmt: skip
        tracemalloc.stop()
    assert [each.size_bytes for each in done] == [size] * 3
    assert own < 4 * MIB
    assert len(threads_held()) <= before + 1, "no reader or hasher is left behind"
    # 144 MiB at 8 MiB/s, all together; each sleeper moves the clock of this test by himself, so it is at least that
    assert clouds.clock.monotonic() >= 144 / 8 - 1


def threads_held() -> list[str]:
    import threading

    return [
        thread.name for thread in threading.enumerate() if "_read" in thread.name or "_hash" in thread.name
    ]
