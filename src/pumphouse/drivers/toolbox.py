"""The real toolbox: the clouds and deployers of environments, each opened once and kept. Made by `main` for plans, steps and services."""

import threading
from collections.abc import Callable
from typing import Protocol

from typing_extensions import override

from pumphouse.domain.environment import Environment
from pumphouse.domain.errors import ConflictError
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.deployer import Deployer
from pumphouse.ports.store import EnvironmentStore, HealthStore
from pumphouse.ports.toolbox import Toolbox


class Records(EnvironmentStore, HealthStore, Protocol):
    """Where environments, maintenance and health runs are recorded."""


class DriverToolbox(Toolbox):
    """Safe for use by many threads. A cloud is opened again when its environment's access has changed, be it by another process."""

    def __init__(
        self,
        records: Records,
        *,
        open_cloud: Callable[[Environment], Cloud],
        load_deployer: Callable[[Environment], Deployer],
    ) -> None:
        self._records = records
        self._open_cloud = open_cloud
        self._load_deployer = load_deployer
        self._lock = threading.Lock()
        self._clouds: dict[str, tuple[Environment, Cloud]] = {}

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
        record = self._records.environment(environment)
        with self._lock:
            known = self._clouds.get(record.name)
            if known is not None and (known[0].id, known[0].access) == (record.id, record.access):
                return known[1]
            cloud = self._open_cloud(record)
            self._clouds[record.name] = (record, cloud)
        if known is not None:
            known[1].close()
        return cloud

    @override
    def deployer(self, environment: str) -> Deployer:
        record = self._records.environment(environment)
        if record.deployer is None:
            raise ConflictError(
                f"environment {record.name} has no deployer, so its nodes cannot be built or taken down",
                hint=f"set one: pumphouse env set {record.name} --deployer command --option install=/path/to/script",
            )
        return self._load_deployer(record)

    def forget(self, environment: str) -> None:
        """Close the cloud of an environment that has changed."""
        with self._lock:
            known = self._clouds.pop(environment, None)
        if known is not None:
            known[1].close()

    def close(self) -> None:
        """Close all clouds."""
        with self._lock:
            clouds, self._clouds = self._clouds, {}
        for _, cloud in clouds.values():
            cloud.close()
