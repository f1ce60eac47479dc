"""The step that brings servers over, each from stop to floating IP by itself; workflow.py puts it where CopyKind would stand for the kind `server`.

How far a server is stands in its move and in its item, so that it goes on after a crash where it was. A server that fails fails alone: what was made of it is
removed, and its source comes back as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import (
    ConflictError,
    PermanentError,
    PumphouseError,
    StaleOwnerError,
    StoppedError,
    TemporaryError,
)
from pumphouse.domain.migration import Detail, Method
from pumphouse.domain.operation import Item
from pumphouse.domain.resource import MoveState, Resource, ResourceKind, ref
from pumphouse.engine.step import Skipped, StepContext
from pumphouse.ports.cutover import Cutover
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.comparing import how_verified
from pumphouse.workflows.migrate_tenant.copying import CopyKind, _is_ended, _result, rows_key
from pumphouse.workflows.migrate_tenant.data import copy_volume_data
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.kinds.server import KIND
from pumphouse.workflows.migrate_tenant.kinds.volume import KIND as VOLUME
from pumphouse.workflows.migrate_tenant.packing import unpacked
from pumphouse.workflows.migrate_tenant.planner import Row
from pumphouse.workflows.migrate_tenant.server_addresses import move_over, names_of, of_server
from pumphouse.workflows.migrate_tenant.server_power import (
    ACTIVE,
    AWAY,
    ERROR,
    MOVABLE,
    SHUTOFF,
    bring_to,
)
from pumphouse.workflows.migrate_tenant.server_return import (
    LENT,
    POINTING,
    VOLUMES,
    WAS,
    bring_back,
    mark_of,
    servers_of,
)
from pumphouse.workflows.migrate_tenant.server_root import RootDisk, drop_images
from pumphouse.workflows.migrate_tenant.settling import settle

_TRIES: Final = "tries"
_BOOT_S: Final = 1800.0
_BACK_S: Final = 60.0
_MOST_TAGS: Final = 50
"""Of a server (nova/objects/instance.py, MAX_TAG_COUNT)."""


class CopyServers(CopyKind):
    """All servers of the tenant."""

    name: ClassVar[str] = f"copy_{ResourceKind.SERVER}"
    title: ClassVar[str] = f"Bring over: {KIND.title}"
    declared: ClassVar[Kind] = KIND

    @override
    def bring(self, ctx: StepContext, book: Book, item: Item, row: Row) -> Mapping[str, Any] | Skipped:
        move = book.move(item.key)
        if move is not None and _is_ended(ctx, move):
            return _result(move)
        if row.method is Method.ADOPT:
            # it runs in the destination since an earlier migration: what has changed in the source follows, and nothing is ever taken back
            return self._change(ctx, book, item, row, book.wanted(row.source, KIND))
        tries = int(item.result.get(_TRIES, 0)) + 1
        ctx.remember_item(item, **{_TRIES: tries})
        try:
            self._move(ctx, book, item, row)
        except (StoppedError, StaleOwnerError):
            raise
        except TemporaryError as error:
            if tries < self.attempts:
                raise
            self._give_back(ctx, book, item, error)
            raise
        except PermanentError as error:
            self._give_back(ctx, book, item, error)
            raise
        return _result(book.move(item.key))

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        book = Book.of(ctx)
        move = book.move(item.key)
        created = unpacked(item.data).method is Method.CREATE
        if created and move is not None and move.operation_id == ctx.operation.id:
            bring_back(ctx, book, item.key)

    def _move(self, ctx: StepContext, book: Book, item: Item, row: Row) -> None:
        one = _Server(ctx, book, item, row.source, book.wanted(row.source, KIND))
        one.begin()
        one.bring_down()
        image, proofs = one.copy_disks()
        target = one.make(image)
        settle(book, KIND, row.source, target, one.wanted)
        one.bring_up(target)
        one.end(target, proofs)

    def _give_back(self, ctx: StepContext, book: Book, item: Item, error: PumphouseError) -> None:
        """The source comes back, though its cloud should stammer for a while; when it does not, the error says both."""
        ctx.remember_item(item, **{_TRIES: 0})

        def back() -> bool:
            bring_back(ctx, book, item.key)
            return True

        try:
            ctx.poll(back, what="its coming back", deadline_s=_BACK_S)
        except (StoppedError, StaleOwnerError):
            raise
        except PumphouseError as further:
            raise ConflictError(f"{error.message}; and {further.message}", hint=further.hint) from error


def copy_servers(kind: Kind) -> CopyServers:
    """The step, as workflow.py makes those of kinds that need more than making."""
    del kind
    return CopyServers()


@dataclass(slots=True)
class _Server:
    """One server on its way; each method may be called again."""

    ctx: StepContext
    book: Book
    item: Item
    source: Resource
    wanted: dict[str, Any]
    here: Cutover = field(init=False)
    there: Cutover = field(init=False)

    def __post_init__(self) -> None:
        self.here, self.there = servers_of(self.book.source), servers_of(self.book.destination)

    def begin(self) -> None:
        """Write down what it is like, before anything is touched."""
        move = self.book.move(self.source.key)
        if move is not None and WAS in move.details and move.operation_id == self.ctx.operation.id:
            return
        now = self.here.now(self.source.id)
        if now is None:
            raise ConflictError("it has gone from the source", hint="plan again")
        if now.status not in MOVABLE or now.task:
            raise ConflictError(
                f"it is {now.status} {now.task}".rstrip() + " in the source and cannot be moved like that",
                hint="finish or mend what goes on with it, then retry",
            )
        target = move.destination_id if move is not None and self._is_made() else ""
        if not target:
            # of an earlier migration that was cut off: its data may be old
            drop_images(self.here, self.source.id)
            drop_images(self.there, self.source.id)
        floating_ips = [
            unpacked(row).source for row in self.ctx.recall(rows_key(ResourceKind.FLOATING_IP), ())
        ]
        keypair = self.wanted["keypair"]
        key = str(keypair["$ref"]).partition("/")[2] if keypair else ""
        details: dict[str, Any] = {
            WAS: now.status,
            VOLUMES: [volume["volume"]["$ref"] for volume in self.source.fields["volumes"]],
            POINTING: of_server(self.source, floating_ips, self.book.choices),
            str(Detail.BEFORE): list(self.source.notes.get("addresses", ())),
        }
        if key and not self.there.has_key(key):
            details[LENT] = key
        if move is not None and WAS in move.details:
            # an earlier migration has stopped it and taken its addresses: what it was like stands there
            earlier = {name: move.details[name] for name in (WAS, POINTING) if name in move.details}
            cut_off = move.state is not MoveState.VERIFIED
            details |= earlier if cut_off or now.status == SHUTOFF else {POINTING: earlier.get(POINTING, {})}
        self.book.intend(self.source, self.wanted, destination_id=target, **details)

    def bring_down(self) -> None:
        """Stop it cleanly; a shelved one is down."""
        was = self._noted(WAS)
        if was in AWAY:
            return
        if was == ACTIVE and not self._noted(Detail.STOPPED_AT):
            self.book.note(self.source.key, **{str(Detail.STOPPED_AT): self.ctx.clock.now().isoformat()})
        bring_to(self.ctx, self.here, self.source.id, SHUTOFF)

    def copy_disks(self) -> tuple[str, dict[str, Any]]:
        """The image to boot from ("" for a volume), with what the copy of the root disk has proven."""
        for key in self._noted(VOLUMES) or ():
            self._check_alone(key)
            copy_volume_data(self.ctx, self.book, self.item, key, VOLUME)
        if self.source.fields["image"] is None:
            return "", {}
        if self.book.choices.stateless:
            return self.book.counterpart(self.source.fields["image"]["$ref"]), {}
        if self._is_made():
            # its image may have been removed by now
            return "", {}
        disk = RootDisk(self.ctx, self.book, self.item, self.here, self.there)
        image, proofs = disk.bring(self.source.id, self._noted(WAS), self.source.size_bytes)
        self.book.note(self.source.key, **proofs)
        return image, proofs

    def _check_alone(self, key: str) -> None:
        """A volume that several servers share is at rest only when all of them are down."""
        volume = self.book.source.read(ResourceKind.VOLUME, key.partition("/")[2])
        for each in volume.notes.get("attachments", ()) if volume is not None else ():
            now = self.here.now(each["server"]) if each["server"] != self.source.id else None
            if now is not None and now.status not in AWAY | {SHUTOFF}:
                raise ConflictError(
                    f"server {now.name} shares its volume {volume.name if volume else key} and is {now.status}",
                    hint="stop all servers that share a volume, then retry",
                )

    def make(self, image: str) -> str:
        """The server in the destination, booted; its id is recorded at once."""
        target = self._existing()
        if not target:
            mark = mark_of(self.source.id)
            fields = {
                **self.wanted,
                "image": ref(ResourceKind.IMAGE, image) if image else None,
                "tags": [*self.wanted["tags"][: _MOST_TAGS - 1], mark],
            }
            target = self.there.create(self.book.tenant, self.source.name, fields)
        self.book.made(self.source.key, target, ours=True)
        self._await_boot(target)
        now = self.there.now(target)
        if now is not None and now.status == ACTIVE:
            self.there.update(target, {"tags": self.wanted["tags"]})
        return target

    def bring_up(self, target: str) -> None:
        """Into the power state that it had, with its floating IPs."""
        bring_to(self.ctx, self.there, target, self._noted(WAS))
        move_over(self.ctx, self.book, self._noted(POINTING) or {})
        if not self._noted(Detail.STARTED_AT):
            self.book.note(self.source.key, **{str(Detail.STARTED_AT): self.ctx.clock.now().isoformat()})

    def end(self, target: str, proofs: Mapping[str, Any]) -> None:
        """The temporary images go, and it is written down as moved."""
        drop_images(self.there, self.source.id)
        drop_images(self.here, self.source.id)
        found = self.book.destination.read(ResourceKind.SERVER, target)
        details = {
            **proofs,
            str(Detail.VERIFIED): how_verified(KIND, self.source, self.book.choices, ours=True),
            str(Detail.AFTER): self._addresses(found),
        }
        stopped, started = self._noted(Detail.STOPPED_AT), self._noted(Detail.STARTED_AT)
        if stopped and started:
            seconds = (datetime.fromisoformat(started) - datetime.fromisoformat(stopped)).total_seconds()
            details[str(Detail.DOWNTIME)] = round(seconds, 1)
        self.book.verified(self.source, KIND, **details)
        self.ctx.emit(
            "server.moved",
            f"server {self.source.name} is in {self.book.destination_environment}",
            subject=self.source.name,
            environment=self.book.destination_environment,
            downtime_s=details.get(str(Detail.DOWNTIME)),
        )

    def _addresses(self, found: Resource | None) -> list[str]:
        """Nova learns of floating IPs a while after Neutron, so these are asked there."""
        known = list(found.notes.get("addresses", ())) if found is not None else []
        floating = names_of(self.book, self._noted(POINTING) or {})
        return [*known, *(each for each in floating if each not in known)]

    def _existing(self) -> str:
        """What an earlier try has made; one that did not boot is removed."""
        move = self.book.move(self.source.key)
        known = [move.destination_id] if move is not None and move.destination_id else []
        if not known and LENT in (move.details if move is not None else {}):
            self.there.take_back_key(str(self._noted(LENT)))
        for target in known or self.there.marked(self.book.tenant, mark_of(self.source.id)):
            now = self.there.now(target)
            if now is None:
                continue
            if now.status != ERROR:
                return target
            self.there.delete(target)
        return ""

    def _is_made(self) -> bool:
        """Whether it boots from its image, or has done so."""
        move = self.book.move(self.source.key)
        now = self.there.now(move.destination_id) if move is not None and move.destination_id else None
        return now is not None and now.status != ERROR

    def _await_boot(self, target: str) -> None:
        def look() -> bool | None:
            now = self.there.now(target)
            if now is None:
                raise ConflictError("it has gone from the destination while it was made", hint="retry")
            if now.status == ERROR:
                raise ConflictError(
                    f"it does not boot in the destination: {now.fault or 'Nova does not say why'}",
                    hint="mend what Nova names, then retry; its source runs as before",
                )
            # after a crash it may be on its way to paused or shelved already
            return True if now.status in MOVABLE else None

        self.ctx.poll(look, what=f"server {self.source.name} to boot", deadline_s=_BOOT_S)

    def _noted(self, name: str) -> Any:
        move = self.book.move(self.source.key)
        return move.details.get(str(name)) if move is not None else None
