"""`populate`: turns a workload plan into tasks and runs them; what is there already is kept, what is missing is made."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from pumphouse.lab.errors import LabError
from pumphouse.lab.populate import images, networks
from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.guard import guarded
from pumphouse.lab.populate.identity import ensure_tenant, find_project
from pumphouse.lab.populate.logins import ConnectionFactory, TenantLogins
from pumphouse.lab.populate.plan import PUBLIC_NETWORK, ServerPlan, TenantPlan, VolumePlan, WorkloadPlan
from pumphouse.lab.populate.servers import TenantServers, ensure_server_group
from pumphouse.lab.populate.tasks import Outcome, Progress, Silent, Task, run_tasks
from pumphouse.lab.populate.volumes import ensure_volume
from pumphouse.lab.waiting import now

WORKERS = 6


@dataclass(frozen=True, slots=True)
class PopulateReport:
    """What was done, by kind, and where the servers are now (host -> count)."""

    cloud: str
    seconds: float
    outcomes: dict[str, Outcome]
    counts: dict[str, dict[str, int]]
    servers_by_node: dict[str, int]
    servers_by_status: dict[str, int]

    @property
    def changed(self) -> int:
        """How many things were made or repaired."""
        return sum(1 for o in self.outcomes.values() if o is not Outcome.KEPT)


def populate(
    cloud: str,
    connect: ConnectionFactory,
    logins: TenantLogins,
    plan: WorkloadPlan,
    progress: Progress | None = None,
    *,
    workers: int = WORKERS,
) -> PopulateReport:
    """Make the workload. A second run changes nothing, or repairs what is missing.

    Raises:
        LabError: the cloud refuses, has no compute node for the servers, or something did not happen in time.
    """
    started = now()
    run = _Run(connect, logins, plan)
    outcomes: dict[str, Outcome] = {}
    try:
        guarded(run.prepare)()
        tasks = run.tasks()
        outcomes = run_tasks(tasks, progress or Silent(), workers)
        servers = run.servers()
    finally:
        run.close()
    counts: dict[str, dict[str, int]] = {}
    for task in tasks:
        per_kind = counts.setdefault(
            task.kind, {o.value: 0 for o in (Outcome.MADE, Outcome.REPAIRED, Outcome.KEPT)}
        )
        per_kind[outcomes[task.key].value] += 1
    return PopulateReport(
        cloud=cloud,
        seconds=round(now() - started, 1),
        outcomes=outcomes,
        counts=counts,
        servers_by_node=dict(sorted(Counter(host for host, _ in servers).items())),
        servers_by_status=dict(sorted(Counter(status for _, status in servers).items())),
    )


class _Run:
    """One run: the connections, opened when first used, and the tasks."""

    def __init__(self, connect: ConnectionFactory, logins: TenantLogins, plan: WorkloadPlan) -> None:
        self._connect = connect
        self._logins = logins
        self._plan = plan
        self._admin = connect(None)
        self._connections: list[Door] = [self._admin]
        self._tenants: dict[str, tuple[Door, str, TenantServers]] = {}
        self._policy = "anti-affinity"

    def prepare(self) -> Outcome:
        """Look whether the servers can be placed at all, before anything is made."""
        if self._plan.servers:
            services = self._admin.compute.services(binary="nova-compute")
            nodes = [s for s in services if s.status == "enabled" and s.state == "up"]
            if not nodes:
                raise LabError(
                    "this cloud has no compute node that is up and enabled, so it cannot hold servers",
                    hint="Populate another cloud, add a node, or use --servers 0.",
                )
            # two web servers cannot be kept apart on one node
            self._policy = "anti-affinity" if len(nodes) > 1 else "soft-anti-affinity"
        for tenant in self._plan.tenants:
            find_project(self._admin, tenant.name)
        return Outcome.KEPT

    def tasks(self) -> list[Task]:
        """All tasks; those that others wait for come first."""
        found = [
            _task("external network", PUBLIC_NETWORK, partial(networks.ensure_public_network, self._admin)),
            *(
                _task("flavor", f.name, partial(images.ensure_flavor, self._admin, f))
                for f in self._plan.flavors
            ),
        ]
        shared = frozenset(t.key for t in found)
        found += [_task("tenant", t.name, partial(self._tenant, t)) for t in self._plan.tenants]
        image = self._plan.image
        found.append(_task("image", image.name, partial(images.ensure_image, self._admin, image, "")))
        per_tenant = [self._tenant_tasks(t, shared | {f"image {image.name}"}) for t in self._plan.tenants]
        found += [task for tasks in per_tenant for task in tasks]
        # servers are by far the most work: those whose needs are done should not wait behind cheap things
        return sorted(found, key=lambda t: 0 if t.kind != "server" else 1)

    def _tenant_tasks(self, tenant: TenantPlan, shared: frozenset[str]) -> list[Task]:
        name = tenant.name
        first = frozenset({f"tenant {name}"})

        def ask(kind: str, what: str, run: Callable[[Door, str], Outcome], *needs: str) -> Task:
            return _task(kind, what, lambda: run(*self._of(tenant)[:2]), needs=first | frozenset(needs))

        nets = [
            ask("network", n.name, partial(_with_plan, networks.ensure_network, n)) for n in tenant.networks
        ]
        tasks = [
            *nets,
            ask(
                "router",
                tenant.router,
                partial(_with_plan, networks.ensure_router, tenant),
                f"external network {PUBLIC_NETWORK}",
                *(n.key for n in nets),
            ),
            ask("security groups", name, partial(_with_plan, networks.ensure_security_groups, tenant)),
            ask("keypair", tenant.keypair, lambda c, _: networks.ensure_keypair(c, tenant.keypair)),
            ask(
                "server group",
                tenant.server_group,
                lambda c, _: ensure_server_group(c, tenant.server_group, self._policy),
            ),
            ask("image", tenant.image.name, lambda c, p: images.ensure_image(c, tenant.image, p)),
        ]
        mine = frozenset(t.key for t in tasks)
        for volume in tenant.volumes:
            needs = (f"image {volume.image}",) if volume.image else ()
            tasks.append(ask("volume", volume.name, partial(_volume, tenant, volume), *needs))
        for server in tenant.servers:
            volumes = frozenset(f"volume {v}" for v in (server.boot_volume, *server.volumes) if v)
            key = f"server {server.name}"
            ensure = partial(self._ensure_server, tenant, server)
            tasks.append(
                _task("server", server.name, ensure, needs=first | mine | shared | volumes, weight=10)
            )
            if server.floating_ip:
                ensure_ip = partial(self._ensure_floating_ip, tenant, server)
                tasks.append(_task("floating IP", server.name, ensure_ip, needs=frozenset({key})))
        return tasks

    def _tenant(self, tenant: TenantPlan) -> Outcome:
        outcome = ensure_tenant(self._admin, self._connect, self._logins, tenant)
        project = find_project(self._admin, tenant.name)
        if project is None:
            raise LabError(
                f"the project {tenant.name!r} has gone meanwhile", hint="Run `lab populate` again."
            )
        changed = _raise_quotas(self._admin, project.id, tenant)
        connection = self._connect(self._logins.login(tenant.name, tenant.operator))
        self._connections.append(connection)
        connection.authorize()
        self._tenants[tenant.name] = (
            connection,
            project.id,
            TenantServers(connection, project.id, self._plan, tenant),
        )
        return Outcome.REPAIRED if changed and outcome is Outcome.KEPT else outcome

    def _ensure_server(self, tenant: TenantPlan, server: ServerPlan) -> Outcome:
        return self._of(tenant)[2].ensure(server)

    def _ensure_floating_ip(self, tenant: TenantPlan, server: ServerPlan) -> Outcome:
        return self._of(tenant)[2].ensure_floating_ip(server)

    def _of(self, tenant: TenantPlan) -> tuple[Door, str, TenantServers]:
        return self._tenants[tenant.name]

    def servers(self) -> list[tuple[str, str]]:
        """Node and status of each planned server."""
        names = {s.name for s in self._plan.servers}
        return [
            (s.hypervisor_hostname or s.compute_host or "", s.status)
            for s in self._admin.compute.servers(details=True, all_projects=True)
            if s.name in names
        ]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def _raise_quotas(admin: Door, project_id: str, tenant: TenantPlan) -> bool:
    """Room for more servers than a new project may have by default."""
    wanted = {
        "instances": len(tenant.servers) + 5,
        "cores": 2 * len(tenant.servers) + 10,
        "ram": 2048 * (len(tenant.servers) + 5),
    }
    have = admin.compute.get_quota_set(project_id)
    missing = {k: v for k, v in wanted.items() if -1 < have[k] < v}
    if missing:
        admin.compute.update_quota_set(project_id, user=None, **missing)
    volumes = len(tenant.volumes) + 5
    if -1 < admin.block_storage.get_quota_set(project_id)["volumes"] < volumes:
        admin.block_storage.update_quota_set(project_id, volumes=volumes)
        return True
    return bool(missing)


def _volume(tenant: TenantPlan, volume: VolumePlan, connection: Door, project_id: str) -> Outcome:
    return ensure_volume(connection, project_id, tenant, volume)


def _with_plan(run: Callable[..., Outcome], plan: object, connection: Door, project_id: str) -> Outcome:
    return run(connection, project_id, plan)


def _task(
    kind: str,
    name: str,
    run: Callable[[], Outcome],
    *,
    needs: frozenset[str] = frozenset(),
    weight: float = 1.0,
) -> Task:
    return Task(f"{kind} {name}", kind, guarded(run), needs, weight)
