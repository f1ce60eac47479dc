"""The one way in which a route starts an operation: 202 with its Location, or 200 with the plan for a dry run. Used by the routers."""

from collections.abc import Callable, Mapping
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
    params: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    *,
    dry_run: bool,
    idempotency_key: str | None,
    sent: object = None,
) -> Response:
    """Plan only, or plan and start. With `sent`, the request as its caller wrote it, a repeated one is answered before `params` are looked for:
    what it names may be gone by now.
    """
    if dry_run:
        return planned(services, kind, params() if callable(params) else params)
    if sent is not None:
        known = services.operations.answered(kind, sent, idempotency_key)
        if known is not None:
            return accepted(OperationView.of(known))
    found = params() if callable(params) else params
    operation = services.operations.start(
        kind, found, actor=actor.name, idempotency_key=idempotency_key, sent=sent
    )
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
