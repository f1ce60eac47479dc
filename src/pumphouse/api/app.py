"""Puts the API together. `main` calls it, once for the server and once for the application inside the command line's own process."""

from importlib.metadata import version

from fastapi import FastAPI

from pumphouse.api import (
    application,
    duplication,
    environments,
    events,
    migrations,
    nodes,
    operations,
    problems,
    tenants,
)
from pumphouse.api.requests import RequestIds
from pumphouse.services.access import Authenticator
from pumphouse.services.door import Services

STREAM_POLL_S = 0.5
ROOMS = (application, environments, duplication, nodes, migrations, tenants, operations, events)


def create_app(
    services: Services, authenticator: Authenticator, *, stream_poll_s: float = STREAM_POLL_S
) -> FastAPI:
    """The ASGI application. `stream_poll_s` is how often an open event stream looks for news, in seconds."""
    # the interactive pages are left out: they load scripts from elsewhere
    app = FastAPI(
        title="Pumphouse",
        version=version("pumphouse"),
        summary="Move a living OpenStack cloud to a new release side by side",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        # the routes as their rooms made them: `include_router` makes each anew, 40 ms of a command line's start
        routes=[route for room in ROOMS for route in room.router.routes],
    )
    app.state.services = services
    app.state.authenticator = authenticator
    app.state.stream_poll_s = stream_poll_s
    problems.install(app)
    app.add_middleware(RequestIds)
    return app
