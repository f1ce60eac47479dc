"""The way back of one server: what was made for it goes, and its source is as it was. servers.py calls it for a server that fails and for an undo, rolling back for
every server.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from pumphouse.domain.errors import (
    CloudFaultError,
    ConflictError,
    PumphouseError,
    StaleOwnerError,
    StoppedError,
)
from pumphouse.domain.migration import Detail
from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.engine.step import StepContext
from pumphouse.ports.cutover import Cutover
from pumphouse.ports.resources import Resources
from pumphouse.workflows.migrate_tenant import server_addresses
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.data import RecordedExtents
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.server_power import bring_to
from pumphouse.workflows.migrate_tenant.server_root import drop_images

WAS: Final = "source_status"
"""Key of a server's move: the power state that it had. It is written before the source is touched, and with it everything begins and ends."""
POINTING: Final = "floating_ips"
"""Where the server's floating IPs led."""
LENT: Final = "key_lent"
"""The keypair that our own user did not have before."""
VOLUMES: Final = "volumes"
"""Keys of the volumes whose data are copied with it."""


def servers_of(cloud: Resources) -> Cutover:
    """The servers of a cloud.

    Raises:
        ConflictError: its driver only makes and removes servers.
    """
    driver = cloud.kind(ResourceKind.SERVER)
    if not isinstance(driver, Cutover):
        raise ConflictError(f"the driver of {cloud.environment} cannot move servers")
    return driver


def mark_of(server_id: str) -> str:
    """A tag on what is made of a server until its id is recorded."""
    return f"pumphouse-move-{server_id}"


def put_back_server(ctx: StepContext, book: Book, kind: Kind, move: Move) -> None:
    """`bring_back`, as rolling_back.py calls it for a record of this kind."""
    bring_back(ctx, book, f"{kind.kind}/{move.source_id}")


def bring_back(ctx: StepContext, book: Book, key: str) -> None:
    """Remove what was made of the server, start its source as it was, give it its floating IPs, and forget the record; safe to repeat.

    Every part is tried: a destination that does not answer must not keep the source down. The record stays until all has succeeded.

    Raises:
        CloudFaultError: clouds did not answer to some of it, which may succeed a moment later.
        ConflictError: some of it failed for good; says what.
    """
    move = book.move(key)
    if move is None or move.state is MoveState.COMMITTED:
        return
    details = move.details
    pointing: Mapping[str, Mapping[str, Any]] = details.get(POINTING, {})
    source, destination = servers_of(book.source), servers_of(book.destination)
    there_first: list[tuple[str, Callable[[], object]]] = [
        ("its floating IPs there", partial(server_addresses.release, book, pointing)),
        ("what was made of it", partial(_remove, book, destination, move.source_id, move.destination_id)),
    ]
    parts: list[tuple[str, Callable[[], object]]] = [
        *there_first,
        ("its source's power state", partial(_restore_power, ctx, source, move.source_id, details.get(WAS))),
        ("its floating IPs", partial(server_addresses.give_back, book, pointing)),
        ("its temporary image there", partial(drop_images, destination, move.source_id)),
        ("its snapshot", partial(drop_images, source, move.source_id)),
        ("the lent keypair", partial(_take_back_key, destination, details)),
        ("its volumes' records", partial(_forget_data, ctx, book, details)),
    ]
    failed = [(name, error) for name, part in parts if (error := _tried(part)) is not None]
    if failed:
        words = "; ".join(f"{name}: {error.message}" for name, error in failed)
        passing = all(isinstance(error, CloudFaultError) for _, error in failed)
        kind = CloudFaultError if passing else ConflictError
        raise kind(f"not all of it could be taken back: {words}", hint="mend that, then retry, or undo")
    book.drop(key)


def _tried(part: Callable[[], object]) -> PumphouseError | None:
    try:
        part()
    except (StoppedError, StaleOwnerError):
        raise
    except PumphouseError as error:
        return error
    return None


def _remove(book: Book, servers: Cutover, source_id: str, target: str) -> None:
    tenant = book.ids().get(f"{ResourceKind.PROJECT}/{book.tenant_id}")
    marked = servers.marked(tenant, mark_of(source_id)) if tenant else ()
    for made in dict.fromkeys([*([target] if target else []), *marked]):
        servers.delete(made)


def _restore_power(ctx: StepContext, servers: Cutover, server_id: str, was: str | None) -> None:
    if was and servers.now(server_id) is not None:
        bring_to(ctx, servers, server_id, was)


def _take_back_key(servers: Cutover, details: Mapping[str, Any]) -> None:
    if details.get(LENT):
        servers.take_back_key(str(details[LENT]))


def _forget_data(ctx: StepContext, book: Book, details: Mapping[str, Any]) -> None:
    """The source may run again and write: what was copied of its volumes proves nothing any more."""
    for key in details.get(VOLUMES, ()):
        move = book.move(key)
        if move is None or not move.destination_id or move.state is MoveState.INTENDED:
            continue
        RecordedExtents(ctx, f"{move.source_id}>{move.destination_id}").forget()
        if move.state is MoveState.VERIFIED and Detail.DIGEST in move.details:
            gone = dict.fromkeys(
                map(str, (Detail.DIGEST, Detail.SIZE, Detail.MOVED, Detail.SECONDS, Detail.ENGINE))
            )
            book.made(key, move.destination_id, ours=move.ours, **gone)
