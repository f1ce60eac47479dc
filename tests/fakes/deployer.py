"""A deployer for fake clouds: taking down stops the node's process, installing starts one; used by workflow and engine tests."""

from typing_extensions import override

from pumphouse.domain.errors import DeployerError
from pumphouse.ports.deployer import Capabilities, Deployer, NodeDeployState, Progress, Role
from tests.fakes.cloud import FakeCloud

STARTS_S = 5.0


class FakeDeployer(Deployer):
    """Acts on the cloud as the hardware would; every call is one of the cloud's calls, so that crashes and faults reach it too."""

    def __init__(self, cloud: FakeCloud, *, able: Capabilities | None = None) -> None:
        self.cloud = cloud
        self.able = able or Capabilities("fake", 1, frozenset({Role.COMPUTE}), reinstalls_removed=True)
        self.reasons: list[str] = []
        self.states: dict[str, NodeDeployState] = {}

    @override
    def capabilities(self) -> Capabilities:
        return self.able

    @override
    def validate(self, node: str, role: Role) -> list[str]:
        return list(self.reasons)

    @override
    def state(self, node: str) -> NodeDeployState:
        known = node in self.cloud.machines and self.cloud.machines[node].running
        return self.states.get(node, NodeDeployState.INSTALLED if known else NodeDeployState.ABSENT)

    @override
    def take_down(self, node: str, progress: Progress) -> None:
        with self.cloud.call("take_down", node, writes=True):
            progress(f"stopping {node}")
            machine = self.cloud.machines.get(node)
            if machine is not None:
                self._refuse_when_used(node)
                machine.running = False
            self.states[node] = NodeDeployState.ABSENT

    @override
    def install(self, node: str, role: Role, progress: Progress) -> None:
        with self.cloud.call("install", node, writes=True):
            progress(f"starting {node}")
            if self.states.get(node) is NodeDeployState.INSTALLED:
                return
            self.states[node] = NodeDeployState.INSTALLED
            self.cloud.after(STARTS_S, lambda: self._up(node))

    @override
    def register(self, node: str) -> None:
        with self.cloud.call("register", node, writes=True):
            if node in self.cloud.machines:
                self.cloud.machines[node].mapped = True

    @override
    def unregister(self, node: str) -> None:
        with self.cloud.call("unregister", node, writes=True):
            if node in self.cloud.machines:
                raise AssertionError("the host mapping was removed while the service is still there")

    def _up(self, node: str) -> None:
        if node in self.cloud.machines:
            self.cloud.machines[node].running = True
        else:
            # a new service is enabled, and unknown to the cell until hosts are discovered
            self.cloud.add_node(node, mapped=False)

    def _refuse_when_used(self, node: str) -> None:
        if any(s.host == node for s in self.cloud.all_servers.values()):
            raise DeployerError(f"{node} still has servers: taking it down would kill them")
