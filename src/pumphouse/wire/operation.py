"""Operations on the wire, with their steps, items and progress."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus, StepStatus
from pumphouse.wire.duplication import ComparedView
from pumphouse.wire.finding import PlanView
from pumphouse.wire.model import View
from pumphouse.wire.tenant import ProbeView


class StepView(View):
    """One part of an operation; `counts` are its items by status."""

    name: str
    title: str
    position: int
    status: StepStatus
    attempts: int = 0
    irreversible: bool = False
    error: str = ""
    hint: str = ""
    reason: str = ""
    counts: Mapping[ItemStatus, int] = {}
    started_at: datetime | None = None
    ended_at: datetime | None = None


class ProgressView(View):
    """How far an operation is, in items (in steps when it has none); `eta_s` in seconds, None when nobody can tell yet."""

    done: int = 0
    failed: int = 0
    total: int = 0
    eta_s: float | None = None


class OperationView(View):
    """One durable run of a workflow. `plan`, `steps` and `proof` (of an operation on a tenant), `comparison` (of a duplicate) are only filled when one operation is shown."""

    id: str
    name: str
    kind: str
    status: OperationStatus
    environment: str | None = None
    subject: str = ""
    params: Mapping[str, Any] = {}
    actor: str = ""
    parent_id: str | None = None
    current_step: str | None = None
    error: str = ""
    hint: str = ""
    owner: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    interrupted: bool = False
    steps: tuple[StepView, ...] = ()
    plan: PlanView | None = None
    progress: ProgressView = ProgressView()
    proof: tuple[ProbeView, ...] = ()
    comparison: tuple[ComparedView, ...] = ()

    @classmethod
    def of(
        cls,
        operation: Operation,
        *,
        interrupted: bool = False,
        progress: ProgressView | None = None,
        plan: bool = False,
        proof: Sequence[Mapping[str, Any]] = (),
        comparison: Sequence[Mapping[str, Any]] = (),
    ) -> Self:
        """The view of `operation`; its plan can be large and is left out unless asked for."""
        return cls(
            id=operation.id,
            name=operation.title,
            kind=operation.kind,
            status=operation.status,
            environment=operation.environment,
            subject=operation.subject,
            params=dict(operation.params),
            actor=operation.actor,
            parent_id=operation.parent_id,
            current_step=operation.current_step,
            error=operation.error,
            hint=operation.hint,
            owner=operation.owner,
            created_at=operation.created_at,
            started_at=operation.started_at,
            ended_at=operation.ended_at,
            interrupted=interrupted,
            steps=tuple(StepView.model_validate(step) for step in operation.steps),
            plan=PlanView.model_validate(operation.plan) if plan and operation.plan else None,
            progress=progress or ProgressView(),
            proof=tuple(ProbeView.model_validate(probe) for probe in proof),
            comparison=tuple(ComparedView.model_validate(line) for line in comparison),
        )


class ItemView(View):
    """One of the many inside a step: `data` is what was planned, `result` what became of it."""

    id: str
    name: str
    status: ItemStatus
    step: str
    key: str
    kind: str
    attempts: int = 0
    data: Mapping[str, Any] = {}
    result: Mapping[str, Any] = {}
    error: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def of(cls, item: Item) -> Self:
        """The view of `item`."""
        return cls.model_validate(item)
