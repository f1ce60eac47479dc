"""A toolbox of fakes: environments, maintenance records and health runs in memory, fake clouds and deployers; used by workflow tests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.node import Maintenance
from pumphouse.ports.clock import Clock
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.deployer import Deployer
from pumphouse.ports.store import EnvironmentStore, HealthStore
from pumphouse.ports.toolbox import Toolbox
from tests.fakes.cloud import FakeCloud
from tests.fakes.deployer import FakeDeployer


class MemoryEnvironments(EnvironmentStore):
    """Environments and maintenance records in dictionaries."""

    def __init__(self) -> None:
        self.known: dict[str, Environment] = {}
        self.records: dict[tuple[str, str], Maintenance] = {}

    @override
    def add_environment(self, environment: Environment) -> None:
        if environment.name in self.known:
            raise ConflictError(f"there is an environment {environment.name} already")
        self.known[environment.name] = environment

    @override
    def environments(self) -> Sequence[Environment]:
        return [self.known[name] for name in sorted(self.known)]

    @override
    def environment(self, name_or_id: str) -> Environment:
        for environment in self.known.values():
            if name_or_id in {environment.name, environment.id}:
                return environment
        raise NotFoundError("environment", name_or_id)

    @override
    def put_found(
        self,
        environment_id: str,
        *,
        status: str,
        facts: Mapping[str, Any] | None = None,
        facts_at: datetime | None = None,
    ) -> Environment:
        present = self.environment(environment_id)
        found = (present.facts, present.facts_at) if facts is None else (facts, facts_at)
        return self._put(replace(present, status=status, facts=found[0], facts_at=found[1]))

    @override
    def put_deployer(
        self, environment_id: str, *, deployer: str | None, options: Mapping[str, Any]
    ) -> Environment:
        present = self.environment(environment_id)
        return self._put(replace(present, deployer=deployer, deployer_options=options))

    def _put(self, environment: Environment) -> Environment:
        self.known[environment.name] = environment
        return environment

    @override
    def remove_environment(self, environment_id: str) -> None:
        del self.known[self.environment(environment_id).name]

    @override
    def maintenances(self, environment: str | None = None) -> Sequence[Maintenance]:
        return [m for m in list(self.records.values()) if environment in {None, m.environment}]

    @override
    def put_maintenance(self, maintenance: Maintenance) -> None:
        self.records[(maintenance.environment, maintenance.node)] = maintenance

    @override
    def drop_maintenance(self, environment: str, node: str) -> None:
        self.records.pop((environment, node), None)


class MemoryHealth(HealthStore):
    """Health runs in a list."""

    def __init__(self) -> None:
        self.runs: list[Mapping[str, Any]] = []

    @override
    def put_health_run(self, run: Mapping[str, Any]) -> None:
        self.runs = [run, *(r for r in self.runs if r["id"] != run["id"])]

    @override
    def health_runs(self, *, environment: str | None = None, limit: int = 20) -> Sequence[Mapping[str, Any]]:
        return [r for r in self.runs if environment in {None, r["environment"]}][:limit]


class FakeToolbox(Toolbox):
    """Clouds by environment name, each with a deployer unless `deployers` says otherwise."""

    def __init__(self, clock: Clock, *clouds: FakeCloud) -> None:
        self.clouds = {cloud.environment: cloud for cloud in clouds}
        self.deployers: dict[str, FakeDeployer] = {cloud.environment: FakeDeployer(cloud) for cloud in clouds}
        self._environments = MemoryEnvironments()
        self._health = MemoryHealth()
        for cloud in clouds:
            self._environments.add_environment(
                Environment(cloud.environment, cloud.environment, CloudAccess("x"), "fake", {}, clock.now())
            )

    @property
    @override
    def environments(self) -> MemoryEnvironments:
        return self._environments

    @property
    @override
    def health(self) -> MemoryHealth:
        return self._health

    @override
    def environment(self, name: str) -> Environment:
        return self._environments.environment(name)

    @override
    def cloud(self, environment: str) -> Cloud:
        if environment not in self.clouds:
            raise NotFoundError("environment", environment)
        return self.clouds[environment]

    @override
    def deployer(self, environment: str) -> Deployer:
        if environment not in self.deployers:
            raise ConflictError(
                f"environment {environment} has no deployer", hint="set one with `pumphouse env set`"
            )
        return self.deployers[environment]
