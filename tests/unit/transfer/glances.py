"""A small Glance over HTTP on 127.0.0.1 with the states of the real one, and ways to break it; `end` speaks to it as the transfers do."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import requests

from pumphouse.domain.errors import CloudFaultError
from pumphouse.drivers.openstack.errors import error_of_exception, error_of_response
from pumphouse.drivers.openstack.transport import _Sized


class Glance:
    """One cloud's images; as a context manager it serves them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.images: dict[str, dict[str, Any]] = {}
        self.data: dict[str, bytes] = {}
        self.uploads = 0
        self.downloads = 0
        self.requests: list[tuple[str, str]] = []
        self.break_upload: Callable[[int], str] = lambda number: ""
        """number of the upload -> `500` after half, `die` (stays saving), `refuse` (401), `flip` a byte, `lose` the answer"""
        self.cut_download: Callable[[int], int | None] = lambda number: None
        """number of the download -> bytes after which the connection ends"""
        self.flip_download = False

    def add(self, id: str, data: bytes | None, **more: Any) -> None:
        row = {"id": id, "name": id, "status": "queued", "size": None, "protected": False, **more}
        self.images[id] = row
        if data is not None:
            self._filled(id, data)

    def _filled(self, id: str, data: bytes) -> None:
        self.data[id] = data
        self.images[id] |= {
            "status": "active",
            "size": len(data),
            "checksum": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "os_hash_algo": "sha512",
            "os_hash_value": hashlib.sha512(data).hexdigest(),
        }

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"glance": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class GlanceEnd:
    """As much of Transport as images need, over real HTTP."""

    def __init__(self, glance: Glance) -> None:
        self.environment = glance.name
        self._url = glance.url

    def get(self, service: str, path: str, *, params: Any = None, microversion: str = "") -> Any:
        del service, params, microversion
        return self._checked("GET", path).json()

    def write(
        self, service: str, method: str, path: str, *, json: Any = None, data: Any = None, microversion: str = "",
        content_type: str = "",
    ) -> Any:  # fmt: skip
        del service, data, microversion, content_type
        return self._checked(method, path, json=json)

    def delete(self, service: str, path: str, *, microversion: str = "") -> bool:
        del service, microversion
        return bool(self._checked("DELETE", path))

    def download(self, service: str, path: str) -> Iterator[bytes]:
        del service
        response = self._checked("GET", path, stream=True)
        try:
            yield from response.iter_content(1 << 16)
        except OSError as error:
            raise error_of_exception(path, error) from None
        finally:
            response.close()

    def upload(self, service: str, path: str, pieces: Iterator[bytes], *, size: int | None = None) -> None:
        del service
        assert size is not None, "a body without length that ends early counts as whole"
        try:
            response = requests.put(self._url + path, data=_Sized(pieces, size), timeout=20)
        except OSError as error:
            raise error_of_exception(path, error) from None
        if response.status_code == 401:
            raise CloudFaultError("refused; renewed")
        if response.status_code >= 400:
            raise error_of_response("upload", path, response)

    def _checked(self, method: str, path: str, **more: Any) -> requests.Response:
        response = requests.request(method, self._url + path, timeout=20, **more)
        if response.status_code >= 400:
            raise error_of_response(method, path, response)
        return response


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    glance: Glance
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        image = self._id()
        if image not in self.glance.images:
            return self._answer(404, {})
        if not self.path.endswith("/file"):
            return self._answer(200, self.glance.images[image])
        self.glance.downloads += 1
        data = self.glance.data[image]
        cut = self.glance.cut_download(self.glance.downloads)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.glance.flip_download:
            data = bytes([data[0] ^ 1]) + data[1:]
        self.wfile.write(data[:cut])
        if cut is not None:
            self.close_connection = True
        return None

    def do_PUT(self) -> None:
        image = self._id()
        self.glance.uploads += 1
        how = self.glance.break_upload(self.glance.uploads)
        row = self.glance.images.get(image)
        if how == "refuse":
            self.close_connection = True
            return self._answer(401, {})
        if row is None or row["status"] != "queued":
            self.close_connection = True
            return self._answer(409, {})
        row["status"] = "saving"
        size = int(self.headers["Content-Length"])
        wanted = size // 2 if how in ("500", "die") else size
        data = self.rfile.read(wanted)
        if how == "die":
            self.close_connection = True
            return None
        if how == "500" or len(data) < size:
            row["status"] = "queued"
            self.close_connection = True
            return self._answer(500, {})
        if how == "flip":
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.glance._filled(image, data)
        if how == "lose":
            self.close_connection = True
            return None
        return self._answer(204, None)

    def do_PATCH(self) -> None:
        for op in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            self.glance.images[self._id()][op["path"].strip("/")] = op["value"]
        self._answer(200, {})

    def do_DELETE(self) -> None:
        image = self._id()
        if self.glance.images[image]["protected"]:
            return self._answer(403, {})
        del self.glance.images[image]
        self.glance.data.pop(image, None)
        return self._answer(204, None)

    def _id(self) -> str:
        self.glance.requests.append((self.command, self.path))
        return self.path.split("/")[2]

    def _answer(self, status: int, body: Mapping[str, Any] | None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
