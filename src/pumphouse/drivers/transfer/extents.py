r"""Copies one volume into another of the same size or larger, extent by extent, verified and resumable; attach.py gives it both as disks of this machine.

An extent is 4 MiB at a multiple of that. Those in which the source has data are read, written and, after `sync`, read back; those in which only the destination
has something are made zero. The digest of the whole is defined over what is not zero, so that a hole and written zeros are the same:

    sha256( "pumphouse extents 1\n", size of the source as 8 bytes, then for each extent that is not all zeros, in order: its start as 8 bytes, its sha256 )

An extent stands in the journal when it was read back with the digest that was read at the source. On resuming it is not copied again but read back again.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pumphouse.domain.errors import ConflictError
from pumphouse.drivers.transfer.disks import Disk, Readable, is_zero
from pumphouse.drivers.transfer.heartbeat import Heartbeat
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.ports.transfer import ExtentJournal, ProgressOf

EXTENT: Final = 4 << 20
WORKERS: Final = 4
BATCH: Final = 16
"""Extents between two syncs, and between two entries in the journal."""
ALGORITHM: Final = "sha256-4MiB"
_ZERO: Final = bytes(32)
_WRITES: Final = 3
"""How often an extent is written before what comes back is taken for the destination's fault."""

_HOLE, _SOURCE, _SURPLUS = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Extents:
    """What a copy has done. `digest` holds for both ends; `moved_bytes` were written now, `data_bytes` is all that is not zero."""

    digest: str
    moved_bytes: int
    data_bytes: int


class ExtentCopy:
    """One copy of one volume."""

    def __init__(
        self,
        source: Readable,
        destination: Disk,
        journal: ExtentJournal,
        throttle: Throttle,
        *,
        workers: int = WORKERS,
        batch: int = BATCH,
    ) -> None:
        self._source = source
        self._destination = destination
        self._journal = journal
        self._throttle = throttle
        self._workers = workers
        self._batch = batch
        self._count = -(-source.size // EXTENT)
        self._kinds = bytearray(self._count)
        # one byte and one digest per extent: 8 MiB for a tebibyte
        self._digests = bytearray(_ZERO * self._count)

    def run(self, progress: ProgressOf) -> Extents:
        """Do it.

        Raises:
            ConflictError: the destination is too small, or does not give back what was written.
            OSError: one of them cannot be read or written.
        """
        if self._destination.size < self._source.size:
            raise ConflictError(
                f"the destination has {self._destination.size} bytes, the source {self._source.size}",
                hint="make the destination volume at least as large",
            )
        self._mark(self._destination, _SURPLUS)
        self._mark(self._source, _SOURCE)
        total = sum(self._length(index) for index in self._worth())
        done = moved = 0
        confirmed = self._confirmed()
        heartbeat = Heartbeat(progress, total)
        heartbeat(0, total)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="extents") as pool:
            todo = self._worth()
            while batch := list(islice(todo, self._batch)):
                moved += self._one_batch(pool, batch, confirmed, heartbeat)
                done += sum(self._length(index) for index in batch)
                heartbeat(done, total)
        return Extents(f"{ALGORITHM}:{self._whole()}", moved, self._data_bytes())

    def _one_batch(
        self,
        pool: ThreadPoolExecutor,
        batch: Sequence[int],
        confirmed: dict[int, bytes],
        heartbeat: Heartbeat,
    ) -> int:
        """Bring these over and confirm them; answers how many bytes were written for it."""
        held = [index for index in batch if index in confirmed]
        intact = {
            i for i, found in zip(held, pool.map(self._look, held), strict=True) if found == confirmed[i]
        }
        for index in intact:
            self._keep(index, confirmed[index])
        fresh = [index for index in batch if index not in intact]
        due, moved = fresh, 0
        for attempt in range(_WRITES):
            wanted: dict[int, bytes] = {}
            for index, digest in zip(due, pool.map(self._copy, due), strict=True):
                wanted[index] = digest
                heartbeat.beat()
            moved += sum(self._length(index) for index in due if wanted[index] != _ZERO)
            if not due:
                break
            self._destination.sync(due[0] * EXTENT, (due[-1] + 1 - due[0]) * EXTENT)
            found = dict(zip(due, pool.map(self._look, due), strict=True))
            for index in due:
                self._keep(index, wanted[index])
            due = [index for index in due if found[index] != wanted[index]]
            if due and attempt == _WRITES - 1:
                raise ConflictError(
                    f"at byte {due[0] * EXTENT} the destination gives back other data than was written, {_WRITES} times",
                    hint="look at the storage of the destination; then retry",
                )
        if fresh:
            self._journal.confirm([(index * EXTENT, self._digest(index).hex()) for index in fresh])
        return moved

    def _copy(self, index: int) -> bytes:
        """From the source to the destination; the digest of what the source has."""
        start, length = index * EXTENT, self._length(index)
        data = self._source.read(start, length)
        digest = _digest(data)
        if digest != _ZERO:
            self._throttle.take(length)
        self._destination.place(start, data)
        return digest

    def _look(self, index: int) -> bytes:
        """The digest of what the destination has."""
        return _digest(self._destination.read(index * EXTENT, self._length(index)))

    def _mark(self, disk: Readable, kind: int) -> None:
        for begins, ends in disk.data():
            first, last = begins // EXTENT, min(-(-ends // EXTENT), self._count)
            if last > first:
                self._kinds[first:last] = bytes([kind]) * (last - first)

    def _worth(self) -> Iterator[int]:
        return (index for index, kind in enumerate(self._kinds) if kind != _HOLE)

    def _confirmed(self) -> dict[int, bytes]:
        """What the journal holds of extents of ours; anything else in it is not believed."""
        return {
            start // EXTENT: bytes.fromhex(digest)
            for start, digest in self._journal.confirmed().items()
            if start % EXTENT == 0 and 0 <= start < self._source.size and len(digest) == 2 * len(_ZERO)
        }

    def _length(self, index: int) -> int:
        return min(EXTENT, self._source.size - index * EXTENT)

    def _keep(self, index: int, digest: bytes) -> None:
        self._digests[index * len(_ZERO) : (index + 1) * len(_ZERO)] = digest

    def _digest(self, index: int) -> bytes:
        return bytes(self._digests[index * len(_ZERO) : (index + 1) * len(_ZERO)])

    def _data_bytes(self) -> int:
        return sum(self._length(index) for index in self._worth() if self._digest(index) != _ZERO)

    def _whole(self) -> str:
        return whole_digest(self._source.size, ((i * EXTENT, self._digest(i)) for i in range(self._count)))


def whole_digest(size: int, extents: Iterator[tuple[int, bytes]]) -> str:
    """The digest of a volume from those of its extents (start, sha256; 32 zero bytes for one that is all zeros), as the module says."""
    whole = hashlib.sha256(b"pumphouse extents 1\n" + size.to_bytes(8, "big"))
    for start, digest in extents:
        if digest != _ZERO:
            whole.update(start.to_bytes(8, "big") + digest)
    return whole.hexdigest()


def digest_of(disk: Readable, size: int | None = None) -> str:
    """The digest of a volume as it is, its first `size` bytes; for those who compare by themselves."""
    size = disk.size if size is None else size

    def extents() -> Iterator[tuple[int, bytes]]:
        seen = -1
        for begins, ends in disk.data():
            for index in range(max(begins // EXTENT, seen + 1), -(-min(ends, size) // EXTENT)):
                seen = index
                yield index * EXTENT, _digest(disk.read(index * EXTENT, min(EXTENT, size - index * EXTENT)))

    return f"{ALGORITHM}:{whole_digest(size, extents())}"


def _digest(data: bytes) -> bytes:
    return _ZERO if is_zero(data) else hashlib.sha256(data).digest()
