"""The workflow `evacuate_node`: parameters, plan and steps; docs/evacuation.md is its book."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.evacuate_node.findings import findings_of
from pumphouse.workflows.evacuate_node.outlook import Outlook, look
from pumphouse.workflows.evacuate_node.steps import (
    HoldMaintenance,
    LookAgain,
    MoveLastServers,
    MoveLateServers,
    MoveServers,
    VerifyEmpty,
)
from pumphouse.workflows.evacuate_node.timing import total_s
from pumphouse.workflows.parameters import Parameters

OVERHEAD_S = 15.0
"""Maintenance, the second look and the proof."""


class EvacuateNode(Workflow):
    """Empty a node: maintenance on, every server elsewhere and in its old state, proved by Nova, Placement and Neutron."""

    kind: ClassVar[str] = "evacuate_node"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        read.text("environment")
        read.text("node")
        read.text("reason", "", longest=200)
        read.number("parallel", 4, low=1, high=64)
        read.number("per_target", 2, low=1, high=64)
        read.choice("stopped", ("move", "leave"), "move")
        read.choice("suspended", ("refuse", "resume"), "refuse")
        read.choice("on_failure", ("pause", "skip", "undo"), "pause")
        read.factor("patience", 1.0)
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"evacuate {params['node']} of {params['environment']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['node']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        # two nodes of one environment may be emptied at once: neither is a target for the other's servers, as both are disabled
        return [f"node:{params['environment']}/{params['node']}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        environment, name = params["environment"], params["node"]
        cloud = ctx.tools.cloud(environment)
        outlook = look(cloud, name, params)
        records = ctx.tools.environments.maintenances(environment)
        record = next((m for m in records if m.node == name), None)
        parallel = int(params["parallel"])
        provider = outlook.node.provider_id
        consumers = cloud.provider_consumers(provider) if provider else ()
        findings = findings_of(outlook, record, cloud.migrations(node=name), consumers, parallel=parallel)
        moves = [(p.estimate_s, p.target) for p in outlook.prospects if p.moves]
        estimate = OVERHEAD_S + total_s(moves, parallel, int(params["per_target"]))
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=_summary(outlook),
            steps=self.planned_steps(params),
            items=[_planned(outlook, index) for index in range(len(outlook.prospects))],
            findings=findings,
            estimate_s=estimate,
            decisions={
                "provider": outlook.node.provider_id,
                "servers": {
                    p.server.id: {
                        "method": p.verdict.method,
                        "target": p.target,
                        "status": p.server.status,
                        "estimate_s": p.estimate_s,
                    }
                    for p in outlook.prospects
                },
            },
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [
            HoldMaintenance(),
            LookAgain(),
            MoveServers(),
            MoveLateServers(),
            MoveLastServers(),
            VerifyEmpty(),
        ]


def _planned(outlook: Outlook, index: int) -> PlannedItem:
    prospect = outlook.prospects[index]
    misfit = prospect.misfit
    return PlannedItem(
        id=prospect.server.id,
        name=prospect.server.name,
        kind="server",
        method="cannot" if misfit else prospect.verdict.method,
        target=prospect.target,
        estimate_s=prospect.estimate_s,
        reason=misfit.reason if misfit else prospect.verdict.reason,
    )


def _summary(outlook: Outlook) -> str:
    """`12 of 12 servers fit elsewhere; spare afterwards: 18 % of RAM, ...`."""
    moving = [p for p in outlook.prospects if p.moves]
    fit = [p for p in moving if p.target]
    stay = len(outlook.prospects) - len(moving)
    spare = ", ".join(
        f"{outlook.spare[resource]:.0%} of {word}"
        for resource, word in (("VCPU", "vCPU"), ("MEMORY_MB", "RAM"), ("DISK_GB", "disk"))
        if resource in outlook.spare
    )
    text = f"{len(fit)} of {len(moving)} servers fit elsewhere"
    if stay:
        text += f", {stay} are not moved"
    return f"{text}; spare afterwards: {spare}" if spare else text
