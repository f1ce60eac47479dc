"""The rich tenant's images and volumes, with real bytes. Used by rich_tenant.py."""

import os
import random
from functools import partial
from pathlib import Path
from typing import Any

from pumphouse.lab import Lab
from tests.lab.rich_asking import Asker, at_once
from tests.lab.rich_people import People

MIB = 1 << 20
BIG_GIB = 5
BIG_DATA = 6 * MIB


class StorageMaker:
    """Ids by short name."""

    def __init__(self, people: People, ops: Asker, machine: Lab, cloud: str) -> None:
        self._admin, self._ops, self._people, self._name = people.admin, ops, people, people.name
        self._machine, self._cloud_name = machine, cloud
        self.images: dict[str, str] = {}
        self.volumes: dict[str, str] = {}

    # -- images

    def make_images(self) -> None:
        name = self._name
        at_once(
            [
                partial(
                    self.image, "base", f"{name}-base", 2 * MIB, tags=["lts", "amd64"], min_disk=1, min_ram=32,
                    os_distro="debian", os_version="13", hw_disk_bus="virtio", hw_rng_model="virtio", note="für Zoë",
                ),
                partial(self.image, "shared", f"{name}-shared", MIB // 2, visibility="shared"),
                partial(self.image, "hidden", f"{name}-hidden", MIB // 2, os_hidden=True, protected=True),
                partial(self.image, "nameless", "", 4096),
                partial(self.image, "letters", f"{name}-образ", 70_000, visibility="community"),
                partial(self.image, "doomed", f"{name}-doomed", MIB),
                partial(self.image, "kernel", f"{name}-kernel", 5000, disk_format="aki", container_format="aki"),
                partial(self.image, "ramdisk", f"{name}-ramdisk", 6000, disk_format="ari", container_format="ari"),
            ],
            workers=4,
        )  # fmt: skip
        self.image(
            "ami", f"{name}-ami", 7000, disk_format="ami", container_format="ami",
            kernel_id=self.images["kernel"], ramdisk_id=self.images["ramdisk"],
        )  # fmt: skip
        other = self._admin.cloud.current_project_id
        path = f"/images/{self.images['shared']}/members"
        self._ops.post("image", path, {"member": other})
        self._admin.put("image", f"{path}/{other}", {"status": "accepted"})

    def image(self, short: str, name: str, size: int, **fields: Any) -> None:
        body = {
            "name": name,
            "disk_format": "raw",
            "container_format": "bare",
            "visibility": "private",
            **fields,
        }
        made = self._ops.post("image", "/images", body)["id"]
        self._ops.ask(
            "PUT", "image", f"/images/{made}/file", data=random.Random(f"{short} {name}").randbytes(size),
            headers={"Content-Type": "application/octet-stream"},
        )  # fmt: skip
        self.images[short] = made

    # -- volumes

    def make_volumes(self) -> None:
        name = self._name
        at_once(
            [
                partial(self.volume, "data", f"{name}-data", metadata={"tier": "1", "note": "für Zoë"}, description="Daten"),
                partial(self.volume, "more", f"{name}-data", volume_type="__DEFAULT__"),
                partial(self.volume, "boot", f"{name}-boot", imageRef=self.images["base"], volume_type="nfs"),
                partial(self.volume, "free", f"{name}-том", availability_zone="nova", description="has a snapshot"),
                partial(self.volume, "big", f"{name}-big", BIG_GIB),
                partial(self.volume, "nameless", ""),
            ],
            workers=3,
        )  # fmt: skip
        path = f"/volumes/{self.volumes['boot']}"
        self._ops.act("block_storage", path, **{"os-set_image_metadata": {"metadata": {"hw_vif_model": "virtio", "own": "yes"}}})  # fmt: skip
        self._ops.act("block_storage", f"/volumes/{self.volumes['nameless']}", **{"os-update_readonly_flag": {"readonly": True}})  # fmt: skip
        self._ops.act(
            "block_storage", f"/volumes/{self.volumes['data']}", **{"os-set_bootable": {"bootable": True}}
        )
        for short in ("data", "more", "free", "nameless"):
            write_here_and_there(self.file(short), 1 << 30, 3 * 4096)
        write_here_and_there(self.file("big"), BIG_GIB << 30, BIG_DATA)
        snapshot = {"volume_id": self.volumes["free"], "name": f"{name}-snap", "metadata": {"why": "test"}}
        made = self._ops.make("block_storage", "/snapshots", "snapshot", **snapshot)
        self._ops.until("block_storage", f"/snapshots/{made}", "snapshot", "available")

    def volume(self, short: str, name: str, gib: int = 1, **fields: Any) -> None:
        made = self._ops.make("block_storage", "/volumes", "volume", name=name, size=gib, **fields)
        self.volumes[short] = made
        self._ops.until("block_storage", f"/volumes/{made}", "volume", "available")

    def file(self, short: str) -> Path:
        """The volume in the cloud's share: what a guest would write into."""
        return self._machine.layout.volume_share(self._cloud_name) / f"volume-{self.volumes[short]}"


def write_here_and_there(file: Path, size: int, amount: int) -> None:
    """Random bytes at the start, in the middle, across an extent's border, and in the last bytes; the rest stays a hole."""
    piece = amount // 3
    with file.open("r+b") as disk:
        for at in (0, size // 2 - piece // 2, size - piece):
            disk.seek(at)
            disk.write(os.urandom(piece))
