"""The clouds of a lab as environments: registered when it comes up, forgotten when their cloud is gone with a reset."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from pumphouse.domain.errors import PumphouseError
from pumphouse.domain.operation import HOLDS_LOCKS
from pumphouse.engine.engine import Engine
from pumphouse.ports.fences import FenceStore
from pumphouse.ports.moves import MoveStore
from pumphouse.ports.store import EnvironmentStore, OperationStore
from pumphouse.services.environments import AddEnvironment, Environments


class LabCloud(Protocol):
    """One cloud of a lab."""

    @property
    def name(self) -> str: ...


class LabClouds(Protocol):
    """What is needed of a lab; `pumphouse.lab.Lab` is one."""

    @property
    def state_dir(self) -> Path: ...
    @property
    def clouds_yaml(self) -> Path: ...
    @property
    def clouds(self) -> Sequence[LabCloud]: ...
    def clouds_id_of(self, cloud: str) -> str:
        """Another one for fresh clouds of the same name."""
        ...


class Records(EnvironmentStore, OperationStore, FenceStore, MoveStore, Protocol):
    """Where environments, operations, fences and moves are kept."""


class LabRegistration:
    """Brings the environments up to date with a lab."""

    def __init__(
        self,
        environments: Environments,
        stores: Records,
        engine: Callable[[], Engine],
        say: Callable[[str], None],
    ) -> None:
        self._environments = environments
        self._stores = stores
        self._engine = engine
        self._say = say

    def bring_up_to_date(self, lab: LabClouds) -> None:
        """Add what is missing, refresh what is known, and forget what a fresh lab has no cloud for any more."""
        known = {e.name: e for e in self._environments.list()}
        ours = {name for name, e in known.items() if e.access.config_file == str(lab.clouds_yaml)}
        fresh = False
        for cloud in lab.clouds:
            clouds_id = lab.clouds_id_of(cloud.name)
            options = {"state_dir": str(lab.state_dir), "clouds_id": clouds_id}
            present = known.get(cloud.name)
            if present is None:
                self._add(lab, cloud.name, options)
            elif cloud.name in ours:
                if present.deployer_options.get("clouds_id", clouds_id) != clouds_id:
                    fresh = True
                    self._forget_what_was(cloud.name)
                self._environments.change(cloud.name, deployer="lab", deployer_options=options)
                self._environments.refresh(cloud.name)
            else:
                self._say(
                    f"The environment {cloud.name} is registered from {present.access.config_file or 'a stored copy'}, so the lab's {cloud.name}"
                    f" was not. To change that: pumphouse env remove {cloud.name}, then pumphouse lab up."
                )
        if fresh:
            for name in sorted(ours - {cloud.name for cloud in lab.clouds}):
                self._forget(name)

    def _add(self, lab: LabClouds, name: str, options: dict[str, str]) -> None:
        self._environments.add(
            AddEnvironment(
                name=name,
                cloud=name,
                config_file=str(lab.clouds_yaml),
                deployer="lab",
                deployer_options=options,
            )
        )

    def _forget(self, name: str) -> None:
        """Further clouds do not outlive a reset, and nobody can build again what their entries name."""
        self._forget_what_was(name)
        try:
            self._environments.remove(name)
            self._say(f"The environment {name} is not managed any more, as its cloud is gone.")
        except PumphouseError as error:
            self._say(f"{error.message}. {error.hint}")

    def _forget_what_was(self, environment: str) -> None:
        """The lab's clouds are fresh ones: what was begun on the old ones cannot go on, none of their nodes and tenants is in maintenance,
        and nothing that was moved stands anywhere.
        """
        for operation in self._stores.operations(statuses=HOLDS_LOCKS, roots_only=True, limit=1000):
            if environment not in (operation.environment, operation.params.get("destination")):
                continue
            try:
                self._engine().cancel(operation.id)
                self._say(f"Cancelled, as its clouds are gone: {operation.title} ({operation.status}).")
            except PumphouseError as error:
                self._say(f"{operation.title} still holds its locks: {error.message}. {error.hint}")
        for held in self._stores.maintenances(environment):
            self._stores.drop_maintenance(environment, held.node)
        for fence in self._stores.fences(environment):
            self._stores.drop_fence(environment, fence.tenant_id)
        for each in self._stores.migrations():
            if environment in (each["source"], each["destination"]):
                self._stores.drop_moves(each["source"], each["tenant_id"], each["destination"])
