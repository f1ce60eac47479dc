"""A small tenant with one thing of each kind that matters when something goes wrong, with bytes in its image, its volumes and its root disk; made once, removed with all it has."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import SDKException

from pumphouse.lab import Lab
from tests.lab.clouds import wait_active, wait_for

PASSWORD = "only-for-the-lab"
MIB = 1 << 20
Remover = Callable[[], object]


@dataclass
class FaultedTenant:
    """Its ids by what they are; `name` is also how all of its names begin."""

    id: str
    name: str
    things: dict[str, str] = field(default_factory=dict)
    removers: list[Remover] = field(default_factory=list)

    def later(self, remover: Remover) -> None:
        self.removers.append(remover)


def volume_file(machine: Lab, cloud: str, volume: str) -> Path:
    """The file that is the volume."""
    path = machine.layout.volume_share(cloud) / f"volume-{volume}"
    assert path.is_file(), path
    return path


@contextmanager
def faulted_tenant(
    machine: Lab, admin: Connection, name: str, *, image_mib: int = 4, data_mib: int = 12
) -> Iterator[FaultedTenant]:
    """In `old`: image, network, subnet, router with gateway and interface, group with rules, keypair, people, two volumes of which a running server has one, and
    the server's floating IP.
    """
    identity: Any = admin.identity
    project = identity.create_project(name=name, domain_id="default", description="faults")
    tenant = FaultedTenant(project.id, name)
    tenant.later(lambda: identity.delete_project(project.id))
    try:
        _make_people(admin, tenant)
        mine = admin.connect_as(
            username=f"{name}-user", password=PASSWORD, user_domain_id="default", user_domain_name=None,
            project_id=project.id, project_name=None, project_domain_id=None, project_domain_name=None,
        )  # fmt: skip
        mine.compute.default_microversion = "2.90"
        _make_network(admin, mine, tenant)
        _make_storage(machine, mine, tenant, image_mib, data_mib)
        _make_server(machine, admin, mine, tenant)
        yield tenant
    finally:
        for remover in reversed(tenant.removers):
            with suppress(SDKException):
                remover()


def _make_people(admin: Connection, tenant: FaultedTenant) -> None:
    identity: Any = admin.identity
    member = identity.find_role("member", ignore_missing=False)
    for who in ("user", "grouped"):
        user = identity.create_user(name=f"{tenant.name}-{who}", password=PASSWORD, domain_id="default")
        tenant.later(partial(identity.delete_user, user.id))
        tenant.things[who] = user.id
    group = identity.create_group(name=f"{tenant.name}-group", domain_id="default")
    tenant.later(lambda: identity.delete_group(group.id))
    identity.add_user_to_group(tenant.things["grouped"], group.id)
    identity.assign_project_role_to_user(tenant.id, tenant.things["user"], member.id)
    identity.assign_project_role_to_group(tenant.id, group.id, member.id)


def _make_network(admin: Connection, mine: Connection, tenant: FaultedTenant) -> None:
    name, things = tenant.name, tenant.things
    tenant.later(lambda: _delete_groups(admin, tenant.id))
    network = mine.network.create_network(name=f"{name}-net")
    tenant.later(lambda: admin.network.delete_network(network.id))
    subnet = mine.network.create_subnet(
        name=f"{name}-sub", network_id=network.id, ip_version=4, cidr="10.78.0.0/24"
    )
    public = admin.network.find_network("public", ignore_missing=False)
    router = mine.network.create_router(
        name=f"{name}-router", external_gateway_info={"network_id": public.id}
    )
    tenant.later(lambda: admin.network.delete_router(router.id))
    mine.network.add_interface_to_router(router, subnet=subnet.id)
    tenant.later(lambda: admin.network.remove_interface_from_router(router, subnet=subnet.id))
    group = mine.network.create_security_group(name=f"{name}-web")
    for number in (22, 80, 443):
        mine.network.create_security_group_rule(
            security_group_id=group.id,
            direction="ingress",
            protocol="tcp",
            port_range_min=number,
            port_range_max=number,
        )
    port = mine.network.create_port(name=f"{name}-port", network_id=network.id, security_group_ids=[group.id])
    tenant.later(lambda: admin.network.delete_port(port.id))
    address = mine.network.create_ip(floating_network_id=public.id, port_id=port.id)
    tenant.later(lambda: admin.network.delete_ip(address.id))
    things |= {"network": network.id, "port": port.id, "floating_ip": address.id}


def _delete_groups(admin: Connection, tenant_id: str) -> None:
    for group in list(admin.network.security_groups(project_id=tenant_id)):
        with suppress(SDKException):
            admin.network.delete_security_group(group.id)


def _make_storage(
    machine: Lab, mine: Connection, tenant: FaultedTenant, image_mib: int, data_mib: int
) -> None:
    """Data at the beginning, in the middle and at the end of each volume; the rest are holes."""
    chance = random.Random(tenant.name)
    for which in ("archive", "data"):
        volume = mine.block_storage.create_volume(name=f"{tenant.name}-{which}", size=1)
        tenant.later(partial(mine.block_storage.delete_volume, volume.id, force=False))
        wait_for(
            "the volume",
            partial(_has_status, mine, volume.id, "available"),
        )
        with volume_file(machine, "old", volume.id).open("r+b") as file:
            for at in (0, 300 * MIB + 4096, (1 << 30) - data_mib // 3 * MIB):
                file.seek(at)
                file.write(chance.randbytes(data_mib // 3 * MIB))
        tenant.things[which] = volume.id
    image = mine.image.create_image(
        name=f"{tenant.name}-image",
        disk_format="raw",
        container_format="bare",
        data=chance.randbytes(image_mib * MIB),
        validate_checksum=False,
    )
    tenant.later(lambda: mine.image.delete_image(image.id))
    tenant.things["image"] = image.id


def _make_server(machine: Lab, admin: Connection, mine: Connection, tenant: FaultedTenant) -> None:
    name, things = tenant.name, tenant.things
    flavor: Any = admin.compute.create_flavor(name=f"{name}-flavor", ram=64, vcpus=1, disk=1)
    tenant.later(lambda: admin.compute.delete_flavor(flavor.id))
    key = mine.compute.create_keypair(name=f"{name}-key")
    server: Any = mine.compute.create_server(
        name=f"{name}-server", flavor_id=flavor.id, image_id=things["image"], key_name=key.name,
        networks=[{"port": things["port"]}],
    )  # fmt: skip
    things["server"] = server.id
    tenant.later(lambda: _delete_server(admin, server.id))
    wait_active(admin, server.id)
    mine.compute.create_volume_attachment(server.id, volume_id=things["data"])
    wait_for("the attachment", partial(_has_status, mine, things["data"], "in-use"))
    with machine.root_disk(server.id).open("r+b") as disk:
        disk.write(b"written by the guest")


def _has_status(mine: Connection, volume: str, status: str) -> bool:
    return bool(mine.block_storage.get_volume(volume).status == status)


def _delete_server(admin: Connection, server_id: str) -> None:
    with suppress(SDKException):
        admin.compute.unlock_server(server_id)
    admin.compute.delete_server(server_id)
    wait_for("the server gone", lambda: admin.compute.find_server(server_id, all_projects=True) is None)
