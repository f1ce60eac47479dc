"""What a step or a plan may reach for: the clouds and deployers of environments, by environment name."""

from typing import Protocol

from pumphouse.domain.environment import Environment
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
from pumphouse.ports.transfer import ImageTransfer, VolumeTransfer
from pumphouse.ports.workbench import Workbench


class Toolbox(Protocol):
    """Given to every plan and step; `main` builds the real one, tests a fake one."""

    @property
    def environments(self) -> EnvironmentStore:
        """The records of environments and maintenance."""
        ...

    @property
    def health(self) -> HealthStore:
        """The records of health checks."""
        ...

    def environment(self, name: str) -> Environment:
        """Raises NotFoundError."""
        ...

    def cloud(self, environment: str) -> Cloud:
        """The cloud of an environment; the same object for the same name."""
        ...

    def workbench(self, environment: str) -> Workbench:
        """Where health checks make small things in an environment; the same object for the same name.

        The real one is `OpenStackWorkbench(environment, settings, clock)` of drivers/openstack/workbench.py, with the same
        `CloudSettings` as the environment's `OpenStackCloud`.
        """
        ...

    def deployer(self, environment: str) -> Deployer:
        """The deployer of an environment.

        Raises:
            ConflictError: the environment has none; the hint says how to set it.
        """
        ...

    @property
    def fences(self) -> FenceStore:
        """The records and journals of fences around tenants."""
        ...

    def tenants(self, environment: str) -> Tenants:
        """The tenants of an environment; the same object for the same name."""
        ...

    def prober(self, environment: str) -> Prober:
        """Who acts as a member of a tenant there."""
        ...

    def policy(self, environment: str) -> PolicyHost | None:
        """Where its services' policy can be overridden; None when the environment has no deployer or it offers no such place."""
        ...

    def settings(self, environment: str) -> SettingsReader:
        """Who reads how its cloud is built; the same object for the same name."""
        ...

    def furnisher(self, environment: str) -> Furnisher:
        """Who reads and makes the contents that belong to its cloud; the same object for the same name."""
        ...

    def resources(self, environment: str) -> Resources:
        """Who reads, makes and removes what a tenant has in its cloud; the same object for the same name."""
        ...

    @property
    def moves(self) -> MoveStore:
        """The records of what became of a tenant's things in another cloud."""
        ...

    @property
    def images(self) -> ImageTransfer:
        """Who streams images between two environments."""
        ...

    @property
    def volumes(self) -> VolumeTransfer:
        """Who copies volumes between two environments."""
        ...

    def passwords(self, environment: str) -> PasswordDatabase | None:
        """The database of its Keystone, for hashes of passwords; None when the configuration names none."""
        ...

    def onboarding(self, path: str) -> Onboarding:
        """The file with one-time passwords at this path of the machine on which operations run."""
        ...
