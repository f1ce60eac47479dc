"""Looks at a cloud past Pumphouse: openstacksdk as admin, so that tests ask the clouds and not our own records."""

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import openstack
from openstack.config import OpenStackConfig
from openstack.connection import Connection

T = TypeVar("T")


def connect(config_file: Path, cloud: str) -> Connection:
    """An admin connection to an entry of the lab's clouds.yaml, whatever the shell's variables say."""
    config = OpenStackConfig(config_files=[str(config_file)], load_envvars=False)
    connection = openstack.connection.Connection(config=config.get_one(cloud=cloud))
    connection.compute.default_microversion = "2.90"
    connection.placement.default_microversion = "1.36"
    return connection


def wait_for(what: str, probe: Callable[[], T], deadline_s: float = 120, every_s: float = 1.0) -> T:
    """Poll until `probe` answers something true."""
    end = monotonic() + deadline_s
    while not (value := probe()):
        assert monotonic() < end, f"not within {deadline_s:.0f} s: {what}"
        sleep(every_s)
    return value


def servers(cloud: Connection) -> dict[str, Any]:
    """All servers of all tenants by id."""
    return {s.id: s for s in cloud.compute.servers(all_projects=True)}


def placed(cloud: Connection) -> dict[str, tuple[str, str]]:
    """Server name -> (host, status)."""
    return {s.name: (s.compute_host or "", s.status) for s in servers(cloud).values()}


def compute_hosts(cloud: Connection) -> dict[str, tuple[str, str]]:
    """Host -> (status, state) of the compute services."""
    return {s.host: (s.status, s.state) for s in cloud.compute.services(binary="nova-compute")}


def providers(cloud: Connection) -> dict[str, str]:
    """Resource provider name -> uuid."""
    return {p.name: p.id for p in cloud.placement.resource_providers()}


def consumers(cloud: Connection, provider_id: str) -> set[str]:
    """Consumers that hold something of a provider."""
    answer = cloud.placement.get(f"/resource_providers/{provider_id}/allocations", microversion="1.36")
    assert answer.status_code == 200, answer.text
    return set(answer.json()["allocations"])


def wait_hosts_up(cloud: Connection, names: Collection[str]) -> None:
    """Until Nova hears of all these nodes. A heartbeat whose answer is lost when RabbitMQ restarts is awaited for a minute (rpc_response_timeout), and
    the node counts as down meanwhile (measured on 2023.1).
    """
    wait_for(
        f"compute services of {sorted(names)} up",
        lambda: all(compute_hosts(cloud).get(name, ("", ""))[1] == "up" for name in names),
        deadline_s=180,
    )


def wait_ports_up(cloud: Connection, neutron_log: Path) -> None:
    """Until the ports of all running servers are ACTIVE where their servers are: Neutron hears of it from OVN, a little after Nova."""

    def waiting() -> list[str]:
        running = {i: s for i, s in servers(cloud).items() if s.status in {"ACTIVE", "PAUSED"}}
        return [
            port.id
            for port in cloud.network.ports()
            if port.is_admin_state_up
            and (server := running.get(port.device_id))
            and (port.status, port.binding_host_id) != ("ACTIVE", server.compute_host)
        ]

    end = monotonic() + 60
    while left := waiting():
        if monotonic() > end:
            told = [line for line in neutron_log.read_text().splitlines() if any(p in line for p in left)]
            raise AssertionError(
                "\n".join([f"ports that stay down: {left}; Neutron's log of them:", *told[-40:]])
            )
        sleep(1)


def wait_addresses_known(cloud: Connection) -> None:
    """Until Nova shows each floating IP at the server that it leads to: Neutron tells it, a little later."""

    def told() -> set[tuple[str, str]]:
        return {
            (server.id, each["addr"])
            for server in servers(cloud).values()
            for rows in (server.addresses or {}).values()
            for each in rows
            if each.get("OS-EXT-IPS:type") == "floating"
        }

    def meant() -> set[tuple[str, str]]:
        owners = {port.id: port.device_id for port in cloud.network.ports()}
        known = servers(cloud)
        leading = ((owners.get(each.port_id), each.floating_ip_address) for each in cloud.network.ips())
        return {(owner, address) for owner, address in leading if owner in known}

    end = monotonic() + 90
    while (found := told()) != (wanted := meant()):
        assert monotonic() < end, f"Nova and Neutron do not agree: {found ^ wanted}"
        sleep(1)


def agent_hosts(cloud: Connection) -> set[str]:
    """Hosts that have a Neutron agent record."""
    return {a.host for a in cloud.network.agents()}


def boot(cloud: Connection, name: str, *, host: str | None = None, wait: bool = True) -> Any:
    """A small server without network, wherever the scheduler puts it or on `host`."""
    flavor = cloud.compute.find_flavor("test.tiny") or cloud.compute.create_flavor(
        name="test.tiny", ram=64, vcpus=1, disk=1
    )
    image = cloud.image.find_image("test-image") or cloud.image.create_image(
        name="test-image", disk_format="raw", container_format="bare", data=b"\0" * 65536
    )
    where = {"availability_zone": f"nova:{host}"} if host else {}
    server = cloud.compute.create_server(
        name=name, flavor_id=flavor.id, image_id=image.id, networks="none", **where
    )
    return wait_active(cloud, server.id) if wait else server


def wait_active(cloud: Connection, server_id: str, status: str = "ACTIVE") -> Any:
    """Poll a server until it has `status`; an ERROR fails at once."""

    def probe() -> Any:
        server = cloud.compute.get_server(server_id)
        assert server.status != "ERROR" or status == "ERROR", server.fault
        return server if server.status == status and not server.task_state else None

    return wait_for(f"server {server_id} {status}", probe)


def remove(cloud: Connection, *server_ids: str) -> None:
    """Delete servers and wait until they are gone. What a disturbed Nova has not carried out is asked for again."""

    def gone(server_id: str) -> bool:
        found = cloud.compute.find_server(server_id, all_projects=True)
        if found is not None and not found.task_state:
            cloud.compute.delete_server(server_id, ignore_missing=True)
        return found is None

    for server_id in server_ids:
        cloud.compute.delete_server(server_id, ignore_missing=True)
    for server_id in server_ids:
        wait_for(f"server {server_id} gone", partial(gone, server_id), deadline_s=300)
