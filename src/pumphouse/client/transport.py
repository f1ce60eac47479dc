"""Requests straight into an ASGI application in this process: what the command line uses when no server runs.

The application lives on an event loop in a thread of its own, so its answers can be streamed (httpx's own ASGI transport waits for the end
of a body, which an event stream does not have) and Ctrl-C in the calling thread never tears it down half-way.
"""

import asyncio
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import httpx
from starlette.types import ASGIApp, Message
from typing_extensions import override


class InProcessTransport(httpx.BaseTransport):
    """Safe for use by many threads."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="application", daemon=True)
        self._thread.start()

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        exchange = _Exchange(request)
        task = asyncio.run_coroutine_threadsafe(exchange.run(self._app), self._loop)
        status, headers = exchange.head()

        def give_up() -> None:
            self._loop.call_soon_threadsafe(exchange.disconnect)
            task.cancel()

        return httpx.Response(status, headers=headers, stream=_Body(exchange, give_up))

    @override
    def close(self) -> None:
        if self._loop.is_closed():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()


class _Exchange:
    """One request and its answer, handed over between the loop's thread and the caller's."""

    def __init__(self, request: httpx.Request) -> None:
        self._scope = _scope_of(request)
        self._body: bytes | None = request.read()
        self._gone = asyncio.Event()
        self._messages: SimpleQueue[Message | BaseException | None] = SimpleQueue()

    async def run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._receive, self._send)
        except Exception as error:  # carried to the calling thread
            self._messages.put(error)
        finally:
            self._messages.put(None)

    def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        message = self._messages.get()
        if isinstance(message, BaseException):
            raise message
        if message is None:
            raise httpx.RemoteProtocolError("the application ended without an answer")
        return message["status"], list(message.get("headers", []))

    def body(self) -> Iterator[bytes]:
        # an error behind the head has been answered and logged by the application already
        while isinstance(message := self._messages.get(), dict):
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return

    def disconnect(self) -> None:
        self._gone.set()

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._messages.put(dict(message))


class _Body(httpx.SyncByteStream):
    def __init__(self, exchange: _Exchange, give_up: Any) -> None:
        self._exchange = exchange
        self._give_up = give_up

    @override
    def __iter__(self) -> Iterator[bytes]:
        return self._exchange.body()

    @override
    def close(self) -> None:
        self._give_up()


def _scope_of(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
        "state": {},
    }


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
