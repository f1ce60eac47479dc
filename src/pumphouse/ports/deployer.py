"""What builds and takes down nodes. docs/contracts/deployer.md states these rules as a table; tests/contracts proves them per driver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from pumphouse.domain.environment import CloudAccess
from pumphouse.domain.errors import DeployerError
from pumphouse.domain.settings import EnvironmentSpec
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

    def releases(self) -> Sequence[str]:
        """The releases that it can build environments of, oldest first; empty where it builds none."""
        return ()

    def settable(self, release: str) -> Mapping[str, str]:
        """Keys of domain/settings.py that `build` can set for that release, each with the values that it takes, in words."""
        del release
        return {}

    def settings(self) -> Mapping[str, tuple[Any, str]]:
        """What it knows of its environment's settings: key -> (value, source); completes what the cloud's APIs tell."""
        return {}

    def build(self, spec: EnvironmentSpec, progress: Progress) -> CloudAccess:
        """Build the environment of that name beside its own: a controller, no compute node; returns when its services answer, with the way in.
        Repeating it completes what a crash has left, with the same secrets.

        Raises:
            InvalidInputError: a setting that it cannot set so; names the key.
            DeployerError: it could not be done; `raze` removes what there is.
        """
        del spec, progress
        raise DeployerError(
            "this deployer builds no environments", hint="build it by your own means, then: pumphouse env add"
        )

    def raze(self, name: str, progress: Progress) -> None:
        """Remove an environment that `build` has made, wholly or in part: no process, database, port or entry stays. An unknown one is no error."""
        del name, progress

    def built(self, name: str) -> EnvironmentSpec | None:
        """What `build` was asked for under that name, from the first moment at which there is something that `raze` would remove; None when it has
        made no such environment. It tells a duplicate from a cloud that somebody else has built: only the former may be razed.
        """
        del name
        return None

    def policy(self) -> PolicyHost | None:
        """Where the policy of the environment's services can be overridden; None where it offers no such place."""
        return None

    def unregister(self, node: str) -> None:
        """Remove what only the control plane's own tools can remove (Nova: the cell's host mapping); an unknown node is no error."""
        ...
