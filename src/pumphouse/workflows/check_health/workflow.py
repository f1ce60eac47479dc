"""The workflow `check_health`: what it plans and which steps it takes; docs/health.md is its book."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.finding import Finding, info
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import OnFailure, PlanContext, Workflow
from pumphouse.workflows.check_health.check import Check
from pumphouse.workflows.check_health.sanity import SANITY
from pumphouse.workflows.check_health.smoke import SMOKE
from pumphouse.workflows.check_health.steps import GetReady, RunChecks
from pumphouse.workflows.parameters import Parameters

SETS: Final[Mapping[str, Sequence[Check]]] = {"sanity": SANITY, "smoke": SMOKE}
PARALLEL: Final = {"sanity": 4, "smoke": 6}
ESTIMATE_S: Final = {"sanity": 0.5, "smoke": 15.0}


class CheckHealth(Workflow):
    """Run a set of checks on an environment. It ends "done" when all passed, "done with errors" when some did not."""

    kind: ClassVar[str] = "check_health"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = Parameters(params)
        read.text("environment")
        read.choice("set", tuple(SETS), "sanity")
        return read.end()

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"{params['set']} checks of {params['environment']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        # two runs would sweep up each other's things
        return [f"health:{params['environment']}"]

    @override
    def on_failure(self, params: Mapping[str, Any]) -> OnFailure:
        return "skip"

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        environment, chosen = params["environment"], params["set"]
        checks = SETS[chosen]
        ctx.tools.environment(environment)
        each = ESTIMATE_S[chosen]
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{len(checks)} checks; {_manner(chosen)}",
            steps=self.planned_steps(params),
            items=[PlannedItem(c.name, c.title, "check", "run", estimate_s=each) for c in checks],
            findings=_findings(environment, chosen),
            estimate_s=each * len(checks) / PARALLEL[chosen],
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        checks = SETS[params["set"]]
        return [GetReady(checks), RunChecks(checks, PARALLEL[params["set"]])]


def _manner(chosen: str) -> str:
    if chosen == "sanity":
        return "they only read"
    return "they make small things in the project of our credentials and remove them again"


def _findings(environment: str, chosen: str) -> list[Finding]:
    if chosen == "sanity":
        return []
    return [
        info(
            "makes-things",
            f"environment {environment}",
            "up to eight small servers, three volumes, two networks, images, flavors and a user exist for a minute or two, named pumphouse-health-*",
        )
    ]
