"""Boots and deletes a throw-away server that proves that a node works; cloud.py calls it.

Everything made here is named after the server, and recognised by that name: a call that was killed is repeated or cleaned up by name alone.
"""

from contextlib import suppress
from typing import Any, Final

from pumphouse.domain.errors import CloudFaultError, NotFoundError
from pumphouse.drivers.openstack.nodes import Nodes
from pumphouse.drivers.openstack.placement import DISABLED_TRAIT, Placement
from pumphouse.drivers.openstack.transport import Rows, Transport
from pumphouse.ports.clock import Clock

_IMAGE_BYTES: Final = 1024 * 1024
_SCHEDULED_S: Final = 60.0
_DELETED_S: Final = 120.0
_POLL_S: Final = 1.0
_SERVER_VERSION: Final = "2.37"
"""The first with `networks: none`."""


class TestServers:
    """Throw-away servers of our own project."""

    __test__ = False  # pytest: not a test class

    def __init__(self, transport: Transport, nodes: Nodes, placement: Placement, clock: Clock) -> None:
        self._http = transport
        self._nodes = nodes
        self._placement = placement
        self._clock = clock

    def boot(self, name: str, node: str) -> str:
        """Boot it on exactly that node and return its id.

        `availability_zone=ZONE:HOST` makes the scheduler skip its filters (with `host` of 2.74 it would not), also the one that refuses
        disabled hosts. Placement is asked all the same, and refuses a provider with the trait COMPUTE_STATUS_DISABLED, in 2023.1 as in
        2026.2. So for a disabled node the trait is taken away until the server is scheduled, and put back: meanwhile the scheduler's own
        filter still keeps all other servers away, and nova-compute itself would put the trait back within a minute should we be killed.
        """
        existing = self._find(name)
        if existing is not None:
            return existing
        found = self._nodes.one(node)
        body = {
            "name": name,
            "imageRef": self._image(name),
            "flavorRef": self._flavor(name),
            "networks": "none",
            "availability_zone": f"{found.zone or 'nova'}:{node}",
        }
        lifted = bool(found.provider_id) and self._placement.set_trait(
            found.provider_id, DISABLED_TRAIT, present=False
        )
        try:
            made = self._http.write(
                "compute", "POST", "/servers", json={"server": body}, microversion=_SERVER_VERSION
            )
            server_id = str(made["server"]["id"])
            if lifted:
                self._wait_until_scheduled(server_id)
        finally:
            if lifted and not self._nodes.one(node).enabled:
                self._placement.set_trait(found.provider_id, DISABLED_TRAIT, present=True)
        return server_id

    def delete(self, name: str) -> None:
        """Delete the server, wait until it is gone, then delete its flavor and image.

        Raises:
            CloudFaultError: Nova has not deleted it within two minutes.
        """
        deadline = self._clock.monotonic() + _DELETED_S
        asked: set[str] = set()
        while (server_id := self._find(name)) is not None:
            if server_id not in asked:
                self._force_delete(server_id)
                asked.add(server_id)
            if self._clock.monotonic() > deadline:
                raise CloudFaultError(
                    f"{self._http.environment} nova: the test server {name} is still there {_DELETED_S:.0f} s after its deletion"
                )
            self._clock.sleep(_POLL_S)
        for flavor in self._named_flavors(name):
            self._http.delete("compute", f"/flavors/{flavor['id']}", microversion="2.1")
        for image in self._named_images(name):
            self._http.delete("image", f"/images/{image['id']}")

    def _force_delete(self, server_id: str) -> None:
        """Delete at once: an ordinary deletion only marks the server where `reclaim_instance_interval` is set, and it would go on holding its node."""
        with suppress(NotFoundError):
            self._http.write(
                "compute",
                "POST",
                f"/servers/{server_id}/action",
                json={"forceDelete": None},
                microversion=_SERVER_VERSION,
            )

    def _find(self, name: str) -> str | None:
        """The server of exactly that name (Nova's own filter is a pattern)."""
        params = {"name": f"^{name}$"}
        rows = self._http.rows("compute", "/servers", "servers", params=params, microversion=_SERVER_VERSION)
        return next((row["id"] for row in rows if row["name"] == name), None)

    def _image(self, name: str) -> str:
        images = self._named_images(name)
        image = next((each for each in images if each["status"] == "active"), None)
        if image is None:
            image = next((each for each in images if each["status"] == "queued"), None) or self._new_image(
                name
            )
            self._http.write("image", "PUT", f"/images/{image['id']}/file", data=bytes(_IMAGE_BYTES))
        return str(image["id"])

    def _new_image(self, name: str) -> dict[str, Any]:
        made: dict[str, Any] = self._http.write(
            "image", "POST", "/images",
            json={"name": name, "disk_format": "raw", "container_format": "bare", "visibility": "private", "min_disk": 0, "min_ram": 0},
        )  # fmt: skip
        return made

    def _flavor(self, name: str) -> str:
        flavors = self._named_flavors(name)
        if flavors:
            return str(flavors[0]["id"])
        # a disk of 1 GiB: without one Nova asks for no disk at all, and policy may forbid such flavors to boot from images
        flavor = {"name": name, "ram": 64, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}
        made = self._http.write("compute", "POST", "/flavors", json={"flavor": flavor}, microversion="2.1")
        return str(made["flavor"]["id"])

    def _named_flavors(self, name: str) -> Rows:
        rows = self._http.rows(
            "compute", "/flavors", "flavors", params={"is_public": "None"}, microversion="2.1"
        )
        return [row for row in rows if row["name"] == name]

    def _named_images(self, name: str) -> Rows:
        return self._http.rows(
            "image", "/images", "images", params={"name": name, "owner": self._http.project_id()}
        )

    def _wait_until_scheduled(self, server_id: str) -> None:
        deadline = self._clock.monotonic() + _SCHEDULED_S
        while self._clock.monotonic() < deadline:
            try:
                row = self._http.get("compute", f"/servers/{server_id}", microversion=_SERVER_VERSION)[
                    "server"
                ]
            except NotFoundError:
                return
            if row.get("OS-EXT-SRV-ATTR:host") or row["status"] != "BUILD":
                return
            self._clock.sleep(_POLL_S)
