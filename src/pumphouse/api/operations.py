"""Routes of operations and plans: list, show, items, events of one, and the actions of an operator."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from pumphouse.api import starting
from pumphouse.api.depends import Cursor, Door, Limit, allow
from pumphouse.domain.operation import ItemStatus, Operation, OperationStatus
from pumphouse.services.access import Actor, Permission
from pumphouse.services.door import Services
from pumphouse.services.operations import Action
from pumphouse.wire.event import EventView
from pumphouse.wire.finding import PlanRequest, PlanView
from pumphouse.wire.model import Page
from pumphouse.wire.operation import ItemView, OperationView, ProgressView

router = APIRouter(prefix="/v1", tags=["operations"])
Reader = Annotated[Actor, allow(Permission.OPERATION_READ)]


@router.get("/operations")
def list_operations(
    services: Door,
    actor: Reader,
    environment: Annotated[str | None, Query(max_length=255)] = None,
    status: OperationStatus | None = None,
    kind: Annotated[str | None, Query(max_length=64)] = None,
    children: Annotated[bool, Query(description="those that other operations have started, too")] = False,
    parent: Annotated[
        str | None, Query(max_length=64, description="only those that this one has started; its whole id")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[OperationView]:
    """Operations, newest first, without their steps and plans."""
    del actor
    found = services.operations.list(
        environment=environment,
        status=status,
        kind=kind,
        children=children,
        parent=parent,
        limit=limit,
        before=cursor,
    )
    views = [OperationView.of(o, interrupted=services.operations.is_interrupted(o)) for o in found]
    return Page(items=views, next=found[-1].id if len(found) == limit else None)


@router.get("/operations/{operation}")
def show_operation(
    operation: str,
    services: Door,
    actor: Reader,
    plan: Annotated[bool, Query(description="the plan as well")] = True,
) -> OperationView:
    """One operation, by its id or a unique beginning of it."""
    del actor
    return _view(services, services.operations.show(operation), plan=plan)


@router.get("/operations/{operation}/items")
def list_items(
    operation: str,
    services: Door,
    actor: Reader,
    step: Annotated[str | None, Query(max_length=128)] = None,
    status: ItemStatus | None = None,
    limit: Limit = 200,
    cursor: Cursor = None,
) -> Page[ItemView]:
    """The items of an operation, in their order."""
    del actor
    found = services.operations.items(operation, step=step, status=status, after=cursor, limit=limit)
    return Page(items=[ItemView.of(i) for i in found], next=found[-1].id if len(found) == limit else None)


@router.get("/operations/{operation}/events")
def list_operation_events(
    operation: str,
    services: Door,
    actor: Annotated[Actor, allow(Permission.EVENT_READ)],
    limit: Limit = 200,
    cursor: Annotated[int, Query(ge=0, description="the `next` of the page before")] = 0,
) -> Page[EventView]:
    """The events of an operation and of those that it has started, oldest first."""
    del actor
    family = services.operations.family(services.operations.show(operation))
    events = services.events.of_operations(family, cursor, limit=limit)
    return Page(
        items=[EventView.of(e) for e in events], next=str(events[-1].seq) if len(events) == limit else None
    )


@router.post(
    "/operations/{operation}/{action}",
    status_code=202,
    responses={202: {"model": OperationView}},
    response_model=None,
)
def act_on_operation(
    operation: str,
    action: Action,
    services: Door,
    actor: Annotated[Actor, allow(Permission.OPERATION_CONTROL)],
) -> Response:
    """Pause, resume, cancel, retry the failed items, skip them, or undo. All but pause and cancel also need the permission of its kind."""
    asked = services.operations.act(operation, action, actor=actor)
    return starting.accepted(_view(services, asked, plan=False))


@router.post("/plans")
def make_plan(
    wanted: PlanRequest, services: Door, actor: Annotated[Actor, allow(Permission.PLAN)]
) -> PlanView:
    """What an operation of any kind would do; nothing is changed."""
    del actor
    return PlanView.of(services.operations.plan(wanted.kind, wanted.params), wanted.params)


def _view(services: Services, operation: Operation, *, plan: bool) -> OperationView:
    return OperationView.of(
        operation,
        interrupted=services.operations.is_interrupted(operation),
        progress=ProgressView.model_validate(services.operations.progress(operation.id)),
        plan=plan,
        proof=services.operations.proof(operation),
        comparison=services.operations.comparison(operation),
    )
