"""Floating IPs that lead to no server (to a port of their own, or by port forwardings): moved when all servers are. workflow.py adds the step, servers.py moves the
others.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import (
    ConflictError,
    PumphouseError,
    StaleOwnerError,
    StoppedError,
    TemporaryError,
)
from pumphouse.domain.operation import Item
from pumphouse.domain.resource import Move, ResourceKind, refs
from pumphouse.engine.step import ItemStep, NewItem, Skipped, StepContext
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.copying import WORKED, rows_key
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.kinds.floating_ip import KIND as FLOATING_IP
from pumphouse.workflows.migrate_tenant.packing import unpacked
from pumphouse.workflows.migrate_tenant.planner import Row
from pumphouse.workflows.migrate_tenant.removing import remove_move
from pumphouse.workflows.migrate_tenant.server_addresses import POINTING, give_back, move_over, release

_TRIES: Final = "tries"
LED: Final = "led"
"""Key of the details of a floating IP's move: where it led in the source before we released it there."""


class MoveAddresses(ItemStep):
    """Released in the source first, so that no address answers twice."""

    name: ClassVar[str] = "move_addresses"
    title: ClassVar[str] = "Move floating IPs that lead to no server"

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        of_servers = {
            target
            for row in ctx.recall(rows_key(ResourceKind.SERVER), ())
            for target in refs(row["resource"]["fields"])
        }
        rows = [unpacked(each) for each in ctx.recall(rows_key(ResourceKind.FLOATING_IP), ())]
        return [
            NewItem(f"led/{row.source.key}", row.source.name, str(row.source.kind), {"leads": _leads(ctx, row)})
            for row in rows
            if row.method in WORKED and _leads_somewhere(row) and not set(refs(row.source.fields.get("port"))) & of_servers
        ]  # fmt: skip

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        book, own = Book.of(ctx), item.key.rpartition("/")[2]
        key = f"{ResourceKind.FLOATING_IP}/{own}"
        move = book.move(key)
        if move is None:
            return Skipped("it has no counterpart")
        leads = item.data["leads"]
        if LED not in move.details:
            book.note(key, **{LED: leads["was"]})
        tries = int(item.result.get(_TRIES, 0)) + 1
        ctx.remember_item(item, **{_TRIES: tries})
        try:
            move_over(ctx, book, {own: leads})
        except (StoppedError, StaleOwnerError):
            raise
        except PumphouseError as error:
            if isinstance(error, TemporaryError) and tries < self.attempts:
                raise
            # it must not lead nowhere until somebody retries
            ctx.remember_item(item, **{_TRIES: 0})
            _come_back(book, own, leads, error)
            raise
        return {"destination_id": move.destination_id}

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        book, own = Book.of(ctx), item.key.rpartition("/")[2]
        release(book, {own: item.data["leads"]})
        give_back(book, {own: item.data["leads"]})


def put_back_address(ctx: StepContext, book: Book, kind: Kind, move: Move) -> None:
    """The rollback of one from its record alone: gone in the destination, leading where it led in the source."""
    del ctx
    led = move.details.get(LED)
    if led:
        release(book, {move.source_id: {}})
        give_back(book, {move.source_id: {"was": led}})
    remove_move(book, kind, move)


def _come_back(book: Book, own: str, leads: Mapping[str, Any], error: PumphouseError) -> None:
    """Leading where it led; a destination that does not answer must not keep it from that, so both parts are tried."""
    failed = []
    for part in (release, give_back):
        try:
            part(book, {own: leads})
        except (StoppedError, StaleOwnerError):
            raise
        except PumphouseError as further:
            failed.append(further.message)
    if failed:
        raise ConflictError(
            f"{error.message}; and it could not be given back: {'; '.join(failed)}", hint="retry, or undo"
        ) from error


def _leads_somewhere(row: Row) -> bool:
    fields = row.source.fields
    return bool(fields.get("port") or fields.get("port_forwardings"))


def _leads(ctx: StepContext, row: Row) -> dict[str, dict[str, Any]]:
    fields = row.source.fields
    wanted = FLOATING_IP.adjust(fields, Book.of(ctx).choices)
    return {
        "was": {name: fields[name] for name in POINTING},
        "wanted": {name: wanted[name] for name in POINTING},
    }
