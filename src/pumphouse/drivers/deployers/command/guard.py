"""One script at a time for a node, also across a crash of Pumphouse: a lock that the running script inherits. Used by `driver`."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pumphouse.domain.errors import TemporaryError
from pumphouse.ports.clock import Clock

LOOK_EVERY_S = 0.2


def lock_directory(chosen: str | None) -> Path:
    """Where locks lie: on this host, private to this user, gone after a reboot as the scripts are."""
    if chosen:
        return Path(chosen)
    return (
        Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        / f"pumphouse-deployers-{os.getuid()}"
    )


@contextmanager
def only_one(directory: Path, environment: str, node: str, wait_s: float, clock: Clock) -> Iterator[int]:
    """Hold the lock of a node; gives its descriptor, to be inherited by the script.

    When Pumphouse is killed, a script that goes on holds the lock until it ends, so that a new call does not run a second one beside it.

    Raises:
        TemporaryError: another script still works on the node after `wait_s` seconds.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256(f"{environment}/{node}".encode()).hexdigest()[:24]
    handle = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(handle, wait_s, f"{environment}/{node}", clock)
        try:
            yield handle
        finally:
            # by hand: a daemon that the script has left behind inherited the descriptor too
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)


def _wait_for(handle: int, wait_s: float, node: str, clock: Clock) -> None:
    until = clock.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.monotonic() >= until:
                raise TemporaryError(
                    f"another deployer script still works on {node}",
                    hint="Wait for it, or end it if it hangs; then retry the operation.",
                    after_s=30,
                ) from None
            clock.sleep(LOOK_EVERY_S)
        else:
            return
