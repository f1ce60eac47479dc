"""Stands between Pumphouse and every API of a cloud, streams bodies through, and lets requests go wrong as `Weather` says."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from openstack.connection import Connection
from typing_extensions import override

from tests.lab.weather import Asked, Fault, Weather

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"}
SERVICES = ("identity", "compute", "placement", "network", "image", "block-storage")
PIECE = 1 << 16
PEEKED = 1 << 16
"""Bodies up to this size are read before it is decided what becomes of the request; larger ones are only streamed."""
Headers = list[tuple[str, str]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Processes that are killed hang up."""


class FaultyProxy:
    """One API of one cloud on a free loopback port; `url` replaces the API's own."""

    def __init__(self, cloud: str, service: str, upstream: str, weather: Weather) -> None:
        self.cloud, self.service = cloud, service
        self.upstream = urlsplit(upstream)
        self.weather = weather
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                with suppress(OSError, http.client.HTTPException):
                    _Exchange(proxy, self).go()
                    return
                self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

            @override
            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{self.upstream.path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _ClientGoneError(OSError):
    """Whoever asked has gone: what it has not sent never comes."""


class _Exchange:
    """One request and its answer."""

    def __init__(self, proxy: FaultyProxy, request: BaseHTTPRequestHandler) -> None:
        self._proxy, self._request = proxy, request
        self._length = int(request.headers.get("Content-Length") or 0)
        self._chunked = "chunked" in (request.headers.get("Transfer-Encoding") or "").lower()
        small = not self._chunked and self._length <= PEEKED
        self._body = request.rfile.read(self._length) if small else None
        request.close_connection = False
        has_token = "X-Auth-Token" in request.headers
        self._asked = Asked.of(
            proxy.cloud, proxy.service, request.command, request.path, self._body, has_token=has_token
        )
        self._sent = 0

    def go(self) -> None:
        weather, asked = self._proxy.weather, self._asked
        fault = weather.meet(asked)
        if fault in (Fault.ERROR, Fault.CONFLICT, Fault.BUSY, Fault.REVOKED):
            self._drain()
            if fault is Fault.REVOKED:
                self._revoke()
            self._refuse(fault)
            return
        cut_at = self._length // 2 if fault is Fault.CUT and self._body is None else None
        upstream = self._forward(cut_at)
        if upstream is None:
            self._hang_up()
            return
        try:
            answer = upstream.getresponse()
            if fault is Fault.LOST:
                answer.read()
                self._refuse(Fault.ERROR)
            elif fault is Fault.SILENCE:
                answer.read()
                weather.keep_silent()
                self._hang_up()
            else:
                weather.answered(asked, answer.status)
                self._pass_back(answer, cut=fault is Fault.CUT)
        finally:
            upstream.close()

    # -- towards the cloud

    def _forward(self, cut_at: int | None) -> http.client.HTTPConnection | None:
        """The connection with the request sent; None when it was cut in the middle of its body."""
        connection = self._begun()
        try:
            for piece in self._pieces():
                connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if self._chunked else piece)
                self._sent += len(piece)
                self._proxy.weather.passed(self._asked, len(piece))
                if cut_at is not None and self._sent > cut_at:
                    connection.close()
                    return None
            if self._chunked:
                connection.send(b"0\r\n\r\n")
        except _ClientGoneError:
            connection.close()
            return None
        except (BrokenPipeError, ConnectionResetError):
            return connection  # it answers before it has heard all
        return connection

    def _begun(self) -> http.client.HTTPConnection:
        request = self._request
        connection = http.client.HTTPConnection(self._proxy.upstream.netloc, timeout=300)
        connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", self._proxy.upstream.netloc)
        for name, value in request.headers.items():
            if name.lower() not in HOP_BY_HOP:
                connection.putheader(name, value)
        if self._chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif self._length or request.command in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(self._length))
        connection.endheaders()
        return connection

    def _pieces(self) -> Iterator[bytes]:
        if self._body is not None:
            if self._body:
                yield self._body
            return
        left = self._length
        file = self._request.rfile
        while self._chunked:
            size = int(file.readline().split(b";")[0] or b"0", 16)
            piece = file.read(size)
            file.readline()
            if not size:
                return
            yield piece
        while left:
            piece = file.read1(min(PIECE, left))
            if not piece:
                raise _ClientGoneError("in the middle of its request")
            left -= len(piece)
            yield piece

    def _drain(self) -> None:
        for _ in self._pieces():
            pass

    def _revoke(self) -> None:
        """Its token is worth nothing from now on, for Keystone too."""
        token = self._request.headers.get("X-Auth-Token")
        if token:
            self._proxy.weather.revoke(self._proxy.cloud, token)

    # -- towards Pumphouse

    def _pass_back(self, answer: http.client.HTTPResponse, *, cut: bool) -> None:
        request = self._request
        headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP]
        length = answer.getheader("Content-Length")
        bodyless = request.command == "HEAD" or answer.status in (204, 304)
        if cut and (bodyless or not length or int(length) <= PEEKED):
            answer.read()
            self._hang_up()
            return
        request.send_response(answer.status)
        for name, value in headers:
            request.send_header(name, value)
        if length is not None:
            request.send_header("Content-Length", length)
        elif not bodyless:
            request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        sent = 0
        while not bodyless and (piece := answer.read1(PIECE)):
            request.wfile.write(
                piece if length is not None else f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
            )
            sent += len(piece)
            self._proxy.weather.passed(self._asked, len(piece))
            if cut and length and sent > int(length) // 2:
                self._hang_up()
                return
        if length is None and not bodyless:
            request.wfile.write(b"0\r\n\r\n")
        request.wfile.flush()

    def _refuse(self, fault: Fault) -> None:
        headers: Headers = [("Content-Type", "application/json")]
        if fault is Fault.BUSY:
            headers.append(("Retry-After", "1"))
        body = json.dumps(
            {"error": {"code": int(fault.status), "message": f"made up by the test: {fault}"}}
        ).encode()
        request = self._request
        request.send_response(fault.status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
        request.wfile.flush()

    def _hang_up(self) -> None:
        self._request.close_connection = True
        with suppress(OSError):
            self._request.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def shaky_clouds(
    directory: Path, file: Path, clouds: Mapping[str, Connection], weather: Weather
) -> Iterator[Path]:
    """A clouds.yaml in `file` with the same entries, whose APIs all go through proxies under one weather."""
    entries = yaml.safe_load((directory / "clouds.yaml").read_text())["clouds"]
    proxies: list[FaultyProxy] = []
    shaky: dict[str, Any] = {}
    try:
        for name, cloud in clouds.items():
            entry = {**entries[name], "auth": {**entries[name]["auth"]}}
            for service in SERVICES:
                upstream = str(cloud.session.get_endpoint(service_type=service, interface="public"))
                proxy = FaultyProxy(name, service, upstream, weather)
                proxies.append(proxy)
                entry[f"{service.replace('-', '_')}_endpoint_override"] = proxy.url
                if service == "identity":
                    entry["auth"]["auth_url"] = proxy.url
                    weather.keystones[name] = upstream
            shaky[name] = entry
        file.write_text(yaml.safe_dump({"clouds": shaky}))
        yield file
    finally:
        for proxy in proxies:
            proxy.close()
