"""The driver of servers against a simulated cloud of either release: what is read of a server, how one is made, cut over and removed."""

from collections.abc import Iterator
from typing import Any

import pytest

from pumphouse.domain.errors import CloudRefusedError, ConflictError, NotFoundError
from pumphouse.domain.fence import LOCK_REASON
from pumphouse.domain.resource import ResourceKind, ref
from pumphouse.drivers.openstack.access import CloudSettings
from pumphouse.drivers.openstack.resources.reach import Reach
from pumphouse.drivers.openstack.resources.server import ServerDriver
from pumphouse.drivers.openstack.transport import Transport
from pumphouse.ports.cutover import Act, Cutover, ImageNow, ServerNow
from tests.fakes.clock import FakeClock
from tests.simulated.content import PROJECT
from tests.simulated.server import Fault
from tests.unit.openstack.server_cloud import ALICE, OTHER, TENANT, ServerCloud, address, nova_server, port

K = ResourceKind


@pytest.fixture(params=["2.79", "2.95", "2.104"])
def cloud(request: pytest.FixtureRequest) -> Iterator[ServerCloud]:
    """The highest microversions of Train, 2023.1 and 2026.2."""
    with ServerCloud(nova=request.param) as made:
        yield made


@pytest.fixture
def driver(cloud: ServerCloud) -> Iterator[ServerDriver]:
    clock = FakeClock()
    settings = CloudSettings("sim", "password", cloud.auth)
    ours, theirs = Transport("sim", settings, clock), Transport("sim", settings, clock)
    entered: list[str] = []

    def inside(tenant_id: str) -> Transport:
        entered.append(tenant_id)
        return theirs

    made = ServerDriver(Reach(ours, clock, inside))
    made.entered = entered  # type: ignore[attr-defined]  # for the test only
    yield made
    ours.close()
    theirs.close()


def wanted(**fields: Any) -> dict[str, Any]:
    return {
        "description": "", "hostname": "web-1", "flavor": ref(K.FLAVOR, "flavor-1"), "image": ref(K.IMAGE, "image-1"), "config_drive": True,
        "user_data": "", "metadata": {"a": "b"}, "tags": ["x"], "keypair": None, "key_name": "", "server_group": None, "hints": {}, "zone": None,
        "disk_config": "MANUAL", "access_ipv4": "", "access_ipv6": "", "locked": False, "locked_reason": "", "ports": [], "volumes": [], "devices": [],
        **fields,
    }  # fmt: skip


def full(cloud: ServerCloud) -> None:
    """A server with everything."""
    cloud.servers = [
        nova_server(
            "s1", "web", description="d", key_name="laptop", config_drive="True", tags=["b", "a"], metadata={"z": "1", "a": "2"},
            locked=True, locked_reason="mine", accessIPv4="192.0.2.1",
            addresses={
                "blue": [address("10.0.0.5", "FA:16:3E:00:00:02"), address("203.0.113.7", "fa:16:3e:00:00:02")],
                "green": [address("10.1.0.5", "fa:16:3e:00:00:01")],
            },
            **{
                "OS-EXT-SRV-ATTR:user_data": "I2Nsb3Vk", "OS-EXT-AZ:availability_zone": "az1", "pinned_availability_zone": "az1",
                "scheduler_hints": {"group": ["g1"], "query": ['[">=", "$free_ram_mb", 1024]'], "rack": ["r1", "r2"], "_nova_check_type": ["rebuild"]},
                "os-extended-volumes:volumes_attached": [
                    {"id": "v2", "delete_on_termination": True}, {"id": "v1", "delete_on_termination": False},
                ],
            },
        )
    ]  # fmt: skip
    cloud.ports = [
        port("p-late", "s1", "fa:16:3e:00:00:09"),
        port("p-green", "s1", "fa:16:3e:00:00:01"),
        port("p-blue", "s1", "fa:16:3e:00:00:02"),
        {**port("p-dhcp", "s1", "fa:16:3e:00:00:03"), "device_owner": "network:dhcp"},
    ]
    cloud.volumes = [
        {"id": "v1", "attachments": [{"server_id": "s1", "device": "/dev/vdaa"}]},
        {"id": "v2", "attachments": [{"server_id": "s1", "device": "/dev/vdz"}]},
    ]
    cloud.devices = {
        "s1": [{"volumeId": "v1", "device": "/dev/vdaa"}, {"volumeId": "v2", "device": "/dev/vdz"}]
    }
    cloud.groups = [{"id": "g1", "members": ["s1"]}]
    cloud.keys = {ALICE: {"laptop": {"name": "laptop", "public_key": "ssh-ed25519 AAAA", "type": "ssh"}}}


def test_a_server_is_read_whole(cloud: ServerCloud, driver: ServerDriver) -> None:
    full(cloud)
    told = {"query": ['[">=", "$free_ram_mb", 1024]'], "rack": ["r1", "r2"]}
    found = driver.of_tenant(TENANT)
    assert len(found) == 1
    assert found[0].fields == {
        "description": "d", "hostname": "web", "flavor": ref(K.FLAVOR, "flavor-1"), "image": ref(K.IMAGE, "image-1"), "config_drive": True,
        "user_data": "I2Nsb3Vk", "metadata": {"a": "2", "z": "1"}, "tags": ["a", "b"], "keypair": ref(K.KEYPAIR, f"{ALICE}/laptop"),
        "key_name": "laptop", "server_group": ref(K.SERVER_GROUP, "g1"), "hints": told if cloud.content.nova_maximum == "2.104" else {}, "zone": ref(K.ZONE, "compute/az1"), "disk_config": "MANUAL",
        "access_ipv4": "192.0.2.1", "access_ipv6": "", "locked": True, "locked_reason": "mine",
        "ports": [ref(K.PORT, "p-blue"), ref(K.PORT, "p-green"), ref(K.PORT, "p-late")],
        "volumes": [
            {"volume": ref(K.VOLUME, "v2"), "root": False, "delete_on_termination": True},
            {"volume": ref(K.VOLUME, "v1"), "root": False, "delete_on_termination": False},
        ],
        "devices": ["/dev/vdz", "/dev/vdaa"],
    }  # fmt: skip
    assert found[0].size_bytes == 20 << 30
    assert found[0].notes["addresses"] == ["10.0.0.5", "203.0.113.7", "10.1.0.5"]
    assert found[0].notes["remarks"] == []
    assert driver.named(["s1", "unknown"]) == found, "read alone it is the same"
    assert isinstance(driver, Cutover)


def test_reading_costs_requests_per_list_and_not_per_server(cloud: ServerCloud, driver: ServerDriver) -> None:
    full(cloud)
    driver.of_tenant(TENANT)
    one = len(cloud.log)
    for number in range(2, 50):
        cloud.servers.append(nova_server(f"s{number}", "more", key_name="laptop"))
    cloud.log.clear()
    driver.of_tenant(TENANT)
    assert len(cloud.log) <= one


def test_a_server_of_a_volume_knows_which_it_is_booted_from(cloud: ServerCloud, driver: ServerDriver) -> None:
    attached = [{"id": "v1", "delete_on_termination": True}, {"id": "v2", "delete_on_termination": False}]
    cloud.servers = [
        nova_server(
            "s1",
            "db",
            image="",
            status="SHELVED_OFFLOADED",
            **{"os-extended-volumes:volumes_attached": attached},
        )
    ]
    cloud.volumes = [{"id": "v1", "attachments": []}, {"id": "v2", "attachments": []}]
    cloud.devices = {
        "s1": [{"volumeId": "v2", "device": "/dev/vdb"}, {"volumeId": "v1", "device": "/dev/vda"}]
    }
    found = driver.of_tenant(TENANT)[0]
    assert [(v["volume"]["$ref"], v["root"]) for v in found.fields["volumes"]] == [
        ("volume/v1", True),
        ("volume/v2", False),
    ]
    assert found.fields["image"] is None
    assert found.size_bytes == 0


def test_what_cannot_be_carried_is_said(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.servers = [
        nova_server("s1", "web", status="ERROR", key_name="lost", fault={"message": "no valid host"})
    ]
    found = driver.of_tenant(TENANT)[0]
    assert found.fields["keypair"] is None
    assert found.fields["key_name"] == "lost"
    assert "ERROR" in found.notes["remarks"][0]
    assert "lost" in found.notes["remarks"][1]
    assert driver.now("s1") == ServerNow("s1", "web", "ERROR", "", "no valid host")
    assert driver.now("s2") is None


def test_hints_that_name_things_of_their_cloud_are_not_carried(
    driver: ServerDriver, cloud: ServerCloud
) -> None:
    cloud.servers = [
        nova_server(
            "s1", "web", scheduler_hints={"different_host": ["s2"], "build_near_host_ip": ["192.0.2.9"]}
        )
    ]
    found = driver.of_tenant(TENANT)[0]
    assert found.fields["hints"] == {}
    told = cloud.content.nova_maximum == "2.104"
    assert ["build_near_host_ip, different_host" in each for each in found.notes["remarks"]] == [True] * told


def test_our_own_lock_is_not_the_tenants(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.servers = [nova_server("s1", "web", locked=True, locked_reason=LOCK_REASON)]
    assert driver.of_tenant(TENANT)[0].fields["locked"] is False
    assert driver.of_tenant(TENANT)[0].fields["locked_reason"] == ""


def test_a_port_of_another_project_is_found(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.servers = [nova_server("s1", "web", addresses={"blue": [address("10.0.0.5", "fa:16:3e:00:00:02")]})]
    cloud.ports = [port("p-other", "s1", "fa:16:3e:00:00:02", project=OTHER)]
    assert driver.of_tenant(TENANT)[0].fields["ports"] == [ref(K.PORT, "p-other")]


def test_a_server_is_made_with_all_of_it(cloud: ServerCloud, driver: ServerDriver) -> None:
    fields = wanted(
        description="d", user_data="I2Nsb3Vk", access_ipv4="192.0.2.1", hints={"query": ["[]"], "rack": ["r1", "r2"]}, server_group=ref(K.SERVER_GROUP, "g1"), zone=ref(K.ZONE, "compute/az/1"),
        ports=[ref(K.PORT, "p2"), ref(K.PORT, "p1")], devices=["/dev/vdb", ""],
        volumes=[
            {"volume": ref(K.VOLUME, "v1"), "root": False, "delete_on_termination": True},
            {"volume": ref(K.VOLUME, "v2"), "root": False, "delete_on_termination": False},
        ],
    )  # fmt: skip
    assert driver.create(TENANT, "web", fields) == "made"
    assert driver.entered == [TENANT]  # type: ignore[attr-defined]  # see the fixture
    sent = cloud.bodies("/servers")[0]
    server = dict(sent["server"])
    hostname = server.pop("hostname", None)
    assert hostname == ("web-1" if cloud.content.nova_maximum != "2.79" else None)
    volume = {"source_type": "volume", "destination_type": "volume"}
    assert server == {
        "name": "web", "flavorRef": "flavor-1", "imageRef": "image-1", "networks": [{"port": "p2"}, {"port": "p1"}], "config_drive": True,
        "metadata": {"a": "b"}, "tags": ["x"], "OS-DCF:diskConfig": "MANUAL", "description": "d", "user_data": "I2Nsb3Vk", "accessIPv4": "192.0.2.1",
        "availability_zone": "az/1",
        "block_device_mapping_v2": [
            {"source_type": "image", "destination_type": "local", "uuid": "image-1", "boot_index": 0, "delete_on_termination": True},
            {**volume, "uuid": "v1", "boot_index": -1, "delete_on_termination": True, "device_name": "/dev/vdb"},
            {**volume, "uuid": "v2", "boot_index": -1, "delete_on_termination": False},
        ],
    }  # fmt: skip
    assert sent["os:scheduler_hints"] == {"group": "g1", "query": "[]", "rack": ["r1", "r2"]}


def test_a_server_of_a_volume_without_ports_is_made(cloud: ServerCloud, driver: ServerDriver) -> None:
    root = [{"volume": ref(K.VOLUME, "v1"), "root": True, "delete_on_termination": False}]
    driver.create(TENANT, "db", wanted(image=None, volumes=root, devices=["/dev/vda"]))
    server = cloud.bodies("/servers")[0]["server"]
    assert server["networks"] == "none"
    assert "imageRef" not in server
    assert [(b["uuid"], b["boot_index"]) for b in server["block_device_mapping_v2"]] == [("v1", 0)]
    with pytest.raises(ConflictError, match="boot from"):
        driver.create(TENANT, "db", wanted(image=None))


def test_a_key_is_lent_for_the_moment(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.keys = {ALICE: {"laptop": {"name": "laptop", "public_key": "ssh-ed25519 AAAA", "type": "ssh"}}}
    fields = wanted(keypair=ref(K.KEYPAIR, f"{ALICE}/laptop"), key_name="laptop")
    assert not driver.has_key(f"{ALICE}/laptop")
    driver.create(TENANT, "web", fields)
    assert cloud.bodies("/servers")[0]["server"]["key_name"] == "laptop"
    assert cloud.key_when_created == ["ssh-ed25519 AAAA"]
    assert cloud.keys[PROJECT] == {}
    # it is taken back too when Nova refuses
    cloud.faults.append(Fault(400, hits=lambda r: r.method == "POST" and r.path == "/servers"))
    with pytest.raises(CloudRefusedError):
        driver.create(TENANT, "web", fields)
    assert cloud.keys[PROJECT] == {}


def test_our_own_key_stays_and_another_of_that_name_is_in_the_way(
    cloud: ServerCloud, driver: ServerDriver
) -> None:
    row = {"name": "laptop", "public_key": "ssh-ed25519 AAAA", "type": "ssh"}
    cloud.keys = {ALICE: {"laptop": row}, PROJECT: {"laptop": dict(row)}}
    fields = wanted(keypair=ref(K.KEYPAIR, f"{ALICE}/laptop"))
    assert driver.has_key(f"{ALICE}/laptop")
    driver.create(TENANT, "web", fields)
    assert "laptop" in cloud.keys[PROJECT]
    cloud.keys[PROJECT]["laptop"]["public_key"] = "ssh-ed25519 BBBB"
    with pytest.raises(ConflictError, match="another keypair"):
        driver.create(TENANT, "web", fields)
    driver.take_back_key(f"{ALICE}/laptop")
    assert "laptop" in cloud.keys[PROJECT], "only an equal one is taken back"
    cloud.keys[PROJECT]["laptop"]["public_key"] = "ssh-ed25519 AAAA"
    driver.take_back_key(f"{ALICE}/laptop")
    assert cloud.keys[PROJECT] == {}
    with pytest.raises(NotFoundError):
        driver.create(TENANT, "web", wanted(keypair=ref(K.KEYPAIR, f"{ALICE}/gone")))


def test_deleting_lets_volumes_go_first(cloud: ServerCloud, driver: ServerDriver) -> None:
    full(cloud)
    driver.delete("s1")
    kept = [r.path for r in cloud.written if r.method == "PUT"]
    can = cloud.content.nova_maximum != "2.79"
    assert kept == (["/servers/s1/os-volume_attachments/v2"] if can else [])
    assert cloud.bodies("/servers/s1/action") == [{"forceDelete": None}]
    cloud.written.clear()
    driver.delete("s1")
    assert not cloud.written


def test_changing(cloud: ServerCloud, driver: ServerDriver) -> None:
    driver.update("s1", {"tags": ["a"], "locked": True, "locked_reason": "mine", "description": "d"})
    driver.update("s1", {"locked": False, "locked_reason": ""})
    assert cloud.bodies("/servers/s1/tags", "PUT") == [{"tags": ["a"]}]
    assert cloud.bodies("/servers/s1", "PUT") == [{"server": {"description": "d"}}]
    assert cloud.bodies("/servers/s1/action") == [{"lock": {"locked_reason": "mine"}}, {"unlock": None}]
    with pytest.raises(ConflictError, match="flavor"):
        driver.update("s1", {"flavor": None})


def test_an_act_that_came_too_late_is_looked_at_again(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.faults.append(Fault(409, hits=lambda r: r.path.endswith("/action")))
    driver.act("s1", Act.STOP)
    driver.act("s1", Act.STOP)
    assert cloud.bodies("/servers/s1/action") == [{"os-stop": None}]


def test_the_image_of_a_shelved_server_is_the_tenants(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.servers = [nova_server("s1", "web")]
    driver.act("s1", Act.STOP)
    assert driver.entered == []  # type: ignore[attr-defined]  # see the fixture
    driver.act("s1", Act.SHELVE)
    assert driver.entered == [TENANT]  # type: ignore[attr-defined]  # see the fixture
    assert cloud.bodies("/servers/s1/action") == [{"os-stop": None}, {"shelve": None}]


def test_temporary_images(cloud: ServerCloud, driver: ServerDriver) -> None:
    base = {
        "status": "active",
        "size": 5,
        "min_disk": 1,
        "min_ram": 0,
        "disk_format": "qcow2",
        "container_format": "bare",
        "created_at": "1",
    }
    cloud.images = [
        {**base, "id": "i1", "name": "tmp", "owner": PROJECT, "instance_uuid": "s1", "hw_disk_bus": "scsi", "kernel_id": "k", "ramdisk_id": "",
         "os_hash_value": "x", "img_signature": "s", "user_id": "u", "os_glance_importing": "", "visibility": "shared", "tags": []},
        {**base, "id": "i2", "name": "tmp", "owner": TENANT},
        {**base, "id": "i3", "name": "web-shelved", "owner": TENANT, "instance_uuid": "s1"},
        {**base, "id": "i4", "name": "web-shelved", "owner": TENANT, "instance_uuid": "s1", "created_at": "2"},
        {**base, "id": "i5", "name": "web-shelved", "owner": TENANT, "instance_uuid": "s1", "created_at": "3", "status": "saving"},
    ]  # fmt: skip
    assert driver.snapshot("s1", "tmp") == "snapshot-1"
    assert driver.images_named("tmp") == [ImageNow("i1", "tmp", "active", 5)]
    assert driver.shelved_image("s1") == "i4"
    assert driver.shelved_image("s2") == ""
    assert driver.image("i9") is None
    properties = driver.image_properties("i1")
    assert properties == {
        "disk_format": "qcow2", "container_format": "bare", "min_disk": 1, "min_ram": 0, "hw_disk_bus": "scsi", "kernel_id": ref(K.IMAGE, "k"),
    }  # fmt: skip
    assert driver.make_image("new", properties) == "image-made"
    assert cloud.bodies("/images") == [
        {**properties, "kernel_id": "k", "name": "new", "visibility": "private"}
    ]


def test_a_mark_finds_what_was_not_recorded(cloud: ServerCloud, driver: ServerDriver) -> None:
    cloud.servers = [
        nova_server("s1", "web", tags=["mark"]),
        nova_server("s2", "web"),
        nova_server("s3", "web", tenant_id=OTHER, tags=["mark"]),
    ]
    assert driver.marked(TENANT, "mark") == ["s1"]
