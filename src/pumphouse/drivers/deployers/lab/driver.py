"""The deployer `lab`: a real nova-compute and chassis leave one cloud of the one-machine lab and start in another, with its release's code."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import DeployerError, InvalidInputError
from pumphouse.domain.settings import EnvironmentSpec
from pumphouse.drivers.deployers.lab.policy import lab_policy_host
from pumphouse.drivers.deployers.lab.settings import lab_settings
from pumphouse.drivers.deployers.lab.told import ToldProgress
from pumphouse.lab.choices import settable
from pumphouse.lab.errors import LabConfigurationError, LabError
from pumphouse.lab.nodes import NodeState
from pumphouse.lab.release import known_releases
from pumphouse.ports.deployer import Capabilities, Deployer, NodeDeployState, Progress, Role
from pumphouse.ports.policy import PolicyHost

if TYPE_CHECKING:
    from pumphouse.lab import Lab

T = TypeVar("T")

CONTRACT_VERSION = 1
OPTIONS = frozenset({"state_dir", "cloud", "clouds_id"})


class LabDeployer(Deployer):
    """Starts and stops the processes of a lab's nodes. Options: `state_dir` (default: the lab's own default) and `cloud` (default: the
    environment's entry in clouds.yaml). `clouds_id` is what `lab up` notes there, to tell fresh clouds from those it knew.
    """

    def __init__(self, environment: Environment, options: Mapping[str, Any]) -> None:
        """Check the options; the lab is not touched yet.

        Raises:
            InvalidInputError: naming the option that is wrong.
        """
        for name, value in options.items():
            if name not in OPTIONS:
                known = ", ".join(sorted(OPTIONS))
                raise InvalidInputError(
                    f"deployer_options.{name}",
                    value,
                    "is not an option of this deployer",
                    hint=f"Known: {known}.",
                )
            if not isinstance(value, str) or not value:
                raise InvalidInputError(
                    f"deployer_options.{name}", value, "is not a text", hint="See `pumphouse lab path`."
                )
        self._cloud: str = options.get("cloud", environment.access.cloud)
        self._state_dir: str | None = options.get("state_dir")
        self._opened: Lab | None = None

    @override
    def capabilities(self) -> Capabilities:
        return Capabilities(
            name="lab",
            contract_version=CONTRACT_VERSION,
            roles=frozenset({Role.COMPUTE}),
            reinstalls_removed=True,
        )

    @override
    def validate(self, node: str, role: Role) -> list[str]:
        if role is not Role.COMPUTE:
            return [f"the lab has nodes with the role compute only, not {role}"]
        try:
            self._lab().node_state(self._cloud, node)
        except LabError as exc:
            return [f"{exc.message} {exc.hint}".strip()]
        return []

    @override
    def state(self, node: str) -> NodeDeployState:
        return _STATES[_asked(lambda: self._lab().node_state(self._cloud, node))]

    @override
    def take_down(self, node: str, progress: Progress) -> None:
        if self.state(node) is NodeDeployState.ABSENT:
            return
        progress(f"stopping nova-compute and the chassis of {node} in {self._cloud}")
        # its local state goes too: with its old identity it could not come back as a new host
        _asked(lambda: self._lab().forget_node(self._cloud, node))
        progress(f"{node} is no longer in {self._cloud}")

    @override
    def install(self, node: str, role: Role, progress: Progress) -> None:
        if role is not Role.COMPUTE:
            raise DeployerError(f"the lab has nodes with the role compute only, not {role}")
        if self.state(node) is NodeDeployState.INSTALLED:
            return
        progress(f"starting nova-compute and a chassis as {node} in {self._cloud}")
        _asked(lambda: self._lab().start_node(self._cloud, node))
        if (state := self.state(node)) is not NodeDeployState.INSTALLED:
            raise DeployerError(
                f"{node} was started in {self._cloud}, but is {state}",
                hint=f"See `pumphouse lab logs {self._cloud}-{node}`.",
            )
        progress(f"{node} runs in {self._cloud}")

    @override
    def register(self, node: str) -> None:
        del node  # discover_hosts looks for all hosts that are not mapped yet
        _asked(lambda: self._lab().discover_hosts(self._cloud))

    @override
    def releases(self) -> Sequence[str]:
        return known_releases()

    @override
    def settable(self, release: str) -> Mapping[str, str]:
        return settable() if release in known_releases() else {}

    @override
    def settings(self) -> Mapping[str, tuple[Any, str]]:
        return _asked(lambda: lab_settings(self._lab(), self._cloud))

    @override
    def build(self, spec: EnvironmentSpec, progress: Progress) -> CloudAccess:
        lab = self._lab()
        progress(f"building {spec.name} ({spec.release}) in the lab")
        try:
            lab.env_create(spec.name, spec.release, spec.settings, ToldProgress(progress))
        except LabConfigurationError as exc:
            raise InvalidInputError(exc.field, exc.value, exc.problem, hint=exc.hint) from exc
        except LabError as exc:
            raise DeployerError(exc.message, hint=exc.hint) from exc
        progress(f"{spec.name} answers")
        return CloudAccess(spec.name, str(lab.clouds_yaml))

    @override
    def raze(self, name: str, progress: Progress) -> None:
        if self.built(name) is None:
            return
        progress(f"removing {name} from the lab")
        try:
            self._lab().env_delete(name, ToldProgress(progress))
        except LabError as exc:
            raise DeployerError(exc.message, hint=exc.hint) from exc
        progress(f"{name} is gone")

    @override
    def built(self, name: str) -> EnvironmentSpec | None:
        made = _asked(lambda: self._lab().further_cloud(name))
        return None if made is None else EnvironmentSpec(made.name, made.release, dict(made.settings))

    @override
    def policy(self) -> PolicyHost:
        return lab_policy_host(self._cloud, self._lab)

    @override
    def unregister(self, node: str) -> None:
        _asked(lambda: self._lab().unmap_host(self._cloud, node))

    def _lab(self) -> "Lab":
        if self._opened is None:
            from pumphouse.lab import Lab
            from pumphouse.lab.layout import default_state_dir

            self._opened = Lab(Path(self._state_dir) if self._state_dir else default_state_dir())
        return self._opened


_STATES = {
    NodeState.RUNNING: NodeDeployState.INSTALLED,
    NodeState.DEAD: NodeDeployState.ERROR,
    # halted by hand: a take_down removes it, an install starts it again
    NodeState.STOPPED: NodeDeployState.ERROR,
    # a take_down was cut off
    NodeState.LEAVING: NodeDeployState.REMOVING,
    NodeState.ABSENT: NodeDeployState.ABSENT,
}


def _asked(call: Callable[[], T]) -> T:
    """The lab's answer, its errors as the contract wants them."""
    try:
        return call()
    except LabConfigurationError as exc:
        raise InvalidInputError(f"lab.{exc.field}", exc.value, exc.message, hint=exc.hint) from exc
    except LabError as exc:
        raise DeployerError(exc.message, hint=exc.hint) from exc
