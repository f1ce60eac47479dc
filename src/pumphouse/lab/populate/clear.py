"""`clear`: removes what `populate` made in a cloud and nothing else. What it owns is told by the mark in the tenants' descriptions."""

from collections.abc import Callable, Iterable
from functools import partial

from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.guard import guarded
from pumphouse.lab.populate.identity import DOMAIN, find_project
from pumphouse.lab.populate.logins import ConnectionFactory, TenantLogins
from pumphouse.lab.populate.plan import MARK, WorkloadPlan
from pumphouse.lab.populate.tasks import Outcome, Progress, Silent, Task, run_tasks
from pumphouse.lab.waiting import wait_until

GONE_S = 180.0


def clear(
    connect: ConnectionFactory,
    logins: TenantLogins,
    plan: WorkloadPlan,
    progress: Progress | None = None,
    *,
    workers: int = 4,
) -> int:
    """Remove the tenants of `plan` with all they own, and the flavors and images made beside them; returns how many things went.

    Raises:
        LabError: a project of that name was not made by us, or the cloud refuses.
    """
    admin = connect(None)
    try:
        tasks: list[Task] = []
        for tenant in plan.tenants:
            project = find_project(admin, tenant.name)
            if project is not None:
                tasks += _owned(admin, tenant.name, project.id)
        if not _others(admin, {t.name for t in plan.tenants}):
            tasks += _shared(admin, plan, frozenset(t.key for t in tasks))
        run_tasks(tasks, progress or Silent(), workers)
    finally:
        admin.close()
    logins.forget([t.name for t in plan.tenants])
    return len(tasks)


def _owned(admin: Door, tenant: str, project_id: str) -> list[Task]:
    """What a tenant owns, in layers: each waits for the one before."""
    servers = list(admin.compute.servers(all_projects=True, project_id=project_id))
    layers: list[list[Task]] = [
        [_task("server", s, partial(_delete_server, admin, s.id)) for s in servers],
        [
            _task("floating IP", i, partial(_of(admin.network.delete_ip), i.id))
            for i in admin.network.ips(project_id=project_id)
        ],
        [
            _task("router", r, partial(_delete_router, admin, r.id))
            for r in admin.network.routers(project_id=project_id)
        ],
        [
            *(
                _task("network", n, partial(_delete_network, admin, n.id))
                for n in admin.network.networks(project_id=project_id)
            ),
            *(
                _task("volume", v, partial(_delete_volume, admin, v.id))
                for v in admin.block_storage.volumes(all_projects=True, project_id=project_id)
            ),
            *(
                _task("image", i, partial(_of(admin.image.delete_image), i.id))
                for i in admin.image.images(owner=project_id)
            ),
            *(
                _task("server group", g, partial(_of(admin.compute.delete_server_group), g.id))
                for g in admin.compute.server_groups(all_projects=True)
                if g.project_id == project_id
            ),
        ],
        [
            _task("security group", g, partial(_of(admin.network.delete_security_group), g.id))
            for g in admin.network.security_groups(project_id=project_id)
            if g.name != "default"
        ],
        _identity(admin, tenant, project_id),
    ]
    return _in_layers(layers)


def _identity(admin: Door, tenant: str, project_id: str) -> list[Task]:
    identity = admin.identity
    users = [
        u
        for u in identity.users(domain_id=DOMAIN)
        if u.name.startswith(f"{tenant}-") and u.description == MARK
    ]
    groups = [
        g
        for g in identity.groups(domain_id=DOMAIN)
        if g.name.startswith(f"{tenant}-") and g.description == MARK
    ]
    tasks = [_task("user", u, partial(_delete_user, admin, u.id)) for u in users]
    tasks += [_task("group", g, partial(_of(identity.delete_group), g.id)) for g in groups]
    project = identity.get_project(project_id)
    tasks.append(_task("tenant", project, partial(_of(identity.delete_project), project_id)))
    return tasks


def _others(admin: Door, names: set[str]) -> bool:
    """Whether tenants of ours stay, who need what all share."""
    return any(
        MARK in (p.description or "") and p.name not in names
        for p in admin.identity.projects(domain_id=DOMAIN)
    )


def _shared(admin: Door, plan: WorkloadPlan, needs: frozenset[str]) -> list[Task]:
    """Flavors, the public image and the external network, where we made them."""
    tasks = [
        _task("flavor", f, partial(_of(admin.compute.delete_flavor), f.id))
        for f in admin.compute.flavors(details=True)
        if f.description == MARK
    ]
    tasks += [
        _task("image", i, partial(_of(admin.image.delete_image), i.id))
        for i in admin.image.images(name=plan.image.name)
        if i.properties.get("pumphouse_lab") == MARK
    ]
    tasks += [
        _task("network", n, partial(_delete_network, admin, n.id))
        for n in admin.network.networks(is_router_external=True)
        if n.description == MARK
    ]
    return [Task(t.key, t.kind, t.run, needs) for t in tasks]


def _delete_server(admin: Door, server_id: str) -> None:
    admin.compute.delete_server(server_id, ignore_missing=True)
    wait_until(
        lambda: admin.compute.find_server(server_id, all_projects=True) is None,
        what=f"delete server {server_id}",
        timeout_s=GONE_S,
        poll_s=1,
    )


def _delete_router(admin: Door, router_id: str) -> None:
    for port in admin.network.ports(device_id=router_id, device_owner="network:router_interface"):
        admin.network.remove_interface_from_router(router_id, None, port.id)
    admin.network.delete_router(router_id, ignore_missing=True)


def _delete_network(admin: Door, network_id: str) -> None:
    for port in admin.network.ports(network_id=network_id):
        if not (port.device_owner or "").startswith("network:"):
            admin.network.delete_port(port, ignore_missing=True)
    admin.network.delete_network(network_id, ignore_missing=True)


def _delete_volume(admin: Door, volume_id: str) -> None:
    snapshots = list(admin.block_storage.snapshots(all_projects=True, volume_id=volume_id))
    for snapshot in snapshots:
        admin.block_storage.delete_snapshot(snapshot, ignore_missing=True)
    wait_until(
        lambda: not list(admin.block_storage.snapshots(all_projects=True, volume_id=volume_id)),
        what=f"delete the snapshots of volume {volume_id}",
        timeout_s=GONE_S,
        poll_s=1,
    )
    wait_until(
        lambda: admin.block_storage.get_volume(volume_id).status in {"available", "error", "deleting"},
        what=f"volume {volume_id} is free",
        timeout_s=GONE_S,
        poll_s=1,
    )
    admin.block_storage.delete_volume(volume_id, ignore_missing=True)
    wait_until(
        lambda: admin.block_storage.find_volume(volume_id) is None,
        what=f"delete volume {volume_id}",
        timeout_s=GONE_S,
        poll_s=1,
    )


def _delete_user(admin: Door, user_id: str) -> None:
    for pair in admin.compute.keypairs(user_id=user_id):
        admin.compute.delete_keypair(pair.name, user_id=user_id, ignore_missing=True)
    admin.identity.delete_user(user_id, ignore_missing=True)


def _of(delete: Callable[..., object]) -> Callable[[str], None]:

    def run(id: str) -> None:
        delete(id, ignore_missing=True)

    return run


def _task(kind: str, thing: object, delete: Callable[[], None]) -> Task:
    def run() -> Outcome:
        delete()
        return Outcome.REMOVED

    name = (
        getattr(thing, "name", None)
        or getattr(thing, "floating_ip_address", None)
        or getattr(thing, "id", "")
    )
    # names need not be unique, ids are
    return Task(f"{kind} {name} {getattr(thing, 'id', '')}", kind, guarded(run))


def _in_layers(layers: Iterable[list[Task]]) -> list[Task]:
    found: list[Task] = []
    needs: frozenset[str] = frozenset()
    for layer in layers:
        found += [Task(t.key, t.kind, t.run, needs) for t in layer]
        needs |= {t.key for t in layer}
    return found
