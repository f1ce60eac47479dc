"""A volume that its backend keeps as a qcow2 file, to be read only: Cinder's NFS driver makes an overlay on the volume's own file for each snapshot. attach.py opens it.

`qemu-img map` tells where in which file of the chain the data of each part are; they are then read straight from there. The chain is walked by us first, and every
file of it has to lie beside the first one and belong to the same volume: whoever owns a volume can write into it what looks like a qcow2 header that names any file of this
machine as its backing file, and this process reads as root.
"""

import json
import os
import struct
import subprocess
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Final, Self

from pumphouse.drivers.transfer.connectors import UnfitError
from pumphouse.drivers.transfer.disks import read_all

_MAGIC: Final = b"QFI\xfb"
_HEADER: Final = struct.Struct(">4sIQIIQI")
"""magic, version, offset and length of the backing file's name, cluster bits, virtual size, encryption (docs/interop/qcow2.txt of QEMU)"""
_FEATURES_AT: Final = 72
_EXTERNAL_DATA: Final = 1 << 2
_LONGEST_CHAIN: Final = 64


class Qcow2Disk:
    """Open as long as the `with`; safe for use by many threads.

    Raises:
        UnfitError: it cannot be read this way; says why.
    """

    def __init__(self, path: str | Path) -> None:
        if which("qemu-img") is None:
            raise UnfitError("the volume is a qcow2 file, and qemu-img is not installed here")
        files, self.size = _chain(Path(path))
        self._starts, self._offsets, self._depths, self._lengths = (array("Q") for _ in range(4))
        self._map(Path(path))
        self._fds = [os.open(file, os.O_RDONLY | os.O_CLOEXEC) for file in files]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._fds:
            os.close(fd)

    def read(self, start: int, length: int) -> bytes:
        """What a server would read there."""
        found = bytearray(length)
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._starts) and self._starts[index] < start + length:
            begins = max(self._starts[index], start)
            ends = min(self._starts[index] + self._lengths[index], start + length)
            if begins < ends:
                at = self._offsets[index] + begins - self._starts[index]
                found[begins - start : ends - start] = read_all(
                    self._fds[self._depths[index]], at, ends - begins
                )
            index += 1
        return bytes(found)

    def data(self) -> Iterator[tuple[int, int]]:
        """Ranges (start, end) that may hold other than zeros, in order."""
        for start, length in zip(self._starts, self._lengths, strict=True):
            yield start, start + length

    def _map(self, path: Path) -> None:
        """One row for each part with data; some tens of bytes each, whatever the size of the volume."""
        command = ["qemu-img", "map", "--force-share", "-f", "qcow2", "--output=json", str(path)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            for line in process.stdout or ():
                row = line.strip().strip("[],")
                if row:
                    self._take(json.loads(row))
        if process.returncode:
            raise UnfitError(f"qemu-img cannot map the volume's file (exit {process.returncode})")

    def _take(self, row: dict[str, int]) -> None:
        if row["zero"] or not row["data"]:
            return
        if "offset" not in row or row.get("compressed"):
            raise UnfitError("parts of the volume's qcow2 file are compressed")
        for values, value in (
            (self._starts, row["start"]),
            (self._lengths, row["length"]),
            (self._offsets, row["offset"]),
            (self._depths, row["depth"]),
        ):
            values.append(value)


def _chain(top: Path) -> tuple[list[Path], int]:
    """The file and those behind it, and the size of the volume."""
    files, size = [top], 0
    while True:
        backing, virtual = _header(files[-1])
        size = size or virtual
        if not backing:
            return files, size
        files.append(top.parent / _beside(backing, top))
        if len(files) > _LONGEST_CHAIN:
            raise UnfitError("the volume's chain of qcow2 files does not end")


def _header(path: Path) -> tuple[str, int]:
    """Name of the backing file ("" for none) and virtual size; a raw file has neither."""
    with path.open("rb") as file:
        head = file.read(_FEATURES_AT + 8)
        if head[:4] != _MAGIC or len(head) < _HEADER.size:
            return "", path.stat().st_size
        _, version, name_at, name_length, _, size, encryption = _HEADER.unpack_from(head)
        features = int.from_bytes(head[_FEATURES_AT:], "big") if version >= 3 else 0
        if encryption or features & _EXTERNAL_DATA:
            raise UnfitError("the volume's qcow2 file is encrypted or keeps its data elsewhere")
        if not name_at:
            return "", size
        file.seek(name_at)
        return os.fsdecode(file.read(min(name_length, 1023))), size


def _beside(backing: str, top: Path) -> str:
    """The name of a backing file, if it is one of the same volume in the same directory: `volume-ID` or `volume-ID.SNAPSHOT`."""
    name = backing
    volume = top.name.partition(".")[0]
    if "/" in name and str(Path(name).parent) == str(top.parent):
        name = Path(name).name
    if "/" in name or ":" in name or name.partition(".")[0] != volume or (top.parent / name).is_symlink():
        raise UnfitError("the volume's qcow2 file names a backing file that is not the volume's own")
    return name
