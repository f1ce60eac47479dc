"""Who runs an operation: this process's name, when another owner counts as gone, and the watch over what we own.

A claim is a compare-and-set on the operation's row; every later write carries its token. Used by engine.py.
"""

import socket
import threading
from datetime import datetime
from pathlib import Path

import psutil
import structlog

from pumphouse.domain.errors import StoreFaultError
from pumphouse.domain.operation import OperationStatus
from pumphouse.engine.settings import EngineSettings
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import OperationStore, Ownership

BEATS_PER_TIMEOUT = 5
REQUESTS = frozenset({OperationStatus.PAUSING, OperationStatus.CANCELLING})

_log = structlog.get_logger(__name__)


class Signals:
    """What a running operation must heed: wishes of operators, loss of ownership, the end of the process. A child heeds its parent's too."""

    def __init__(self, shutdown: threading.Event, parent: "Signals | None" = None) -> None:
        self._shutdown = shutdown
        self._parent = parent
        self._lost = False
        self._ended = False
        self._request: OperationStatus | None = None

    @property
    def lost(self) -> bool:
        """Another process owns the operation: write nothing more."""
        return (self._lost and not self._ended) or (self._parent is not None and self._parent.lost)

    @property
    def leaving(self) -> bool:
        """The process is shutting down."""
        return self._shutdown.is_set()

    @property
    def request(self) -> OperationStatus | None:
        """PAUSING or CANCELLING when an operator asked for it."""
        return self._request or (self._parent.request if self._parent else None)

    def stop(self) -> bool:
        """Begin nothing new, for whatever reason."""
        return self.leaving or self.lost or self.request is not None

    def lose(self) -> None:
        """The operation is ours no longer."""
        self._lost = True

    def end(self) -> None:
        """We have written its end, and with it that nobody owns it; that is no loss."""
        self._ended = True

    def ask(self, request: OperationStatus) -> None:
        """An operator wants it paused or cancelled."""
        self._request = request


class Watch:
    """One thread that writes the heartbeats of all operations of this process and looks for wishes."""

    def __init__(self, store: OperationStore, clock: Clock, settings: EngineSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._watched: dict[str, tuple[str, Signals]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._looks = 0
        self._heard_at = clock.monotonic()

    def add(self, operation_id: str, token: str, signals: Signals) -> None:
        """Care for this operation from now on."""
        with self._lock:
            self._watched[operation_id] = (token, signals)
            if self._thread is None:
                self._heard_at = self._clock.monotonic()
                self._thread = threading.Thread(target=self._go, name="pumphouse-watch", daemon=True)
                self._thread.start()

    def drop(self, operation_id: str, token: str) -> None:
        """Its run has ended."""
        with self._lock:
            if self._watched.get(operation_id, ("", None))[0] == token:
                del self._watched[operation_id]

    def tell(self, operation_id: str, status: OperationStatus) -> None:
        """A wish that was made in this process is known at once; those of others are seen at the next look."""
        with self._lock:
            found = self._watched.get(operation_id)
        if found is not None and status in REQUESTS:
            found[1].ask(status)

    def close(self) -> None:
        """Stop the thread; heartbeats end."""
        self._closed.set()

    def _go(self) -> None:
        while not self._closed.wait(self._settings.poll_s):
            try:
                self._look()
            except StoreFaultError as error:
                _log.warning("engine.heartbeat_failed", error=error.message)
                self._give_up_when_late()

    def _look(self) -> None:
        with self._lock:
            watched = dict(self._watched)
        if not watched:
            self._heard_at = self._clock.monotonic()
            return
        tokens = {operation_id: token for operation_id, (token, _) in watched.items()}
        every = max(1, int(self._settings.owner_timeout_s / BEATS_PER_TIMEOUT / self._settings.poll_s))
        beat = self._looks % every == 0
        statuses = self._store.beat(tokens, now=self._clock.now() if beat else None)
        self._looks += 1
        self._heard_at = self._clock.monotonic()
        for operation_id, (_, signals) in watched.items():
            status = statuses.get(operation_id)
            if status is None:
                signals.lose()
            elif status in REQUESTS:
                signals.ask(status)

    def _give_up_when_late(self) -> None:
        # nobody can read our heartbeat: whoever reaches the database may take over, so we stop beginning things
        if self._clock.monotonic() - self._heard_at < self._settings.owner_timeout_s:
            return
        with self._lock:
            for _, signals in self._watched.values():
                signals.lose()


def own_name(nonce: str) -> str:
    """This process and engine: host, process id space, process id, its start, and `nonce`."""
    process = psutil.Process()
    return f"{socket.gethostname()}/{_pid_space()}/{process.pid}/{process.create_time():.2f}/{nonce[:8]}"


def is_gone(held: Ownership, *, now: datetime, timeout_s: float) -> bool:
    """Whether nobody runs it: nobody claimed it, the process is dead (if it was on this host), or its heartbeat is too old."""
    if held.token is None or held.owner is None:
        return True
    if held.heartbeat_at is None or (now - held.heartbeat_at).total_seconds() > timeout_s:
        return True
    return _dead_here(held.owner)


def _dead_here(owner: str) -> bool:
    try:
        host, space, pid, started, _ = owner.rsplit("/", 4)
        if (host, space) != (socket.gethostname(), _pid_space()):
            return False
        return f"{psutil.Process(int(pid)).create_time():.2f}" != started
    except psutil.NoSuchProcess:
        return True
    except (ValueError, psutil.Error):
        return False


def _pid_space() -> str:
    # two containers may have one host name, but their process ids mean nothing to each other
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return "0"
