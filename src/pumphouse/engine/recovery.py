"""Goes on, again and again, with operations that lost their process: what a server does besides answering. Made by `main serve`."""

import threading

import structlog

from pumphouse.domain.errors import PumphouseError
from pumphouse.engine.engine import Engine

log = structlog.get_logger(__name__)


class Recovery:
    """A thread that calls `Engine.recover` at once and every `every_s` seconds until it is closed."""

    def __init__(self, engine: Engine, *, every_s: float) -> None:
        self._engine = engine
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Take up nothing more; what runs is the engine's to end."""
        self._stop.set()
        self._thread.join(timeout=10.0)

    def _run(self) -> None:
        while True:
            self.look_once()
            if self._stop.wait(self._every_s):
                return

    def look_once(self) -> None:
        """One round; a database that does not answer is asked again in the next."""
        try:
            for operation in self._engine.recover():
                log.info("operation.recovered", operation=operation.id, title=operation.title)
        except PumphouseError as error:
            log.warning("recovery.failed", error=error.message)
