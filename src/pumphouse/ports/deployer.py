"""What builds and takes down nodes. docs/contracts/deployer.md states these rules as a table; tests/contracts proves them per driver."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pumphouse.ports.policy import PolicyHost

Progress = Callable[[str], None]
"""Called with one line for a person each time a deployer has something to say; lines become events."""


class Role(StrEnum):
    """What a node is for."""

    COMPUTE = "compute"
    CONTROLLER = "controller"


class NodeDeployState(StrEnum):
    """What the deployer knows of a node in an environment."""

    ABSENT = "absent"
    INSTALLING = "installing"
    INSTALLED = "installed"
    REMOVING = "removing"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a deployer can do, told without touching anything."""

    name: str
    contract_version: int
    roles: frozenset[Role]
    can_take_down: bool = True
    can_install: bool = True
    reinstalls_removed: bool = False
    """whether a node that was taken down can be installed in its old environment again: an undo is possible"""


class Deployer(Protocol):
    """Builds and takes down nodes of one environment. Every call is idempotent and may be repeated after a crash.

    Each call may also raise TemporaryError when trying again later may help; nothing was half done that a repeat does not complete.
    """

    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def validate(self, node: str, role: Role) -> list[str]:
        """Reasons why `install` or `take_down` of this node would be refused now; empty when nothing speaks against it.

        Changes nothing and answers within seconds.
        """
        ...

    def state(self, node: str) -> NodeDeployState:
        """Where the node stands in this environment."""
        ...

    def take_down(self, node: str, progress: Progress) -> None:
        """Stop the node's services and free its hardware; returns when it is ABSENT. An absent node is no error.

        Raises:
            DeployerError: it could not be done; the node is in ERROR or still INSTALLED.
        """
        ...

    def install(self, node: str, role: Role, progress: Progress) -> None:
        """Make the node serve in this environment with `role`; returns when its services run (their registration is verified by the caller).

        An installed node is no error.

        Raises:
            DeployerError: it could not be done.
        """
        ...

    def register(self, node: str) -> None:
        """Tell the environment's control plane of the new host (Nova: cell_v2 discover_hosts); harmless when repeated."""
        ...

    def policy(self) -> PolicyHost | None:
        """Where the policy of the environment's services can be overridden; None where it offers no such place."""
        return None

    def unregister(self, node: str) -> None:
        """Remove what only the control plane's own tools can remove (Nova: the cell's host mapping); an unknown node is no error."""
        ...
