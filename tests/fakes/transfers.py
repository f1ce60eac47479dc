"""Transfers of bytes between the clouds of tests/fakes/resources.py: a few bytes at a time, each of them a point where a test may let the process die."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from pumphouse.domain.resource import ResourceKind
from pumphouse.ports.transfer import Copied, ExtentJournal, ImageTransfer, ProgressOf, VolumeTransfer
from tests.fakes.resources import FakeResources

EXTENT: Final = 4


class FakeImages(ImageTransfer):
    """Whole images."""

    def __init__(self, clouds: Mapping[str, FakeResources]) -> None:
        self._clouds = clouds
        self.sent: Counter[str] = Counter()
        """id of the source -> how many bytes went over"""

    @override
    def copy_image(
        self, source: str, source_id: str, destination: str, destination_id: str, progress: ProgressOf
    ) -> Copied:
        data = self._clouds[source].data[f"{ResourceKind.IMAGE}/{source_id}"]
        there = self._clouds[destination]
        key = f"{ResourceKind.IMAGE}/{destination_id}"
        moved = 0
        if there.data.get(key) != data:
            there.point(f"before upload {source_id}")
            for end in range(EXTENT, len(data) + EXTENT, EXTENT):
                progress(min(end, len(data)), len(data))
            there.data[key] = data
            moved = len(data)
            self.sent[source_id] += moved
            there.point(f"after upload {source_id}")
        return Copied(_hash(there.data[key]), len(data), moved, 1.0, "stream")


class FakeVolumes(VolumeTransfer):
    """Extents of a few bytes."""

    def __init__(self, clouds: Mapping[str, FakeResources]) -> None:
        self._clouds = clouds
        self.sent: Counter[tuple[str, int]] = Counter()
        """(id of the source, start of the extent) -> how often it went over after it was confirmed"""

    @override
    def engine(self, source: str, source_id: str, destination: str, destination_id: str) -> str:
        return "attach"

    @override
    def copy_volume(
        self, source: str, source_id: str, destination: str, destination_id: str, journal: ExtentJournal, progress: ProgressOf
    ) -> Copied:  # fmt: skip
        data = self._clouds[source].data[f"{ResourceKind.VOLUME}/{source_id}"]
        there, key = self._clouds[destination], f"{ResourceKind.VOLUME}/{destination_id}"
        moved = 0
        confirmed = journal.confirmed()
        for start in range(0, len(data), EXTENT):
            part = data[start : start + EXTENT]
            if confirmed.get(start) == _hash(part):
                continue
            there.point(f"before extent {start}")
            present = there.data.get(key, b"\0" * len(data))
            there.data[key] = present[:start] + part + present[start + len(part) :]
            journal.confirm([(start, _hash(part))])
            self.sent[source_id, start] += 1
            moved += len(part)
            progress(start + len(part), len(data))
            there.point(f"after extent {start}")
        return Copied(_hash(there.data[key]), len(data), moved, 1.0, "attach")


def _hash(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
