"""Stands between Pumphouse and one API of a cloud, and answers 500 for as long as it is told to."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class BreakingProxy:
    """A proxy on a free loopback port; `url` replaces the API's own."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._broken_until = 0.0
        self.refused = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                proxy.answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._upstream.path}"

    def break_for(self, seconds: float) -> None:
        """Answer 500 to everything from now on."""
        self._broken_until = monotonic() + seconds

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if monotonic() < self._broken_until:
            self.refused += 1
            self._reply(
                request,
                500,
                [("Content-Type", "application/json")],
                b'{"computeFault": {"message": "broken"}}',
            )
            return
        upstream = http.client.HTTPConnection(self._upstream.netloc, timeout=120)
        try:
            headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
            upstream.request(request.command, request.path, body or None, headers)
            answer = upstream.getresponse()
            kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP]
            self._reply(request, answer.status, kept, answer.read())
        finally:
            upstream.close()

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
