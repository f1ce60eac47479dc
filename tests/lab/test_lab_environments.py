"""Clouds that join a running lab: made of what was chosen, whole after kill -9 at any moment, gone without a trace."""

import functools
import hashlib
import http.server
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openstack.connection import Connection

from pumphouse.lab import Lab
from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.mounts import mounted_below
from tests.lab import clouds
from tests.lab.conftest import TestLab
from tests.lab.console import Running

# in `make test` test_duplicate makes a further cloud and moves a node into it, test_deployer_contract builds and razes one
pytestmark = [pytest.mark.lab, pytest.mark.long]

SETTINGS = """
[network]
tenant_types = ["vlan", "geneve"]
mtu = 9000
[network.segmentation.geneve.range]
minimum = 5000
maximum = 5999
[[network.segmentation.vlan.ranges]]
physical_network = "dc1"
minimum = 1200
maximum = 1299
[storage.cinder]
default_type = "virtuozzo"
backends = [{name = "nfs", type = "nfs"}, {name = "slow", type = "nfs"}, {name = "virtuozzo", type = "vzstorage"}]
[storage.glance]
default_store = "fast"
stores = [{id = "fast", type = "file"}, {id = "file", type = "file"}, {id = "web", type = "http"}]
[compute]
cpu_allocation_ratio = 7.5
ram_allocation_ratio = 1.25
disk_allocation_ratio = 2
[quota.nova]
cores = 77
[quota.cinder]
volumes = 44
gigabytes = 4444
per_volume_gigabytes = 500
[quota.neutron]
network = 55
"""
RELEASES = ("2026.2", "2023.1")


def of(release: str) -> str:
    return f"dup-{release.replace('.', '-')}"


def create(lab: TestLab, name: str, release: str, *more: str) -> None:
    said = lab.console("lab", "env-create", name, "--release", release, *more, timeout_s=400)
    assert said.code == 0, said.out + said.err


def delete(lab: TestLab, name: str) -> None:
    said = lab.console("lab", "env-delete", name)
    assert said.code == 0, said.out + said.err


def leftovers(lab: TestLab, name: str, slot: int) -> list[str]:
    """What there still is of a cloud."""
    layout = Lab(lab.directory).layout
    found = [str(p) for folder in (layout.cloud_dir(name), layout.ovn_dir(name)) if (p := folder).exists()]
    found += [str(p) for p in (*layout.run_dir.glob(f"{name}-*"), *layout.socket_dir.glob(f"{name}-*"))]
    found += [str(p) for p in layout.log_dir.glob(f"{name}-*")]
    found += [str(p) for p in mounted_below(layout.cloud_dir(name))]
    client = ["mariadb", "--no-defaults", f"--socket={layout.mysql_socket}", "-uroot", "-N", "-e"]
    shown = subprocess.run([*client, "show databases"], capture_output=True, text=True, check=True)
    found += [line for line in shown.stdout.splitlines() if line.startswith(f"{name.replace('-', '_')}_")]
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if f"{layout.cloud_dir(name)}/".encode() in told or f"{layout.ovn_dir(name)}/".encode() in told:
                found.append(f"process {process.name}")
    for what, port in layout.cloud_ports(slot).items():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(f"port {port} ({what})")
    hosts = subprocess.run(
        ["/usr/lib/rabbitmq/bin/rabbitmqctl", "list_vhosts", "--silent"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(layout.rabbitmq_dir),
            "ERL_EPMD_PORT": str(layout.shared_port("epmd")),
            "RABBITMQ_NODENAME": f"lab{layout.tag}@localhost",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found += [f"virtual host {name}"] if name in hosts.stdout.split() else []
    entries = yaml.safe_load(layout.clouds_yaml.read_text())["clouds"]
    return found + ([f"entry {name}"] if name in entries else [])


def killed(running: Running, after_s: float) -> None:
    """kill -9 of the command alone: what it has started goes on."""
    try:
        running.process.wait(after_s)
    except subprocess.TimeoutExpired:
        running.process.kill()
    running.process.communicate()


@pytest.fixture(scope="module")
def lab(any_lab: TestLab) -> TestLab:
    """In any shape: what is made here goes beside what is there."""
    return any_lab


@pytest.mark.parametrize("name", ["old", "new"])
def test_the_labs_own_clouds_cannot_be_removed_so(lab: TestLab, name: str) -> None:
    with pytest.raises(LabConfigurationError, match="made with it"):
        Lab(lab.directory).env_delete(name)


def test_killed_at_any_moment_it_is_completed_or_removed_without_a_trace(lab: TestLab) -> None:
    """One cloud in its course: each kill is followed by the command that finishes, or by the opposite one."""
    name = "cut"
    creation = ("lab", "env-create", name, "--release", "2023.1")
    killed(lab.console.begin(*creation), 3.5)
    delete(lab, name)
    assert leftovers(lab, name, 2) == []
    killed(lab.console.begin(*creation), 5)
    create(lab, name, "2023.1")
    assert lab.console.openstack(name, "network", "list")
    killed(lab.console.begin("lab", "env-delete", name), 1.5)
    create(lab, name, "2023.1")
    assert lab.console.openstack(name, "volume", "type", "list")
    killed(lab.console.begin("lab", "env-delete", name), 1.2)
    delete(lab, name)
    assert leftovers(lab, name, 2) == []


@pytest.fixture(scope="module")
def both(lab: TestLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """A cloud of each release, made from a settings file: name -> its place of ports. Somebody else sits on a port of the first free place."""
    file = tmp_path_factory.mktemp("settings") / "dup.toml"
    file.write_text(SETTINGS)
    machine = Lab(lab.directory)
    made: dict[str, int] = {}

    def make(release: str) -> None:
        create(lab, of(release), release, "--settings", str(file), "--set", "quota.nova.instances=33")
        slot = machine.cloud(of(release)).slot
        assert slot is not None
        made[of(release)] = slot

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", machine.layout.cloud_port(2, "glance")))
        squatter.listen()
        make(RELEASES[0])
        refused = lab.console("lab", "env-create", "toomany", "--release", "2023.1")
    make(RELEASES[1])
    assert refused.code == 1
    assert "ports in use" in refused.err
    yield made
    for name in made:
        lab.console("lab", "env-delete", name)


@pytest.fixture(params=RELEASES)
def chosen(both: dict[str, int], request: pytest.FixtureRequest) -> str:
    return of(request.param)


@pytest.fixture
def cloud(lab: TestLab, chosen: str) -> Connection:
    return lab.cloud(chosen)


def test_ports_that_others_have_are_not_taken(lab: TestLab, both: dict[str, int]) -> None:
    assert both == {of(RELEASES[0]): 3, of(RELEASES[1]): 2}
    assert Lab(lab.directory).further_cloud("toomany") is None


def test_it_is_listed_and_has_its_entry(lab: TestLab, chosen: str) -> None:
    rows = lab.console.ok("lab", "status")
    own = [r for r in rows if r["environment"] == chosen]
    assert len(own) == 16
    assert {r["status"] for r in own} == {"running"}
    listed = lab.console.openstack(chosen, "endpoint", "list")
    assert listed


def test_it_is_an_environment_of_pumphouse_with_the_deployer_lab(lab: TestLab, chosen: str) -> None:
    found = {e["name"]: e for e in lab.console.ok("env", "list")}
    assert found[chosen]["deployer"] == "lab"


def test_tenant_networks_are_vlans_of_the_chosen_range_and_mtu(lab: TestLab, chosen: str) -> None:
    made = lab.console.openstack(chosen, "network", "create", "n1")
    assert made["provider:network_type"] == "vlan"
    assert made["provider:physical_network"] == "dc1"
    assert 1200 <= made["provider:segmentation_id"] <= 1299
    assert made["mtu"] == 9000


def test_an_overlay_network_has_a_vni_of_the_chosen_range(lab: TestLab, chosen: str) -> None:
    made = lab.console.openstack(chosen, "network", "create", "--provider-network-type", "geneve", "n2")
    assert 5000 <= made["provider:segmentation_id"] <= 5999
    assert made["mtu"] == 9000 - 58


def test_quotas_are_the_chosen_ones(cloud: Connection) -> None:
    project = cloud.current_project_id
    nova = cloud.compute.get(f"/os-quota-sets/{project}/defaults").json()["quota_set"]
    assert (nova["cores"], nova["instances"]) == (77, 33)
    cinder = cloud.block_storage.get(f"/os-quota-sets/{project}/defaults").json()["quota_set"]
    assert (cinder["volumes"], cinder["gigabytes"], cinder["per_volume_gigabytes"]) == (44, 4444, 500)
    neutron = cloud.network.get(f"/quotas/{project}/default").json()["quota"]
    assert neutron["network"] == 55


@pytest.fixture
def image(cloud: Connection) -> Iterator[tuple[str, bytes]]:
    data = os.urandom(2_000_000)
    made = upload(cloud, "bytes", data, {})
    yield made, data
    cloud.image.delete_image(made)


def upload(cloud: Connection, name: str, data: bytes, headers: dict[str, str]) -> str:
    body = {"name": name, "disk_format": "raw", "container_format": "bare"}
    made: str = cloud.image.post("/images", json=body).json()["id"]
    put = cloud.image.put(
        f"/images/{made}/file", data=data, headers={"Content-Type": "application/octet-stream", **headers}
    )
    assert put.status_code == 204, put.text
    return made


def test_each_backend_keeps_real_bytes(
    lab: TestLab, chosen: str, cloud: Connection, image: tuple[str, bytes]
) -> None:
    pools = cloud.block_storage.get("/scheduler-stats/get_pools?detail=true").json()["pools"]
    kinds = {p["capabilities"]["volume_backend_name"]: p["capabilities"]["storage_protocol"] for p in pools}
    assert {k: v.lower() for k, v in kinds.items()} == {
        "nfs": "nfs",
        "slow": "nfs",
        "virtuozzo": "vzstorage",
    }
    image_id, data = image
    home = Lab(lab.directory).layout.cloud_dir(chosen)
    for kind, folder in (("nfs", "volumes"), ("slow", "shares/slow"), (None, "shares/virtuozzo")):
        volume = cloud.block_storage.create_volume(size=1, image_id=image_id, volume_type=kind, name="v")
        volume = cloud.block_storage.wait_for_status(volume, "available", ["error"], wait=120)
        assert volume.volume_type == (kind or "virtuozzo")
        file = home / folder / f"volume-{volume.id}"
        raw = file.with_suffix(".raw")
        subprocess.run(["qemu-img", "convert", "-U", "-O", "raw", file, raw], check=True)
        with raw.open("rb") as start:
            same = hashlib.sha256(start.read(len(data))).digest() == hashlib.sha256(data).digest()
        raw.unlink()
        assert same, kind
        cloud.block_storage.delete_volume(volume.id)
        cloud.block_storage.wait_for_delete(volume, wait=60)
        assert not file.exists()


def test_each_store_takes_or_gives_images(
    cloud: Connection, image: tuple[str, bytes], tmp_path: Path
) -> None:
    image_id, data = image
    assert cloud.image.get(f"/images/{image_id}").json()["stores"] == "fast"
    other = upload(cloud, "other", data, {"x-image-meta-store": "file"})
    assert cloud.image.get(f"/images/{other}").json()["stores"] == "file"
    assert cloud.image.get(f"/images/{other}/file").content == data
    (tmp_path / "image").write_bytes(data)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        body = {"name": "web", "disk_format": "raw", "container_format": "bare"}
        web = cloud.image.post("/images", json=body).json()["id"]
        location = {"url": f"http://127.0.0.1:{site.server_port}/image", "metadata": {}}
        told = cloud.image.patch(
            f"/images/{web}",
            json=[{"op": "add", "path": "/locations/-", "value": location}],
            headers={"Content-Type": "application/openstack-images-v2.1-json-patch"},
        )
        assert told.status_code == 200, told.text
        assert cloud.image.get(f"/images/{web}").json()["stores"] == "web"
        assert cloud.image.get(f"/images/{web}/file").content == data
        site.shutdown()
    for made in (other, web):
        cloud.image.delete_image(made)


def test_a_node_of_it_serves_with_the_chosen_ratios_and_on_its_vlans(
    lab: TestLab, chosen: str, cloud: Connection
) -> None:
    lab, node = Lab(lab.directory), f"{chosen}-node"
    lab.start_node(chosen, node)
    clouds.wait_for("the node up", lambda: clouds.compute_hosts(cloud).get(node, ("", ""))[1] == "up")
    lab.discover_hosts(chosen)
    uuid = clouds.wait_for("it is in Placement", lambda: providers(cloud).get(node))
    assert uuid is not None
    held = clouds.wait_for("inventories", lambda: inventories(cloud, uuid))
    assert [held[c]["allocation_ratio"] for c in ("VCPU", "MEMORY_MB", "DISK_GB")] == [7.5, 1.25, 2.0]
    network = cloud.network.create_network(name="for-a-server")
    cloud.network.create_subnet(network_id=network.id, ip_version=4, cidr="10.9.0.0/24")
    port = cloud.network.create_port(network_id=network.id, binding_host_id=node, device_owner="compute:nova")
    bound = cloud.network.get_port(port.id)
    assert bound.binding_vif_type == "ovs"
    cloud.network.delete_port(port)
    cloud.network.delete_network(network)


def providers(cloud: Connection) -> dict[str, str]:
    rows = cloud.placement.get("/resource_providers").json()["resource_providers"]
    return {row["name"]: row["uuid"] for row in rows}


def inventories(cloud: Connection, uuid: str) -> Any:
    return cloud.placement.get(f"/resource_providers/{uuid}/inventories").json()["inventories"]


def test_it_stays_while_a_node_stands_in_it_and_a_changed_repeat_is_refused(
    lab: TestLab, chosen: str
) -> None:
    said = lab.console("lab", "env-delete", chosen)
    assert said.code == 2
    assert "nodes stand in it" in said.err
    said = lab.console("lab", "env-create", chosen, "--release", "2026.2", "--set", "network.mtu=1400")
    assert said.code == 2
    assert "another one" in said.err


def test_they_come_back_with_the_lab_and_can_go_while_it_is_down(lab: TestLab, both: dict[str, int]) -> None:
    machine, (kept, gone) = Lab(lab.directory), map(of, RELEASES)
    for name in (kept, gone):
        for node in machine.nodes(name):
            machine.forget_node(name, node)
    made = lab.console.openstack(kept, "network", "create", "n3")
    assert lab.console("lab", "down").code == 0
    delete(lab, gone)
    said = lab.console("lab", "up", timeout_s=400)
    assert said.code == 0, said.err
    assert leftovers(lab, gone, both[gone]) == []
    assert lab.console.openstack(kept, "network", "show", made["id"])["mtu"] == 9000
    delete(lab, kept)
    assert leftovers(lab, kept, both[kept]) == []
    delete(lab, kept)
