"""The workflow `reassign_node`: parameters, plan and steps; docs/reassignment.md is its book."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.finding import Finding
from pumphouse.domain.plan import Plan, PlannedStep
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.ports.deployer import Capabilities
from pumphouse.workflows.parameters import Parameters
from pumphouse.workflows.reassign_node import findings as find
from pumphouse.workflows.reassign_node.around import EndMove, HealthAfter, HealthBefore
from pumphouse.workflows.reassign_node.joining import Enable, Install, TryServer
from pumphouse.workflows.reassign_node.leaving import (
    Evacuate,
    LeaveAggregates,
    LeaveSource,
    ProveEmpty,
    TakeDown,
    evacuation_params,
)

LEAVE_S = 120.0
"""Taking down, and waiting until Nova and Neutron call the node dead."""
JOIN_S = 120.0


class ReassignNode(Workflow):
    """Move a compute node from one environment to another: evacuated, taken down, forgotten, installed, tried, enabled."""

    kind: ClassVar[str] = "reassign_node"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        leaving_parameters(read, params)
        destination = read.text("destination")
        if destination == read.known["environment"]:
            raise InvalidInputError(
                "destination", destination, "must be another environment than the one it is in"
            )
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"move {params['node']} from {params['environment']} to {params['destination']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['node']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [
            f"environment:{params['environment']}",
            f"environment:{params['destination']}",
            f"node:{params['environment']}/{params['node']}",
            f"node:{params['destination']}/{params['node']}",
        ]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        environment, destination, name = params["environment"], params["destination"], params["node"]
        evacuation = ctx.plan_child("evacuate_node", evacuation_params(params))
        leaving, able = leaving_findings(ctx, environment, name)
        joining, _ = find.of_deployer(ctx, destination, name, installs=True)
        findings = [
            *leaving,
            *find.of_evacuation(evacuation.findings, leaving),
            *joining,
            *find.of_destination(ctx.tools.cloud(destination), name),
            *find.of_way_back(able, TakeDown.title),
        ]
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{evacuation.summary}; then {name} leaves {environment} and joins {destination}",
            steps=mark_way_back(self.planned_steps(params), back=able is None or able.reinstalls_removed),
            items=evacuation.items,
            findings=findings,
            estimate_s=evacuation.estimate_s + LEAVE_S + JOIN_S,
            decisions={"way_back": able is not None and able.reinstalls_removed},
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [
            HealthBefore(),
            Evacuate(),
            ProveEmpty(),
            LeaveAggregates(),
            TakeDown(),
            LeaveSource(),
            Install(),
            TryServer(),
            Enable(),
            HealthAfter(),
            EndMove(),
        ]


def leaving_parameters(read: Parameters, params: Mapping[str, Any]) -> None:
    """The parameters of a move and a deletion alike."""
    read.text("environment")
    read.text("node")
    read.text("reason", "", longest=200)
    read.number("parallel", 4, low=1, high=64)
    read.number("per_target", 2, low=1, high=64)
    if params.get("stopped", "move") != "move":
        raise InvalidInputError(
            "stopped", params["stopped"], "must be 'move': the node must be empty before it leaves"
        )
    read.known["stopped"] = "move"
    read.choice("suspended", ("refuse", "resume"), "refuse")
    read.choice("on_failure", ("pause", "skip", "undo"), "pause")
    read.factor("patience", 1.0)


def leaving_findings(
    ctx: PlanContext, environment: str, name: str
) -> tuple[list[Finding], Capabilities | None]:
    """Findings about the node and its deployer, and what that can do."""
    cloud = ctx.tools.cloud(environment)
    node = cloud.node(name)
    others = [n for n in cloud.nodes(summary=True) if n.name != name]
    findings = find.of_leaving(node, others, cloud.migrations(node=name), ctx.clock.now())
    of_deployer, able = find.of_deployer(ctx, environment, name, installs=False)
    return [*findings, *of_deployer], able


def mark_way_back(steps: Sequence[PlannedStep], *, back: bool) -> list[PlannedStep]:
    """The steps with the point of no return marked, when the deployer has no way back."""
    names = [s.name for s in steps]
    gate = len(steps) if back else names.index(TakeDown.name)
    return [PlannedStep(s.name, s.title, s.irreversible or i >= gate) for i, s in enumerate(steps)]
