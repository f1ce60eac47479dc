"""The long list of servers, read concurrently; servers.py and nodes.py call it.

A list that is longer than a page is walked twice at once: one worker runs ahead over the short list (ids only, cheap for Nova) to learn where
pages begin, the others fetch the detailed pages from there, a few at a time. One detailed list alone could only be read page after page,
and a detailed page costs Nova several times what a short one does.
"""

import queue
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pumphouse.domain.errors import CloudRefusedError, PumphouseError
from pumphouse.drivers.openstack.transport import Params, Transport, has_next

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
Convert = Callable[[dict[str, Any]], T]
Markers = tuple[str, ...]
"""An id behind which a page begins, and those before it in case it is deleted meanwhile."""

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
        first = self._detail({"limit": DETAIL_PAGE})
        yield [row for _, row in first.rows]
        if not first.more:
            return
        seen = {server_id for server_id, _ in first.rows}
        # the cloud may cap pages below what we ask for; the spare rows make room for starting at an older marker
        step = max(1, len(first.rows) - _SPARE_MARKERS + 1)
        for page in self._rest(first.rows[-1][0], step):
            fresh = [(server_id, row) for server_id, row in page.rows if server_id not in seen]
            seen.update(server_id for server_id, _ in fresh)
            yield [row for _, row in fresh]

    def _rest(self, last: str, step: int) -> Iterator[_Page[T]]:
        """The pages behind `last`, in order: the walker's markers feed a window of detailed pages in flight."""
        markers: queue.Queue[Markers | None] = queue.Queue()
        window: deque[Future[_Page[T]]] = deque()
        stop: list[bool] = []
        # one worker is the walker's; as many pages are fetched at once as there are others
        width = max(1, self._http.settings.concurrency - 1)
        walker = self._http.submit(partial(self._walk, last, step, markers, stop))
        try:
            window.append(self._http.submit(partial(self._page_after, (last,), step)))
            while (found := markers.get()) is not None:
                window.append(self._http.submit(partial(self._page_after, found, step)))
                if len(window) >= width:
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
        self, last: str, step: int, markers: "queue.Queue[Markers | None]", stop: Sequence[bool]
    ) -> None:
        """Run over the short list behind `last` and tell every `step`-th id."""
        recent: deque[str] = deque([last], maxlen=_SPARE_MARKERS)
        count, more = 0, True
        try:
            while more and not stop:
                params: Params = {**self._filters, "limit": 1000, "marker": recent[-1]}
                body = self._http.get("compute", "/servers", params=params, microversion=SERVER_VERSION)
                rows = body["servers"]
                more = bool(rows) and has_next(body, "servers")
                for index, row in enumerate(rows):
                    recent.append(row["id"])
                    count += 1
                    if count % step == 0 and (more or index < len(rows) - 1):
                        markers.put(tuple(reversed(recent)))
        finally:
            markers.put(None)

    def _page_after(self, markers: Markers, step: int) -> _Page[T]:
        """The detailed page behind the first marker that still exists; an older marker begins earlier and reads as much more."""
        gone: PumphouseError | None = None
        for back, marker in enumerate(markers):
            try:
                return self._detail({"limit": step + back, "marker": marker})
            except CloudRefusedError as error:
                gone = error
        raise gone or CloudRefusedError("the list of servers has no marker to begin with")

    def _detail(self, params: Params) -> _Page[T]:
        body = self._http.get(
            "compute", "/servers/detail", params={**self._filters, **params}, microversion=SERVER_VERSION
        )
        rows = body["servers"]
        return _Page(
            [(row["id"], self._convert(row)) for row in rows], bool(rows) and has_next(body, "servers")
        )
