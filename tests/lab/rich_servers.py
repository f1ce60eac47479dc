"""The rich tenant's servers, one in each state, with everything that Nova lets be said of them. Used by rich_tenant.py."""

import base64
import os
from typing import Any

from pumphouse.lab import Lab
from tests.lab.rich_asking import Asker, at_once
from tests.lab.rich_network import Wires
from tests.lab.rich_people import People
from tests.lab.rich_storage import StorageMaker

USER_DATA = base64.b64encode("#!/bin/sh\necho grüß dich\n".encode()).decode()


class ServerMaker:
    """Ids by short name."""

    def __init__(self, people: People, ops: Asker, dev: Asker, wires: Wires, storage: StorageMaker, machine: Lab) -> None:  # fmt: skip
        self._people, self._admin, self._ops, self._dev, self._wires = people, people.admin, ops, dev, wires
        self._storage, self._machine, self._name = storage, machine, people.name
        self.servers: dict[str, str] = {}
        self.groups: dict[str, str] = {}

    def everything(self) -> None:
        self.server_groups()
        at_once(
            [self.web, self.from_volume, self.paused, self.suspended, self.shelved, self.of_a_lost_image],
            workers=6,
        )
        self._ops.ask("DELETE", "image", f"/images/{self._storage.images['doomed']}")

    def server_groups(self) -> None:
        self.groups["apart"] = self._ops.make(
            "compute", "/os-server-groups", "server_group", name=f"{self._name}-apart", policy="anti-affinity",
            rules={"max_server_per_host": 3},
        )  # fmt: skip
        self.groups["together"] = self._ops.make(
            "compute",
            "/os-server-groups",
            "server_group",
            name=f"{self._name}-together",
            policy="soft-affinity",
        )

    def boot(self, by: Asker, short: str, name: str, *, group: str = "", **fields: Any) -> str:
        body: dict[str, Any] = {"server": {"name": name, "flavorRef": self._people.flavors["tiny"], **fields}}
        if group:
            body["os:scheduler_hints"] = {"group": self.groups[group]}
        made = str(by.post("compute", "/servers", body)["server"]["id"])
        self.servers[short] = made
        self._ops.until("compute", f"/servers/{made}", "server", "ACTIVE")
        return made

    def write(self, server: str) -> None:
        """What a guest does to its root disk: here and there, and longer than its image was."""
        disk = self._machine.root_disk(server)
        end = disk.stat().st_size
        with disk.open("r+b") as file:
            file.write(f"written by {server}".encode())
            file.seek(end + 300_000)
            file.write(os.urandom(5000))

    def act(self, server: str, status: str, **action: Any) -> None:
        self._ops.act("compute", f"/servers/{server}", **action)
        self._ops.until("compute", f"/servers/{server}", "server", status)

    def _volume(self, short: str, boot_index: int | None, *, deleted: bool) -> dict[str, Any]:
        return {
            "uuid": self._storage.volumes[short], "source_type": "volume", "destination_type": "volume",
            "boot_index": boot_index, "delete_on_termination": deleted,
        }  # fmt: skip

    # -- each of them

    def web(self) -> None:
        local = {
            "uuid": self._storage.images["base"], "source_type": "image", "destination_type": "local", "boot_index": 0,
            "delete_on_termination": True,
        }  # fmt: skip
        made = self.boot(
            self._ops, "web", f"{self._name}-web", group="apart", flavorRef=self._people.flavors["private"],
            imageRef=self._storage.images["base"], key_name=f"{self._name}-key", config_drive=True, user_data=USER_DATA,
            metadata={"role": "web", "note": "für Zoë"}, tags=["blue", "first"], description="Die erste", hostname="front-1",
            networks=[{"port": self._wires["web_port"]}, {"uuid": self._wires["twin2"]}],
            block_device_mapping_v2=[local, self._volume("data", None, deleted=True), self._volume("more", None, deleted=False)],
            accessIPv4="198.51.100.9",
        )  # fmt: skip
        self.write(made)

    def from_volume(self) -> None:
        made = self.boot(
            self._dev, "db", f"{self._name}-db", group="together", key_name=f"{self._name}-x509",
            networks=[{"uuid": self._wires["pooled_net"]}], security_groups=[{"name": self._wires["many"]}],
            block_device_mapping_v2=[self._volume("boot", 0, deleted=False)], availability_zone="nova",
        )  # fmt: skip
        self.act(made, "SHUTOFF", **{"os-stop": None})

    def paused(self) -> None:
        made = self.boot(
            self._ops, "paused", f"{self._name}-same", imageRef=self._storage.images["base"], networks=[{"port": self._wires["parent"]}]
        )  # fmt: skip
        self.write(made)
        self.act(made, "PAUSED", pause=None)

    def suspended(self) -> None:
        made = self.boot(
            self._dev, "suspended", f"{self._name}-same", imageRef=self._storage.images["base"], key_name=f"{self._name}-key",
            networks=[{"uuid": self._wires["twin1"], "fixed_ip": "10.78.0.99"}],
        )  # fmt: skip
        self.write(made)
        self.act(made, "SUSPENDED", suspend=None)
        self.act(made, "SUSPENDED", lock={"locked_reason": "nicht anfassen"})

    def shelved(self) -> None:
        made = self.boot(
            self._ops, "shelved", f"{self._name}-shelved", imageRef=self._storage.images["base"],
            networks=[{"uuid": self._wires["net"]}], description="on the shelf",
        )  # fmt: skip
        self.write(made)
        self.act(made, "SHELVED_OFFLOADED", shelve=None)

    def of_a_lost_image(self) -> None:
        made = self.boot(
            self._ops, "lost", "сервер-服", imageRef=self._storage.images["doomed"], networks=[{"uuid": self._wires["net"]}]
        )  # fmt: skip
        self.write(made)
