"""Puts our override file in place so that no reader ever sees half of it, and no writer loses another's. Used by `__main__`."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Iterator  # noqa: UP035 - Python 3.8

from refusal import Refusal

if TYPE_CHECKING:
    from service import Service

ABSENT = "absent"


def write(service: Service, text: str, expected: str) -> str:
    """Put `text` in the place of our file ("" removes it) if its version is `expected`; answers the new version.

    The temporary file lies beside the directory, not in it: oslo.policy stats everything in there.
    """
    if version(service.text()) == version(text):
        return version(text)
    if text:
        service.validate(text)
    service.directory.mkdir(parents=True, exist_ok=True)
    with _locked(service.directory):
        present = version(service.text())
        if present == version(text):
            return present
        if present != expected:
            raise Refusal(
                "conflict", f"{service.file} has changed: it is {present[:12]}, not {expected[:12]}"
            )
        newest = max(p.stat().st_mtime_ns for p in (service.directory, *service.directory.iterdir()))
        if text:
            _put(service.file, text)
        else:
            service.file.unlink()
        _note(service.directory, newest)
    return version(text)


def _put(path: Path, text: str) -> None:
    directory = path.parent
    like = directory.stat()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=directory.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            # who may look into the directory may read it: the service runs as another user
            os.fchmod(stream.fileno(), like.st_mode & 0o666)
            if os.fstat(stream.fileno()).st_gid != like.st_gid:
                os.fchown(stream.fileno(), -1, like.st_gid)
            os.fsync(stream.fileno())
        os.rename(name, path)  # noqa: PTH104
    except BaseException:
        Path(name).unlink()
        raise


def _note(directory: Path, newest: int) -> None:
    """Make the change seen and lasting: oslo.policy looks for an mtime newer than all before, and somebody's file may have one of tomorrow."""
    if directory.stat().st_mtime_ns <= newest:
        os.utime(directory, ns=(newest + 10_000_000, newest + 10_000_000))
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One writer at a time; the directory itself is locked, so that nothing is left in it."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def version(text: str) -> str:
    """What tells one text of our file from another."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ABSENT
