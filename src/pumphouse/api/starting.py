"""The one way in which a route starts an operation: 202 with its Location, or 200 with the plan for a dry run. Used by the routers."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response
from fastapi.responses import JSONResponse

from pumphouse.services.access import Actor
from pumphouse.services.door import Services
from pumphouse.wire.finding import PlanView
from pumphouse.wire.operation import OperationView

ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": PlanView, "description": "the plan, for a dry run"},
    202: {"model": OperationView, "description": "accepted; Location is the operation"},
}


def start(
    services: Services,
    actor: Actor,
    kind: str,
    params: Mapping[str, Any],
    *,
    dry_run: bool,
    idempotency_key: str | None,
) -> Response:
    """Plan only, or plan and start."""
    if dry_run:
        return planned(services, kind, params)
    operation = services.operations.start(kind, params, actor=actor.name, idempotency_key=idempotency_key)
    return accepted(OperationView.of(operation))


def planned(services: Services, kind: str, params: Mapping[str, Any]) -> Response:
    """200 with the plan."""
    plan = PlanView.of(services.operations.plan(kind, params), params)
    return JSONResponse(plan.model_dump(mode="json"))


def accepted(operation: OperationView) -> Response:
    """202 with the operation and where to find it."""
    return JSONResponse(
        operation.model_dump(mode="json"),
        status_code=202,
        headers={"Location": f"/v1/operations/{operation.id}"},
    )
