"""Volumes are copied extent by extent: only data, never twice, verified at the destination, with flat memory."""

import hashlib
import os
import random
import tracemalloc
from pathlib import Path

import pytest
from typing_extensions import override

from pumphouse.domain.errors import ConflictError, StoppedError
from pumphouse.drivers.transfer.disks import Disk
from pumphouse.drivers.transfer.extents import EXTENT, ExtentCopy, Extents, digest_of
from pumphouse.drivers.transfer.throttle import Throttle
from tests.fakes.clock import FakeClock
from tests.unit.transfer.journals import KilledError, MemoryJournal

MIB = 1 << 20


def volume(path: Path, size: int, data: dict[int, bytes] | None = None) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for start, content in (data or {}).items():
            file.seek(start)
            file.write(content)
    return path


def noise(length: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(length)


def copy(
    source: Path, destination: Path, journal: MemoryJournal | None = None, *, batch: int = 16, disk: type[Disk] = Disk
) -> Extents:  # fmt: skip
    throttle = Throttle(0, FakeClock())
    with Disk(source) as here, disk(destination, writable=True) as there:
        return ExtentCopy(here, there, journal or MemoryJournal(), throttle, batch=batch).run(lambda *_: None)


def content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def held(path: Path) -> int:
    return path.stat().st_blocks * 512


def test_of_a_sparse_volume_only_data_moves_and_memory_stays_flat(tmp_path: Path) -> None:
    size = 5 << 30
    places = [0, 3 * EXTENT - 100, 1 << 30, (4 << 30) + 12345, size - 5000]
    source = volume(tmp_path / "a", size, {at: noise(5000, at) for at in places})
    destination = volume(tmp_path / "b", size)
    told: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        with Disk(source) as here, Disk(destination, writable=True) as there:
            done = ExtentCopy(here, there, MemoryJournal(), Throttle(0, FakeClock())).run(
                lambda *p: told.append(p)
            )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB
    assert done.moved_bytes == done.data_bytes == 6 * EXTENT, "one of the five lies across two extents"
    assert told[0] == (0, 6 * EXTENT)
    assert told[-1] == (6 * EXTENT, 6 * EXTENT)
    assert held(destination) < 6 * 128 * 1024, "the destination is as sparse as the source"
    for at in places:
        with destination.open("rb") as file:
            file.seek(at)
            assert file.read(5000) == noise(5000, at)
    with Disk(source) as here, Disk(destination) as there:
        assert digest_of(here) == digest_of(there) == done.digest


@pytest.mark.crash
def test_a_resumed_copy_moves_nothing_that_was_confirmed(tmp_path: Path) -> None:
    size = 8 * EXTENT + 1000
    source = volume(tmp_path / "a", size, {0: noise(size)})
    whole = 9
    for kill_after in range(1, whole + 1):
        destination = volume(tmp_path / f"b{kill_after}", size)
        journal = MemoryJournal(lives=kill_after)
        with pytest.raises(KilledError):
            copy(source, destination, journal, batch=1)
        assert len(journal.extents) == kill_after
        before = dict(journal.extents)
        done = copy(source, destination, journal, batch=1)
        assert done.moved_bytes == size - sum(min(EXTENT, size - start) for start in before)
        assert content(destination) == content(source)
    assert copy(source, destination, journal).moved_bytes == 0, "a copy that is whole is only looked at"


def test_a_kill_in_the_middle_of_an_extent_leaves_nothing_that_is_believed(tmp_path: Path) -> None:
    size = 3 * EXTENT
    source = volume(tmp_path / "a", size, {0: noise(size)})
    # what an extent that was being written looks like: half of it, unconfirmed
    destination = volume(tmp_path / "b", size, {EXTENT: noise(EXTENT // 2, 99)})
    assert copy(source, destination).moved_bytes == size
    assert content(destination) == content(source)


class FlippingDisk(Disk):
    """Stores one byte of the second extent wrongly, so many times."""

    times = 1

    @override
    def write(self, start: int, data: bytes | memoryview) -> None:
        if start <= EXTENT + 7 < start + len(data) and type(self).times > 0:
            type(self).times -= 1
            changed = bytearray(data)
            changed[EXTENT + 7 - start] ^= 1
            data = bytes(changed)
        super().write(start, data)


def test_a_byte_that_arrives_wrong_is_found_and_written_again(tmp_path: Path) -> None:
    size = 3 * EXTENT
    source = volume(tmp_path / "a", size, {0: noise(size)})
    destination = volume(tmp_path / "b", size)
    FlippingDisk.times = 1
    assert copy(source, destination, disk=FlippingDisk).moved_bytes == size + EXTENT
    assert content(destination) == content(source)


def test_a_destination_that_keeps_storing_it_wrongly_is_refused_and_nothing_of_it_confirmed(
    tmp_path: Path,
) -> None:
    size = 3 * EXTENT
    source = volume(tmp_path / "a", size, {0: noise(size)})
    destination = volume(tmp_path / "b", size)
    journal = MemoryJournal()
    FlippingDisk.times = 100
    with pytest.raises(ConflictError, match=f"at byte {EXTENT} "):
        copy(source, destination, journal, batch=1, disk=FlippingDisk)
    assert set(journal.extents) == {0}


def test_a_byte_that_changes_after_it_was_confirmed_is_found_on_resuming(tmp_path: Path) -> None:
    size = 4 * EXTENT
    source = volume(tmp_path / "a", size, {0: noise(size)})
    destination = volume(tmp_path / "b", size)
    journal = MemoryJournal(lives=2)
    with pytest.raises(KilledError):
        copy(source, destination, journal, batch=1)
    with destination.open("r+b") as file:
        file.seek(EXTENT + 5)
        byte = file.read(1)[0]
        file.seek(EXTENT + 5)
        file.write(bytes([byte ^ 0x80]))
    assert copy(source, destination, journal, batch=1).moved_bytes == 3 * EXTENT
    assert content(destination) == content(source)


def test_what_only_the_destination_has_becomes_zero(tmp_path: Path) -> None:
    size = 6 * EXTENT
    source = volume(tmp_path / "a", size, {2 * EXTENT: noise(100_000)})
    destination = volume(
        tmp_path / "b", size, {2 * EXTENT + 300_000: b"left over", 4 * EXTENT: noise(EXTENT)}
    )
    done = copy(source, destination)
    assert content(destination) == content(source)
    assert done.data_bytes == EXTENT


def test_written_zeros_and_holes_have_the_same_digest(tmp_path: Path) -> None:
    size = 4 * EXTENT
    hollow = volume(tmp_path / "a", size, {EXTENT: b"x"})
    full = volume(tmp_path / "b", size, {0: bytes(size), EXTENT: b"x"})
    with Disk(hollow) as a, Disk(full) as b:
        assert digest_of(a) == digest_of(b)
    other = volume(tmp_path / "c", size, {2 * EXTENT: b"x"})
    with Disk(hollow) as a, Disk(other) as c:
        assert digest_of(a) != digest_of(c), "the place counts"


def test_a_larger_destination_will_do_and_a_smaller_one_will_not(tmp_path: Path) -> None:
    source = volume(tmp_path / "a", 2 * EXTENT + 5, {2 * EXTENT: b"12345"})
    larger = volume(tmp_path / "b", 4 * EXTENT)
    done = copy(source, larger)
    assert larger.read_bytes()[2 * EXTENT :][:5] == b"12345"
    with Disk(larger) as there:
        assert digest_of(there, source.stat().st_size) == done.digest
    smaller = volume(tmp_path / "c", EXTENT)
    with pytest.raises(ConflictError, match="the destination has"):
        copy(source, smaller)


def test_progress_can_stop_it_and_what_was_confirmed_stays(tmp_path: Path) -> None:
    size = 6 * EXTENT
    source = volume(tmp_path / "a", size, {0: noise(size)})
    destination = volume(tmp_path / "b", size)
    journal = MemoryJournal()

    def progress(done: int, total: int) -> None:
        del total
        if done >= 2 * EXTENT:
            raise StoppedError("pause")

    with Disk(source) as here, Disk(destination, writable=True) as there, pytest.raises(StoppedError):
        ExtentCopy(here, there, journal, Throttle(0, FakeClock()), batch=1).run(progress)
    assert set(journal.extents) == {0, EXTENT}
    assert copy(source, destination, journal).moved_bytes == 4 * EXTENT


def test_all_copies_share_the_throttle(tmp_path: Path) -> None:
    clock = FakeClock()
    throttle = Throttle(2 * MIB, clock)
    for name in ("a", "b"):
        source = volume(tmp_path / name, 4 * EXTENT, {0: noise(2 * EXTENT)})
        destination = volume(tmp_path / f"{name}2", 4 * EXTENT)
        with Disk(source) as here, Disk(destination, writable=True) as there:
            ExtentCopy(here, there, MemoryJournal(), throttle, workers=1).run(lambda *_: None)
    # 4 extents of 4 MiB at 2 MiB/s: the last begins after 6 s; holes cost nothing
    assert clock.monotonic() == pytest.approx(6.0)


def test_a_journal_of_something_else_is_not_believed(tmp_path: Path) -> None:
    size = 2 * EXTENT
    source = volume(tmp_path / "a", size, {0: noise(size)})
    destination = volume(tmp_path / "b", size)
    journal = MemoryJournal()
    journal.extents = {0: "ab" * 32, 17: "cd" * 32, EXTENT: "short"}
    assert copy(source, destination, journal).moved_bytes == size
    assert content(destination) == content(source)


def test_a_volume_that_ends_early_is_an_error_not_zeros(tmp_path: Path) -> None:
    source = volume(tmp_path / "a", 2 * EXTENT, {0: noise(2 * EXTENT)})
    with Disk(source) as here:
        os.truncate(source, EXTENT)
        with pytest.raises(OSError, match="ends at"):
            here.read(EXTENT - 10, 20)
