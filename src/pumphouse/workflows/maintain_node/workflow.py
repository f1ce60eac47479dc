"""The workflow `maintain_node`: what it plans and which step it takes; docs/maintenance.md is its book."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.node import Maintenance, Node
from pumphouse.domain.plan import Plan
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.workflows.maintain_node.steps import OURS, EnterMaintenance, LeaveMaintenance, record_of
from pumphouse.workflows.parameters import Parameters


class MaintainNode(Workflow):
    """Keep new servers off a node, or let them come again, leaving what others have set as it was found."""

    kind: ClassVar[str] = "maintain_node"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        read.text("environment")
        read.text("node")
        read.choice("action", ("on", "off"))
        read.text("reason", "", longest=200)
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"maintenance {params['action']} for {params['node']} of {params['environment']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['node']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [f"node:{params['environment']}/{params['node']}"]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        environment, name = params["environment"], params["node"]
        cloud = ctx.tools.cloud(environment)
        node = cloud.node(name)
        record = record_of(ctx.tools, environment, name)
        if params["action"] == "on":
            others = [n for n in cloud.nodes(summary=True) if n.name != name and n.enabled and n.up]
            findings = _entering(node, record, [n.name for n in others])
            summary = (
                f"no new server will be scheduled on {name}; its {sum(node.servers.values())} servers stay"
            )
        else:
            findings = _leaving(node, record)
            back = "enabled" if record is None or record.was_enabled else "left disabled, as it was found"
            summary = f"{name} will be {back}"
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=summary,
            steps=self.planned_steps(params),
            findings=findings,
            estimate_s=5.0,
            decisions={"enabled": node.enabled, "disabled_reason": node.disabled_reason},
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [EnterMaintenance() if params["action"] == "on" else LeaveMaintenance()]


def _entering(node: Node, record: Maintenance | None, others: Sequence[str]) -> list[Finding]:
    subject = f"node {node.name}"
    findings = []
    if record is not None and not node.enabled:
        findings.append(
            info(
                "already-in-maintenance",
                subject,
                f"we hold it in maintenance since {record.since:%Y-%m-%d %H:%M} UTC ({record.reason}); nothing to do",
            )
        )
    elif record is not None:
        findings.append(
            warning(
                "enabled-meanwhile",
                subject,
                f"somebody enabled it while we held it in maintenance ({record.reason}); it will be disabled again",
            )
        )
    elif not node.enabled:
        findings.append(
            info(
                "disabled-by-other",
                subject,
                f"somebody else has disabled it ({node.disabled_reason or 'no reason given'});"
                " after our maintenance it will be disabled with that reason again",
            )
        )
    if not node.up:
        findings.append(warning("host-down", subject, "Nova does not hear of its compute service"))
    if not others:
        findings.append(
            warning(
                "last-enabled-node",
                subject,
                "no other node of the environment is enabled and up: while this lasts no server can be created",
                "enable another node first",
            )
        )
    return findings


def _leaving(node: Node, record: Maintenance | None) -> list[Finding]:
    subject = f"node {node.name}"
    if record is None:
        state = f"disabled ({node.disabled_reason or 'no reason given'})" if not node.enabled else "enabled"
        return [
            critical(
                "not-in-maintenance",
                subject,
                f"we have no record of putting it into maintenance; Nova says it is {state}",
                f"if it should serve again: openstack compute service set --enable {node.name} nova-compute"
                if not node.enabled
                else "nothing needs to be done",
            )
        ]
    findings = []
    if node.enabled:
        findings.append(
            warning("enabled-meanwhile", subject, "somebody enabled it while we held it in maintenance")
        )
    elif record.was_enabled and node.disabled_reason and not node.disabled_reason.startswith(OURS):
        findings.append(
            warning(
                "disabled-meanwhile",
                subject,
                f"somebody else has disabled it meanwhile ({node.disabled_reason}): it stays disabled",
            )
        )
    if not record.was_enabled:
        findings.append(
            info(
                "stays-disabled",
                subject,
                f"it was disabled before us ({record.previous_reason or 'no reason given'}) and will be so again",
            )
        )
    return findings
