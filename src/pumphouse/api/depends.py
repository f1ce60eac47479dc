"""What routes are given: the services, the actor with a checked permission, and the common query parameters. Used by every router."""

from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request

from pumphouse.services.access import Actor, Authenticator, Permission, authorise
from pumphouse.services.door import Services


class Requires:
    """A dependency that lets a request pass when its sender has `permission`. Every route has exactly one: a test holds it."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, request: Request) -> Actor:
        authenticator: Authenticator = request.app.state.authenticator
        actor = authenticator.authenticate(request.headers.get("authorization"))
        authorise(actor, self.permission)
        return actor


def allow(permission: Permission) -> Any:
    """`Depends` on a permission, to be written as the default of a route's `actor`."""
    return Depends(Requires(permission))


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


Door = Annotated[Services, Depends(_services)]
DryRun = Annotated[bool, Query(description="answer the plan (200) and change nothing")]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=128, description="the `next` of the page before")]
IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=128, description="the same key answers the same operation"),
]
