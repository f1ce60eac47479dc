"""Request ids and the request log: one small ASGI middleware around the whole API. Installed by app.py."""

import re
import uuid
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-openstack-request-id"
_WELL_FORMED = re.compile(r"^req-[A-Za-z0-9-]{1,64}$")
log = structlog.get_logger(__name__)


class RequestIds:
    """Takes over a well-formed X-Openstack-Request-Id or makes one; logs under it and answers with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or f"req-{uuid.uuid4()}"
        scope.setdefault("state", {})["request_id"] = request_id
        status: dict[str, Any] = {"status": 0}

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                status["status"] = message["status"]
                message.setdefault("headers", []).append((HEADER, request_id.encode()))
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_with_id)
            # who watches asks twice a second: only what changes something, or fails, is worth a line
            dull = scope["method"] == "GET" and status["status"] < 500
            tell = log.debug if dull else log.info
            tell("request.answered", method=scope["method"], path=scope["path"], **status)


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER:
            text = str(value.decode("latin-1"))
            return text if _WELL_FORMED.match(text) else None
    return None
