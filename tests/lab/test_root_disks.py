"""What is written on a server's root disk is still there after everything that Nova does with servers: on the real clouds of both releases."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from pumphouse.lab import Lab
from pumphouse.lab.errors import LabConfigurationError
from tests.lab.clouds import wait_for
from tests.lab.conftest import TestLab

pytestmark = pytest.mark.lab
PREFIX = "root-disk"
NEWS = b"written by the guest"
IMAGE = b"an image" + bytes(200_000)


class Guest:
    """A server, its cloud and its disk."""

    def __init__(self, machine: Lab, cloud: Connection, server: Any, image: Any) -> None:
        self._machine, self._cloud, self.id, self.image = machine, cloud, server.id, image

    @property
    def content(self) -> bytes:
        return self._machine.root_disk(self.id).read_bytes()

    def write(self) -> None:
        with self._machine.root_disk(self.id).open("r+b") as disk:
            disk.write(NEWS)

    def await_status(self, status: str) -> None:
        def there() -> bool:
            row = self._cloud.compute.get_server(self.id)
            assert row.status != "ERROR", row.fault
            return bool(row.status == status and not row.task_state)

        wait_for(f"{self.id} {status}", there)

    def act(self, body: dict[str, Any], status: str) -> Any:
        answer: Any = self._cloud.compute.post(f"/servers/{self.id}/action", json=body, microversion="2.79")
        assert answer.status_code < 300, answer.text
        self.await_status(status)
        return answer


@pytest.fixture(params=["old", "new"])
def guest(request: pytest.FixtureRequest, two_nodes_each: TestLab) -> Iterator[Guest]:
    cloud = two_nodes_each.cloud(request.param)
    image = cloud.image.create_image(
        name=PREFIX, data=IMAGE, disk_format="raw", container_format="bare", validate_checksum=False
    )
    flavor: Any = cloud.compute.create_flavor(name=PREFIX, ram=64, vcpus=1, disk=1)
    server: Any = cloud.compute.create_server(
        name=PREFIX, image_id=image.id, flavor_id=flavor.id, networks="none"
    )
    made = Guest(Lab(two_nodes_each.directory), cloud, server, image)
    try:
        made.await_status("ACTIVE")
        yield made
    finally:
        if cloud.compute.find_server(server.id):
            cloud.compute.delete_server(server.id, force=True)
            cloud.compute.wait_for_delete(server)
        cloud.compute.delete_flavor(flavor.id)
        cloud.image.delete_image(image.id)


def test_it_begins_as_its_image_and_ends_with_its_server(guest: Guest) -> None:
    assert guest.content == IMAGE
    guest._cloud.compute.delete_server(guest.id, force=True)
    guest._cloud.compute.wait_for_delete(guest._cloud.compute.get_server(guest.id))
    with pytest.raises(LabConfigurationError):
        guest.content  # noqa: B018 - reading it is what is refused


def test_moves_carry_it_along(guest: Guest) -> None:
    guest.write()
    written = guest.content
    assert written.startswith(NEWS)
    guest.act({"os-migrateLive": {"host": None, "block_migration": "auto"}}, "ACTIVE")
    assert guest.content == written
    guest.act({"migrate": None}, "VERIFY_RESIZE")
    assert guest.content == written
    guest.act({"revertResize": None}, "ACTIVE")
    assert guest.content == written
    guest.act({"migrate": None}, "VERIFY_RESIZE")
    guest.act({"confirmResize": None}, "ACTIVE")
    assert guest.content == written


def test_a_snapshot_and_shelving_upload_it_and_a_rebuild_writes_it_anew(guest: Guest) -> None:
    guest.write()
    written = guest.content
    snapshot = guest.act({"createImage": {"name": PREFIX}}, "ACTIVE").json()["image_id"]
    cloud = guest._cloud
    row = wait_for("the snapshot", lambda: (i := cloud.image.get_image(snapshot)).status == "active" and i)
    assert row.hash_value == hashlib.new(row.hash_algo, written).hexdigest()
    guest.act({"shelve": None}, "SHELVED_OFFLOADED")
    with pytest.raises(LabConfigurationError):
        guest.content  # noqa: B018 - reading it is what is refused
    guest.act({"unshelve": None}, "ACTIVE")
    assert guest.content == written
    guest.act({"rebuild": {"imageRef": guest.image.id}}, "ACTIVE")
    assert guest.content == IMAGE
    cloud.image.delete_image(snapshot)
