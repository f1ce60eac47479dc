"""Puts the API together. `main` calls it, once for the server and once for the application inside the command line's own process."""

from importlib.metadata import version

from fastapi import FastAPI

from pumphouse.api import application, duplication, environments, events, nodes, operations, problems, tenants
from pumphouse.api.requests import RequestIds
from pumphouse.services.access import Authenticator
from pumphouse.services.door import Services

STREAM_POLL_S = 0.5


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
    )
    app.state.services = services
    app.state.authenticator = authenticator
    app.state.stream_poll_s = stream_poll_s
    for room in (application, environments, duplication, nodes, tenants, operations, events):
        app.include_router(room.router)
    problems.install(app)
    app.add_middleware(RequestIds)
    return app
