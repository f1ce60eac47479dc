"""A deployer in memory: nodes are entries of a set. The contract suite is tried on it."""

from dataclasses import dataclass, field

from typing_extensions import override

from pumphouse.domain.errors import DeployerError
from pumphouse.ports.deployer import Capabilities, Deployer, NodeDeployState, Progress, Role


@dataclass
class MemoryDeployer(Deployer):
    """`nodes` are installed; `refuse` maps a node to the reason why it may not be touched; `calls` is what was asked, in order."""

    nodes: set[str] = field(default_factory=set)
    refuse: dict[str, str] = field(default_factory=dict)
    registered: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)

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
