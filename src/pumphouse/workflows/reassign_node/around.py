"""What surrounds the move: health before and after, and the end; used by ReassignNode and DeleteNode."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import PermanentError, StaleOwnerError
from pumphouse.domain.finding import Severity
from pumphouse.domain.node import Maintenance
from pumphouse.engine.step import Step, StepContext
from pumphouse.workflows.reassign_node.joining import JoiningStep
from pumphouse.workflows.reassign_node.leaving import refuse_without_way_back

BEFORE = "before"
AFTER = "after"


class HealthBefore(Step):
    """The sanity set on both environments, to compare with; bad health does not stop the move."""

    name: ClassVar[str] = "health_before"
    title: ClassVar[str] = "Check the health of both environments"

    @override
    def do(self, ctx: StepContext) -> None:
        for environment in _both(ctx):
            _check(ctx, BEFORE, environment)


class HealthAfter(JoiningStep):
    """The same again; what was good and is bad now is told."""

    name: ClassVar[str] = "health_after"
    title: ClassVar[str] = "Check the health of both environments again and compare"

    @override
    def do(self, ctx: StepContext) -> None:
        outcomes = []
        for environment in _both(ctx):
            _check(ctx, AFTER, environment)
            outcomes.append(_compare(ctx, environment))
        ctx.conclude("; ".join(outcomes))

    @override
    def go_back(self, ctx: StepContext) -> None:
        """Nothing was changed."""


class EndMove(JoiningStep):
    """Our maintenance record of the node goes with it; everybody is told."""

    name: ClassVar[str] = "end"
    title: ClassVar[str] = "Close the books and tell everybody"

    @override
    def do(self, ctx: StepContext) -> None:
        forget_maintenance(ctx)
        p = ctx.params
        ctx.emit(
            "node.reassigned",
            f"{p['node']} has moved from {p['environment']} to {p['destination']} and serves there",
            subject=f"{p['destination']}/{p['node']}",
            environment=p["destination"],
            notify=True,
            source=p["environment"],
            destination=p["destination"],
        )

    @override
    def go_back(self, ctx: StepContext) -> None:
        recall_maintenance(ctx)


class EndDelete(Step):
    """Our maintenance record of the node goes with it; everybody is told."""

    name: ClassVar[str] = "end"
    title: ClassVar[str] = "Close the books and tell everybody"

    @override
    def do(self, ctx: StepContext) -> None:
        forget_maintenance(ctx)
        environment, node = ctx.params["environment"], ctx.params["node"]
        ctx.emit(
            "node.deleted",
            f"{node} has been deleted from {environment}",
            subject=f"{environment}/{node}",
            environment=environment,
            notify=True,
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        refuse_without_way_back(ctx)
        recall_maintenance(ctx)


def forget_maintenance(ctx: StepContext) -> None:
    """Drop the record of the source's node, having kept it for undo."""
    environment, node = ctx.params["environment"], ctx.params["node"]
    for record in ctx.tools.environments.maintenances(environment):
        if record.node == node:
            ctx.remember(maintenance={**asdict(record), "since": record.since.isoformat()})
            ctx.tools.environments.drop_maintenance(environment, node)


def recall_maintenance(ctx: StepContext) -> None:
    """Put the record back: the undo of the evacuation's maintenance reads in it what to restore."""
    kept = ctx.recall("maintenance")
    if kept:
        since = datetime.fromisoformat(kept["since"])
        ctx.tools.environments.put_maintenance(Maintenance(**{**kept, "since": since}))


def _both(ctx: StepContext) -> tuple[str, str]:
    return str(ctx.params["environment"]), str(ctx.params["destination"])


def _check(ctx: StepContext, when: str, environment: str) -> None:
    key = f"health:{when}:{environment}"
    if ctx.recall(key) is not None:
        return
    try:
        wish = {"environment": environment, "set": "sanity"}
        child = ctx.run_child(f"health-{when}-{environment}", "check_health", wish)
    except StaleOwnerError:
        raise
    except PermanentError as error:
        ctx.emit(
            "health.not_checked",
            f"the health of {environment} could not be checked: {error.message}",
            environment=environment,
            severity=Severity.WARNING,
        )
        ctx.remember(**{key: {}})
        return
    runs = ctx.tools.health.health_runs(environment=environment)
    run = next((r for r in runs if r.get("operation_id") == child.id), {})
    ctx.remember(**{key: {c["name"]: c["status"] for c in run.get("checks", ())}})


def _compare(ctx: StepContext, environment: str) -> str:
    """Tell what is worse or better than before, and answer it in short."""
    before: dict[str, Any] = ctx.recall(f"health:{BEFORE}:{environment}", {})
    after: dict[str, Any] = ctx.recall(f"health:{AFTER}:{environment}", {})
    bad = {"failed", "error"}
    worse = sorted(n for n, status in after.items() if status in bad and before.get(n) not in bad)
    better = sorted(n for n, status in before.items() if status in bad and after.get(n) == "passed")
    passed = sum(1 for status in after.values() if status == "passed")
    if not after:
        outcome = "could not be checked, so that it cannot be compared"
    else:
        outcome = f"{passed} of {len(after)} checks passed, "
        outcome += f"worse than before: {', '.join(worse)}" if worse else "nothing is worse than before"
    outcome += f", better: {', '.join(better)}" if better else ""
    ctx.emit(
        "health.compared",
        f"health of {environment} after the move: {outcome}",
        environment=environment,
        severity=Severity.WARNING if worse else Severity.INFO,
        notify=bool(worse),
        worse=worse,
        better=better,
        before=before,
        after=after,
    )
    ctx.remember(**{f"health:difference:{environment}": {"worse": worse, "better": better}})
    return f"{environment}: {outcome}"
