"""Servers of the clouds of tests/fakes/resources.py that run, stop, are snapshot and shelved; with root disks whose bytes can be looked at."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from typing_extensions import override

from pumphouse.domain.resource import Resource, ResourceKind
from pumphouse.ports.clock import Clock
from pumphouse.ports.cutover import Act, Cutover, ImageNow, ServerNow
from tests.fakes.resources import FakeKind, FakeResources

K = ResourceKind
AFTER = {
    Act.START: ({"SHUTOFF"}, "ACTIVE"),
    Act.STOP: ({"ACTIVE"}, "SHUTOFF"),
    Act.PAUSE: ({"ACTIVE"}, "PAUSED"),
    Act.UNPAUSE: ({"PAUSED"}, "ACTIVE"),
    Act.SUSPEND: ({"ACTIVE"}, "SUSPENDED"),
    Act.RESUME: ({"SUSPENDED"}, "ACTIVE"),
    Act.SHELVE: ({"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"}, "SHELVED_OFFLOADED"),
    Act.SHELVE_OFFLOAD: ({"SHELVED"}, "SHELVED_OFFLOADED"),
}
OPERATOR = "operator"
MEMORY = b"+memory"
"""What a running guest has not written yet: a clean shutdown does."""


class ServerClouds(FakeResources):
    """A cloud with servers. `status`, `disks` are by server id."""

    def __init__(self, environment: str, clock: Clock) -> None:
        super().__init__(environment, clock)
        self.status: dict[str, str] = {}
        self.disks: dict[str, bytes] = {}
        self.keys: set[str] = set()
        self.saving: set[str] = set()
        self.unbootable: set[str] = set()
        self.acts: list[str] = []

    def add_server(self, name: str, owner: str, status: str, disk: bytes, **fields: Any) -> Resource:
        """One that has been there for long; with `disk` b"" it is booted from a volume."""
        made = self.add(K.SERVER, name, owner, **fields)
        made = replace(
            made, notes={**made.notes, "status": status, "addresses": ["10.0.0.5"]}, size_bytes=len(disk)
        )
        self.things[made.key] = made
        self.status[made.id] = status
        if disk:
            self.disks[made.id] = disk
        if status.startswith("SHELVED"):
            self._image(f"{name}-shelved", owner, disk, made.id)
        return made

    def world(self) -> Any:
        """Everything that there is."""
        return self.snapshot(), dict(self.status), dict(self.disks), set(self.keys)

    def temporary(self) -> list[str]:
        """Names of our own images."""
        return [each.name for each in self.made(K.IMAGE) if each.owner == OPERATOR]

    @override
    def kind(self, kind: ResourceKind) -> FakeKind:
        return FakeServers(self, kind) if kind is K.SERVER else FakeKind(self, kind)

    def _image(self, name: str, owner: str, data: bytes, server: str = "") -> str:
        made = self.add(K.IMAGE, name, owner)
        if server:
            made = replace(made, notes={**made.notes, "not_copied": {"instance_uuid": server}})
            self.things[made.key] = made
        self.data[made.key] = data
        return made.id


class FakeServers(FakeKind, Cutover):
    """The servers of one."""

    def __init__(self, cloud: ServerClouds, kind: ResourceKind) -> None:
        super().__init__(cloud, kind)
        self._here = cloud

    @override
    def create(self, tenant_id: str, name: str, fields: Mapping[str, Any]) -> str:
        here = self._here
        here.point(f"before create server {name}")
        image = fields["image"]
        root = next((v["volume"] for v in fields["volumes"] if v["root"]), None)
        assert image or root, "nothing to boot from"
        data = here.data[str((image or root)["$ref"])]
        kept = {**fields, "locked": False, "locked_reason": ""}
        made = self._made(tenant_id, name, kept)
        if image:
            here.disks[made.id] = data
        here.status[made.id] = "BUILD"
        here.calls.append(f"create server {name}")
        here.point(f"after create server {name}")
        return made.id

    @override
    def delete(self, id: str) -> None:
        super().delete(id)
        self._here.status.pop(id, None)
        self._here.disks.pop(id, None)

    @override
    def now(self, id: str) -> ServerNow | None:
        here = self._here
        found = here.things.get(f"{K.SERVER}/{id}")
        if found is None:
            return None
        now = ServerNow(
            id, found.name, here.status[id], fault="no valid host" if here.status[id] == "ERROR" else ""
        )
        if now.status == "BUILD":
            here.status[id] = "ERROR" if found.name in here.unbootable else "ACTIVE"
        return now

    @override
    def act(self, id: str, act: Act) -> None:
        here = self._here
        here.point(f"before {act.value}")
        allowed, after = AFTER[act]
        if here.status[id] in allowed:
            here.acts.append(f"{here.things[f'server/{id}'].name} {act.value}")
            here.status[id] = after
            if act is Act.STOP and id in here.disks and not here.disks[id].endswith(MEMORY):
                here.disks[id] += MEMORY
            if act is Act.SHELVE:
                server = here.things[f"{K.SERVER}/{id}"]
                here._image(f"{server.name}-shelved", server.owner, here.disks.get(id, b""), id)
        here.point(f"after {act.value}")

    @override
    def marked(self, tenant_id: str, tag: str) -> Sequence[str]:
        return [r.id for r in self._here.made(K.SERVER) if r.owner == tenant_id and tag in r.fields["tags"]]

    @override
    def has_key(self, keypair_id: str) -> bool:
        return keypair_id.partition("/")[2] in self._here.keys

    @override
    def take_back_key(self, keypair_id: str) -> None:
        self._here.keys.discard(keypair_id.partition("/")[2])

    @override
    def snapshot(self, id: str, name: str) -> str:
        here = self._here
        here.point("before snapshot")
        assert here.status[id] == "SHUTOFF", "a snapshot of a running server"
        made = here._image(name, OPERATOR, here.disks[id])
        here.saving.add(made)
        here.point("after snapshot")
        return made

    @override
    def shelved_image(self, id: str) -> str:
        name = f"{self._here.things[f'{K.SERVER}/{id}'].name}-shelved"
        return next((r.id for r in self._here.made(K.IMAGE) if r.name == name), "")

    @override
    def image(self, id: str) -> ImageNow | None:
        found = self._here.things.get(f"{K.IMAGE}/{id}")
        return self._now(found) if found is not None else None

    @override
    def images_named(self, name: str) -> Sequence[ImageNow]:
        found = [r for r in self._here.made(K.IMAGE) if r.name == name and r.owner == OPERATOR]
        return [self._now(each) for each in found]

    @override
    def image_properties(self, id: str) -> Mapping[str, Any]:
        return {"disk_format": "raw", "container_format": "bare", "hw_disk_bus": "virtio"}

    @override
    def make_image(self, name: str, properties: Mapping[str, Any]) -> str:
        self._here.point("before make image")
        made = self._here.add(K.IMAGE, name, OPERATOR, **properties)
        self._here.point("after make image")
        return made.id

    @override
    def drop_image(self, id: str) -> None:
        self._here.point("before drop image")
        self._here.things.pop(f"{K.IMAGE}/{id}", None)
        self._here.data.pop(f"{K.IMAGE}/{id}", None)
        self._here.point("after drop image")

    def _now(self, image: Resource) -> ImageNow:
        saving = image.id in self._here.saving
        self._here.saving.discard(image.id)
        status = "saving" if saving else "active" if image.key in self._here.data else "queued"
        return ImageNow(image.id, image.name, status, len(self._here.data.get(image.key, b"")))
