"""The processes of one cloud: turns a release's launch table into commands, and starts them in a good order.

Used by `bringup` for the whole cloud, by `nodes` for compute nodes, by `Lab.restart` for one service.
"""

import errno
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from string import Template

from pumphouse.lab.configuration import Configuration
from pumphouse.lab.layout import CLOUD_PORTS, Layout
from pumphouse.lab.passwords import CloudPasswords
from pumphouse.lab.processes import Processes, ProcessRecord, ProcessSpec
from pumphouse.lab.release import GUEST, Release, ServiceLaunch
from pumphouse.lab.topology import NodeSize
from pumphouse.lab.waiting import wait_until

# The order matters on two cores: what others wait for, and what takes longest to import, comes first.
API_SERVICES = ("keystone", "neutron", "placement", "nova-api", "cinder-api", "glance")
INNER_SERVICES = ("nova-conductor", "nova-scheduler", "cinder-scheduler", "cinder-volume")
FORK_S = 120.0


def service_project(service: str) -> str:
    """`nova` for nova-api, nova-conductor..."""
    return service.split("-", maxsplit=1)[0]


class CloudServices:
    """Starts the OpenStack services of one cloud."""

    def __init__(
        self, layout: Layout, processes: Processes, passwords: CloudPasswords, configuration: Configuration,
        release: Release, venv: Path, cloud: str, index: int,
    ) -> None:  # fmt: skip
        self._layout = layout
        self._processes = processes
        self._passwords = passwords
        self._configuration = configuration
        self._release = release
        self._venv = venv
        self._cloud = cloud
        self._index = index

    def name(self, service: str) -> str:
        return f"{self._cloud}-{service}"

    def node_name(self, node: str) -> str:
        """Process name of the nova-compute of `node`."""
        return f"{self._cloud}-nova-compute-{node}"

    def preloader_name(self, parent: str) -> str:
        return f"{self._cloud}-{parent}-preloader"

    @property
    def python(self) -> str:
        """The interpreter of the release."""
        return str(self._venv / "bin/python")

    def environment(self) -> dict[str, str]:
        """What a command of this release needs to find its configuration."""
        etc = self._layout.cloud_dir(self._cloud) / "etc"
        return {
            "PATH": f"{self._layout.shim_dir}:{self._venv}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TMPDIR": str(self._layout.cloud_dir(self._cloud) / "tmp"),
            # stevedore keeps its scan of the installed entry points here; it belongs to the environment.
            "XDG_CACHE_HOME": str(self._venv / "cache"),
            "OS_KEYSTONE_CONFIG_FILES": str(etc / "keystone/keystone.conf"),
            "OS_PLACEMENT_CONFIG_DIR": str(etc / "placement"),
            "OS_NOVA_CONFIG_DIR": str(etc / "nova"),
            "OS_GLANCE_CONFIG_DIR": str(etc / "glance"),
            "OS_NEUTRON_CONFIG_FILES": str(etc / "neutron/neutron.conf"),
        }

    def tool(
        self,
        name: str,
        *arguments: str,
        extra: Mapping[str, str] | None = None,
        well: Collection[int] = (0,),
    ) -> str:
        """Run a console script of the release (nova-manage...) and return what it printed; `well` are the exit codes that mean success.

        `extra` goes into its environment: secrets go there, for everybody can read a command line.
        """
        environment = {**self.environment(), **(extra or {})}
        return self._processes.run(
            str(self._venv / "bin" / name), *arguments, environment=environment, well=well
        )

    def port(self, service: str) -> int | None:
        return self._layout.cloud_port(self._index, service) if service in CLOUD_PORTS else None

    # -- start

    def start(self, service: str) -> ProcessRecord:
        """Start one service, however its release launches it; a running one is left alone."""
        running = self._processes.alive(self.name(service))
        if running:
            return running
        launch = self._release.services[service]
        if launch.launch == "fork":
            return self._fork(
                self.name(service), launch, self._config_arguments(service), port=self.port(service)
            )
        environment = self.environment()
        if launch.launch == "uwsgi":
            command = self._uwsgi(launch)
            environment |= {
                "PUMPHOUSE_LAB_APPLICATION": launch.target,
                "PYTHONPATH": str(self._release.folder),
            }
        else:
            command = self._command(launch)
        return self._processes.start(
            ProcessSpec(self.name(service), command, environment, self._cloud, self.port(service))
        )

    def start_node(self, node: str, size: NodeSize) -> ProcessRecord:
        """Start the nova-compute of `node`; it waits for the conductor by itself."""
        config = self._configuration.write_node(node)
        extra = {
            "PUMPHOUSE_LAB_VCPUS": str(size.vcpus),
            "PUMPHOUSE_LAB_RAM_MIB": str(size.ram_mib),
            "PUMPHOUSE_LAB_DISK_GB": str(size.disk_gb),
        }
        launch = self._release.services["nova-compute"]
        arguments = ("--config-file", str(config))
        return self._fork(self.node_name(node), launch, arguments, environment=extra, queue="conductor")

    def start_preloader(self, parent: str) -> None:
        """Start the process that services of `parent` (nova, cinder) are forked from; does not wait for it."""
        name = self.preloader_name(parent)
        if self._processes.alive(name):
            return
        pipe = self._pipe(parent)
        pipe.unlink(missing_ok=True)
        os.mkfifo(pipe, 0o600)
        command = (
            str(self._venv / "bin/python"), str(GUEST / "preloader.py"), str(pipe), parent,
            *self._release.preload[parent],
        )  # fmt: skip
        self._processes.start(ProcessSpec(name, command, self.environment(), self._cloud))

    def _pipe(self, parent: str) -> Path:
        return self._layout.socket_dir / f"{self._cloud}-{parent}.pipe"

    def _fork(
        self, name: str, launch: ServiceLaunch, arguments: tuple[str, ...], *, port: int | None = None,
        environment: Mapping[str, str] | None = None, queue: str | None = None,
    ) -> ProcessRecord:  # fmt: skip
        running = self._processes.alive(name)
        if running:
            return running
        self.start_preloader(launch.parent)
        forked = self._layout.socket_dir / f"{name}.forked"
        forked.unlink(missing_ok=True)
        request = {
            "name": name,
            "module": launch.target,
            "arguments": list(arguments),
            "log": str(self._layout.log_file(name)),
            "forked": str(forked),
            "environment": dict(environment or {}),
            "queue": self._queue(queue) if queue else None,
        }
        self._send(launch.parent, json.dumps(request))

        def ready() -> bool:
            self._processes.check_alive(self.preloader_name(launch.parent))
            return forked.exists()

        wait_until(ready, what=f"{name} is forked", timeout_s=FORK_S)
        pid = int(forked.read_text())
        forked.unlink()
        return self._processes.remember(name, pid, cloud=self._cloud, port=port)

    def _send(self, parent: str, line: str) -> None:
        self._processes.check_alive(self.preloader_name(parent))
        wait_until(
            lambda: self._try_send(parent, line), what=f"{self.preloader_name(parent)} listens", timeout_s=60
        )

    def _try_send(self, parent: str, line: str) -> bool:
        try:
            pipe = os.open(self._pipe(parent), os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads yet
                raise
            self._processes.check_alive(self.preloader_name(parent))
            return False
        os.write(pipe, line.encode() + b"\n")
        os.close(pipe)
        return True

    def _queue(self, queue: str) -> dict[str, str]:
        return {
            "host": f"127.0.0.1:{self._layout.shared_port('rabbitmq')}",
            "user": self._cloud,
            "password": self._passwords.rabbitmq,
            "vhost": self._cloud,
            "queue": queue,
        }

    # -- commands

    def _config_arguments(self, service: str) -> tuple[str, ...]:
        return ("--config-file", str(self._configuration.file(service_project(service))))

    def _command(self, launch: ServiceLaunch) -> tuple[str, ...]:
        return (
            str(self._venv / "bin" / launch.target),
            *self._config_arguments(launch.name),
            *launch.arguments,
        )

    def _uwsgi(self, launch: ServiceLaunch) -> tuple[str, ...]:
        return (
            str(self._venv / "bin/pyuwsgi"), "--master", "--http-socket", f"127.0.0.1:{self.port(launch.name)}",
            "--enable-threads", "--threads", "4", "--processes", "1", "--lazy-apps", "--need-app",
            "--die-on-term", "--hook-master-start", "unix_signal:15 gracefully_kill_them_all",
            "--worker-reload-mercy", "5", "--buffer-size", "65535", "--disable-logging", "--log-master",
            "--socket-timeout", "60", "--chunked-input-timeout", "60", "--chunked-input-limit", "67108864",
            "--thunder-lock", "--virtualenv", str(self._venv), "--procname-prefix", f"{self.name(launch.name)} ",
            "--add-header", "Connection: close", "--wsgi-file", str(GUEST / "uwsgi_application.py"),
            *self._python_arguments(launch),
        )  # fmt: skip

    def _python_arguments(self, launch: ServiceLaunch) -> tuple[str, ...]:
        if not launch.python_arguments:
            return ()
        etc = self._layout.cloud_dir(self._cloud) / "etc"
        return ("--pyargv", Template(launch.python_arguments).substitute(etc=etc))
