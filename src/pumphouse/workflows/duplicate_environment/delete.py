"""The workflow `delete_environment`: a duplicate that nobody uses is razed and forgotten; docs/duplication.md is its book."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, PermanentError, PumphouseError
from pumphouse.domain.finding import Finding, critical
from pumphouse.domain.plan import Plan
from pumphouse.engine.step import Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.ports.toolbox import Toolbox
from pumphouse.workflows.duplicate_environment.steps import in_use, registered
from pumphouse.workflows.parameters import Parameters

RAZE_S = 30.0


class DeleteEnvironment(Workflow):
    """Raze an environment that a deployer has built as a duplicate and that never got a node or a tenant's workload."""

    kind: ClassVar[str] = "delete_environment"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        read.text("environment")
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"delete environment {params['environment']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [f"environment:{params['environment']}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        name = params["environment"]
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{name} is razed and forgotten; nothing of it stays",
            steps=self.planned_steps(params),
            findings=_findings(ctx.tools, name),
            estimate_s=RAZE_S,
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [ProveUnused(), Raze(), Forget()]


class ProveUnused(Step):
    """Somebody may have begun to use it since the plan."""

    name: ClassVar[str] = "prove_unused"
    title: ClassVar[str] = "Prove that nobody uses it"
    repeats: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        if ctx.recall("razing"):
            return
        reasons = _reasons(ctx.tools, str(ctx.params["environment"]))
        if reasons:
            raise ConflictError(
                f"{ctx.params['environment']} may not be deleted: {'; '.join(reasons)}",
                hint="cancel this operation",
            )


class Raze(Step):
    """The deployer removes every process, database and port of it."""

    name: ClassVar[str] = "raze"
    title: ClassVar[str] = "Raze it"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        name = str(ctx.params["environment"])
        ctx.remember(razing=True)
        deployer = ctx.tools.deployer(name)
        deployer.raze(name, ctx.progress)
        if deployer.built(name) is not None:
            raise PermanentError(
                f"the deployer has razed {name}, and something of it still stands",
                hint="see the deployer's own log, then retry",
            )


class Forget(Step):
    """The record goes last: only it tells which deployer has built what."""

    name: ClassVar[str] = "forget"
    title: ClassVar[str] = "Forget it"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        name = str(ctx.params["environment"])
        known = registered(ctx.tools, name)
        if known is None:
            return
        ctx.tools.environments.remove_environment(known.id)
        ctx.emit("environment.removed", f"environment {name} was deleted", subject=name, environment=name)


def _findings(tools: Toolbox, name: str) -> list[Finding]:
    try:
        reasons = _reasons(tools, name)
    except PumphouseError as error:
        text = f"nobody can say whether it is used: {error.message}"
        return [critical("not-proven", name, text, error.hint)]
    return [critical("in-use", name, reason, _WAY_OUT) for reason in reasons]


def _reasons(tools: Toolbox, name: str) -> list[str]:
    if tools.deployer(name).built(name) is None:
        return ["it was not built as a duplicate by its deployer, and only such a one can be deleted"]
    held = [m.node for m in tools.environments.maintenances(name)]
    fenced = [f.tenant_name for f in tools.fences.fences(name)]
    return [
        *([f"nodes of it are in maintenance: {', '.join(held)}"] if held else []),
        *([f"tenants of it are in maintenance: {', '.join(fenced)}"] if fenced else []),
        *in_use(tools, name),
    ]


_WAY_OUT = "to stop managing it and leave the cloud alone: pumphouse env remove"
