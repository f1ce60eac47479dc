"""The steps by which a node leaves its environment; used by ReassignNode and DeleteNode."""

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, DeadlineError
from pumphouse.domain.server import Migration
from pumphouse.engine.step import Skipped, Step, StepContext
from pumphouse.ports.deployer import NodeDeployState
from pumphouse.workflows.reassign_node.doors import Door

EMPTY_S = 120.0
EVACUATION = "evacuation"
MAINTENANCE = "maintenance"


class Evacuate(Step):
    """The evacuation is an operation of its own, so that it can be watched, retried and undone as one."""

    name: ClassVar[str] = "evacuate"
    title: ClassVar[str] = "Evacuate the node"

    @override
    def do(self, ctx: StepContext) -> None:
        ctx.run_child(EVACUATION, "evacuate_node", evacuation_params(ctx.params))

    @override
    def undo(self, ctx: StepContext) -> None:
        ctx.undo_child(EVACUATION)


class CloseNode(Step):
    """Without an evacuation the node is expected to be empty; it must stay so."""

    name: ClassVar[str] = "close"
    title: ClassVar[str] = "Keep new servers off the node"

    @override
    def do(self, ctx: StepContext) -> None:
        p = ctx.params
        reason = p["reason"] or "delete"
        wish = {"environment": p["environment"], "node": p["node"], "action": "on", "reason": reason}
        ctx.run_child(MAINTENANCE, "maintain_node", wish)

    @override
    def undo(self, ctx: StepContext) -> None:
        ctx.undo_child(MAINTENANCE)


class ProveEmpty(Step):
    """Nova and Placement are asked, not the evacuation's notes."""

    name: ClassVar[str] = "prove_empty"
    title: ClassVar[str] = "Prove at Nova and Placement that the node is empty"

    @override
    def do(self, ctx: StepContext) -> None:
        door = source(ctx)
        node = door.cloud.node(door.node)
        ctx.remember(provider=node.provider_id, aggregates=list(node.aggregates), agents=door.agents())
        left = "nothing"

        def probe() -> bool | None:
            nonlocal left
            left = occupants(door, node.provider_id)
            return None if left else True

        try:
            ctx.poll(probe, what=f"{door.node} to be empty", deadline_s=EMPTY_S, interval_s=2.0)
        except DeadlineError as error:
            raise ConflictError(
                f"{door.node} of {door.environment} is not empty: {left}",
                hint=f"pumphouse node evacuate {door.environment}/{door.node}, or move the rest by hand; then retry",
            ) from error


class LeaveAggregates(Step):
    """Nova refuses to delete a service whose host is in an aggregate."""

    name: ClassVar[str] = "leave_aggregates"
    title: ClassVar[str] = "Take the node out of its host aggregates"

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        return None if ctx.recall("aggregates") else Skipped("it is in none")

    @override
    def do(self, ctx: StepContext) -> None:
        door = source(ctx)
        seen = door.seen()
        if seen is not None and seen.aggregates:
            door.cloud.remove_from_aggregates(door.node)

    @override
    def undo(self, ctx: StepContext) -> None:
        door = source(ctx)
        names = ctx.recall("aggregates", [])
        if names:
            door.cloud.add_to_aggregates(door.node, names)


class TakeDown(Step):
    """The deployer frees the hardware. From here on only a deployer that can install it again has a way back."""

    name: ClassVar[str] = "take_down"
    title: ClassVar[str] = "Take the node down in its environment"

    @override
    def do(self, ctx: StepContext) -> None:
        door = source(ctx)
        held = [m for m in ctx.tools.environments.maintenances(door.environment) if m.node == door.node]
        ctx.remember(
            taken_down=True,
            way_back=door.deployer.capabilities().reinstalls_removed,
            disabled_reason=f"pumphouse: {held[0].reason}" if held else "pumphouse: on its way back",
        )
        if ctx.recall("left_source"):
            return
        left = occupants(door, str(ctx.recall("provider", "")))
        if left:
            raise ConflictError(
                f"{door.node} of {door.environment} is not empty any more: {left}",
                hint="evacuate it again, then retry",
            )
        door.deployer.take_down(door.node, ctx.progress)

    @override
    def undo(self, ctx: StepContext) -> None:
        if not ctx.recall("taken_down"):
            return
        refuse_without_way_back(ctx)
        door = source(ctx)
        if not ctx.recall("forgotten") and door.deployer.state(door.node) is NodeDeployState.ABSENT:
            # its local identity is gone: nova-compute (2023.1 and later) refuses to start while its old service record is still there
            door.leave(str(ctx.recall("provider", "")), ctx.recall("agents", []))
            ctx.remember(forgotten=True)
        door.enter(str(ctx.recall("disabled_reason")))


class LeaveSource(Step):
    """The control plane forgets the node. Its way back is the undo of `take_down`, which installs and registers it again."""

    name: ClassVar[str] = "leave_source"
    title: ClassVar[str] = "Remove the node from its environment's records"

    @override
    def do(self, ctx: StepContext) -> None:
        source(ctx).leave(str(ctx.recall("provider", "")), ctx.recall("agents", []))
        ctx.remember(left_source=True, forgotten=True)

    @override
    def undo(self, ctx: StepContext) -> None:
        refuse_without_way_back(ctx)
        ctx.remember(left_source=False)


def source(ctx: StepContext) -> Door:
    """The node at the environment that it leaves."""
    return Door(ctx, str(ctx.params["environment"]), str(ctx.params["node"]))


def evacuation_params(params: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the evacuation of a node that leaves is asked for: nobody may stay, and going back is decided by the whole operation."""
    names = ("environment", "node", "parallel", "per_target", "suspended", "patience")
    return {
        **{name: params[name] for name in names},
        "stopped": "move",
        "on_failure": "pause",
        "reason": params["reason"] or "leaves this environment",
    }


def occupants(door: Door, provider_id: str) -> str:
    """Who is still there according to Nova and Placement, in words; empty when nobody is."""
    servers = list(door.cloud.servers(node=door.node))
    if servers:
        return f"Nova has {len(servers)} servers on it: {', '.join(f'{s.name} ({s.status})' for s in servers[:10])}"
    running = [m for m in door.cloud.migrations(node=door.node) if touches(m, door.node)]
    if running:
        return f"migrations are under way: {', '.join(f'{m.server_id} ({m.status})' for m in running[:10])}"
    consumers = door.cloud.provider_consumers(provider_id) if provider_id else ()
    if consumers:
        return f"Placement holds allocations of {', '.join(list(consumers)[:10])} on it"
    return ""


def touches(migration: Migration, node: str) -> bool:
    """Whether this migration still needs the node."""
    return migration.running and node in {migration.source, migration.target}


def refuse_without_way_back(ctx: StepContext) -> None:
    """Every undo behind the point of no return begins with this, so that nothing is torn down in vain.

    Raises:
        ConflictError: the deployer cannot install the node in its old environment again.
    """
    if not ctx.recall("taken_down") or ctx.recall("way_back"):
        return
    door = source(ctx)
    if door.deployer.state(door.node) is not NodeDeployState.INSTALLED:
        raise ConflictError(
            f"{ctx.params['node']} has been taken down, and the deployer of {ctx.params['environment']} cannot install it there again",
            hint="retry the operation to go on, or install the node by hand",
        )
