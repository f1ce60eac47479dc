"""Volumes kept as qcow2 overlays read as their servers would read them, and a header that its owner has forged opens no file of this machine."""

import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from pumphouse.drivers.transfer.connectors import UnfitError
from pumphouse.drivers.transfer.disks import Disk
from pumphouse.drivers.transfer.extents import EXTENT, ExtentCopy, digest_of
from pumphouse.drivers.transfer.qcow2 import Qcow2Disk
from pumphouse.drivers.transfer.throttle import Throttle
from tests.fakes.clock import FakeClock
from tests.unit.transfer.journals import MemoryJournal

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img")

SIZE = 32 << 20
BASE, MIDDLE, TOP = "volume-1", "volume-1.s1", "volume-1.s2"


def run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def overlay(directory: Path, name: str, backing: str, backing_format: str, writes: dict[int, bytes]) -> Path:
    """An overlay with these data, as a server that writes makes one: qemu-img has no way to write, so a whole copy is rebased."""
    whole = directory / "whole"
    if backing_format == "raw":
        shutil.copy(directory / backing, whole)
    else:
        run("qemu-img", "convert", "-O", "raw", directory / backing, whole)
    with whole.open("r+b") as file:
        for at, data in writes.items():
            file.seek(at)
            file.write(data)
    path = directory / name
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", whole, path)
    run("qemu-img", "rebase", "-f", "qcow2", "-F", backing_format, "-b", directory / backing, path)
    run("qemu-img", "rebase", "-u", "-f", "qcow2", "-F", backing_format, "-b", backing, path)
    return path


@pytest.fixture
def volume(tmp_path: Path) -> tuple[Path, bytes]:
    """A volume with two snapshots, and what its server reads."""
    noise = random.Random(4)
    base = bytearray(SIZE)
    base[1000:200_000] = noise.randbytes(199_000)
    base[10 << 20 : 11 << 20] = noise.randbytes(1 << 20)
    with (tmp_path / BASE).open("wb") as file:
        file.truncate(SIZE)
        for begins, ends in ((0, 200_000), (10 << 20, 11 << 20)):
            file.seek(begins)
            file.write(base[begins:ends])
    first = {70_000: noise.randbytes(5000), 20 << 20: noise.randbytes(100_000)}
    second = {71_000: noise.randbytes(100), (10 << 20) + 5: bytes(300_000), SIZE - 10: b"the end..."}
    overlay(tmp_path, MIDDLE, BASE, "raw", first)
    top = overlay(tmp_path, TOP, MIDDLE, "qcow2", second)
    for writes in (first, second):
        for at, data in writes.items():
            base[at : at + len(data)] = data
    return top, bytes(base)


def test_it_reads_as_its_server_does(volume: tuple[Path, bytes]) -> None:
    path, wanted = volume
    with Qcow2Disk(path) as disk:
        assert disk.size == SIZE
        assert disk.read(0, SIZE) == wanted
        for start, length in (
            (999, 5),
            (70_990, 40),
            (SIZE - 5, 5),
            (15 << 20, 1 << 20),
            ((10 << 20) - 3, 400_000),
        ):
            assert disk.read(start, length) == wanted[start : start + length]
        assert sum(end - start for start, end in disk.data()) < 4 << 20


def test_it_is_copied_by_extents_into_a_raw_volume(volume: tuple[Path, bytes], tmp_path: Path) -> None:
    path, wanted = volume
    goal = tmp_path / "goal"
    with goal.open("wb") as file:
        file.truncate(SIZE)
    with Qcow2Disk(path) as disk, Disk(goal, writable=True) as written:
        done = ExtentCopy(disk, written, MemoryJournal(), Throttle(0, FakeClock())).run(lambda *_: None)
        assert digest_of(disk) == digest_of(written) == done.digest
    assert goal.read_bytes() == wanted
    assert done.moved_bytes <= 5 * EXTENT


def header(backing: str, *, features: int = 0) -> bytes:
    name = backing.encode()
    head = struct.pack(">4sIQIIQI", b"QFI\xfb", 3, 112, len(name), 16, SIZE, 0)
    return head.ljust(72, b"\0") + struct.pack(">Q", features).ljust(40, b"\0") + name


@pytest.mark.parametrize(
    "backing",
    ["/etc/passwd", "../secret", "volume-2", "json:{}", "nbd://127.0.0.1/x", "file:volume-1", "volume-1.link", "volume-10"],
)  # fmt: skip
def test_a_forged_backing_file_is_not_opened(tmp_path: Path, backing: str) -> None:
    (tmp_path / "secret").write_bytes(b"s" * 1000)
    (tmp_path / "volume-1.link").symlink_to(tmp_path / "secret")
    path = tmp_path / BASE
    path.write_bytes(header(backing).ljust(1 << 20, b"\0"))
    with pytest.raises(UnfitError, match="not the volume's own"):
        Qcow2Disk(path)


def test_a_chain_that_bites_its_tail_ends(tmp_path: Path) -> None:
    path = tmp_path / BASE
    path.write_bytes(header(BASE).ljust(1 << 20, b"\0"))
    with pytest.raises(UnfitError, match="does not end"):
        Qcow2Disk(path)


def test_data_that_are_kept_elsewhere_are_not_looked_for(tmp_path: Path) -> None:
    path = tmp_path / BASE
    path.write_bytes(header("", features=4).ljust(1 << 20, b"\0"))
    with pytest.raises(UnfitError, match="elsewhere"):
        Qcow2Disk(path)


def test_compressed_parts_are_left_to_the_cloud(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.write_bytes(b"compressible" * 100_000)
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, tmp_path / BASE)
    with pytest.raises(UnfitError, match="compressed"):
        Qcow2Disk(tmp_path / BASE)
