"""The steps of node maintenance: note what is found, then change it, then ask Nova; used by MaintainNode."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import PermanentError
from pumphouse.domain.finding import Severity
from pumphouse.domain.node import Maintenance, Node
from pumphouse.engine.step import Skipped, Step, StepContext
from pumphouse.ports.cloud import Cloud
from pumphouse.ports.toolbox import Toolbox

OURS = "pumphouse: "
DEADLINE_S = 120.0
"""How long Nova may take to answer and to show what we asked for; its faults are endured meanwhile."""


def record_of(tools: Toolbox, environment: str, node: str) -> Maintenance | None:
    """Our record of a node's maintenance, when we hold it."""
    return next((m for m in tools.environments.maintenances(environment) if m.node == node), None)


class EnterMaintenance(Step):
    """Disable the compute service with our reason, having recorded what it was."""

    name: ClassVar[str] = "enter_maintenance"
    title: ClassVar[str] = "Keep new servers off the node"

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        record = _record(ctx)
        if record is None or record.operation_id == ctx.operation.id:
            return None
        with _telling_failure(ctx):
            if _seen(ctx, record.node).enabled:
                return None
        return Skipped(
            f"it is in maintenance already, since {record.since:%Y-%m-%d %H:%M} UTC: {record.reason}"
        )

    @override
    def do(self, ctx: StepContext) -> None:
        environment, node, reason = ctx.params["environment"], ctx.params["node"], ctx.params["reason"]
        with _telling_failure(ctx):
            if _record(ctx) is None:
                found = _seen(ctx, node)
                # written before anything is changed: after a crash we still know what was there
                ctx.tools.environments.put_maintenance(
                    Maintenance(
                        environment=environment,
                        node=node,
                        reason=reason,
                        since=ctx.clock.now(),
                        operation_id=ctx.operation.id,
                        was_enabled=found.enabled,
                        previous_reason=found.disabled_reason,
                    )
                )
            _set(ctx, enabled=False, reason=f"pumphouse: {reason}")
        ctx.emit(
            "node.maintenance_entered",
            f"{node} of {environment} is in maintenance: no new server is scheduled on it",
            subject=f"{environment}/{node}",
            environment=environment,
            notify=True,
            reason=reason,
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        record = _record(ctx)
        if record is None or record.operation_id != ctx.operation.id:
            return
        with _telling_failure(ctx, "the undo of "):
            # an evacuation opens the node itself for the servers that come back, before it undoes this
            alone = ctx.operation.parent_id is None and not ctx.recall("putting_back")
            if alone and _seen(ctx, record.node).enabled:
                # by somebody else, or we died before we disabled it: in both cases it is not ours to change
                _left(ctx, record, "stays enabled: it was not disabled any more when this was undone")
                return
            # from here on it may be we who have enabled it, in order to change the reason
            ctx.remember(putting_back=True)
            _put_back(ctx, record)


class LeaveMaintenance(Step):
    """Put back what was found when the maintenance began, and forget the record."""

    name: ClassVar[str] = "leave_maintenance"
    title: ClassVar[str] = "Put the node back as it was found"

    @override
    def do(self, ctx: StepContext) -> None:
        record = _record(ctx)
        if record is None:
            return  # a run before a crash has done it
        ctx.remember(maintenance=_written(record))
        with _telling_failure(ctx):
            _put_back(ctx, record)

    @override
    def undo(self, ctx: StepContext) -> None:
        written = ctx.recall("maintenance")
        if written is None:
            return
        record = _read(written)
        with _telling_failure(ctx, "the undo of "):
            ctx.tools.environments.put_maintenance(record)
            _set(ctx, enabled=False, reason=f"pumphouse: {record.reason}")
        ctx.emit(
            "node.maintenance_entered",
            f"{record.node} of {record.environment} is in maintenance again",
            subject=f"{record.environment}/{record.node}",
            environment=record.environment,
            notify=True,
            reason=record.reason,
        )


def _put_back(ctx: StepContext, record: Maintenance) -> None:
    seen = _seen(ctx, record.node)
    if not seen.enabled and seen.disabled_reason and not seen.disabled_reason.startswith(OURS):
        state = f"stays disabled: somebody else has disabled it meanwhile ({seen.disabled_reason})"
    else:
        _set(ctx, enabled=record.was_enabled, reason=record.previous_reason)
        state = "serves again" if record.was_enabled else "is disabled again, as it was found"
    _left(ctx, record, state)


def _left(ctx: StepContext, record: Maintenance, state: str) -> None:
    ctx.emit(
        "node.maintenance_left",
        f"{record.node} of {record.environment} has left maintenance and {state}",
        subject=f"{record.environment}/{record.node}",
        environment=record.environment,
        notify=True,
        reason=record.reason,
    )
    ctx.tools.environments.drop_maintenance(record.environment, record.node)


def _seen(ctx: StepContext, node: str) -> Node:
    """The node as Nova shows it; a fault is endured, and after the deadline it is a failure of the step like any other."""
    return ctx.poll(lambda: _cloud(ctx).node(node), what=f"Nova to show {node}", deadline_s=DEADLINE_S)


def _set(ctx: StepContext, *, enabled: bool, reason: str) -> None:
    """Ask until Nova shows it; setting is idempotent, so that a lost answer does no harm."""
    cloud, node = _cloud(ctx), str(ctx.params["node"])

    def probe() -> bool | None:
        found = cloud.node(node)
        if found.enabled == enabled and (enabled or found.disabled_reason == reason):
            return True
        if enabled or (not reason and not found.enabled):
            # Nova keeps the old reason of a disabled service unless it was enabled in between
            cloud.enable_node(node)
        if not enabled:
            cloud.disable_node(node, reason)
        return None

    what = f"Nova to show {node} as {'enabled' if enabled else 'disabled'}"
    ctx.poll(probe, what=what, deadline_s=DEADLINE_S, interval_s=0.5)


@contextmanager
def _telling_failure(ctx: StepContext, of: str = "") -> Iterator[None]:
    """Nothing in here ends with a CloudFaultError: every look is repeated until it is a DeadlineError, which is permanent."""
    try:
        yield
    except PermanentError as error:
        environment, node = ctx.params["environment"], ctx.params["node"]
        ctx.emit(
            "node.maintenance_failed",
            f"{of}maintenance {ctx.params['action']} of {node} of {environment} failed: {error.message}",
            subject=f"{environment}/{node}",
            environment=environment,
            severity=Severity.CRITICAL,
            notify=True,
        )
        raise


def _cloud(ctx: StepContext) -> Cloud:
    return ctx.tools.cloud(ctx.params["environment"])


def _record(ctx: StepContext) -> Maintenance | None:
    return record_of(ctx.tools, ctx.params["environment"], ctx.params["node"])


def _written(record: Maintenance) -> Mapping[str, Any]:
    return {**asdict(record), "since": record.since.isoformat()}


def _read(written: Mapping[str, Any]) -> Maintenance:
    return Maintenance(**{**written, "since": datetime.fromisoformat(written["since"])})
