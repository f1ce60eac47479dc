"""Routes about the application itself: who answers, what was interrupted, and the description of the API."""

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Request

from pumphouse.api.depends import Door, allow
from pumphouse.services.access import Actor, Permission
from pumphouse.wire.status import StatusView

router = APIRouter(prefix="/v1", tags=["application"])
Reader = Annotated[Actor, allow(Permission.STATUS_READ)]


@router.get("/status")
def show_status(services: Door, actor: Reader) -> StatusView:
    """Who answers, as whom you are known, and which operations nobody works on although somebody should."""
    return StatusView(
        version=version("pumphouse"),
        actor=actor.name,
        role=actor.role.name.lower(),
        interrupted=tuple(o.id for o in services.operations.interrupted()),
    )


@router.get("/openapi.json", include_in_schema=False)
def show_openapi(request: Request, actor: Reader) -> dict[str, Any]:
    """The OpenAPI description of this API."""
    del actor
    described: dict[str, Any] = request.app.openapi()
    return described
