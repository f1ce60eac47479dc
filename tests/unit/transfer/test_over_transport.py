"""The same copies over the real Transport: what it sends, tokens that expire on the way, faults of either cloud."""

import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from typing_extensions import override

from pumphouse.domain.errors import CloudFaultError
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.drivers.transfer.images import GlanceImageTransfer
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.ports.transfer import ProgressOf
from tests.fakes.clock import FakeClock
from tests.simulated.server import Answer, Fault, Request, SimulatedCloud

DATA = random.Random(5).randbytes(3_000_001)


class ByteCloud(SimulatedCloud):
    """A simulated cloud that keeps the bytes of one image."""

    def __init__(self, data: bytes | None = None) -> None:
        super().__init__()
        self.data = data

    @override
    def _read(self, request: Request) -> Answer:
        if request.service != "image" or not request.path.startswith("/images/"):
            return super()._read(request)
        if request.path.endswith("/file"):
            return 200, self.data or b"", {"Content-Type": "application/octet-stream"}
        row: dict[str, Any] = {"id": "i", "name": "i", "status": "queued", "size": None, "protected": False}
        if self.data is not None:
            hashed = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(self.data).hexdigest()}
            row |= {"status": "active", "size": len(self.data), **hashed}
        return 200, json.dumps(row).encode(), {}

    @override
    def _write(self, request: Request) -> Answer:
        if request.method == "PUT" and request.path.endswith("/file"):
            self.data = request.body
        return 204, b"", {}


class Pair:
    def __init__(self, old: ByteCloud, new: ByteCloud) -> None:
        self.old, self.new = old, new
        clock = FakeClock()
        self.ends = {
            name: Transport(name, CloudSettings(name, "password", sim.auth), clock)
            for name, sim in (("old", old), ("new", new))
        }
        self.transfer = GlanceImageTransfer(self.ends.__getitem__, clock, Throttle(0, clock))

    def copy(self, progress: ProgressOf = lambda *_: None) -> None:
        done = self.transfer.copy_image("old", "i", "new", "i", progress)
        assert self.new.data == DATA
        assert done.digest == f"sha512:{hashlib.sha512(DATA).hexdigest()}"

    def uploads(self) -> int:
        return sum(each.method == "PUT" for each in self.new.log)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ByteCloud(DATA) as old, ByteCloud() as new:
        made = Pair(old, new)
        yield made
        for end in made.ends.values():
            end.close()


def test_the_length_of_an_upload_is_told_and_one_login_is_enough_for_each_cloud(pair: Pair) -> None:
    # the simulated cloud reads no chunks: bytes that arrive had a Content-Length
    pair.copy()
    assert pair.uploads() == 1
    for cloud in (pair.old, pair.new):
        assert cloud.count("identity", "/auth/tokens") == 1


def test_tokens_that_expire_on_the_way_are_renewed_and_the_upload_is_sent_again(pair: Pair) -> None:
    expired: list[int] = []

    def progress(done: int, total: int) -> None:
        del total
        if not done and not expired:
            expired.append(1)
            pair.old.expire_tokens()
            pair.new.expire_tokens()

    pair.copy(progress)
    assert expired
    assert pair.uploads() == 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 503}, {"status": 409}, {"reset": True}])
@pytest.mark.parametrize("where", ["old", "new"])
def test_a_fault_of_either_cloud_costs_another_try(pair: Pair, where: str, fault: dict[str, Any]) -> None:
    cloud = pair.old if where == "old" else pair.new
    cloud.faults.append(Fault(times=1, hits=lambda request: request.path.endswith("/file"), **fault))
    pair.copy()


def test_a_broken_upload_that_a_cloud_takes_for_whole_is_not_kept(pair: Pair) -> None:
    # this simulated cloud keeps what had come when the connection ended, as Glance did before it compared the length
    def progress(done: int, total: int) -> None:
        if 0 < done < total:
            raise CloudFaultError("the source broke off")

    with pytest.raises(CloudFaultError, match="a part of its bytes"):
        pair.copy(progress)
    assert [each.path for each in pair.new.log if each.method == "DELETE"] == ["/images/i"]
