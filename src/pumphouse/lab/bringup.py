"""Brings a lab up: installs releases, makes or restores databases, starts everything, waits, furnishes.

Called by `Lab.up` under the lab's lock. Every part looks first whether its work is done, so that it can be run
again at any time, over a lab that runs, half runs or was killed.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import httpx

from pumphouse.lab import furnish, mounts, saved_databases, venvs
from pumphouse.lab.cloud import Cloud, Machine
from pumphouse.lab.errors import LabError, LabTimeoutError
from pumphouse.lab.identity import CloudAnswerError
from pumphouse.lab.mariadb import NAME as MARIADB
from pumphouse.lab.nodes import discover_hosts, launch_node
from pumphouse.lab.progress import Progress
from pumphouse.lab.rabbitmq import NAME as RABBITMQ
from pumphouse.lab.rabbitmq import RabbitMQ
from pumphouse.lab.readiness import SERVICES_S, CloudReadiness, wait_for_api
from pumphouse.lab.services import API_SERVICES, INNER_SERVICES
from pumphouse.lab.topology import Topology, write_atomically
from pumphouse.lab.waiting import wait_until

INSTALL, DATABASES, START, READY = "Releases", "Databases", "Start services", "Services up"
API_PATHS = {
    "keystone": "/v3",
    "placement": "/",
    "glance": "/",
    "neutron": "/",
    "nova-api": "/",
    "cinder-api": "/",
}
SHIMS = {
    # The volume drivers call these; both would need more of the machine than the lab may touch.
    "sudo": '#!/bin/sh\nexec env "$@"\n',
    "mount.nfs": "#!/bin/sh\nexit 0\n",
    "mount.fuse.pstorage": "#!/bin/sh\nexit 0\n",
}


def is_complete(machine: Machine) -> bool:
    """Whether this lab has databases to continue with; tmpfs loses them at a reboot."""
    return (machine.layout.ram_dir / ".complete").exists()


class BringUp:
    """One run of `lab up`; with `only`, for that cloud of a lab that runs."""

    def __init__(
        self, machine: Machine, topology: Topology, progress: Progress, *, only: str | None = None
    ) -> None:
        self._machine = machine
        self._topology = topology
        self._progress = progress
        self._first_error: BaseException | None = None
        self._clouds = [
            machine.cloud(topology, spec.name) for spec in topology.clouds if only in (None, spec.name)
        ]

    def run(self) -> None:
        """Do all of it."""
        self._install()
        self._prepare_files()
        with ThreadPoolExecutor(24) as pool:
            try:
                self._start(pool)
            except BaseException as error:  # Ctrl-C too: the threads see it and stop waiting
                self._first_error = self._first_error or error
                raise self._first_error from None

    # -- before anything runs

    def _install(self) -> None:
        releases = {c.release.name: c.release for c in self._clouds}
        self._progress.phase(INSTALL, len(releases))
        with ThreadPoolExecutor(len(releases)) as pool:
            jobs = {name: pool.submit(venvs.install, r, self._progress.say) for name, r in releases.items()}
            for name, job in jobs.items():
                job.result()
                self._progress.done(INSTALL, name)

    def _prepare_files(self) -> None:
        layout = self._machine.layout
        for directory in (layout.run_dir, layout.work_dir, layout.log_dir, layout.state_dir / "tmp"):
            directory.mkdir(parents=True, exist_ok=True)
        layout.ram_dir.mkdir(exist_ok=True, mode=0o700)
        layout.socket_dir.mkdir(exist_ok=True)
        for name, text in SHIMS.items():
            write_atomically(layout.shim_dir / name, text, mode=0o755)
        for cloud in self._clouds:
            cloud.configuration.write()
            mounts.mount_volume_shares(layout, cloud.name, cloud.choices)

    # -- start

    def _start(self, pool: ThreadPoolExecutor) -> None:
        total = sum(len(c.process_names(self._topology.cloud(c.name).nodes)) for c in self._clouds)
        self._progress.phase(DATABASES, 1)
        self._progress.phase(START, total)
        self._progress.phase(READY, len(self._clouds))
        rabbitmq = RabbitMQ(self._machine.layout, self._machine.processes, self._machine.passwords)
        joining = [c for c in self._clouds if c.further]
        told_already = bool(self._machine.processes.alive(RABBITMQ))
        names = [c.name for c in self._topology.clouds]
        rabbitmq.start(names)
        if told_already and joining:
            rabbitmq.tell(names)
        image = saved_databases.image_file(self._topology.first_clouds)
        making = not is_complete(self._machine) and not image.exists()
        if making:  # the migrations need both cores: nothing else starts before they are done
            self._databases()
        early = [self._submit(pool, self._start_early, cloud) for cloud in self._clouds]
        if not making:
            self._databases()
        _all(early)
        _all([self._submit(pool, self._bring_up_cloud, cloud, pool) for cloud in self._clouds])

    def _start_early(self, cloud: Cloud) -> None:
        """What needs no database: OVN and the imports of the preloaded services."""
        for parent in cloud.release.preload:
            cloud.services.start_preloader(parent)
            self._progress.done(START, cloud.services.preloader_name(parent))
        cloud.ovn.start(str(cloud.venv / "bin/python"))
        for name in cloud.ovn.names():
            self._progress.done(START, name)

    def _databases(self) -> None:
        layout, mariadb = self._machine.layout, self._machine.mariadb
        kept = is_complete(self._machine)
        if kept:
            mariadb.start()
        else:
            shutil.rmtree(layout.mysql_dir, ignore_errors=True)
            if not saved_databases.restore(layout, self._topology.first_clouds):
                self._make_databases()
            mariadb.start()
            for cloud in self._clouds:
                cloud.databases.fit()
            (layout.ram_dir / ".complete").touch()
        for cloud in self._clouds:
            if cloud.further:
                cloud.databases.join(cloud.release.name, self._progress.say)
        self._progress.done(DATABASES, "kept" if kept else "fresh")

    def _make_databases(self) -> None:
        self._progress.say("making the databases once; later labs start from a saved image")
        mariadb = self._machine.mariadb
        mariadb.install()
        mariadb.start()
        with ThreadPoolExecutor(len(self._clouds)) as pool:
            _all([pool.submit(cloud.databases.make) for cloud in self._clouds])
        self._machine.processes.stop(MARIADB, timeout_s=60)
        saved_databases.save(self._machine.layout, self._topology.first_clouds)

    # -- one cloud

    def _bring_up_cloud(self, cloud: Cloud, pool: ThreadPoolExecutor) -> None:
        services = cloud.services
        starts: dict[str, Callable[[], object]] = {
            services.name(s): partial(services.start, s)
            for s in ("nova-conductor", *API_SERVICES, *INNER_SERVICES)
        }
        for node in self._topology.cloud(cloud.name).nodes:
            starts[services.node_name(node)] = partial(launch_node, self._topology, cloud, node)
        _all([self._submit(pool, self._start_one, name, start) for name, start in starts.items()])
        self._wait_and_furnish(cloud, pool)
        self._progress.done(READY, f"{cloud.name} is ready")

    def _start_one(self, name: str, start: Callable[[], object]) -> None:
        start()
        self._progress.done(START, name)

    def _wait_and_furnish(self, cloud: Cloud, pool: ThreadPoolExecutor) -> None:
        layout = self._machine.layout
        waits = {service: self._submit(pool, self._wait_for_api, cloud, service) for service in API_PATHS}
        waits["keystone"].result()
        client = self._machine.client(cloud)

        def volumes() -> None:
            waits["cinder-api"].result()
            types = [b.name for b in cloud.choices.backends]
            self._patiently(
                "volume types", partial(furnish.add_volume_types, layout, cloud.index, client, types)
            )
            quotas = cloud.choices.quotas("cinder")
            self._patiently("quotas", partial(furnish.set_volume_quotas, layout, cloud.index, client, quotas))

        def public_network() -> None:
            waits["neutron"].result()
            self._patiently(
                "public network", partial(furnish.add_public_network, layout, cloud.index, client)
            )

        furnished = [self._submit(pool, volumes), self._submit(pool, public_network)]
        _all(list(waits.values()))
        sections = [b.section for b in cloud.choices.backends]
        readiness = CloudReadiness(layout, cloud.index, client, sections)
        self._wait_for_services(cloud, readiness)
        self._map_nodes(cloud, readiness)
        _all(furnished)

    def _patiently(self, what: str, make: Callable[[], None]) -> None:
        """An API that has only just begun to answer may still say 503."""

        def made() -> bool:
            self._check()
            try:
                make()
            except CloudAnswerError as error:
                if not error.passing:
                    raise
                return False
            return True

        wait_until(made, what=what, timeout_s=SERVICES_S, poll_s=1.0)

    def _wait_for_api(self, cloud: Cloud, service: str) -> None:
        url = self._machine.layout.url(cloud.index, service) + API_PATHS[service]
        wait_for_api(self._machine.processes, cloud.services.name(service), url, check=self._check)

    def _wait_for_services(self, cloud: Cloud, readiness: CloudReadiness) -> None:
        nodes = list(self._topology.cloud(cloud.name).nodes)
        names = cloud.process_names(tuple(nodes))
        missing = ["everything"]

        def ready() -> bool:
            self._check()
            for name in names:
                self._machine.processes.check_alive(name)
            try:
                missing[:] = readiness.down(nodes)
            except (CloudAnswerError, httpx.HTTPError) as error:  # an API that has only just begun to answer
                missing[:] = [str(error)]
            return not missing

        try:
            wait_until(ready, what=f"all services of {cloud.name} are up", timeout_s=SERVICES_S, poll_s=0.5)
        except LabTimeoutError as error:
            raise LabTimeoutError(
                f"{error.message}; missing: {', '.join(missing)}", hint="See `pumphouse lab logs`."
            ) from error

    def _map_nodes(self, cloud: Cloud, readiness: CloudReadiness) -> None:
        """A service is up a moment before its compute node exists, so one discovery may come too early."""
        nodes = list(self._topology.cloud(cloud.name).nodes)

        def mapped() -> bool:
            self._check()
            if readiness.unmapped(nodes):
                discover_hosts(cloud)
            return not readiness.unmapped(nodes)

        if nodes:
            wait_until(mapped, what=f"the nodes of {cloud.name} are mapped", timeout_s=SERVICES_S, poll_s=0.5)

    # -- one failure ends all

    def _submit(
        self, pool: ThreadPoolExecutor, work: Callable[..., None], *arguments: object
    ) -> "Future[None]":
        return pool.submit(self._guarded, work, *arguments)

    def _guarded(self, work: Callable[..., None], *arguments: object) -> None:
        try:
            work(*arguments)
        except BaseException as error:
            self._first_error = self._first_error or error
            raise

    def _check(self) -> None:
        """Called by everything that waits: gives up when another part failed or a shared server died."""
        if self._first_error:
            raise LabError("given up, because another part failed")
        for name in (MARIADB, RABBITMQ):
            self._machine.processes.check_alive(name)


def _all(futures: list[Future[None]]) -> None:
    """Wait for all; the first error counts."""
    for future in futures:
        future.result()
