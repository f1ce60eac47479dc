"""The steps by which a node joins its new environment; used by ReassignNode. All lie behind the point of no return."""

from abc import abstractmethod
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, PermanentError
from pumphouse.engine.step import Step, StepContext
from pumphouse.workflows.reassign_node.doors import Door
from pumphouse.workflows.reassign_node.leaving import refuse_without_way_back

BOOT_S = 300.0
JOINING = "pumphouse: joins this environment"


class JoiningStep(Step):
    """A step whose undo first makes sure that there is a way back, and that nobody uses the node yet."""

    @override
    def undo(self, ctx: StepContext) -> None:
        refuse_without_way_back(ctx)
        refuse_when_in_use(ctx)
        self.go_back(ctx)

    @abstractmethod
    def go_back(self, ctx: StepContext) -> None:
        """Put back what `do` changed."""


class Install(JoiningStep):
    """The deployer installs it; the cloud knows it, disabled."""

    name: ClassVar[str] = "install"
    title: ClassVar[str] = "Install the node in the new environment, disabled"

    @override
    def do(self, ctx: StepContext) -> None:
        door = destination(ctx)
        seen = door.seen()
        if seen is None or not (seen.up and seen.provider_id and seen.inventory):
            ctx.remember(joining=True)
            door.enter(JOINING)
        elif not ctx.recall("joining"):
            raise ConflictError(
                f"{door.environment} has a node {door.node} already", hint="remove or rename it, then retry"
            )
        else:
            door.enter(JOINING)

    @override
    def go_back(self, ctx: StepContext) -> None:
        if not ctx.recall("joining"):
            return
        door = destination(ctx)
        seen = door.seen()
        if seen is not None and seen.provider_id:
            ctx.remember(
                joined_provider=seen.provider_id,
                joined_agents=sorted({*ctx.recall("joined_agents", []), *door.agents()}),
            )
        door.deployer.take_down(door.node, ctx.progress)
        door.leave(str(ctx.recall("joined_provider", "")), ctx.recall("joined_agents", []))
        ctx.remember(joining=None)


class TryServer(JoiningStep):
    """A smallest server boots on it and is deleted: the node works before anybody is scheduled there."""

    name: ClassVar[str] = "try_server"
    title: ClassVar[str] = "Boot a test server on it and delete it"

    @override
    def do(self, ctx: StepContext) -> None:
        door, name = destination(ctx), trial_name(ctx)
        server_id = ctx.poll(
            lambda: door.cloud.boot_test_server(name, door.node) or None,
            what=f"{name} to be accepted",
            deadline_s=BOOT_S,
        )

        def running() -> bool | None:
            server = door.cloud.server(server_id)
            if server.status == "ERROR":
                raise PermanentError(
                    f"the test server on {door.node} went to ERROR: {server.fault or 'Nova gives no reason'}",
                    hint=f"see nova-compute's log on {door.node}; then retry or undo",
                )
            return True if server.status == "ACTIVE" and server.host == door.node else None

        try:
            ctx.poll(running, what=f"the test server on {door.node} to be ACTIVE", deadline_s=BOOT_S)
        finally:
            self._clean(ctx, door, name)
        provider = door.cloud.node(door.node).provider_id
        ctx.poll(
            lambda: None if door.cloud.provider_consumers(provider) else True,
            what=f"Placement to hold nothing on {door.node} after the test",
            deadline_s=BOOT_S,
        )

    @override
    def go_back(self, ctx: StepContext) -> None:
        self._clean(ctx, destination(ctx), trial_name(ctx))

    def _clean(self, ctx: StepContext, door: Door, name: str) -> None:
        def gone() -> bool | None:
            door.cloud.delete_test_server(name)
            if door.seen() is None:
                return True
            return None if any(s.name == name for s in door.cloud.servers(node=door.node)) else True

        ctx.poll(gone, what=f"the test server {name} to be deleted", deadline_s=BOOT_S)


class Enable(JoiningStep):
    """From now on the new environment schedules servers there."""

    name: ClassVar[str] = "enable"
    title: ClassVar[str] = "Enable the node in the new environment"

    @override
    def do(self, ctx: StepContext) -> None:
        door = destination(ctx)
        door.set_enabled(enabled=True)
        seen = door.seen()
        if seen is None or not seen.up:
            raise ConflictError(f"{door.node} is enabled in {door.environment}, but its service is down")

    @override
    def go_back(self, ctx: StepContext) -> None:
        destination(ctx).set_enabled(enabled=False, reason=JOINING)
        # somebody may have been scheduled there between the look and the disabling
        refuse_when_in_use(ctx)


def destination(ctx: StepContext) -> Door:
    """The node at the environment that it joins."""
    return Door(ctx, str(ctx.params["destination"]), str(ctx.params["node"]))


def trial_name(ctx: StepContext) -> str:
    """Deterministic, so that one that was left by a crash is found again."""
    return f"pumphouse-trial-{ctx.operation.id[:8]}"


def refuse_when_in_use(ctx: StepContext) -> None:
    """Undo takes the node away from its new environment: nobody may live there.

    Raises:
        ConflictError: servers have been placed on it since.
    """
    door = destination(ctx)
    if not ctx.recall("joining") or door.seen() is None:
        return
    living = [s for s in door.cloud.servers(node=door.node) if s.name != trial_name(ctx)]
    if living:
        raise ConflictError(
            f"{len(living)} servers live on {door.node} in {door.environment}: {', '.join(s.name for s in living[:10])}",
            hint=f"pumphouse node evacuate {door.environment}/{door.node}, then undo again",
        )
