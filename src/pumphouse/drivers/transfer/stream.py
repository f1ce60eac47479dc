"""The bytes of one image from one cloud into another: one thread reads, one hashes (hashlib lets go of the GIL), the caller's sends; images.py calls it.

At most `2 * ROOM` pieces of a mebibyte are in memory for each copy, whatever the size.
"""

import hashlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

from pumphouse.domain.errors import CloudFaultError, PumphouseError
from pumphouse.drivers.transfer.ends import CloudEnd
from pumphouse.drivers.transfer.pipe import Pipe
from pumphouse.drivers.transfer.throttle import Throttle
from pumphouse.ports.transfer import ProgressOf

ROOM: Final = 4
"""Pieces that wait for the sender, and as many that wait for the hash."""


def stream(
    source: CloudEnd,
    source_path: str,
    destination: CloudEnd,
    destination_path: str,
    *,
    size: int,
    algorithms: Iterable[str],
    throttle: Throttle,
    progress: ProgressOf,
) -> Mapping[str, str]:
    """GET here, PUT there; answers algorithm -> hex digest of what was sent.

    Raises:
        CloudFaultError: either end broke off, or the source had more or less than `size` bytes. The PUT was then broken off too: nothing counts as arrived.
    """
    sending, hashing = Pipe(ROOM), Pipe(ROOM)
    hashes = {name: new_hash(name) for name in algorithms}
    hasher = threading.Thread(target=_hash, args=(hashing, hashes.values()), daemon=True)
    reader = threading.Thread(target=_read, args=(source, source_path, sending, hashing), daemon=True)
    hasher.start()
    reader.start()
    try:
        arriving = iter(sending)
        # a source that fails at once shall not cost the destination a broken upload
        first = list(islice(arriving, 1))
        what = f"{source.environment} {source_path}"
        pieces = _counted(chain(first, arriving), size, throttle, progress, what)
        destination.upload("image", destination_path, pieces, size=size)
        hasher.join()
    finally:
        # the reader notices at its next piece and closes its connection; it is not waited for, as that piece may never come
        sending.close()
        hashing.close()
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def digests_at(
    end: CloudEnd, path: str, *, size: int, algorithms: Iterable[str], throttle: Throttle, progress: ProgressOf
) -> Mapping[str, str]:  # fmt: skip
    """What is there, read and hashed."""
    hashes = {name: new_hash(name) for name in algorithms}
    done = 0
    for piece in end.download("image", path):
        throttle.take(len(piece))
        for digest in hashes.values():
            digest.update(piece)
        done += len(piece)
        progress(min(done, size), size)
    return {name: digest.hexdigest() for name, digest in hashes.items()}


def new_hash(name: str) -> Any:
    """A hash that is no protection but a comparison, so that MD5 also works where it is banned for the other."""
    return hashlib.new(name, usedforsecurity=False)


def _read(source: CloudEnd, path: str, *pipes: Pipe) -> None:
    error: Exception | None = None
    pieces = source.download("image", path)
    try:
        for piece in pieces:
            if not all([pipe.put(piece) for pipe in pipes]):  # noqa: C419  # each gets it, also when another has gone
                return
    except PumphouseError as caught:
        error = caught
    except Exception as caught:  # a thread must not die silently: the sender would wait forever
        error = CloudFaultError(f"{source.environment}: reading {path} failed: {type(caught).__name__}")
    finally:
        for pipe in pipes:
            pipe.finish(error)
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _hash(pieces: Pipe, hashes: Iterable[Any]) -> None:
    try:
        for piece in pieces:
            for digest in hashes:
                digest.update(piece)
    except PumphouseError:
        return  # the sender gets the same error and tells it


def _counted(
    pieces: Iterable[bytes], size: int, throttle: Throttle, progress: ProgressOf, what: str
) -> Iterator[bytes]:
    done = 0
    progress(0, size)
    for piece in pieces:
        done += len(piece)
        if done > size:
            raise CloudFaultError(f"{what} has more than the {size} bytes that its cloud says", hint="retry")
        throttle.take(len(piece))
        yield piece
        progress(done, size)
    if done < size:
        # raised inside the request, so that the PUT is broken off and the destination does not take it for complete
        raise CloudFaultError(f"{what} ended after {done} of {size} bytes", hint="retry")
