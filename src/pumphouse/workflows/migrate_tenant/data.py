"""The bytes of images and volumes within an item: the transfer port with its progress and its journal, and the proof that the source has not changed meanwhile.
Called by copying.py and, for volumes that a server has attached, by servers.py when that one is stopped.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.migration import BYTES_DONE, BYTES_TOTAL, Detail
from pumphouse.domain.operation import Item
from pumphouse.domain.resource import MoveState, Resource, ResourceKind
from pumphouse.engine.step import StepContext
from pumphouse.ports.transfer import Copied, ExtentJournal, ProgressOf
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.comparing import how_verified
from pumphouse.workflows.migrate_tenant.fingerprint import changed_fields, prints_of
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.planner import DATA_WITH
from pumphouse.workflows.migrate_tenant.settling import settle

WITH_DATA: Final = frozenset({ResourceKind.IMAGE, ResourceKind.VOLUME})
_TELL_S: Final = 2.0
_SEGMENT: Final = "extents"


def copy_data(
    ctx: StepContext, book: Book, item: Item, resource: Resource, destination_id: str, *, afresh: bool = False
) -> dict[str, Any]:
    """Bring the bytes over; answers details for the record, {} for a kind without data. With `afresh` the source has changed since it was copied: what was
    confirmed then proves nothing.

    Raises:
        ConflictError: what has arrived differs, or somebody uses one of the two.
        StoppedError: the process is shutting down; what was confirmed stays confirmed.
    """
    if resource.kind not in WITH_DATA or not resource.size_bytes:
        return {}
    ends = (book.environment, resource.id, book.destination_environment, destination_id)
    progress = progress_of(ctx, item)
    if resource.kind is ResourceKind.IMAGE:
        return _details(ctx.tools.images.copy_image(*ends, progress))
    journal = RecordedExtents(ctx, f"{resource.id}>{destination_id}")
    if afresh and ctx.recall(f"afresh/{resource.key}") != destination_id:
        journal.forget()
        ctx.remember(**{f"afresh/{resource.key}": destination_id})
    return _details(ctx.tools.volumes.copy_volume(*ends, journal, progress))


def copy_volume_data(ctx: StepContext, book: Book, item: Item, key: str, kind: Kind) -> dict[str, Any]:
    """Copy the data of a volume that copy_volume has only made, and mark it as verified; done already is fine. Its server must be stopped. `key`
    is `volume/ID` in the source, `kind` the declaration of volumes.

    Raises:
        ConflictError: it was not made, or as `copy_data`.
    """
    move = book.move(key)
    if move is not None and move.state is not MoveState.MADE and move.destination_id:
        return {}
    target = move.destination_id if move is not None and move.destination_id else book.counterpart(key)
    source = book.source.read(ResourceKind.VOLUME, key.partition("/")[2])
    if source is None:
        raise ConflictError(f"{key} is gone from the source", hint="plan again")
    details = copy_data(ctx, book, item, source, target)
    wanted = book.wanted(source, kind)
    # what only holds once the data are there (being read-only) is set now
    book.destination.kind(kind.kind).update(target, wanted)
    settle(book, kind, source, target, wanted)
    after = unchanged(book, source, kind)
    proofs = {**details, str(Detail.VERIFIED): how_verified(kind, source, book.choices, ours=True)}
    book.verified(after, kind, **proofs)
    return details


def with_server(book: Book, key: str, server: str) -> None:
    """Write down that a volume's data come when its server is stopped."""
    book.note(key, **{DATA_WITH: server})


def unchanged(book: Book, resource: Resource, kind: Kind) -> Resource:
    """The source's thing as it is after its data were copied.

    Raises:
        ConflictError: it has changed or gone meanwhile.
    """
    after = book.source.read(resource.kind, resource.id)
    if after is None:
        raise ConflictError(f"{resource.kind} {resource.name} has gone from the source while it was copied")
    changed = changed_fields(prints_of(resource, kind), after, kind)
    if changed or after.size_bytes != resource.size_bytes:
        names = ", ".join(changed) or "its size"
        raise ConflictError(
            f"{resource.kind} {resource.name} has changed in the source while it was copied: {names}",
            hint="see that the fence holds (pumphouse tenant maintenance verify), then migrate again",
        )
    return after


def progress_of(ctx: StepContext, item: Item) -> ProgressOf:
    """Writes the bytes into the running item, at most every two seconds, and ends the copy when the process shuts down."""
    lock = threading.Lock()
    told = ctx.clock.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told
        # answers at once; raises when this process may not go on
        ctx.poll(lambda: True, what="going on", deadline_s=0.0)
        with lock:
            now = ctx.clock.monotonic()
            if now - told < _TELL_S and done < total:
                return
            told = now
        ctx.remember_item(item, **{BYTES_DONE: done, BYTES_TOTAL: total})

    return progress


class RecordedExtents(ExtentJournal):
    """The journal of a volume, kept with the operation: each confirmation is a row of its own, so that a large volume costs no more than a small one."""

    def __init__(self, ctx: StepContext, name: str) -> None:
        self._ctx = ctx
        self._name = f"{_SEGMENT}/{name}"
        self._lock = threading.Lock()

    @override
    def confirmed(self) -> Mapping[int, str]:
        found: dict[int, str] = {}
        for number in range(self._count()):
            segment: Sequence[Sequence[Any]] = self._ctx.recall(f"{self._name}/{number}", ())
            found.update((int(start), str(digest)) for start, digest in segment)
        return found

    @override
    def confirm(self, extents: Sequence[tuple[int, str]]) -> None:
        with self._lock:
            number = self._count()
            rows = [[start, digest] for start, digest in extents]
            self._ctx.remember(**{f"{self._name}/{number}": rows, self._name: number + 1})

    def forget(self) -> None:
        """Nothing is confirmed any more."""
        self._ctx.remember(**{self._name: 0})

    def _count(self) -> int:
        return int(self._ctx.recall(self._name, 0))


def _details(copied: Copied) -> dict[str, Any]:
    return {
        str(Detail.DIGEST): copied.digest,
        str(Detail.SIZE): copied.size_bytes,
        str(Detail.MOVED): copied.moved_bytes,
        str(Detail.SECONDS): round(copied.seconds, 3),
        str(Detail.ENGINE): copied.engine,
        **copied.details,
    }
