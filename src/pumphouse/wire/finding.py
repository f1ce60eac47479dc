"""Findings and plans on the wire: what an operation would do, and what speaks against it."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from pumphouse.domain.finding import Severity
from pumphouse.domain.plan import Plan
from pumphouse.wire.duplication import PlannedSettingView
from pumphouse.wire.model import Request, View


class FindingView(View):
    """One thing that an operator should know; `severity` critical blocks."""

    severity: Severity
    code: str
    subject: str
    message: str
    suggestion: str = ""


class PlannedStepView(View):
    """One step in words; `irreversible` marks the point of no return."""

    name: str
    title: str
    irreversible: bool = False


class PlannedItemView(View):
    """One server or resource and what would happen to it; `estimate_s` in seconds."""

    id: str
    name: str
    kind: str
    method: str
    target: str = ""
    estimate_s: float = 0.0
    reason: str = ""
    size_bytes: int = 0


class PlannedMigrationView(View):
    """What the operator of a migration decides: `names` (kind -> {name in the source: name in the destination}) as decided or proposed, those that are
    still open, and what may be given. `digest` is of the source's inventory; given back, the migration is refused when the source has changed. `bytes` go over the wire.
    """

    digest: str
    names: Mapping[str, Mapping[str, str]] = {}
    open_names: Mapping[str, tuple[str, ...]] = {}
    offered_names: Mapping[str, tuple[str, ...]] = {}
    bytes: int = 0


class PlanView(View):
    """What would be done. `blocked` is true when a critical finding forbids it; `estimate_s` in seconds. The plan of a duplicate has `settings`, each with
    its fate, and those that are `unknown`; that of a migration has `migration`.
    """

    id: str = ""
    name: str = ""
    status: str = "ready"
    environment: str | None = None
    kind: str
    title: str
    summary: str
    steps: list[PlannedStepView]
    items: tuple[PlannedItemView, ...] = ()
    findings: tuple[FindingView, ...] = ()
    estimate_s: float = 0.0
    blocked: bool = False
    settings: tuple[PlannedSettingView, ...] = ()
    unknown: tuple[str, ...] = ()
    migration: PlannedMigrationView | None = None

    @classmethod
    def of(cls, plan: Plan, params: Mapping[str, Any]) -> Self:
        """The view of a plan made with `params`; its `status` is `blocked` or `ready`."""
        environment = params.get("environment")
        return cls.model_validate(plan).model_copy(
            update={
                "id": plan.kind,
                "name": plan.title,
                "status": "blocked" if plan.blocked else "ready",
                "environment": environment if isinstance(environment, str) else None,
            }
        )


class PlanRequest(Request):
    """Ask what an operation of any kind would do; nothing is changed or stored."""

    kind: str = Field(min_length=1, max_length=64)
    params: Mapping[str, Any] = {}
