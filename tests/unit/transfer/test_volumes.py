"""The engines for volumes, and which one is taken: attachments and temporary images leave nothing behind, whatever happens."""

import errno
import random
from pathlib import Path

import pytest

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, ConflictError, StoppedError
from pumphouse.drivers.transfer.attach import MARK, AttachEngine
from pumphouse.drivers.transfer.by_glance import GlanceEngine, image_name
from pumphouse.drivers.transfer.disks import Disk
from pumphouse.drivers.transfer.images import GlanceImageTransfer
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.drivers.transfer.volumes import CinderVolumeTransfer
from pumphouse.ports.transfer import Copied
from tests.fakes.clock import FakeClock
from tests.unit.transfer.cinders import FileConnectors, MemoryCloud, dies
from tests.unit.transfer.journals import MemoryJournal

DATA = random.Random(3).randbytes(300_000)


class Pair:
    def __init__(self, directory: Path, *, cinder: str = "3.71") -> None:
        self.old = MemoryCloud("old", directory, cinder="3.70")
        self.new = MemoryCloud("new", directory, cinder=cinder)
        self.connectors = FileConnectors()
        clock = FakeClock()
        throttle = Throttle(0, clock)
        ends = {"old": self.old, "new": self.new}
        images = GlanceImageTransfer(ends.__getitem__, clock, throttle)
        self.transfer = CinderVolumeTransfer(
            ends.__getitem__, clock, AttachEngine(self.connectors, throttle), GlanceEngine(images, clock)
        )
        self.journal = MemoryJournal()

    def copy(self) -> Copied:
        return self.transfer.copy_volume("old", "a", "new", "b", self.journal, lambda *_: None)

    def nothing_is_left(self) -> None:
        assert not self.connectors.connected
        assert not self.new.attachments
        assert not [a for a in self.old.attachments.values() if not a["nova"]]
        assert not self.old.images
        assert not self.new.images
        assert self.new.volumes["b"]["status"] == "available"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    pair = Pair(tmp_path)
    pair.old.volume("a", DATA)
    pair.new.volume("b")
    return pair


def test_a_volume_that_nobody_has_is_attached_here_and_copied(pair: Pair) -> None:
    assert pair.transfer.engine("old", "a", "new", "b") == "attach"
    done = pair.copy()
    assert pair.new.path("b").read_bytes() == pair.old.path("a").read_bytes()
    assert done.engine == "attach"
    assert done.digest.startswith("sha256-4MiB:")
    first = next(body for method, path, body in pair.old.writes if path == "/attachments")["attachment"]
    assert (first["instance_uuid"], first["mode"]) == (MARK, "ro")
    pair.nothing_is_left()
    assert pair.old.volumes["a"]["status"] == "available"


def test_a_volume_of_a_stopped_server_is_read_in_its_name_and_stays_attached(pair: Pair) -> None:
    pair.old.servers["s"] = "SHUTOFF"
    pair.old.attach("a", "s")
    pair.copy()
    assert pair.new.path("b").read_bytes() == pair.old.path("a").read_bytes()
    pair.nothing_is_left()
    assert [a["instance"] for a in pair.old.attachments.values()] == ["s"]
    assert pair.old.volumes["a"]["status"] == "in-use"


def test_a_volume_of_a_running_server_is_not_touched(pair: Pair) -> None:
    pair.old.servers["s"] = "ACTIVE"
    pair.old.attach("a", "s")
    with pytest.raises(ConflictError, match="which is ACTIVE"):
        pair.copy()
    pair.nothing_is_left()
    assert not pair.old.writes


def test_a_destination_that_a_server_has_is_not_written_to(pair: Pair) -> None:
    pair.new.servers["s"] = "SHUTOFF"
    pair.new.attach("b", "s")
    with pytest.raises(ConflictError):
        pair.copy()
    assert len(pair.new.attachments) == 1
    assert not pair.connectors.connected


def test_a_volume_of_a_shelved_server_is_only_reserved_and_read_all_the_same(pair: Pair) -> None:
    pair.old.servers["s"] = "SHELVED_OFFLOADED"
    pair.old.attach("a", "s")
    pair.old.volumes["a"] |= {"status": "reserved", "attachments": []}
    pair.copy()
    assert pair.new.path("b").read_bytes() == pair.old.path("a").read_bytes()
    assert [a["instance"] for a in pair.old.attachments.values()] == ["s"]


@pytest.mark.parametrize("server", ["", "s"])
def test_what_a_crash_has_left_attached_is_removed_first(pair: Pair, server: str) -> None:
    if server:
        pair.old.servers[server] = "SHUTOFF"
        pair.old.attach("a", server)
    for cloud, volume, name in ((pair.old, "a", server or MARK), (pair.new, "b", MARK)):
        cloud._attached({"volume_uuid": volume, "instance_uuid": name}, nova=False)
    pair.copy()
    pair.nothing_is_left()
    assert len(pair.old.attachments) == bool(server)


def test_a_cloud_that_fails_in_the_middle_leaves_nothing_attached(pair: Pair) -> None:
    def complete_fails(method: str, path: str, body: object) -> None:
        if path.endswith("/action"):
            dies(method, body)

    pair.new.before = complete_fails
    with pytest.raises(CloudFaultError):
        pair.copy()
    pair.nothing_is_left()


def test_what_this_machine_cannot_read_goes_through_glance(pair: Pair) -> None:
    pair.old.formats["a"] = "odd"
    done = pair.copy()
    assert done.engine == "glance"
    assert "cannot attach" in done.details["not_attached"]
    assert done.details["compared"] == "an image made of the destination's volume has the same hash"
    assert pair.new.path("b").read_bytes() == pair.old.path("a").read_bytes()
    pair.nothing_is_left()


def test_a_destination_that_is_no_raw_data_is_not_written_over(pair: Pair) -> None:
    pair.new.formats["b"] = "qcow2"
    done = pair.copy()
    assert done.engine == "glance"
    assert "qcow2" in done.details["not_attached"]
    pair.nothing_is_left()


def test_without_os_brick_everything_goes_through_glance(pair: Pair) -> None:
    pair.connectors.hindered = "os-brick is not installed"
    assert pair.transfer.engine("old", "a", "new", "b") == "glance"
    pair.new.volumes["b"] |= {"bootable": "false", "volume_image_metadata": {"hw_disk_bus": "scsi"}}
    pair.copy()
    assert pair.new.path("b").read_bytes() == pair.old.path("a").read_bytes()
    assert pair.new.volumes["b"]["bootable"] == "false", "as it was before os-reimage"
    assert pair.new.volumes["b"]["volume_image_metadata"] == {"hw_disk_bus": "scsi"}
    pair.nothing_is_left()


def test_temporary_images_of_a_crash_are_removed_and_those_of_others_are_not(pair: Pair) -> None:
    pair.connectors.hindered = "no"
    for cloud in (pair.old, pair.new):
        cloud.images["stale"] = {"id": "stale", "name": image_name("a"), "owner": "ours", "status": "active"}
        cloud.images["theirs"] = {"id": "theirs", "name": image_name("a"), "owner": "x", "status": "active"}
    pair.copy()
    for cloud in (pair.old, pair.new):
        assert set(cloud.images) == {"theirs"}


def test_a_failed_fill_leaves_no_images(pair: Pair) -> None:
    pair.connectors.hindered = "no"

    def reimage_fails(method: str, path: str, body: object) -> None:
        if isinstance(body, dict) and "os-reimage" in body:
            dies(method, path)

    pair.new.before = reimage_fails
    with pytest.raises(CloudFaultError):
        pair.copy()
    pair.nothing_is_left()


def test_what_the_destination_holds_is_proven_after_the_fill(pair: Pair) -> None:
    pair.connectors.hindered = "no"

    def damaged(method: str, path: str, body: object) -> None:
        del method, path
        if isinstance(body, dict) and "os-volume_upload_image" in body:
            pair.new.path("b").write_bytes(b"something else" + bytes((1 << 20) - 14))

    pair.new.before = damaged
    with pytest.raises(ConflictError, match="does not hold what was put into it"):
        pair.copy()
    pair.nothing_is_left()


def test_a_destination_with_snapshots_is_not_filled_under_them(pair: Pair) -> None:
    pair.connectors.hindered = "no"
    pair.new.snapshots = [{"id": "x", "volume_id": "b"}]
    with pytest.raises(ConflictError, match="1 snapshots"):
        pair.copy()
    assert not pair.old.writes


def test_where_nothing_works_both_reasons_are_told(tmp_path: Path) -> None:
    pair = Pair(tmp_path, cinder="3.59")
    pair.connectors.hindered = "os-brick is not installed"
    with pytest.raises(CloudRefusedError, match=r"os-brick is not installed; .*older than os-reimage"):
        pair.transfer.engine("old", "a", "new", "b")


def test_encrypted_unready_and_too_small_ones_are_refused(pair: Pair) -> None:
    pair.old.volumes["a"]["encrypted"] = True
    with pytest.raises(CloudRefusedError, match="encrypted"):
        pair.copy()
    pair.old.volumes["a"] |= {"encrypted": False, "status": "error"}
    with pytest.raises(ConflictError, match="is error"):
        pair.copy()
    pair.old.volumes["a"] |= {"status": "available", "size": 2}
    with pytest.raises(ConflictError, match="smaller"):
        pair.copy()


def test_a_read_only_mark_is_lifted_for_the_copy_and_put_back(pair: Pair) -> None:
    pair.new.volumes["b"]["metadata"] = {"readonly": "True"}
    pair.copy()
    flags = [
        body["os-update_readonly_flag"]["readonly"]
        for _, _, body in pair.new.writes
        if body and "os-update_readonly_flag" in body
    ]
    assert flags == [False, True]


def test_a_device_that_breaks_is_told_in_our_words_and_detached(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Disk, "read", broken)
    with pytest.raises(CloudFaultError, match="Input/output error"):
        pair.copy()
    pair.nothing_is_left()


def test_what_this_machine_may_not_open_goes_through_glance(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def squashed(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Disk, "__init__", squashed)
    done = pair.copy()
    assert done.engine == "glance"
    assert "Permission denied" in done.details["not_attached"]
    pair.nothing_is_left()


def test_a_copy_that_waits_for_a_cloud_can_be_stopped(pair: Pair) -> None:
    pair.connectors.hindered = "no"
    pair.old.slow = True
    looks: list[int] = []

    def progress(done: int, total: int) -> None:
        del done, total
        looks.append(1)
        if len(looks) == 3:
            raise StoppedError("the process shuts down")

    with pytest.raises(StoppedError):
        pair.transfer.copy_volume("old", "a", "new", "b", pair.journal, progress)
    assert not pair.old.images
