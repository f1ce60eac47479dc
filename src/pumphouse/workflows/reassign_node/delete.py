"""The workflow `delete_node`: the specification's "delete node" task with an optional evacuation; docs/reassignment.md is its book."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.plan import Plan
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.parameters import Parameters
from pumphouse.workflows.reassign_node import findings as find
from pumphouse.workflows.reassign_node.around import EndDelete
from pumphouse.workflows.reassign_node.leaving import (
    CloseNode,
    Evacuate,
    LeaveAggregates,
    LeaveSource,
    ProveEmpty,
    TakeDown,
    evacuation_params,
)
from pumphouse.workflows.reassign_node.workflow import (
    LEAVE_S,
    leaving_findings,
    leaving_parameters,
    mark_way_back,
)


class DeleteNode(Workflow):
    """Take a compute node out of its environment for good; with `evacuate` its servers are moved first, without it must be empty."""

    kind: ClassVar[str] = "delete_node"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        leaving_parameters(read, params)
        read.flag("evacuate", default=False)
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        how = "evacuate and delete" if params["evacuate"] else "delete"
        return f"{how} {params['node']} of {params['environment']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['node']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [f"environment:{params['environment']}", f"node:{params['environment']}/{params['node']}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        environment, name = params["environment"], params["node"]
        leaving, able = leaving_findings(ctx, environment, name)
        evacuation = (
            ctx.plan_child("evacuate_node", evacuation_params(params)) if params["evacuate"] else None
        )
        cloud = ctx.tools.cloud(environment)
        if evacuation is None:
            leaving += find.of_emptiness(cloud, cloud.node(name))
        else:
            leaving += find.of_evacuation(evacuation.findings, leaving)
        before = f"{evacuation.summary}; then " if evacuation else ""
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{before}{name} leaves {environment}",
            steps=mark_way_back(self.planned_steps(params), back=able is None or able.reinstalls_removed),
            items=evacuation.items if evacuation else (),
            findings=[*leaving, *find.of_way_back(able, TakeDown.title)],
            estimate_s=(evacuation.estimate_s if evacuation else 0.0) + LEAVE_S,
            decisions={"way_back": able is not None and able.reinstalls_removed},
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        first: Step = Evacuate() if params["evacuate"] else CloseNode()
        return [first, ProveEmpty(), LeaveAggregates(), TakeDown(), LeaveSource(), EndDelete()]
