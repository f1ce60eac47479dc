"""Which requests go wrong, and how; the proxies of faulty_proxy.py ask. It also counts what went by, and can stop a process at an exact request."""

import json
import re
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlsplit
from zlib import crc32

_ID = re.compile(r"^(?:[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+)$")
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOGIN = "/auth/tokens"


class Fault(StrEnum):
    """What becomes of a request."""

    ERROR = "500"
    """refused, nothing is done"""
    LOST = "500 after it was done"
    CONFLICT = "409"
    BUSY = "429"
    """with Retry-After"""
    CUT = "connection cut"
    """done, and then no answer; a body of an image ends in its middle"""
    SILENCE = "no answer in time"
    """done, and the answer comes later than anybody waits"""
    REVOKED = "401"
    """its token is revoked at Keystone"""

    @property
    def status(self) -> int:
        return int(self.value[:3]) if self.value[:3].isdigit() else 500


@dataclass(frozen=True)
class Asked:
    """A request; `shape` has letters in the place of ids and names, and no values."""

    cloud: str
    service: str
    method: str
    path: str
    shape: str
    has_token: bool = True

    @classmethod
    def of(
        cls, cloud: str, service: str, method: str, path: str, body: bytes | None, *, has_token: bool = True
    ) -> "Asked":
        parts = urlsplit(path)
        words = ["X" if _ID.match(word) else word for word in parts.path.strip("/").split("/")]
        for number, word in enumerate(words[:-1]):
            if word in ("os-keypairs", "tags", "os-extra_specs", "metadata"):
                words[number + 1] = "N"
        asked = sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)})
        action = ""
        if words[-1] == "action" and body:
            action = f" ({next(iter(json.loads(body)), '')})"
        query = f"?{'&'.join(asked)}" if asked else ""
        return cls(
            cloud,
            service,
            method,
            parts.path,
            f"{cloud} {service} {method} /{'/'.join(words)}{query}{action}",
            has_token,
        )

    @property
    def is_login(self) -> bool:
        return self.service == "identity" and self.path.endswith(LOGIN)

    @property
    def writes(self) -> bool:
        return self.method in WRITES and not self.is_login

    @property
    def is_upload(self) -> bool:
        return self.service == "image" and self.method == "PUT" and self.path.endswith("/file")


@dataclass
class Trap:
    """Called once, at the first request that fits: before it is passed on, when it was answered, or when so many bytes of it have passed."""

    fits: Callable[[Asked], bool]
    spring: Callable[[], object] = int
    moment: str = "answered"
    after_bytes: int = 0
    sprung: str = ""


class Weather:
    """Shared by the proxies of all APIs of both clouds."""

    def __init__(self, silence_s: float) -> None:
        self.keystones: dict[str, str] = {}
        self._silence_s = silence_s
        self._lock = threading.Lock()
        self._faults: Sequence[Fault] = ()
        self._turn = 0
        self._writing = False
        self._met: set[object] = set()
        self._trap: Trap | None = None
        self._end = threading.Event()
        self.struck: list[tuple[Fault, str]] = []
        self.counts: Counter[str] = Counter()
        self.bytes: Counter[tuple[str, str]] = Counter()
        """(cloud, path) of an image's file -> bytes that were uploaded to it"""

    def turn(self, *faults: Fault, offset: int = 0) -> None:
        """From now on the first request of each shape meets a fault: once while nothing is written yet, which is planning, and once afterwards. Which of several
        it meets depends on its shape and the offset, so that as many turns as there are faults let each request meet each. Without faults: fair weather, and `struck` stays to be looked at.
        """
        with self._lock:
            self._faults, self._turn, self._writing = faults, offset, False
            self._met.clear()
            if faults:
                self.struck.clear()

    def forget(self) -> None:
        """Count anew."""
        with self._lock:
            self.counts.clear()
            self.bytes.clear()

    def set_trap(self, trap: Trap | None) -> None:
        with self._lock:
            self._trap = trap

    # -- for the proxies

    def meet(self, asked: Asked) -> Fault | None:
        with self._lock:
            self.counts[asked.shape] += 1
            self._writing = self._writing or asked.writes
            fault = self._struck(asked)
            if fault is not None:
                self.struck.append((fault, asked.shape))
            trap = self._take("before", asked, 0)
        self._spring(trap)
        return fault

    def passed(self, asked: Asked, size: int) -> None:
        if not asked.is_upload:
            return
        with self._lock:
            self.bytes[asked.cloud, asked.path] += size
            trap = self._take("bytes", asked, self.bytes[asked.cloud, asked.path])
        self._spring(trap)

    def answered(self, asked: Asked, status: int) -> None:
        if status >= 400:
            return
        with self._lock:
            trap = self._take("answered", asked, 0)
        self._spring(trap)

    def keep_silent(self) -> None:
        self._end.wait(self._silence_s)

    def revoke(self, cloud: str, token: str) -> None:
        url = self.keystones[cloud].rstrip("/")
        url = url if url.endswith("/v3") else f"{url}/v3"
        request = urllib.request.Request(
            f"{url}{LOGIN}", method="DELETE", headers={"X-Auth-Token": token, "X-Subject-Token": token}
        )
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as error:
            if error.code not in (401, 404):  # it has been revoked already
                raise

    # -- inside

    def _struck(self, asked: Asked) -> Fault | None:
        if not self._faults:
            return None
        fault = self._faults[(crc32(asked.shape.encode()) + self._turn) % len(self._faults)]
        key: tuple[object, ...] = (asked.shape, self._writing)
        if fault is Fault.SILENCE and not asked.writes:
            # each costs the time that Pumphouse waits, and a cut connection is the same to it: of what only looks one of each service will do
            key = (fault, asked.cloud, asked.service)
        if key in self._met or (fault is Fault.REVOKED and (asked.is_login or not asked.has_token)):
            # what is asked without a token is never answered with 401
            return None
        self._met.add(key)
        return fault

    def _take(self, moment: str, asked: Asked, size: int) -> Trap | None:
        trap = self._trap
        if trap is None or trap.moment != moment or size < trap.after_bytes or not trap.fits(asked):
            return None
        self._trap = None
        trap.sprung = asked.shape
        return trap

    def _spring(self, trap: Trap | None) -> None:
        if trap is not None:
            trap.spring()
