"""Makes a tenant's servers and brings them to the state that the plan names, as the tenant's operator. Used by `run`."""

import threading
from collections.abc import Callable

from openstack.compute.v2.server import Server

from pumphouse.lab.errors import LabError
from pumphouse.lab.populate.door import Door
from pumphouse.lab.populate.images import find_image
from pumphouse.lab.populate.networks import find_network
from pumphouse.lab.populate.plan import MARK, PUBLIC_NETWORK, ImagePlan, ServerPlan, TenantPlan, WorkloadPlan
from pumphouse.lab.populate.tasks import Outcome
from pumphouse.lab.populate.volumes import find_volume
from pumphouse.lab.waiting import now, wait_until

STATE_S = 300.0
LIST_EVERY_S = 1.5


class TenantServers:
    """The servers of one tenant. Its threads share one listing every `LIST_EVERY_S` seconds: asking for each server alone costs more."""

    def __init__(self, connection: Door, project_id: str, workload: WorkloadPlan, tenant: TenantPlan) -> None:
        self._connection = connection
        self._project_id = project_id
        self._workload = workload
        self._tenant = tenant
        self._lock = threading.Lock()
        self._seen: dict[str, Server] = {}
        self._seen_at = float("-inf")
        self._ids: dict[tuple[str, str], str] = {}

    def ensure(self, plan: ServerPlan) -> Outcome:
        """The server with its volumes, in its state. One in ERROR is replaced."""
        outcome = Outcome.KEPT
        server = self._look(plan.name)
        if server is not None and server.status == "ERROR":
            self._connection.compute.delete_server(server)
            self._until(lambda: self._look(plan.name) is None, f"delete server {plan.name}")
            server, outcome = None, Outcome.REPAIRED
        if server is None:
            self._create(plan)
            outcome = Outcome.REPAIRED if outcome is Outcome.REPAIRED else Outcome.MADE
        self._until(lambda: self._settled(plan.name), f"server {plan.name} is built")
        changed = self._attach(plan)
        changed = self._bring_to_state(plan) or changed
        return Outcome.REPAIRED if changed and outcome is Outcome.KEPT else outcome

    def ensure_floating_ip(self, plan: ServerPlan) -> Outcome:
        """A floating IP on the server's first port."""
        server = self._look(plan.name)
        if server is None:
            raise LabError(f"server {plan.name} has gone meanwhile", hint="Run `lab populate` again.")
        network = self._connection.network
        ports = list(network.ports(device_id=server.id))
        mine = {port.id for port in ports}
        spare = None
        for ip in network.ips(project_id=self._project_id):
            if ip.port_id in mine:
                return Outcome.KEPT
            if ip.description == f"{plan.name}: {MARK}":
                spare = ip
        if spare is not None:
            network.update_ip(spare, port_id=ports[0].id)
            return Outcome.REPAIRED
        public = network.find_network(PUBLIC_NETWORK, ignore_missing=False)
        network.create_ip(
            floating_network_id=public.id, port_id=ports[0].id, description=f"{plan.name}: {MARK}"
        )
        return Outcome.MADE

    def _create(self, plan: ServerPlan) -> None:
        wanted: dict[str, object] = {
            "name": plan.name,
            "flavor_id": self._flavor(plan.flavor),
            "networks": [{"uuid": self._network(n)} for n in plan.networks],
            "security_groups": [{"name": g} for g in plan.security_groups],
            "key_name": self._tenant.keypair,
            "metadata": {"tenant": self._tenant.name, "made-by": "pumphouse-lab"},
        }
        if plan.boot_volume:
            wanted["image_id"] = ""
            wanted["block_device_mapping"] = [
                {
                    "uuid": self._volume(plan.boot_volume),
                    "source_type": "volume",
                    "destination_type": "volume",
                    "boot_index": 0,
                    "delete_on_termination": False,
                }
            ]
        else:
            wanted["image_id"] = self._image(plan.image)
        if plan.group:
            wanted["scheduler_hints"] = {"group": self._group(plan.group)}
        self._connection.compute.create_server(**wanted)
        self._forget_listing()

    def _attach(self, plan: ServerPlan) -> bool:
        server = self._look(plan.name)
        attached = {v["id"] for v in (server.attached_volumes if server else None) or ()}
        changed = False
        for name in plan.volumes:
            volume_id = self._volume(name)
            if server is None or volume_id in attached:
                continue
            self._connection.compute.create_volume_attachment(server, volume_id=volume_id)
            self._until_in_use(volume_id, f"volume {name} is attached to {plan.name}")
            changed = True
        return changed

    def _until_in_use(self, volume_id: str, what: str) -> None:
        volumes = self._connection.block_storage
        wait_until(
            lambda: volumes.get_volume(volume_id).status == "in-use", what=what, timeout_s=STATE_S, poll_s=1.5
        )

    def _bring_to_state(self, plan: ServerPlan) -> bool:
        server = self._look(plan.name)
        if server is None or server.status == plan.status:
            return False
        compute = self._connection.compute
        if server.status != "ACTIVE":
            wake = {
                "SHUTOFF": compute.start_server,
                "PAUSED": compute.unpause_server,
                "SUSPENDED": compute.resume_server,
            }
            if server.status not in wake:
                raise LabError(
                    f"server {plan.name} is {server.status}",
                    hint="Bring it to ACTIVE, or delete it, and run again.",
                )
            wake[server.status](server)
            self._until_status(plan.name, "ACTIVE")
        if plan.status == "SHUTOFF":
            compute.stop_server(server)
        elif plan.status == "PAUSED":
            compute.pause_server(server)
        self._until_status(plan.name, plan.status)
        return True

    def _until_status(self, name: str, status: str) -> None:
        self._forget_listing()

        def reached() -> bool:
            server = self._look(name)
            return server is not None and server.status == status and not server.task_state

        self._until(reached, f"server {name} is {status}")

    def _settled(self, name: str) -> bool:
        server = self._look(name)
        if server is not None and server.status == "ERROR":
            detail = self._connection.compute.get_server(server.id).fault or {}
            raise LabError(
                f"server {name} went to ERROR: {detail.get('message', 'no fault given')}",
                hint="`pumphouse lab status` shows whether all services run; a second `lab populate` replaces it.",
            )
        return server is not None and server.status != "BUILD" and not server.task_state

    def _until(self, done: Callable[[], bool], what: str) -> None:
        wait_until(done, what=what, timeout_s=STATE_S, poll_s=0.5)

    def _look(self, name: str) -> Server | None:
        with self._lock:
            if now() - self._seen_at > LIST_EVERY_S:
                self._seen = {s.name: s for s in self._connection.compute.servers(details=True)}
                self._seen_at = now()
            return self._seen.get(name)

    def _forget_listing(self) -> None:
        with self._lock:
            self._seen_at = float("-inf")

    def _flavor(self, name: str) -> str:
        return self._id(
            "flavor", name, lambda: self._connection.compute.find_flavor(name, ignore_missing=False).id
        )

    def _network(self, name: str) -> str:
        return self._id(
            "network", name, lambda: _id_of(find_network(self._connection, self._project_id, name))
        )

    def _volume(self, name: str) -> str:
        return self._id("volume", name, lambda: _id_of(find_volume(self._connection, name)))

    def _image(self, name: str) -> str:
        plans: dict[str, ImagePlan] = {i.name: i for i in (self._workload.image, self._tenant.image)}
        owner = self._project_id if plans[name].tenant else ""
        return self._id("image", name, lambda: _id_of(find_image(self._connection, plans[name], owner)))

    def _group(self, name: str) -> str:
        def find() -> str | None:
            return next((g.id for g in self._connection.compute.server_groups() if g.name == name), None)

        return self._id("server group", name, find)

    def _id(self, kind: str, name: str, find: Callable[[], str | None]) -> str:
        """An id by name, asked for once."""
        if (kind, name) not in self._ids:
            found = find()
            if found is None:
                raise LabError(f"the {kind} {name!r} has gone meanwhile", hint="Run `lab populate` again.")
            self._ids[kind, name] = found
        return self._ids[kind, name]


def ensure_server_group(tenant: Door, name: str, policy: str) -> Outcome:
    """The group that keeps a tenant's web servers apart."""
    if any(group.name == name for group in tenant.compute.server_groups()):
        return Outcome.KEPT
    tenant.compute.create_server_group(name=name, policy=policy)
    return Outcome.MADE


def _id_of(found: object | None) -> str | None:
    return None if found is None else str(getattr(found, "id"))  # noqa: B009 - SDK resources share no typed base with an id
