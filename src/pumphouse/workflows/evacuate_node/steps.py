"""The steps of an evacuation: maintenance, a second look, the moves, and the proof that the node is empty; used by EvacuateNode."""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, PermanentError
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item
from pumphouse.domain.server import Server
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.workflows.evacuate_node.mover import Journey
from pumphouse.workflows.evacuate_node.outlook import Elsewhere, Prospect, look
from pumphouse.workflows.evacuate_node.verdict import LEAVE
from pumphouse.workflows.evacuate_node.way_back import move_back

EMPTY_S = 120.0
"""How long Placement may hold allocations of servers that have gone."""
MAINTENANCE = "maintenance"


class HoldMaintenance(Step):
    """Maintenance for as long as the operator wishes; one that we hold already is used and left as it is."""

    name: ClassVar[str] = "maintenance"
    title: ClassVar[str] = "Keep new servers off the node"

    @override
    def do(self, ctx: StepContext) -> None:
        environment, node = ctx.params["environment"], ctx.params["node"]
        if ctx.recall("entered") is None:
            held = any(m.node == node for m in ctx.tools.environments.maintenances(environment))
            ctx.remember(entered=not held or _cloud(ctx).node(node).enabled)
        if not ctx.recall("entered"):
            ctx.progress(f"{node} is in maintenance already")
            return
        reason = ctx.params["reason"] or "evacuation"
        ctx.run_child(
            MAINTENANCE,
            "maintain_node",
            {"environment": environment, "node": node, "action": "on", "reason": reason},
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        if ctx.recall("entered"):
            ctx.undo_child(MAINTENANCE)
            return
        environment, node = ctx.params["environment"], ctx.params["node"]
        held = [m for m in ctx.tools.environments.maintenances(environment) if m.node == node]
        if held and ctx.recall("entered") is False:
            # it was opened for the servers that came back
            _cloud(ctx).disable_node(node, f"pumphouse: {held[0].reason}")


class LookAgain(Step):
    """Between plan and now servers came and went; what the plan rests on must still be true."""

    name: ClassVar[str] = "look_again"
    title: ClassVar[str] = "Look at the node's servers again"

    @override
    def do(self, ctx: StepContext) -> None:
        cloud, name = _cloud(ctx), ctx.params["node"]
        node = cloud.node(name)
        others = [n.name for n in cloud.nodes(summary=True) if n.name != name and n.enabled and n.up]
        now = {s.id: s.name for s in cloud.servers(node=name)}
        if now and not (node.up and others):
            why = f"{name} is down" if not node.up else "no other node is enabled and up any more"
            raise ConflictError(f"{why}, so that nothing can be moved", hint="put that right, then retry")
        ctx.remember(provider=node.provider_id)
        planned = ctx.plan.decisions.get("servers", {})
        came, went = sorted(now.keys() - planned.keys()), sorted(planned.keys() - now.keys())
        if came or went:
            ctx.emit(
                "node.servers_changed",
                f"since the plan was made {len(came)} servers have come to {name} and {len(went)} have left it",
                subject=f"{ctx.params['environment']}/{name}",
                environment=ctx.params["environment"],
                came=came,
                went=went,
            )


class MoveServers(ItemStep):
    """Each server that is to leave, one item each; failures stay alone."""

    name: ClassVar[str] = "move_servers"
    title: ClassVar[str] = "Move the servers"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._elsewhere: Elsewhere | None = None

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        outlook = look(_cloud(ctx), ctx.params["node"], ctx.params)
        planned = ctx.plan.decisions.get("servers", {})
        prospects = [p for p in outlook.prospects if p.verdict.method != LEAVE]
        items = [
            _new_item(p, planned.get(p.server.id, {}), ctx)
            for p in prospects
            if self.name == MoveServers.name or not _given_up(ctx, p.server.id)
        ]
        ctx.remember(
            targets=sorted({*ctx.recall("targets", []), *(str(i.data["target"]) for i in items)} - {""})
        )
        return items

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        try:
            result = _journey(ctx, item, self._shared(ctx)).run()
        except PermanentError as error:
            _give_up(ctx, item.key, error.message)
            raise
        if _given_up(ctx, item.key):
            _give_up(ctx, item.key, "")
        return result

    def _shared(self, ctx: StepContext) -> Elsewhere:
        with self._lock:
            if self._elsewhere is None:
                self._elsewhere = Elsewhere(_cloud(ctx), ctx.clock)
            return self._elsewhere

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        move_back(ctx, _cloud(ctx), item)

    @override
    def parallel(self, ctx: StepContext) -> int:
        return int(ctx.params["parallel"])

    @override
    def limits(self, ctx: StepContext) -> Mapping[str, int]:
        return {f"target:{target}": int(ctx.params["per_target"]) for target in ctx.recall("targets", [])}


class MoveLateServers(MoveServers):
    """Servers whose creation was under way when maintenance began arrive after the first listing."""

    name: ClassVar[str] = "move_late_servers"
    title: ClassVar[str] = "Move servers that arrived meanwhile"

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        late = [
            s
            for s in _cloud(ctx).servers(node=ctx.params["node"])
            if not _stays(ctx, s) and not _given_up(ctx, s.id)
        ]
        return None if late else Skipped("none has arrived")


class MoveLastServers(MoveLateServers):
    """A second look, and the last: whoever places servers on a disabled node by force must stop first."""

    name: ClassVar[str] = "move_last_servers"
    title: ClassVar[str] = "Move servers that arrived meanwhile, second look"
    repeats: ClassVar[bool] = True


class VerifyEmpty(Step):
    """Ask Nova and Placement, not our notes."""

    name: ClassVar[str] = "verify_empty"
    title: ClassVar[str] = "Verify at Nova and Placement that the node is empty"
    repeats: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        cloud, node, environment = _cloud(ctx), ctx.params["node"], ctx.params["environment"]
        servers = list(cloud.servers(node=node))
        left = [s for s in servers if _stays(ctx, s)]
        # those that could not be moved, and that on_failure=skip or the operator has left behind
        failed = [s for s in servers if s not in left and _given_up(ctx, s.id)]
        unexpected = [s for s in servers if s not in left and s not in failed]
        if unexpected:
            names = ", ".join(f"{s.name} ({s.status})" for s in unexpected[:10])
            raise ConflictError(
                f"{node} is not empty: Nova has {len(unexpected)} servers on it: {names}",
                hint="servers still arrive there: find out who places them, then evacuate again",
            )
        self._wait_for_placement(ctx, cloud, left + failed)
        self._tell(ctx, environment, node, left, failed)

    def _wait_for_placement(self, ctx: StepContext, cloud: Cloud, excused: Sequence[Server]) -> None:
        provider = str(ctx.recall("provider", ""))
        if not provider:
            return
        allowed = {s.id for s in excused}
        if excused:
            allowed |= {
                m.uuid or m.id for m in cloud.migrations(node=ctx.params["node"]) if m.server_id in allowed
            }

        def probe() -> bool | None:
            return None if set(cloud.provider_consumers(provider)) - allowed else True

        ctx.poll(
            probe,
            what=f"Placement to hold no allocation on {ctx.params['node']} (provider {provider})",
            deadline_s=EMPTY_S,
        )

    def _tell(
        self, ctx: StepContext, environment: str, node: str, left: Sequence[Server], failed: Sequence[Server]
    ) -> None:
        if failed:
            ctx.emit(
                "node.evacuation_incomplete",
                f"{len(failed)} servers could not be moved off {node} of {environment}",
                subject=f"{environment}/{node}",
                environment=environment,
                severity=Severity.WARNING,
                notify=True,
                failed=[s.id for s in failed],
            )
            return
        kept = f"; {len(left)} powered-off servers were left there, as asked for" if left else " and is empty"
        ctx.emit(
            "node.evacuated",
            f"{node} of {environment} has been evacuated{kept}",
            subject=f"{environment}/{node}",
            environment=environment,
            notify=True,
            left=[s.id for s in left],
        )


def _new_item(prospect: Prospect, planned: Mapping[str, Any], ctx: StepContext) -> NewItem:
    target = str(planned.get("target") or prospect.target)
    return NewItem(
        key=prospect.server.id,
        name=prospect.server.name,
        kind="server",
        data={
            "method": prospect.verdict.method,
            "target": target,
            "status": prospect.server.status,
            "estimate_s": prospect.estimate_s,
            "provider": ctx.recall("provider", ""),
        },
        groups=(f"source:{ctx.params['node']}", *((f"target:{target}",) if target else ())),
    )


def _journey(ctx: StepContext, item: Item, elsewhere: Elsewhere) -> Journey:
    params = ctx.params
    return Journey(
        ctx=ctx,
        cloud=_cloud(ctx),
        server_id=item.key,
        name=item.name,
        origin=params["node"],
        stopped=params["stopped"],
        suspended=params["suspended"],
        parallel=params["parallel"],
        patience=params["patience"],
        elsewhere=elsewhere,
        planned=str(item.data.get("target", "")),
        provider=str(item.data.get("provider", "")),
        save=lambda values: ctx.remember_item(item, **values),
        log=dict(item.result),
    )


def _give_up(ctx: StepContext, server_id: str, why: str) -> None:
    """Keep who could not be moved, so that the later looks do not try them again; one key each, as items run side by side."""
    ctx.remember(**{f"given_up:{server_id}": why})


def _given_up(ctx: StepContext, server_id: str) -> bool:
    return bool(ctx.recall(f"given_up:{server_id}"))


def _stays(ctx: StepContext, server: Server) -> bool:
    return server.status == "SHUTOFF" and ctx.params["stopped"] == "leave"


def _cloud(ctx: StepContext) -> Cloud:
    return ctx.tools.cloud(ctx.params["environment"])
