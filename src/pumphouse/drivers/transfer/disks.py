"""A volume as this machine sees it: a file of a network file system, or a block device. extents.py copies from one to another.

Only raw data is written. A qcow2 file, which Cinder's NFS driver makes of a volume that has snapshots, can be read (qcow2.py) and not be written.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

BLOCK: Final = 64 << 10
"""Within an extent that has data, as much as this of zeros is not written: the destination stays as sparse as the source."""
_ZEROS: Final = bytes(4 << 20)


class Readable(Protocol):
    """What a copy reads from."""

    size: int

    def read(self, start: int, length: int) -> bytes:
        """All of that range."""
        ...

    def data(self) -> Iterator[tuple[int, int]]:
        """Ranges (start, end) that may hold other than zeros, in order."""
        ...


class Disk:
    """Open as long as the `with`; safe for use by many threads, as every access names its place."""

    def __init__(self, path: str | Path, *, writable: bool = False) -> None:
        flags = os.O_RDWR if writable else os.O_RDONLY
        self._fd = os.open(path, flags | os.O_CLOEXEC)
        self.size = os.lseek(self._fd, 0, os.SEEK_END)
        self.is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def read(self, start: int, length: int) -> bytes:
        """All of it.

        Raises:
            OSError: it ends before that, or cannot be read.
        """
        return read_all(self._fd, start, length)

    def write(self, start: int, data: bytes | memoryview) -> None:
        """All of it; on the medium after `sync`."""
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._fd, rest, start)
            start += written
            rest = rest[written:]

    def place(self, start: int, data: bytes) -> None:
        """Make this range hold `data`, writing as little as possible: zeros only where something else is."""
        if is_zero(data):
            self._clear(start, len(data))
            return
        view = memoryview(data)
        at = 0
        while at < len(data):
            zero = is_zero(data[at : at + BLOCK])
            end = min(at + BLOCK, len(data))
            while end < len(data) and is_zero(data[end : end + BLOCK]) is zero:
                end = min(end + BLOCK, len(data))
            if zero:
                self._clear(start + at, end - at)
            else:
                self.write(start + at, view[at:end])
            at = end

    def sync(self, start: int, length: int) -> None:
        """Wait until all that was written is on the medium, and forget our own copy of this range, so that the next `read` comes from there."""
        os.fdatasync(self._fd)
        with suppress(OSError):  # advice: a file system that has no such thing reads again anyway
            os.posix_fadvise(self._fd, start, length, os.POSIX_FADV_DONTNEED)

    def data(self) -> Iterator[tuple[int, int]]:
        """Ranges (start, end) that may hold other than zeros, in order. A block device, and a file system that does not tell holes, is one range."""
        at = 0
        while at < self.size:
            try:
                begins = os.lseek(self._fd, at, os.SEEK_DATA)
                ends = os.lseek(self._fd, begins, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    return  # holes up to the end
                if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                    raise
                begins, ends = at, self.size
            yield begins, min(ends, self.size)
            at = max(ends, begins + 1)

    def _clear(self, start: int, length: int) -> None:
        if not is_zero(self.read(start, length)):
            self.write(start, _ZEROS[:length])


def read_all(fd: int, start: int, length: int) -> bytes:
    """As `Disk.read`, of an open file."""
    found = os.pread(fd, length, start)
    if len(found) == length:
        return found
    pieces = [found]
    have = len(found)
    while have < length:
        more = os.pread(fd, length - have, start + have)
        if not more:
            raise OSError(errno.EIO, f"the volume ends at {start + have}, before {start + length}")
        pieces.append(more)
        have += len(more)
    return b"".join(pieces)


def is_zero(data: bytes) -> bool:
    """Whether there is nothing but zeros, by one comparison of memory (which a memoryview would make byte by byte)."""
    return data == _ZEROS[: len(data)] if len(data) <= len(_ZEROS) else not any(data)
