"""A lock between processes on a file; the kernel lets go of it when its holder dies. Used by `Lab` and `venvs`."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pumphouse.lab.errors import LabError


class Lock:
    """`with Lock(path)`: one holder at a time. With `wait=False` a taken lock is an error that names the holder."""

    def __init__(self, path: Path, *, wait: bool = True) -> None:
        self._path = path
        self._wait = wait
        self._handle = -1

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._acquire()
        # whoever held it meanwhile may have removed the file: then it is another one, or none, that everybody else locks
        while not self._still_there():
            os.close(self._handle)
            self._acquire()
        os.ftruncate(self._handle, 0)
        os.write(self._handle, str(os.getpid()).encode())
        return self

    @property
    def handle(self) -> int:
        """The open file: a child that inherits it holds the lock too, until it ends."""
        return self._handle

    def remove(self) -> None:
        """Delete the file while it is held; who waits for it notices, and locks a new one."""
        self._path.unlink(missing_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def _acquire(self) -> None:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
        except BlockingIOError:
            holder = os.read(self._handle, 20).decode().strip() or "unknown"
            os.close(self._handle)
            raise LabError(
                f"another lab command works on this lab (process {holder})",
                hint="Wait until it is done, or choose another lab with --state-dir.",
            ) from None

    def _still_there(self) -> bool:
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._handle))
        except FileNotFoundError:
            return False
