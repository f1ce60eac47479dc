"""A deployer in memory: nodes are entries of a set. The contract suite is tried on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from pumphouse.domain.environment import CloudAccess
from pumphouse.domain.errors import DeployerError, InvalidInputError
from pumphouse.domain.settings import EnvironmentSpec
from pumphouse.ports.deployer import Capabilities, Deployer, NodeDeployState, Progress, Role


@dataclass
class MemoryDeployer(Deployer):
    """`nodes` are installed; `refuse` maps a node to the reason why it may not be touched; `calls` is what was asked, in order; `environments` are
    those that it has built, of the releases that it `builds`.
    """

    nodes: set[str] = field(default_factory=set)
    refuse: dict[str, str] = field(default_factory=dict)
    registered: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    builds: tuple[str, ...] = ("2023.1", "2026.2")
    environments: dict[str, EnvironmentSpec] = field(default_factory=dict)

    @override
    def capabilities(self) -> Capabilities:
        return Capabilities("fake", 1, frozenset({Role.COMPUTE}), reinstalls_removed=True)

    @override
    def validate(self, node: str, role: Role) -> list[str]:
        reasons = [] if role is Role.COMPUTE else [f"no role {role}"]
        return reasons + ([self.refuse[node]] if node in self.refuse else [])

    @override
    def state(self, node: str) -> NodeDeployState:
        return NodeDeployState.INSTALLED if node in self.nodes else NodeDeployState.ABSENT

    @override
    def take_down(self, node: str, progress: Progress) -> None:
        self._touch("take_down", node)
        progress(f"taking {node} down")
        self.nodes.discard(node)

    @override
    def install(self, node: str, role: Role, progress: Progress) -> None:
        if role is not Role.COMPUTE:
            raise DeployerError(f"no role {role}")
        self._touch("install", node)
        progress(f"installing {node}")
        self.nodes.add(node)

    @override
    def releases(self) -> Sequence[str]:
        return self.builds

    @override
    def settable(self, release: str) -> Mapping[str, str]:
        return {"network.mtu": "1280 to 9216, in bytes"} if release in self.builds else {}

    @override
    def settings(self) -> Mapping[str, tuple[Any, str]]:
        return {"network.mtu": (1500, "memory")}

    @override
    def build(self, spec: EnvironmentSpec, progress: Progress) -> CloudAccess:
        if spec.release not in self.builds:
            raise InvalidInputError(
                "release", spec.release, "unknown", hint=f"Known: {', '.join(self.builds)}."
            )
        for key, value in spec.settings.items():
            if key not in self.settable(spec.release) or not isinstance(value, int):
                raise InvalidInputError(key, value, "cannot be set so", hint="See settable().")
        if self.environments.setdefault(spec.name, spec) != spec:
            raise InvalidInputError(
                "environment", spec.name, "there is another one", hint="Choose another name."
            )
        progress(f"building {spec.name}")
        return CloudAccess(spec.name, "/memory/clouds.yaml")

    @override
    def raze(self, name: str, progress: Progress) -> None:
        if self.environments.pop(name, None) is not None:
            progress(f"removing {name}")

    @override
    def built(self, name: str) -> EnvironmentSpec | None:
        return self.environments.get(name)

    @override
    def register(self, node: str) -> None:
        self._touch("register", node)
        self.registered.add(node)

    @override
    def unregister(self, node: str) -> None:
        self._touch("unregister", node)
        self.registered.discard(node)

    def _touch(self, action: str, node: str) -> None:
        self.calls.append((action, node))
        if node in self.refuse:
            raise DeployerError(f"{node}: {self.refuse[node]}")
