"""How a node enters and leaves a cloud, as the cloud itself sees it; the steps of both directions and their undo use it.

Everything here looks first and may be repeated after a crash.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pumphouse.domain.environment import ServiceState
from pumphouse.domain.errors import CloudFaultError, ConflictError, NotFoundError
from pumphouse.domain.node import Node
from pumphouse.engine.step import StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.deployer import Deployer, Role

DOWN_S = 300.0
"""Nova calls a silent service down after service_down_time (default 60 s)."""
UP_S = 300.0
AGENTS_S = 300.0
"""Neutron calls a silent agent dead after agent_down_time (default 75 s)."""
SETTLE_S = 180.0
REGISTER_EVERY = 15
"""Looks between two host discoveries: the first may come before nova-compute has written its node record."""


@dataclass(frozen=True, slots=True)
class Door:
    """One node at one cloud."""

    ctx: StepContext
    environment: str
    node: str

    @property
    def cloud(self) -> Cloud:
        """The cloud behind it."""
        return self.ctx.tools.cloud(self.environment)

    @property
    def deployer(self) -> Deployer:
        """Who builds and takes down its nodes."""
        return self.ctx.tools.deployer(self.environment)

    def seen(self) -> Node | None:
        """The node as the cloud shows it, or None."""
        try:
            return self.cloud.node(self.node)
        except NotFoundError:
            return None

    def agents(self) -> list[str]:
        """The ids of the network agents of the node; to be kept before it is taken down, as one that has signed off has no host name."""
        return [s.id for s in self.cloud.services() if s.kind == "network" and s.host == self.node]

    def leave(self, provider_id: str, agent_ids: Sequence[str]) -> None:
        """Make the cloud forget a node that was taken down: compute service, resource provider, network agents, host mapping.

        Raises:
            DeadlineError: the cloud still counts it as alive, or does not let go of it.
        """
        self.ctx.poll(
            lambda: True if (seen := self.seen()) is None or not seen.up else None,
            what=f"{self.environment} to see that nova-compute on {self.node} is down",
            deadline_s=DOWN_S,
            interval_s=2.0,
        )
        self.ctx.poll(
            self._service_deleted,
            what=f"the compute service of {self.node} to be deleted",
            deadline_s=SETTLE_S,
        )
        if provider_id:
            self.ctx.poll(
                lambda: self._provider_deleted(provider_id),
                what=f"the resource provider of {self.node} to be deleted",
                deadline_s=SETTLE_S,
            )
        self.ctx.poll(
            lambda: self._agents_deleted(agent_ids),
            what=f"the network agents of {self.node} to be deleted",
            deadline_s=AGENTS_S,
            interval_s=3.0,
        )
        self.deployer.unregister(self.node)

    def enter(self, reason: str) -> None:
        """Install the node and let the cloud know it, disabled with `reason` from its first moment.

        A new service comes up enabled, but before its host is discovered into a cell nothing can be scheduled there: so it is disabled
        first and discovered then.

        Raises:
            DeployerError: it could not be installed.
            DeadlineError: its service did not come up, or Placement did not get to know it.
        """
        self.deployer.install(self.node, Role.COMPUTE, self.ctx.progress)
        self.ctx.poll(
            lambda: self._disabled_and_up(reason),
            what=f"nova-compute on {self.node} to come up in {self.environment}",
            deadline_s=UP_S,
        )
        looks = 0

        def known() -> bool | None:
            nonlocal looks
            if looks % REGISTER_EVERY == 0:
                self.deployer.register(self.node)
            looks += 1
            seen = self.seen()
            return (
                True
                if seen and seen.up and not seen.enabled and seen.provider_id and seen.inventory
                else None
            )

        self.ctx.poll(
            known, what=f"{self.environment} to know {self.node} and its inventory", deadline_s=UP_S
        )

    def set_enabled(self, *, enabled: bool, reason: str = "") -> None:
        """Enable or disable until the cloud shows it; a node that the cloud does not know (any more) cannot be enabled."""

        def probe() -> bool | None:
            seen = self.seen()
            if seen is None:
                if enabled:
                    raise ConflictError(f"{self.environment} does not know {self.node}")
                return True
            if seen.enabled == enabled:
                return True
            if enabled:
                self.cloud.enable_node(self.node)
            else:
                self.cloud.disable_node(self.node, reason)
            return None

        word = "enabled" if enabled else "disabled"
        self.ctx.poll(
            probe, what=f"{self.node} to be {word} in {self.environment}", deadline_s=SETTLE_S, interval_s=0.5
        )

    def _service_deleted(self) -> bool | None:
        if self.seen() is None and self._service() is None:
            return True
        try:
            self.cloud.delete_compute_service(self.node)
        except NotFoundError:
            return True
        return None

    def _provider_deleted(self, provider_id: str) -> bool | None:
        self.cloud.delete_resource_provider(provider_id)
        return True

    def _agents_deleted(self, agent_ids: Sequence[str]) -> bool | None:
        left = [
            s
            for s in self.cloud.services()
            if s.kind == "network" and (s.host == self.node or s.id in agent_ids)
        ]
        if not left:
            return True
        self.cloud.delete_agents(self.node, agent_ids=agent_ids)
        return None

    def _service(self) -> ServiceState | None:
        services = self.cloud.services()
        return next(
            (
                s
                for s in services
                if s.kind == "compute" and s.binary == "nova-compute" and s.host == self.node
            ),
            None,
        )

    def _disabled_and_up(self, reason: str) -> bool | None:
        service = self._service()
        if service is None:
            return None
        if service.enabled:
            try:
                self.cloud.disable_node(self.node, reason)
            except NotFoundError as error:
                raise CloudFaultError(f"{self.node} appears and disappears in {self.environment}") from error
            return None
        return True if service.up else None
