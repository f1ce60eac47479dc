"""One cloud of the lab with all its parts put together: configuration, OVN, databases, services, nodes.

Made by `Lab` and `bringup`; the parts do not know one another except through what they are given here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pumphouse.lab.choices import Choices
from pumphouse.lab.configuration import Configuration
from pumphouse.lab.databases import CloudDatabases
from pumphouse.lab.identity import CloudClient
from pumphouse.lab.layout import Layout
from pumphouse.lab.mariadb import MariaDB
from pumphouse.lab.ovn import Ovn
from pumphouse.lab.passwords import Passwords
from pumphouse.lab.processes import Processes
from pumphouse.lab.release import Release, load_release
from pumphouse.lab.services import API_SERVICES, INNER_SERVICES, CloudServices
from pumphouse.lab.topology import Topology
from pumphouse.lab.venvs import environment_dir


@dataclass(frozen=True, slots=True)
class Cloud:
    """The parts of one cloud."""

    name: str
    index: int
    release: Release
    venv: Path
    configuration: Configuration
    services: CloudServices
    ovn: Ovn
    databases: CloudDatabases
    choices: Choices
    further: bool
    """whether it joined a running lab"""

    def process_names(self, nodes: tuple[str, ...]) -> list[str]:
        """Every process that this cloud has when it is up with those nodes."""
        names = [self.services.name(s) for s in (*API_SERVICES, *INNER_SERVICES)]
        parents = [self.services.preloader_name(parent) for parent in self.release.preload]
        return [*self.ovn.names(), *parents, *names, *(self.services.node_name(n) for n in nodes)]

    def starters(self) -> dict[str, Callable[[], object]]:
        """How to start each process again, but for the nodes'."""
        services = self.services
        start_ovn = partial(self.ovn.start, str(self.venv / "bin/python"))
        return {
            **dict.fromkeys(self.ovn.names(), start_ovn),
            **{
                services.preloader_name(p): partial(services.start_preloader, p) for p in self.release.preload
            },
            **{services.name(s): partial(services.start, s) for s in (*API_SERVICES, *INNER_SERVICES)},
        }


@dataclass(frozen=True, slots=True)
class Machine:
    """What all clouds of a lab share."""

    layout: Layout
    processes: Processes
    passwords: Passwords
    mariadb: MariaDB

    def cloud(self, topology: Topology, name: str) -> Cloud:
        """The cloud of that name, ready to be worked with; starts nothing."""
        spec, index = topology.cloud(name), topology.index(name)
        release = load_release(spec.release)
        venv = environment_dir(release)
        choices = Choices(spec.settings)
        own = self.passwords.of(name)
        configuration = Configuration(self.layout, own, release, venv, name, index, choices)
        services = CloudServices(self.layout, self.processes, own, configuration, release, venv, name, index)
        databases = CloudDatabases(
            self.layout,
            self.processes,
            own,
            self.mariadb,
            configuration,
            services,
            venv,
            name,
            index,
        )
        ovn = Ovn(self.layout, self.processes, name, index, choices.physical_networks)
        further = spec.slot is not None
        return Cloud(name, index, release, venv, configuration, services, ovn, databases, choices, further)

    def client(self, cloud: Cloud) -> CloudClient:
        """An administrator's client for one of them."""
        return CloudClient(self.layout.url(cloud.index, "keystone"), self.passwords.of(cloud.name).admin)
