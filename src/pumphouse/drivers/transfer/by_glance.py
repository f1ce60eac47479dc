"""Engine `glance`: the source's cloud makes an image of the volume, which is streamed, and the destination's cloud fills the volume from it; volumes.py calls it.

It needs nothing but the two APIs, and room in both Glances. Everything is moved, allocated or not, and a copy that broke off begins again.

* `os-volume_upload_image` with `force` takes a volume of a stopped server too, if Cinder's `enable_force_upload` allows it.
* `os-reimage` (3.68, Yoga) puts an image into a volume that is there, of any type and backend. It also replaces the volume's image metadata and makes it bootable
  (`_refresh_volume_glance_meta` in cinder/volume/manager.py): both are put back. Not where the volume has snapshots: the file drivers would write under them.
* Afterwards the destination's cloud makes an image of its volume in turn, only to compare its hash with what was sent: nothing else proves what is on its disk.
* The images are named after the source volume and belong to our own project; what a crash leaves is found by that and removed by the next copy.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from pumphouse.domain.errors import CloudFaultError, CloudRefusedError, ConflictError, DeadlineError
from pumphouse.drivers.transfer.ends import CloudEnd
from pumphouse.drivers.transfer.heartbeat import Heartbeat
from pumphouse.drivers.transfer.images import GlanceImageTransfer, drop_image, wait_for_image
from pumphouse.ports.clock import Clock
from pumphouse.ports.transfer import Copied, ProgressOf

ENGINE: Final = "glance"
MARK: Final = "pumphouse_volume"
"""A property of the images that we make ourselves; all are named by `image_name`."""
_UPLOAD: Final = "3.1"
_REIMAGE: Final = "3.68"
_POLL_S: Final = 2.0
_LEAST_S, _SLOWEST = 300.0, 4 << 20
"""A cloud gets five minutes, and a second more for each 4 MiB."""


def image_name(volume_id: str) -> str:
    """Of the temporary images of a volume, on both sides."""
    return f"pumphouse-volume-{volume_id}"


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long a cloud gets for one of its parts, and who hears that we wait."""

    deadline_s: float
    heartbeat: Heartbeat


class GlanceEngine:
    """Safe for use by many threads, each with other volumes."""

    def __init__(self, images: GlanceImageTransfer, clock: Clock) -> None:
        self._images = images
        self._clock = clock

    def hindrance(self, here: CloudEnd, there: CloudEnd) -> str:
        """Why it cannot be used between these; "" when it can."""
        if not there.endpoint("block-storage").has(_REIMAGE):
            return f"{there.environment} cinder is older than os-reimage ({_REIMAGE})"
        del here
        return ""

    def copy(
        self,
        here: CloudEnd,
        source: Mapping[str, Any],
        there: CloudEnd,
        destination: Mapping[str, Any],
        progress: ProgressOf,
    ) -> Copied:
        """Copy; the temporary images are gone afterwards, whatever happens.

        Raises:
            ConflictError: a volume is not free, has snapshots at the destination, or what has arrived differs.
        """
        began = self._clock.monotonic()
        self._refuse_snapshots(there, destination)
        size = int(source["size"]) << 30
        patience = _Patience(_LEAST_S + size / _SLOWEST, Heartbeat(progress, size))
        name = image_name(str(source["id"]))
        with ExitStack() as images:
            images.enter_context(_cleared(here, name))
            images.enter_context(_cleared(there, name))
            original = self._uploaded(here, source, name, patience)
            made = there.write("image", "POST", "/images", json=_image(name, source))
            copied = self._images.copy_image(
                here.environment, str(original["id"]), there.environment, str(made["id"]), patience.heartbeat
            )
            self._fill(there, destination, str(made["id"]), patience)
            compared = self._compare(there, source, destination, name, copied.digest, patience)
        return Copied(
            digest=copied.digest,
            size_bytes=copied.size_bytes,
            moved_bytes=copied.moved_bytes,
            seconds=self._clock.monotonic() - began,
            engine=ENGINE,
            details={**copied.details, "compared": compared},
        )

    def _uploaded(
        self, end: CloudEnd, volume: Mapping[str, Any], name: str, patience: "_Patience"
    ) -> Mapping[str, Any]:
        """An image that the cloud has made of a volume."""
        what: dict[str, Any] = {"image_name": name, "disk_format": "raw", "container_format": "bare"}
        what |= {"force": volume["status"] == "in-use", "visibility": "private", "protected": False}
        try:
            answer = end.write(
                "block-storage",
                "POST",
                f"/volumes/{volume['id']}/action",
                json={"os-volume_upload_image": what},
                microversion=_UPLOAD,
            )
        except CloudRefusedError as error:
            raise ConflictError(
                error.message,
                hint="the volume has to be free, or enable_force_upload be set for Cinder and its server stopped",
            ) from error
        image_id = str(answer["os-volume_upload_image"]["image_id"])
        row = wait_for_image(end, image_id, self._clock, patience.deadline_s, patience.heartbeat.beat)
        self._settled(end, volume, {"uploading"}, patience)
        return row

    def _fill(self, end: CloudEnd, volume: Mapping[str, Any], image_id: str, patience: "_Patience") -> None:
        path = f"/volumes/{volume['id']}/action"
        body = {"os-reimage": {"image_id": image_id, "reimage_reserved": False}}
        end.write("block-storage", "POST", path, json=body, microversion=_REIMAGE)
        filled = self._settled(end, volume, {"downloading"}, patience)
        wanted = volume.get("volume_image_metadata") or {}
        for key in filled.get("volume_image_metadata") or {}:
            if key not in wanted:
                end.write("block-storage", "POST", path, json={"os-unset_image_metadata": {"key": key}})
        if wanted:
            end.write("block-storage", "POST", path, json={"os-set_image_metadata": {"metadata": wanted}})
        if filled["bootable"] != volume["bootable"]:
            flag = {"bootable": str(volume["bootable"]).lower() == "true"}
            end.write("block-storage", "POST", path, json={"os-set_bootable": flag})

    def _compare(
        self,
        end: CloudEnd,
        source: Mapping[str, Any],
        volume: Mapping[str, Any],
        name: str,
        digest: str,
        patience: "_Patience",
    ) -> str:
        """What is on the destination's disk against what was sent; says how that was done."""
        if volume["size"] != source["size"]:
            return "not: the destination is larger, so that an image of it has another hash"
        row = self._uploaded(end, {**volume, "status": "available"}, name, patience)
        found = f"{row.get('os_hash_algo')}:{row.get('os_hash_value')}"
        if found.partition(":")[0] != digest.partition(":")[0]:
            return f"not: the destination hashes with {row.get('os_hash_algo')}"
        if found != digest:
            raise ConflictError(
                f"volume {volume['id']} of {end.environment} does not hold what was put into it",
                hint="look at the storage of the destination; then retry",
            )
        return "an image made of the destination's volume has the same hash"

    def _settled(
        self, end: CloudEnd, volume: Mapping[str, Any], busy: set[str], patience: "_Patience"
    ) -> Mapping[str, Any]:
        """The volume when its cloud is done with it."""
        deadline = self._clock.monotonic() + patience.deadline_s
        while True:
            row: Mapping[str, Any] = end.get("block-storage", f"/volumes/{volume['id']}")["volume"]
            if row["status"] not in busy:
                break
            if self._clock.monotonic() >= deadline:
                raise DeadlineError(
                    f"volume {volume['id']} of {end.environment} is still {row['status']} after {patience.deadline_s:.0f} s"
                )
            patience.heartbeat.beat()
            self._clock.sleep(_POLL_S)
        if row["status"].startswith("error"):
            raise CloudFaultError(
                f"volume {volume['id']} of {end.environment} is {row['status']} after its cloud worked on it",
                hint="look at Cinder's messages for it (GET /messages), reset its state, and retry",
            )
        return row

    def _refuse_snapshots(self, end: CloudEnd, volume: Mapping[str, Any]) -> None:
        rows = end.rows(
            "block-storage",
            "/snapshots",
            "snapshots",
            params={"all_tenants": "1", "volume_id": str(volume["id"])},
        )
        if rows:
            raise ConflictError(
                f"volume {volume['id']} of {end.environment} has {len(rows)} snapshots, which filling it could damage",
                hint="delete them, or use a machine that can attach volumes (pumphouse[transfer])",
            )


@contextmanager
def _cleared(end: CloudEnd, name: str) -> Iterator[None]:
    """Without images of this name of ours before and after."""
    _drop_all(end, name)
    try:
        yield
    finally:
        _drop_all(end, name)


def _drop_all(end: CloudEnd, name: str) -> None:
    for row in end.rows("image", "/images", "images", params={"name": name, "owner": end.project_id()}):
        if row["name"] == name and row.get("owner") == end.project_id():
            drop_image(end, row)


def _image(name: str, volume: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "private",
        MARK: str(volume["id"]),
    }
