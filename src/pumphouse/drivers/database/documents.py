"""Domain values to and from rows and JSON documents."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pumphouse.domain.finding import Finding, Severity
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus, StepRecord, StepStatus
from pumphouse.domain.plan import Plan, PlannedItem, PlannedStep

Row = Mapping[Any, Any]


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as JSON-safe values."""
    return asdict(plan)


def plan_value(document: Mapping[str, Any] | None) -> Plan | None:
    """The plan of a document."""
    if document is None:
        return None
    return Plan(
        **{
            **document,
            "steps": tuple(PlannedStep(**step) for step in document["steps"]),
            "items": tuple(PlannedItem(**item) for item in document["items"]),
            "findings": tuple(
                Finding(**{**f, "severity": Severity(f["severity"])}) for f in document["findings"]
            ),
        }
    )


def operation_row(operation: Operation) -> dict[str, Any]:
    """The columns that an operation has of itself."""
    return {
        "id": operation.id,
        "kind": operation.kind,
        "title": operation.title,
        "status": operation.status.value,
        "params": dict(operation.params),
        "plan": plan_document(operation.plan) if operation.plan else None,
        "environment": operation.environment,
        "subject": operation.subject,
        "actor": operation.actor,
        "parent_id": operation.parent_id,
        "current_step": operation.current_step,
        "error": operation.error,
        "hint": operation.hint,
        "owner": operation.owner,
        "created_at": operation.created_at,
        "started_at": operation.started_at,
        "ended_at": operation.ended_at,
    }


def operation_value(row: Row, plan: Plan | None, steps: tuple[StepRecord, ...]) -> Operation:
    """An operation of its row."""
    return Operation(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        status=OperationStatus(row["status"]),
        params=row["params"],
        plan=plan,
        created_at=row["created_at"],
        environment=row["environment"],
        subject=row["subject"],
        actor=row["actor"],
        parent_id=row["parent_id"],
        current_step=row["current_step"],
        error=row["error"],
        hint=row["hint"],
        owner=row["owner"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        steps=steps,
    )


def step_row(operation_id: str, step: StepRecord) -> dict[str, Any]:
    """The columns of a step."""
    return {
        "operation_id": operation_id,
        "name": step.name,
        "title": step.title,
        "position": step.position,
        "status": step.status.value,
        "attempts": step.attempts,
        "irreversible": step.irreversible,
        "error": step.error,
        "hint": step.hint,
        "reason": step.reason,
        "started_at": step.started_at,
        "ended_at": step.ended_at,
    }


def step_value(row: Row, counts: Mapping[ItemStatus, int]) -> StepRecord:
    """A step of its row."""
    values = {key: row[key] for key in row if key != "operation_id"}
    return StepRecord(**{**values, "status": StepStatus(values["status"])}, counts=counts)


def item_value(row: Row) -> Item:
    """An item of its row."""
    return Item(
        id=row["id"],
        step=row["step"],
        key=row["item_key"],
        name=row["name"],
        kind=row["kind"],
        status=ItemStatus(row["status"]),
        attempts=row["attempts"],
        data=row["data"],
        result=row["result"],
        error=row["error"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        groups=tuple(row["burdens"]),
    )
