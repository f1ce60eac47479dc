"""The root disk of a server that was booted from an image: a snapshot of the stopped server, streamed to the destination. servers.py calls it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.migration import Detail
from pumphouse.domain.operation import Item
from pumphouse.domain.resource import UnmappedError, translated
from pumphouse.engine.step import StepContext
from pumphouse.ports.cutover import Cutover, ImageNow
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.data import progress_of
from pumphouse.workflows.migrate_tenant.server_power import AWAY

_COMING: Final = frozenset({"queued", "saving", "importing"})
_SNAPSHOT_S: Final = 900.0
_SLOWEST: Final = 10 << 20
"""Bytes a second of a snapshot that is still waited for."""


def image_name(server_id: str) -> str:
    """Of the temporary images of a server, in both clouds; by it they are found after a crash, and by whoever rolls back."""
    return f"pumphouse-root-{server_id}"


@dataclass(frozen=True, slots=True)
class RootDisk:
    """The disk of one server; `source` and `destination` are the servers of both clouds."""

    ctx: StepContext
    book: Book
    item: Item
    source: Cutover
    destination: Cutover

    def bring(self, server_id: str, was: str, size_bytes: int) -> tuple[str, dict[str, Any]]:
        """The temporary image in the destination, with all of the data, and what the copy has proven. The server must be down. Safe to repeat."""
        origin = self._shelved(server_id) if was in AWAY else self._snapshot(server_id, size_bytes)
        target = self._target(server_id, origin)
        copied = self.ctx.tools.images.copy_image(
            self.book.environment,
            origin,
            self.book.destination_environment,
            target,
            progress_of(self.ctx, self.item),
        )
        return target, {
            str(Detail.DIGEST): copied.digest,
            str(Detail.SIZE): copied.size_bytes,
            str(Detail.MOVED): copied.moved_bytes,
            str(Detail.SECONDS): round(copied.seconds, 3),
            str(Detail.ENGINE): copied.engine,
        }

    def _shelved(self, server_id: str) -> str:
        found = self.source.shelved_image(server_id)
        if not found:
            raise ConflictError(
                "it is shelved, and the image with its disk is gone or not ready",
                hint="unshelve it in the source, then retry",
            )
        return found

    def _snapshot(self, server_id: str, size_bytes: int) -> str:
        found = _usable(self.source, image_name(server_id))
        snapshot = found.id if found else self.source.snapshot(server_id, image_name(server_id))

        def look() -> bool | None:
            image = self.source.image(snapshot)
            if image is None or image.status not in _COMING | {"active"}:
                # Nova removes what it could not finish
                raise ConflictError(
                    "the snapshot of its root disk could not be made",
                    hint="see the source's nova-compute log",
                )
            return True if image.status == "active" else None

        deadline_s = _SNAPSHOT_S + size_bytes / _SLOWEST
        self.ctx.poll(look, what="the snapshot of its root disk", deadline_s=deadline_s)
        return snapshot

    def _target(self, server_id: str, origin: str) -> str:
        name = image_name(server_id)
        found = _usable(self.destination, name, only=frozenset({"queued", "active"}))
        if found is not None:
            return found.id
        return self.destination.make_image(name, self._properties(origin))

    def _properties(self, origin: str) -> Mapping[str, Any]:
        try:
            properties: Mapping[str, Any] = translated(self.source.image_properties(origin), self.book.ids())
        except UnmappedError as error:
            raise ConflictError(
                f"its root disk needs {error.args[0]} (kernel or ramdisk), which has no counterpart in the destination",
                hint="see what became of that image, then retry",
            ) from error
        return properties


def drop_images(servers: Cutover, server_id: str) -> None:
    """Remove the temporary images of a server from one cloud."""
    for image in servers.images_named(image_name(server_id)):
        servers.drop_image(image.id)


def _usable(servers: Cutover, name: str, only: frozenset[str] = _COMING | {"active"}) -> ImageNow | None:
    """One of that name that can be gone on with; the others are removed."""
    found = sorted(servers.images_named(name), key=lambda each: (each.status != "active", each.id))
    kept = next((each for each in found if each.status in only), None)
    for each in found:
        if each is not kept:
            servers.drop_image(each.id)
    return kept
