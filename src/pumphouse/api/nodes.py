"""Routes of nodes: list, show, maintenance, evacuate, move, delete."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from pumphouse.api import starting
from pumphouse.api.depends import Door, DryRun, IdempotencyKey, allow
from pumphouse.services.access import Actor, Permission
from pumphouse.services.door import Services
from pumphouse.wire.model import Request
from pumphouse.wire.node import (
    AgentView,
    DeleteRequest,
    EvacuateRequest,
    MaintenanceRequest,
    MoveRequest,
    NodePage,
    NodeView,
    UnreachableView,
)

router = APIRouter(prefix="/v1", tags=["nodes"])
Reader = Annotated[Actor, allow(Permission.NODE_READ)]
NODE = "/environments/{environment}/nodes/{node}"


@router.get("/nodes")
def list_nodes(
    services: Door, actor: Reader, environment: Annotated[str | None, Query(max_length=255)] = None
) -> NodePage:
    """The nodes of one environment or of all, asked concurrently."""
    del actor
    found = services.nodes.list(environment)
    return NodePage(
        items=[NodeView.model_validate(n) for n in found.nodes],
        unreachable=tuple(
            UnreachableView(environment=name, code=e.code, detail=e.message, hint=e.hint)
            for name, e in found.unreachable.items()
        ),
    )


@router.get(NODE)
def show_node(environment: str, node: str, services: Door, actor: Reader) -> NodeView:
    """One node, freshly read, with its agents."""
    del actor
    found, agents = services.nodes.show(environment, node)
    view = NodeView.model_validate(found)
    return view.model_copy(update={"agents": tuple(AgentView.model_validate(a) for a in agents)})


@router.post(NODE + "/maintenance", status_code=202, responses=starting.ANSWERS, response_model=None)
def maintain_node(
    environment: str,
    node: str,
    wanted: MaintenanceRequest,
    services: Door,
    actor: Annotated[Actor, allow(Permission.NODE_MAINTAIN)],
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a node into maintenance, or out of it."""
    return _start(services, actor, "maintain_node", (environment, node), wanted, dry_run, idempotency_key)


@router.post(NODE + "/evacuate", status_code=202, responses=starting.ANSWERS, response_model=None)
def evacuate_node(
    environment: str,
    node: str,
    wanted: EvacuateRequest,
    services: Door,
    actor: Annotated[Actor, allow(Permission.NODE_EVACUATE)],
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Move every server off a node."""
    return _start(services, actor, "evacuate_node", (environment, node), wanted, dry_run, idempotency_key)


@router.post(NODE + "/move", status_code=202, responses=starting.ANSWERS, response_model=None)
def move_node(
    environment: str,
    node: str,
    wanted: MoveRequest,
    services: Door,
    actor: Annotated[Actor, allow(Permission.NODE_MOVE)],
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Evacuate a node and give it to another environment."""
    return _start(services, actor, "reassign_node", (environment, node), wanted, dry_run, idempotency_key)


@router.post(NODE + "/delete", status_code=202, responses=starting.ANSWERS, response_model=None)
def delete_node(
    environment: str,
    node: str,
    wanted: DeleteRequest,
    services: Door,
    actor: Annotated[Actor, allow(Permission.NODE_DELETE)],
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take a node out of its environment for good, evacuating it first when asked to."""
    return _start(services, actor, "delete_node", (environment, node), wanted, dry_run, idempotency_key)


def _start(
    services: Services,
    actor: Actor,
    kind: str,
    address: tuple[str, str],
    wanted: Request,
    dry_run: bool,
    idempotency_key: str | None,
) -> Response:
    """What the four routes share: `address` is the environment and the node as the caller wrote them."""
    return starting.start(
        services,
        actor,
        kind,
        lambda: _params(services, address, wanted),
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        sent=[*address, wanted.model_dump(mode="json", exclude_unset=True)],
    )


def _params(services: Services, address: tuple[str, str], wanted: Request) -> Mapping[str, Any]:
    """The workflow's parameters: names in place of ids; what was left out is left to the workflow's defaults."""
    environment, node = services.nodes.resolve(*address)
    params = {"environment": environment, "node": node, **wanted.model_dump(mode="json", exclude_none=True)}
    if isinstance(wanted, MoveRequest):
        params["destination"] = services.environments.show(wanted.destination).name
    return params
