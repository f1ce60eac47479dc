"""The two ways to a client. Called by `main`."""

import httpx
from starlette.types import ASGIApp

from pumphouse.client.client import Client
from pumphouse.client.transport import InProcessTransport

CONNECT_S = 5.0
ANSWER_S = 300.0
"""A plan looks at whole clouds before it is answered."""


def in_process(app: ASGIApp) -> Client:
    """A client of the application in this process."""
    return Client(
        httpx.Client(transport=InProcessTransport(app), base_url="http://pumphouse.local", timeout=None)  # noqa: S113 - Ctrl-C is the time limit of a person
    )


def over_http(url: str, token: str) -> Client:
    """A client of a running server."""
    return Client(
        httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        )
    )
