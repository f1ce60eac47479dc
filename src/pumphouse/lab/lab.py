"""`Lab`: the door to the lab for the demo, the deployer and the tests. Thin: each method calls one module."""

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from pumphouse.lab import clouds_file, disks, further, mounts, nodes, preflight
from pumphouse.lab.bringup import BringUp, is_complete
from pumphouse.lab.choices import Choices
from pumphouse.lab.cloud import Cloud, Machine
from pumphouse.lab.errors import LabConfigurationError
from pumphouse.lab.layout import DEFAULT_PORT_BASE, Layout, default_state_dir
from pumphouse.lab.locks import Lock
from pumphouse.lab.mariadb import NAME as MARIADB
from pumphouse.lab.mariadb import MariaDB
from pumphouse.lab.nodes import NodeState
from pumphouse.lab.passwords import keep_passwords, load_passwords
from pumphouse.lab.processes import Processes
from pumphouse.lab.progress import Progress, Silence
from pumphouse.lab.rabbitmq import EPMD, RabbitMQ
from pumphouse.lab.rabbitmq import NAME as RABBITMQ
from pumphouse.lab.release import load_release
from pumphouse.lab.status import ProcessStatus, process_statuses
from pumphouse.lab.topology import (
    CloudSpec,
    NodeSize,
    Topology,
    default_clouds,
    load_topology,
    make_topology,
    save_topology,
    write_atomically,
)

SHARED = (MARIADB, EPMD, RABBITMQ)


class Lab:
    """One lab: clouds of different releases on this machine, all below one state directory.

    What is given here describes a lab that does not exist yet; an existing lab must not differ from it. Every
    method is idempotent. Methods that change something hold the lab's lock.

    Args:
        state_dir: where the lab lives; the user's default if left out.
        port_base: first of the 500 ports it may take, all on loopback; 20000 if left out.
        clouds: the clouds; by default `old` (2023.1, three nodes) and `new` (2026.2, none).
        node_size: what each compute node claims to have.
    """

    def __init__(
        self, state_dir: Path | None = None, *, port_base: int | None = None,
        clouds: Iterable[CloudSpec] | None = None, node_size: NodeSize | None = None,
    ) -> None:  # fmt: skip
        self.state_dir = (state_dir or default_state_dir()).expanduser().absolute()
        saved = load_topology(self._topology_file)
        asked = make_topology(
            clouds if clouds is not None else saved.first_clouds if saved else default_clouds(),
            port_base=port_base or (saved.port_base if saved else DEFAULT_PORT_BASE),
            node_size=node_size or (saved.node_size if saved else None),
        )
        if saved and asked.shape() != saved.shape():
            raise LabConfigurationError(
                "state directory", self.state_dir, "a lab of another shape lives there",
                hint="Remove it with `pumphouse lab down --wipe`, or choose another --state-dir.",
            )  # fmt: skip
        self._topology: Topology = saved or asked
        self.layout = Layout(self.state_dir, self._topology.port_base)
        self._processes = Processes(self.layout)

    # -- what it is

    @property
    def exists(self) -> bool:
        """Whether `up` was ever called for this state directory (and `down --wipe` was not, since)."""
        return self._topology_file.exists()

    @property
    def clouds(self) -> tuple[CloudSpec, ...]:
        """The clouds with the nodes that they have now."""
        return self._topology.clouds

    def cloud(self, name: str) -> CloudSpec:
        """One of them, as it is now."""
        return self._reload().cloud(name)

    def further_cloud(self, name: str) -> CloudSpec | None:
        """The cloud of that name that `env_create` was asked for, made or half made; None if there is none."""
        return next((c for c in self._reload().further_clouds if c.name == name), None)

    def choices(self, cloud: str) -> Choices:
        """What was chosen for a cloud, over the defaults."""
        return Choices(self.cloud(cloud).settings)

    @property
    def clouds_yaml(self) -> Path:
        """A clouds.yaml with one administrator entry per cloud, named after it."""
        return self.layout.clouds_yaml

    @property
    def clouds_id(self) -> str:
        """Which clouds these are: another text for the fresh ones that a `reset` or a lost database leaves; "" before the first `up`."""
        return self._clouds_id_file.read_text() if self._clouds_id_file.exists() else ""

    def clouds_id_of(self, cloud: str) -> str:
        """The same for one cloud: one that joined later, and was removed and made again meanwhile, is another one."""
        own = self.layout.cloud_dir(cloud) / "id"
        return own.read_text() if own.exists() else self.clouds_id

    def nodes(self, cloud: str) -> tuple[str, ...]:
        """Names of the nodes that belong to `cloud` now, running or not."""
        return self._reload().cloud(cloud).nodes

    def node_state(self, cloud: str, node: str) -> NodeState:
        return nodes.node_state(self._machine(), self._cloud(cloud), node)

    def policy_dir(self, cloud: str, service: str) -> Path:
        """Where overrides of a service's policy go (*.yaml, read at once); `service` is keystone, nova..."""
        self._topology.cloud(cloud)
        return self.layout.policy_dir(cloud, service)

    def release_python(self, cloud: str) -> tuple[str, dict[str, str]]:
        """The Python that the services of a cloud run in, and what its environment needs."""
        services = self._cloud(cloud).services
        return services.python, services.environment()

    def configuration_file(self, cloud: str, service: str) -> Path:
        """The main configuration file of a service."""
        return self._cloud(cloud).configuration.file(service)

    def status(self) -> list[ProcessStatus]:
        """One row per process that the lab has, or should have."""
        return process_statuses(self._processes, self._expected(), self.layout.log_dir)

    def process_names(self) -> list[str]:
        return [name for name, _ in self._expected()]

    def log_tail(self, process: str, lines: int = 40) -> list[str]:
        self._check_process(process)
        return self._processes.log_tail(process, lines)

    # -- the whole lab

    def up(self, progress: Progress | None = None) -> None:
        """Bring the lab up: every API answers, every service is up. A running lab is completed, not restarted.

        Raises:
            PreflightError: this machine is not ready; nothing was started.
            ProcessDiedError, LabTimeoutError, LabCommandError: it did not come up.
        """
        with Lock(self._lock_file, wait=False):
            self._up(progress or Silence())

    def down(self, *, wipe: bool = False) -> None:
        """Stop everything and leave no process, mount or port; with `wipe`, no file either.

        Without `wipe` the next `up` continues the same clouds (unless the machine was rebooted between).
        """
        with Lock(self._lock_file, wait=False) as lock:
            self._stop(polite=not wipe)
            if wipe:
                self._discard()
                self._topology_file.unlink(missing_ok=True)
                shutil.rmtree(self.state_dir, ignore_errors=True)
                lock.remove()

    def reset(self, progress: Progress | None = None) -> None:
        """Fresh clouds in their first shape, whatever runs now."""
        with Lock(self._lock_file, wait=False):
            self._check_ready()
            self._stop(polite=False)
            self._discard()
            self._save(self._topology.first())
            self._up(progress or Silence())

    # -- further clouds

    def env_create(
        self,
        name: str,
        release: str,
        settings: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
    ) -> CloudSpec:
        """Add a cloud without compute nodes to the running lab; returns when its services are up. One that is there is completed.

        `settings` are keys of docs/settings.md: `pumphouse.lab.choices.settable` tells which.

        Raises:
            LabConfigurationError: a value is wrong (its field is the key), or there is another cloud of that name.
            PreflightError: the machine has no room for it.
            LabError: the lab does not run, or the cloud did not come up.
        """
        watched = progress or Silence()
        with self._changing():
            self._finish_leaving(name, watched)
            machine = self._machine()
            spec = further.planned(machine, self._topology, name, release, settings or {})
            # written first: when we are killed here, a repeat, or a removal, finds what there is
            self._save(self._topology.with_cloud(spec))
            machine = self._machine()
            further.sweep(machine, self._topology, name)
            own_id = self.layout.cloud_dir(name) / "id"
            if not own_id.exists():
                write_atomically(own_id, str(uuid.uuid4()))
            clouds_file.write(self.layout, machine.passwords, self._topology)
            BringUp(machine, self._topology, watched, only=name).run()
            return spec

    def env_delete(self, name: str, progress: Progress | None = None) -> None:
        """Remove a cloud that `env_create` made, wholly or in part; an unknown one is fine.

        Raises:
            LabConfigurationError: the lab was made with it, or nodes stand in it.
        """
        with self._changing():
            spec = further.leaving(self._topology, name)
            if spec is not None:
                self._save(self._topology.with_cloud(spec))
                self._finish_leaving(name, progress or Silence())

    def _finish_leaving(self, name: str, progress: Progress) -> None:
        if not any(c.name == name and c.leaving for c in self._topology.clouds):
            return
        machine = self._machine()
        clouds_file.write(self.layout, machine.passwords, self._topology)
        further.remove(machine, self._topology, name, progress)
        self._save(self._topology.without_cloud(name))

    # -- nodes

    def start_node(self, cloud: str, node: str) -> None:
        """Make `node` a compute node of `cloud`: a real nova-compute of that release, with a chassis."""
        with self._changing():
            changed = self._topology.with_node(cloud, node)
            # written first: when we are killed here, a repeat still finds something to do
            self._save(changed)
            nodes.keep_node(self._machine(), cloud, node)
            nodes.launch_node(changed, self._cloud(cloud), node)

    def stop_node(self, cloud: str, node: str) -> None:
        """Take `node` out of `cloud`'s machinery; its local state stays. A node that is not there is fine."""
        with self._changing():
            nodes.halt_node(self._machine(), self._cloud(cloud), node)
            self._save(self._topology.without_node(cloud, node))

    def forget_node(self, cloud: str, node: str) -> None:
        """Stop `node` in `cloud` and delete what it kept there, its identity too."""
        with self._changing():
            # written first: a repeat finds an erased node ABSENT and would leave it in the topology, and the next `up` would start it here
            self._save(self._topology.without_node(cloud, node))
            nodes.erase_node(self._machine(), self._cloud(cloud), node)

    def discover_hosts(self, cloud: str) -> str:
        """`nova-manage cell_v2 discover_hosts` in `cloud`; returns what it said."""
        return nodes.discover_hosts(self._cloud(cloud))

    def unmap_host(self, cloud: str, node: str) -> None:
        """`nova-manage cell_v2 delete_host` in `cloud`. A host that is not mapped is fine."""
        nodes.unmap_host(self._machine(), self._cloud(cloud), node)

    def root_disk(self, server_id: str) -> Path:
        """The file that is the root disk of a server that was booted from an image, wherever it is: for tests to read and to write."""
        return disks.root_disk(self.state_dir / "clouds", server_id)

    # -- single processes

    def restart(self, process: str) -> None:
        """Stop and start one process (a name from `process_names`)."""
        with self._changing():
            self._check_process(process)
            self._processes.stop(process)
            self._starters()[process]()

    def kill(self, process: str) -> None:
        """Kill one process as a crash would; `status` shows it dead until `up` or `restart`."""
        self._check_process(process)
        self._processes.kill(process)

    # -- inside

    @property
    def _topology_file(self) -> Path:
        return self.state_dir / "lab.json"

    @property
    def _clouds_id_file(self) -> Path:
        # in the folder that goes with the clouds
        return self.state_dir / "clouds" / "id"

    @property
    def _lock_file(self) -> Path:
        return self.state_dir.with_name(f".{self.state_dir.name}.lock")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with Lock(self._lock_file):
            self._reload()
            yield

    def _reload(self) -> Topology:
        """Another process may have moved a node since."""
        self._topology = load_topology(self._topology_file) or self._topology
        return self._topology

    def _save(self, topology: Topology) -> None:
        # whoever reads of a cloud finds its passwords
        names = {c.name for c in topology.clouds}
        keep_passwords(self._passwords_file, sorted(names | {c.name for c in self._topology.clouds}))
        save_topology(self._topology_file, topology)
        self._topology = topology
        keep_passwords(self._passwords_file, sorted(names))

    @property
    def _passwords_file(self) -> Path:
        return self.state_dir / "passwords.json"

    def _machine(self) -> Machine:
        passwords = load_passwords(self._passwords_file)
        return Machine(self.layout, self._processes, passwords, MariaDB(self.layout, self._processes))

    def _cloud(self, name: str) -> Cloud:
        return self._machine().cloud(self._topology, name)

    def _expected(self) -> list[tuple[str, str]]:
        expected = [(name, "shared") for name in SHARED]
        for spec in self._reload().clouds:
            expected += [(name, spec.name) for name in self._cloud(spec.name).process_names(spec.nodes)]
        return expected

    def _check_process(self, process: str) -> None:
        known = self.process_names()
        if process not in known:
            raise LabConfigurationError("process", process, "unknown", hint=f"Processes: {', '.join(known)}.")

    def _check_ready(self) -> None:
        for spec in self._topology.clouds:
            load_release(spec.release)
        preflight.check(self.layout, self._topology, self._processes)

    def _up(self, progress: Progress) -> None:
        self._check_ready()
        self._reload()
        for spec in self._topology.further_clouds:
            self._finish_leaving(spec.name, progress)
        machine = self._machine()
        self._processes.sweep(keep=list(self._processes.records()))
        if not is_complete(machine):
            if self.exists and self.layout.clouds_yaml.exists():
                progress.say(
                    "the databases are gone (reset, reboot, or an interrupted start): making fresh clouds"
                )
            self._stop(polite=False)
            self._discard()
            self._topology = self._topology.first()
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.state_dir.chmod(0o700)
        self._save(self._topology)
        machine = self._machine()
        clouds_file.write(self.layout, machine.passwords, self._topology)
        if not self.clouds_id:
            self._clouds_id_file.parent.mkdir(parents=True, exist_ok=True)
            self._clouds_id_file.write_text(str(uuid.uuid4()))
        BringUp(machine, self._topology, progress).run()

    def _stop(self, *, polite: bool) -> None:
        names = list(self._processes.records())
        if polite:
            self._processes.stop_all(n for n in names if n not in SHARED)
            self._processes.stop(MARIADB, timeout_s=60)
        self._processes.sweep()
        for name in names:
            self._processes.forget(name)
        mounts.unmount_all(self.layout)
        shutil.rmtree(self.layout.rabbitmq_dir, ignore_errors=True)

    def _discard(self) -> None:
        shutil.rmtree(self.layout.ram_dir, ignore_errors=True)
        shutil.rmtree(self.state_dir / "clouds", ignore_errors=True)
        shutil.rmtree(self.layout.log_dir, ignore_errors=True)

    def _starters(self) -> dict[str, Callable[[], object]]:
        """How to start each process of the lab again."""
        machine = self._machine()
        broker = RabbitMQ(self.layout, self._processes, machine.passwords)
        start_broker = partial(broker.start, [c.name for c in self.clouds])
        found: dict[str, Callable[[], object]] = {MARIADB: machine.mariadb.start}
        found |= {EPMD: start_broker, RABBITMQ: start_broker}
        for spec in self.clouds:
            cloud = self._cloud(spec.name)
            found |= cloud.starters()
            for node in spec.nodes:
                launch = partial(nodes.launch_node, self._topology, cloud, node)
                found[cloud.services.node_name(node)] = launch
        return found
