"""The step that brings one kind of a tenant's things over, driven by its declaration alone; workflow.py makes one for each kind, in the order in which they need one another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, PermanentError
from pumphouse.domain.migration import Detail, Method
from pumphouse.domain.operation import Item
from pumphouse.domain.resource import Move, MoveState, Resource, ResourceKind, refs
from pumphouse.engine.step import ItemStep, NewItem, Skipped, StepContext
from pumphouse.ports.resources import HasSecret
from pumphouse.workflows.migrate_tenant.book import CALLED, UNSEEN, WRONG, Book
from pumphouse.workflows.migrate_tenant.comparing import how_verified, told, wrong_fields
from pumphouse.workflows.migrate_tenant.data import WITH_DATA, copy_data, unchanged, with_server
from pumphouse.workflows.migrate_tenant.finding_again import made_before
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind
from pumphouse.workflows.migrate_tenant.packing import packed, unpacked
from pumphouse.workflows.migrate_tenant.planner import Row, name_there
from pumphouse.workflows.migrate_tenant.removing import remove_move
from pumphouse.workflows.migrate_tenant.settling import settle

WORKED: Final = frozenset({Method.CREATE, Method.REUSE, Method.ADOPT, Method.KEEP})
"""Methods that make an item; the others are settled by the plan."""
HEAVY: Final = WITH_DATA | {ResourceKind.SERVER}
LEADER_S: Final = 6 * 3600.0
_LISTENS_S: Final = 0.05
"""Of a look at what is waited for."""


def rows_key(kind: ResourceKind) -> str:
    """Under which the operation remembers the rows of a kind."""
    return f"rows/{kind}"


class CopyKind(ItemStep):
    """All things of one kind: written down, made, read back, compared. A thing whose need is missing fails alone."""

    declared: ClassVar[Kind]

    @override
    def parallel(self, ctx: StepContext) -> int:
        # the operator's number is about bytes; of small things as many go at once as make one request
        wish = int(ctx.params["parallel"])
        return min(self.declared.parallel, wish) if self.declared.kind in HEAVY else self.declared.parallel

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        rows = [unpacked(each) for each in ctx.recall(rows_key(self.declared.kind), ())]
        return [
            NewItem(row.source.key, row.source.name or row.source.id, str(row.source.kind), packed(row))
            for row in sorted(rows, key=_leaders_first)
            if row.method in WORKED
        ]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        book, row = Book.of(ctx), unpacked(item.data)
        if row.method is Method.KEEP:
            return Skipped(row.reason)
        try:
            return self.bring(ctx, book, item, row)
        except PermanentError:
            book.give_up(item.key)
            raise

    def bring(self, ctx: StepContext, book: Book, item: Item, row: Row) -> Mapping[str, Any] | Skipped:
        """One of them; safe to repeat."""
        self._wait_for_leaders(ctx, book, row.source)
        wanted = book.wanted(row.source, self.declared)
        move = book.move(row.source.key)
        if move is not None and _is_ended(ctx, move):
            return _result(move)
        row = self._born_meanwhile(book, row, wanted, move)
        if row.method is Method.REUSE:
            return _result(self._take(book, row))
        if row.method is Method.ADOPT or self.declared.late:
            return self._change(ctx, book, item, row, wanted)
        return self._create(ctx, book, item, row, wanted)

    @override
    def undo_item(self, ctx: StepContext, item: Item) -> None:
        book = Book.of(ctx)
        move = book.move(item.key)
        if move is not None and move.operation_id == ctx.operation.id:
            remove_move(book, self.declared, move)

    def _born_meanwhile(self, book: Book, row: Row, wanted: Mapping[str, Any], move: Move | None) -> Row:
        """What the cloud has put into the tenant's project since it was planned: a default security group comes with it."""
        begun = move is not None and not (move.state is MoveState.INTENDED and move.destination_id)
        if row.method is not Method.CREATE or self.declared.chosen is None or begun:
            return row
        if self.declared.chosen(row.source, [row.source]) is None:
            # not even its like would be taken, so nobody need be asked what there is
            return row
        offered = book.destination.kind(self.declared.kind).candidates(
            self._owner(book, row.source), [row.source]
        )
        found = self.declared.chosen(row.source, offered)
        if found is None or not book.claim(self.declared.kind, found.id, row.source.key):
            return row
        return self._judged(book, row, wanted, found)

    def _judged(self, book: Book, row: Row, wanted: Mapping[str, Any], found: Resource) -> Row:
        """The row of something that turned out to be there already."""
        differing = wrong_fields(self.declared, row.source, book.choices, wanted, found.fields)
        if not set(differing) <= self.declared.adoptable:
            raise ConflictError(
                f"there is another one of this name by now: {told(differing)}",
                hint="make them alike, then retry",
            )
        method = Method.ADOPT if differing else Method.REUSE
        return replace(row, method=method, target_id=found.id, differing=tuple(differing))

    def _create(
        self, ctx: StepContext, book: Book, item: Item, row: Row, wanted: Mapping[str, Any]
    ) -> Mapping[str, Any] | Skipped:
        began = ctx.clock.monotonic()
        target = self._existing(book, row)
        if not target:
            name = name_there(row.source, self.declared, book.choices)
            book.intend(row.source, wanted, **{CALLED: name})
            try:
                target = self._made(book, row.source, name, wanted)
            except ConflictError:
                there = self._made_by_another(book, row, name, wanted)
                if there is None:
                    raise
                return self.bring(ctx, book, item, there)
            book.made(row.source.key, target, ours=True)
        if row.data_with:
            # compared when its data have come: what follows them (being read-only) is still open
            with_server(book, row.source.key, row.data_with)
            return _result(book.move(row.source.key))
        details = copy_data(ctx, book, item, row.source, target)
        if row.source.kind in WITH_DATA:
            # sharing, protection and the like can only be set once the data are there
            book.destination.kind(self.declared.kind).update(target, wanted)
        settle(book, self.declared, row.source, target, wanted)
        details = {str(Detail.SECONDS): round(ctx.clock.monotonic() - began, 3), **details}
        return _result(self._verified(book, row.source, details))

    def _made(self, book: Book, source: Resource, name: str, wanted: Mapping[str, Any]) -> str:
        driver, owner = book.destination.kind(self.declared.kind), self._owner(book, source)
        if isinstance(driver, HasSecret):
            there = book.source.kind(self.declared.kind)
            if not isinstance(there, HasSecret):
                raise ConflictError(f"the secrets of {book.environment} cannot be read")
            return driver.create_with(owner, name, wanted, there.secret(source.id))
        return driver.create(owner, name, wanted)

    def _made_by_another(self, book: Book, row: Row, name: str, wanted: Mapping[str, Any]) -> Row | None:
        """The row of what belongs to the cloud and was not there when it was planned: two tenants that move at once may share a flavor, and one of them is the
        second.
        """
        kind = self.declared
        if kind.identity is not Identity.NAMED:
            return None
        asked = replace(row.source, name=name, fields={**row.source.fields, **wanted})
        offered = book.destination.kind(kind.kind).candidates(self._owner(book, row.source), [asked])
        for found in offered:
            same = found.name == name and all(found.fields.get(n) == wanted.get(n) for n in kind.scope)
            if same and book.claim(kind.kind, found.id, row.source.key):
                judged = self._judged(book, row, wanted, found)
                # nothing came of what was intended
                book.drop(row.source.key)
                return judged
        return None

    def _existing(self, book: Book, row: Row) -> str:
        """The id of what an earlier try or run has made of it; empty when there is nothing."""
        move = book.move(row.source.key)
        if move is None:
            return ""
        if move.destination_id and move.state is not MoveState.INTENDED:
            there = book.destination.read(self.declared.kind, move.destination_id)
            return move.destination_id if there is not None else ""
        found = made_before(book, self.declared, move)
        if found is None:
            return ""
        # of what a crash or a fault has cut off something may be missing: a port that was to become a router's interface looks like one until it is finished
        unseen = {} if row.data_with else {WRONG: [UNSEEN]}
        book.made(row.source.key, found.id, ours=True, **unseen)
        return found.id

    def _change(
        self, ctx: StepContext, book: Book, item: Item, row: Row, wanted: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Bring something that is there to the source's values, and remember what it was like."""
        driver = book.destination.kind(self.declared.kind)
        target = self._target(book, row)
        move = book.move(row.source.key)
        if move is None or move.state is not MoveState.INTENDED:
            book.intend(
                row.source, wanted, destination_id=target, **self._before(book, row, target, wanted, move)
            )
        names = set(wanted) if self.declared.late else {n for n in row.differing if n in wanted}
        driver.update(target, {name: wanted[name] for name in sorted(names)})
        details = copy_data(ctx, book, item, row.source, target, afresh=True) if row.again else {}
        ours = (move is not None and move.ours) or self._is_born_with_project(book, target)
        settle(book, self.declared, row.source, target, wanted, ours=ours)
        book.made(row.source.key, target, ours=ours)
        return _result(self._verified(book, row.source, details))

    def _before(
        self, book: Book, row: Row, target: str, wanted: Mapping[str, Any], move: Move | None
    ) -> dict[str, Any]:
        if move is not None and move.destination_id == target and (move.ours or Detail.WAS in move.details):
            return {}
        there = book.destination.read(self.declared.kind, target)
        if there is None:
            raise ConflictError(
                f"{self.declared.kind} {row.source.name} has gone from the destination", hint="plan again"
            )
        names = wanted if self.declared.late else row.differing
        return {str(Detail.WAS): {name: there.fields[name] for name in names if name in there.fields}}

    def _target(self, book: Book, row: Row) -> str:
        if not self.declared.late:
            return row.target_id
        if self.declared.part_of is None:
            return row.source.id
        return book.counterpart(f"{self.declared.part_of}/{row.source.id}")

    def _take(self, book: Book, row: Row) -> Move:
        ours = self._is_born_with_project(book, row.target_id)
        verified = how_verified(self.declared, row.source, book.choices, ours=ours)
        return book.recorded(
            row.source, self.declared, row.target_id, ours=ours, **{str(Detail.VERIFIED): verified}
        )

    def _is_born_with_project(self, book: Book, target: str) -> bool:
        """What the cloud has put into a project of ours (its default security group) is ours too: it would not be there without us."""
        if self.declared.late or self.declared.kind is ResourceKind.PROJECT:
            return False
        project = book.move(f"{ResourceKind.PROJECT}/{book.tenant_id}")
        if project is None or not project.ours:
            return False
        there = book.destination.read(self.declared.kind, target)
        return there is not None and there.owner == project.destination_id

    def _verified(self, book: Book, source: Resource, details: Mapping[str, Any]) -> Move:
        after = unchanged(book, source, self.declared) if details.get(Detail.DIGEST) else source
        move = book.move(source.key)
        verified = how_verified(self.declared, source, book.choices, ours=move is not None and move.ours)
        return book.verified(after, self.declared, **{**details, str(Detail.VERIFIED): verified})

    def _owner(self, book: Book, source: Resource) -> str:
        """The tenant in the destination; empty only for what belongs to the cloud and is made before it."""
        key = f"{ResourceKind.PROJECT}/{book.tenant_id}"
        return (
            book.tenant if source.owner == book.tenant_id and source.key != key else book.ids().get(key, "")
        )

    def _wait_for_leaders(self, ctx: StepContext, book: Book, resource: Resource) -> None:
        """Things of one kind may need one another (an image its kernel): the needed ones start first, and are waited for."""
        own = [target for target in refs(resource.fields) if target.startswith(f"{self.declared.kind}/")]
        for leader in own:
            if leader != resource.key:
                settled = partial(_settled, book, leader)
                ctx.poll(settled, what=f"the making of {leader}", deadline_s=LEADER_S)


def copying(kind: Kind) -> CopyKind:
    """The step of a kind."""
    names = {"name": f"copy_{kind.kind}", "title": f"Bring over: {kind.title}", "declared": kind}
    made: CopyKind = type(f"Copy_{kind.kind}", (CopyKind,), names)()
    return made


def _leaders_first(row: Row) -> int:
    return sum(target.startswith(f"{row.source.kind}/") for target in refs(row.source.fields))


def _settled(book: Book, key: str) -> bool | None:
    return book.is_settled(key, wait_s=_LISTENS_S) or None


def _is_ended(ctx: StepContext, move: Move) -> bool:
    """Whether this very operation is through with it; after a crash an item is tried again that had ended."""
    return move.operation_id == ctx.operation.id and move.state in (MoveState.VERIFIED, MoveState.COMMITTED)


def _result(move: Move | None) -> dict[str, Any]:
    if move is None:
        return {}
    shown = (Detail.DIGEST, Detail.SIZE, Detail.MOVED, Detail.SECONDS, Detail.ENGINE)
    known = {str(name): move.details[name] for name in shown if name in move.details}
    return {"destination_id": move.destination_id, "state": str(move.state), "ours": move.ours, **known}
