"""The long list of servers, read concurrently; servers.py and nodes.py call it.

A list that is longer than a page is walked twice at once: one worker runs ahead over the short list (ids only, cheap for Nova) to learn where
pages begin, the others fetch the detailed pages from there, a few at a time. One detailed list alone could only be read page after page,
and a detailed page costs Nova several times what a short one does.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pumphouse.domain.errors import CloudRefusedError
from pumphouse.drivers.openstack.transport import PAGE, Params, Transport, has_next

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Convert = Callable[[dict[str, Any]], T]
Markers = tuple[str, ...]
"""An id behind which a page begins, and those before it in case it is deleted meanwhile; none is the list's own beginning."""
_Beginning = tuple[Markers, int]
"""Where a detailed page begins, and how many rows it has."""

SERVER_VERSION: Final = "2.96"
"""2.9 locked, 2.47 flavor embedded, 2.96 pinned zone; from 2.98 on each server carries its image's properties, which we do not read."""
DETAIL_PAGE: Final = 500
"""Rows of a detailed page: about 1 MB of JSON, so that the few pages in flight stay small."""
_ALL: Final = {"all_tenants": "1", "soft_deleted": "True"}
"""Soft-deleted servers still hold their node's resources, and Nova refuses to delete a service that has some."""
_SPARE_MARKERS: Final = 3


@dataclass(frozen=True, slots=True)
class _Page(Generic[T]):
    rows: list[tuple[str, T]]
    more: bool


class ServerListing(Generic[T]):
    """One reading of the servers of all tenants that pass `filters`, each turned into a T in the worker that fetched it."""

    def __init__(self, transport: Transport, filters: Mapping[str, str], convert: Convert[T]) -> None:
        self._http = transport
        self._filters = {**_ALL, **filters}
        self._convert = convert

    def pages(self) -> Iterator[list[T]]:
        """Page after page, newest servers first; a server that shows up on two pages is given once."""
        seen: set[str] = set()
        for page in self._look_first() if "host" in self._filters else self._walked(()):
            fresh = [(server_id, row) for server_id, row in page.rows if server_id not in seen]
            seen.update(server_id for server_id, _ in fresh)
            yield [row for _, row in fresh]

    def _look_first(self) -> Iterator[_Page[T]]:
        """The servers of one node mostly fit on one page: nothing is walked before that is known."""
        first = self._detail({"limit": DETAIL_PAGE})
        yield first
        if first.more:
            yield from self._walked(
                tuple(server_id for server_id, _ in reversed(first.rows[-_SPARE_MARKERS:]))
            )

    def _walked(self, last: Markers) -> Iterator[_Page[T]]:
        """The pages behind `last`, or all, in order: the walker's findings feed a window of detailed pages in flight."""
        beginnings: queue.Queue[_Beginning | None] = queue.Queue()
        window: deque[Future[_Page[T]]] = deque()
        stop: list[bool] = []
        walker = self._http.submit(partial(self._walk, last, beginnings, stop))
        try:
            window.append(self._http.submit(partial(self._page_after, (last, DETAIL_PAGE))))
            while (found := beginnings.get()) is not None:
                window.append(self._http.submit(partial(self._page_after, found)))
                if len(window) >= self._http.settings.concurrency:
                    yield window.popleft().result()
            while window:
                yield window.popleft().result()
            walker.result()
        finally:
            stop.append(True)
            walker.cancel()
            for future in window:
                future.cancel()

    def _walk(
        self, last: Markers, beginnings: "queue.Queue[_Beginning | None]", stop: Sequence[bool]
    ) -> None:
        """Run over the short list behind `last` and tell where detailed pages begin."""
        recent: deque[str] = deque(reversed(last), maxlen=_SPARE_MARKERS)
        step, count, more = 0, 0, True
        try:
            while more and not stop:
                body = _from_first(tuple(reversed(recent)), self._short_page)
                rows = [row["id"] for row in body["servers"] if row["id"] not in recent]
                more = bool(rows) and has_next(body, "servers")
                step = step or _step(len(rows) if more else DETAIL_PAGE)
                for index, server_id in enumerate(rows):
                    recent.append(server_id)
                    count += 1
                    if count % step == 0 and (more or index < len(rows) - 1):
                        beginnings.put((tuple(reversed(recent)), step))
        finally:
            beginnings.put(None)

    def _short_page(self, marker: str, back: int) -> dict[str, Any]:
        del back
        params: Params = {**self._filters, "limit": PAGE, **_behind(marker)}
        body: dict[str, Any] = self._http.get(
            "compute", "/servers", params=params, microversion=SERVER_VERSION
        )
        return body

    def _page_after(self, beginning: "_Beginning") -> _Page[T]:
        """The detailed page behind the first marker that still exists; an older marker begins earlier and reads as much more."""
        markers, rows = beginning
        return _from_first(
            markers, lambda marker, back: self._detail({"limit": rows + back, **_behind(marker)})
        )

    def _detail(self, params: Params) -> _Page[T]:
        everything = {**self._filters, **params}
        body = self._http.get("compute", "/servers/detail", params=everything, microversion=SERVER_VERSION)
        rows = body["servers"]
        more = bool(rows) and has_next(body, "servers")
        return _Page([(row["id"], self._convert(row)) for row in rows], more)


def _from_first(markers: Markers, read: Callable[[str, int], T]) -> T:
    """What `read` finds behind the first marker that Nova still knows; it refuses (400) those that were deleted since."""
    *spare, oldest = markers or ("",)
    for back, marker in enumerate(spare):
        with suppress(CloudRefusedError):
            return read(marker, back)
    return read(oldest, len(spare))


def _behind(marker: str) -> dict[str, str]:
    return {"marker": marker} if marker else {}


def _step(cap: int) -> int:
    """Rows from one beginning to the next: the cloud may cap pages below what we ask for, and there must be room to begin at an older marker."""
    return max(1, min(DETAIL_PAGE, cap) - _SPARE_MARKERS + 1)
