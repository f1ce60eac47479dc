"""A tenant with one thing of each kind, a member and a reader, made for the tests of probes; removed with everything in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from openstack.connection import Connection
from openstack.exceptions import SDKException

from tests.lab.clouds import wait_active, wait_for

PASSWORD = "only-for-the-lab"
Remover = Callable[[], object]


@dataclass
class ProbedTenant:
    """Its ids; `users` by role name."""

    id: str
    users: dict[str, str] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    removers: list[Remover] = field(default_factory=list)

    def later(self, remover: Remover) -> None:
        self.removers.append(remover)


@contextmanager
def probed_tenant(
    admin: Connection, prefix: str, *, server: bool = True, parent_id: str = "default"
) -> Iterator[ProbedTenant]:
    """A tenant `PREFIX-tenant`, its users `PREFIX-member` and `PREFIX-reader`, and one thing of each kind that a probe tries."""
    identity: Any = admin.identity  # the SDK's type admits Keystone's v2, which no cloud has
    project = identity.create_project(name=f"{prefix}-tenant", domain_id="default", parent_id=parent_id)
    tenant = ProbedTenant(project.id)
    tenant.later(lambda: identity.delete_project(project.id))
    try:
        for role in ("member", "reader"):
            _make_user(admin, tenant, f"{prefix}-{role}", role)
        mine = admin.connect_as(
            username=f"{prefix}-member",
            password=PASSWORD,
            project_id=project.id,
            project_name=None,
            project_domain_name=None,
            project_domain_id=None,
            user_domain_name=None,
            user_domain_id="default",
        )
        mine.compute.default_microversion = "2.90"
        _make_network(admin, mine, tenant, prefix)
        _make_storage(mine, tenant, prefix)
        if server:
            _make_server(admin, mine, tenant, prefix)
        yield tenant
    finally:
        for remover in reversed(tenant.removers):
            with suppress(SDKException):
                remover()


def belongings(admin: Connection, tenant_id: str) -> dict[str, set[tuple[str, str]]]:
    """Everything that the tenant has, asked of the cloud as administrator: kind -> (id, name) of each."""
    get: Callable[..., Any] = lambda proxy, path, key: proxy.get(path).json()[key]  # noqa: E731
    found: dict[str, list[dict[str, Any]]] = {
        kind: get(admin.network, f"/{kind.replace('_', '-')}?project_id={tenant_id}", kind)
        for kind in (
            "networks", "subnets", "routers", "ports", "security_groups", "security_group_rules",
            "floatingips",
        )
    }  # fmt: skip
    for kind in ("volumes", "snapshots", "backups", "groups", "group_snapshots"):
        path = f"/{kind}?all_tenants=1&project_id={tenant_id}"
        with suppress(KeyError):
            found[kind] = get(admin.block_storage, path, kind)
    found["images"] = get(admin.image, f"/images?owner={tenant_id}&visibility=all", "images")
    found["servers"] = get(admin.compute, f"/servers?all_tenants=1&project_id={tenant_id}", "servers")
    found["server_groups"] = [
        g
        for g in get(admin.compute, "/os-server-groups?all_projects=1", "server_groups")
        if g.get("project_id") == tenant_id
    ]
    return {kind: {(r["id"], r.get("name") or "") for r in rows} for kind, rows in found.items()}


def _make_user(admin: Connection, tenant: ProbedTenant, name: str, role: str) -> None:
    identity: Any = admin.identity
    user = identity.create_user(name=name, password=PASSWORD, domain_id="default")
    tenant.later(lambda: identity.delete_user(user.id))
    found = identity.find_role(role, ignore_missing=False)
    identity.assign_project_role_to_user(tenant.id, user.id, found.id)
    tenant.users[role] = user.id


def _make_network(admin: Connection, mine: Connection, tenant: ProbedTenant, prefix: str) -> None:
    things = tenant.things
    tenant.later(lambda: _delete_groups(admin, tenant.id))  # the last, when no port uses them any more
    network = mine.network.create_network(name=f"{prefix}-net")
    tenant.later(lambda: admin.network.delete_network(network.id))
    subnet = mine.network.create_subnet(name=f"{prefix}-sub", network_id=network.id, ip_version=4, cidr="10.77.0.0/24")  # fmt: skip
    router = mine.network.create_router(name=f"{prefix}-router")
    tenant.later(lambda: admin.network.delete_router(router.id))
    mine.network.add_interface_to_router(router, subnet=subnet.id)
    tenant.later(lambda: admin.network.remove_interface_from_router(router, subnet=subnet.id))
    port = mine.network.create_port(name=f"{prefix}-port", network_id=network.id)
    tenant.later(lambda: admin.network.delete_port(port.id))
    group = mine.network.create_security_group(name=f"{prefix}-group")
    public = next((n for n in admin.network.networks(is_router_external=True) if n.subnet_ids), None)
    if public is not None:
        mine.network.update_router(router, external_gateway_info={"network_id": public.id})
        tenant.later(lambda: admin.network.update_router(router, external_gateway_info={}))
        address = mine.network.create_ip(floating_network_id=public.id)
        tenant.later(lambda: admin.network.delete_ip(address.id))
        things["floating_ip"] = address.id
    things |= {"network": network.id, "subnet": subnet.id, "router": router.id, "port": port.id, "security_group": group.id}  # fmt: skip


def _delete_groups(admin: Connection, tenant_id: str) -> None:
    for group in list(admin.network.security_groups(project_id=tenant_id)):
        with suppress(SDKException):
            admin.network.delete_security_group(group.id)


def _make_storage(mine: Connection, tenant: ProbedTenant, prefix: str) -> None:
    volume = mine.block_storage.create_volume(name=f"{prefix}-vol", size=1)
    tenant.later(lambda: mine.block_storage.delete_volume(volume.id, force=False))
    wait_for("the volume", lambda: mine.block_storage.get_volume(volume.id).status == "available")
    image = mine.image.create_image(name=f"{prefix}-image", disk_format="raw", container_format="bare", data=b"\0" * 65536)  # fmt: skip
    tenant.later(lambda: mine.image.delete_image(image.id))
    tenant.things |= {"volume": volume.id, "image": image.id}


def _make_server(admin: Connection, mine: Connection, tenant: ProbedTenant, prefix: str) -> None:
    """Where the cloud has no node it ends in ERROR, which is as good for a probe of a locked server."""
    flavor = admin.compute.create_flavor(name=f"{prefix}-flavor", ram=64, vcpus=1, disk=1)
    tenant.later(lambda: admin.compute.delete_flavor(flavor.id))
    server = mine.compute.create_server(
        name=f"{prefix}-server",
        flavor_id=flavor.id,
        image_id=tenant.things["image"],
        networks=[{"port": tenant.things["port"]}],
    )
    tenant.things["server"] = server.id
    has_nodes = any(service.state == "up" for service in admin.compute.services(binary="nova-compute"))
    tenant.later(lambda: _delete_server(admin, server.id))
    wait_active(admin, server.id, "ACTIVE" if has_nodes else "ERROR")


def _delete_server(admin: Connection, server_id: str) -> None:
    with suppress(SDKException):
        admin.compute.unlock_server(server_id)
    admin.compute.delete_server(server_id)
    wait_for("the server gone", lambda: admin.compute.find_server(server_id, all_projects=True) is None)
