"""The real toolbox: the clouds and deployers of environments, each opened once and kept. Made by `main` for plans, steps and services."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from typing_extensions import override

from pumphouse.domain.environment import Environment
from pumphouse.domain.errors import ConflictError
from pumphouse.drivers.joined_policy import JoinedPolicyHost, PolicyTurns
from pumphouse.drivers.onboarding import OnboardingFile
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.deployer import Deployer
from pumphouse.ports.fences import FenceStore
from pumphouse.ports.identity import Tenants
from pumphouse.ports.moves import MoveStore
from pumphouse.ports.passwords import Onboarding, PasswordDatabase
from pumphouse.ports.policy import PolicyHost
from pumphouse.ports.probes import Prober
from pumphouse.ports.resources import Resources
from pumphouse.ports.settings import Furnisher, SettingsReader
from pumphouse.ports.store import EnvironmentStore, HealthStore
from pumphouse.ports.toolbox import Toolbox
from pumphouse.ports.transfer import ImageTransfer, VolumeTransfer
from pumphouse.ports.workbench import Workbench

if TYPE_CHECKING:
    from pumphouse.drivers.transfer.ends import CloudEnd, EndOf
    from pumphouse.drivers.transfer.transfers import Transfers

T = TypeVar("T")


class Records(EnvironmentStore, HealthStore, FenceStore, MoveStore, Protocol):
    """Where environments, maintenance, fences, moves of tenants and health runs are recorded."""


class DriverToolbox(Toolbox):
    """Safe for use by many threads. A cloud is opened again when its environment's access has changed, be it by another process."""

    def __init__(
        self,
        records: Records,
        *,
        open_cloud: Callable[[Environment], Cloud],
        open_workbench: Callable[[Environment], Workbench],
        open_tenants: Callable[[Environment], Tenants],
        open_prober: Callable[[Environment], Prober],
        open_settings: Callable[[Environment], SettingsReader],
        open_furnisher: Callable[[Environment], Furnisher],
        open_resources: Callable[[Environment], Resources],
        load_deployer: Callable[[Environment], Deployer],
        open_transport: "Callable[[Environment], CloudEnd] | None" = None,
        make_transfers: "Callable[[EndOf], Transfers] | None" = None,
        open_passwords: Callable[[str], PasswordDatabase | None] = lambda _: None,
    ) -> None:
        self._records = records
        self._open_cloud = open_cloud
        self._open_workbench = open_workbench
        self._open_tenants = open_tenants
        self._open_prober = open_prober
        self._open_settings = open_settings
        self._open_furnisher = open_furnisher
        self._open_resources = open_resources
        self._open_passwords = open_passwords
        self._load_deployer = load_deployer
        self._open_transport = open_transport
        self._make_transfers = make_transfers
        self._transfers: Transfers | None = None
        self._ends: dict[str, tuple[Environment, CloudEnd]] = {}
        self._lock = threading.Lock()
        self._clouds: dict[str, tuple[Environment, Cloud]] = {}
        self._workbenches: dict[str, tuple[Environment, Workbench]] = {}
        self._tenants: dict[str, tuple[Environment, Tenants]] = {}
        self._probers: dict[str, tuple[Environment, Prober]] = {}
        self._readers: dict[str, tuple[Environment, SettingsReader]] = {}
        self._furnishers: dict[str, tuple[Environment, Furnisher]] = {}
        self._resources: dict[str, tuple[Environment, Resources]] = {}
        self._turns: dict[str, tuple[Environment, PolicyTurns]] = {}
        self._replaced: list[tuple[Environment, object]] = []

    @property
    @override
    def environments(self) -> EnvironmentStore:
        return self._records

    @property
    @override
    def health(self) -> HealthStore:
        return self._records

    @override
    def environment(self, name: str) -> Environment:
        return self._records.environment(name)

    @override
    def cloud(self, environment: str) -> Cloud:
        return self._kept(self._clouds, environment, self._open_cloud)

    @override
    def workbench(self, environment: str) -> Workbench:
        return self._kept(self._workbenches, environment, self._open_workbench)

    @override
    def deployer(self, environment: str) -> Deployer:
        record = self._records.environment(environment)
        if record.deployer is None:
            raise ConflictError(
                f"environment {record.name} has no deployer, so its nodes cannot be built or taken down",
                hint=f"set one: pumphouse env set {record.name} --deployer command --option install=/path/to/script",
            )
        return self._load_deployer(record)

    @property
    @override
    def fences(self) -> FenceStore:
        return self._records

    @property
    @override
    def moves(self) -> MoveStore:
        return self._records

    @property
    @override
    def images(self) -> ImageTransfer:
        return self._moved().images

    @property
    @override
    def volumes(self) -> VolumeTransfer:
        return self._moved().volumes

    @override
    def tenants(self, environment: str) -> Tenants:
        return self._kept(self._tenants, environment, self._open_tenants)

    @override
    def prober(self, environment: str) -> Prober:
        return self._kept(self._probers, environment, self._open_prober)

    @override
    def settings(self, environment: str) -> SettingsReader:
        return self._kept(self._readers, environment, self._open_settings)

    @override
    def furnisher(self, environment: str) -> Furnisher:
        return self._kept(self._furnishers, environment, self._open_furnisher)

    @override
    def resources(self, environment: str) -> Resources:
        return self._kept(self._resources, environment, self._open_resources)

    @override
    def passwords(self, environment: str) -> PasswordDatabase | None:
        return self._open_passwords(self._records.environment(environment).name)

    @override
    def onboarding(self, path: str) -> Onboarding:
        return OnboardingFile(Path(path))

    @override
    def policy(self, environment: str) -> PolicyHost | None:
        record = self._records.environment(environment)
        host = None if record.deployer is None else self._load_deployer(record).policy()
        return None if host is None else JoinedPolicyHost(host, self._turns_of(record))

    def forget(self, environment: str) -> None:
        """Open the cloud of an environment anew when it is asked for again. The old one stays open: an operation may be at work with it."""
        with self._lock:
            for kept in self._all():
                if environment in kept:
                    self._replaced.append(kept.pop(environment))

    def close(self) -> None:
        """Close all clouds, those that were replaced too."""
        with self._lock:
            everything = [*self._replaced, *(one for kept in self._all() for one in kept.values())]
            self._replaced.clear()
            for kept in self._all():
                kept.clear()
        for one in everything:
            _close(one)

    def _turns_of(self, record: Environment) -> PolicyTurns:
        """Those who ask the same deployer about the same environment share their questions."""
        with self._lock:
            known = self._turns.get(record.name)
            if known is None or (known[0].id, known[0].deployer) != (record.id, record.deployer):
                known = self._turns[record.name] = (record, PolicyTurns())
            return known[1]

    def _moved(self) -> "Transfers":
        with self._lock:
            if self._transfers is None:
                if self._make_transfers is None:
                    raise ConflictError("this process copies no images or volumes")
                self._transfers = self._make_transfers(self._end)
            return self._transfers

    def _end(self, environment: str) -> "CloudEnd":
        if self._open_transport is None:
            raise ConflictError("this process copies no images or volumes")
        return self._kept(self._ends, environment, self._open_transport)

    def _all(self) -> "tuple[dict[str, Any], ...]":
        return (
            self._clouds,
            self._workbenches,
            self._tenants,
            self._probers,
            self._readers,
            self._furnishers,
            self._resources,
            self._ends,
        )

    def _kept(
        self, kept: dict[str, tuple[Environment, T]], environment: str, make: Callable[[Environment], T]
    ) -> T:
        record = self._records.environment(environment)
        with self._lock:
            known = kept.get(record.name)
            if known is not None and (known[0].id, known[0].access) == (record.id, record.access):
                return known[1]
            made = make(record)
            kept[record.name] = (record, made)
            if known is not None:
                # whoever has it goes on with it; it is closed with the process
                self._replaced.append(known)
        return made


def _close(kept: tuple[Environment, object]) -> None:
    """Close what holds connections; not everything does."""
    close = getattr(kept[1], "close", None)
    if close is not None:
        close()
