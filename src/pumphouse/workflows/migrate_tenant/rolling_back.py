"""The workflow `rollback_tenant`: takes back a migration from its records alone, also when its operation is long gone; the fence is lifted in the end."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.fence import UNLOCK_KIND
from pumphouse.domain.finding import Finding, critical, info
from pumphouse.domain.migration import ROLLBACK_KIND
from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.resource import ORDER, Move, MoveState, ResourceKind
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.engine.workflow import PlanContext
from pumphouse.ports.toolbox import Toolbox
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.findings import few, no_migration
from pumphouse.workflows.migrate_tenant.finishing import put_back_address
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.kinds import KINDS
from pumphouse.workflows.migrate_tenant.later import LaterWorkflow, moves_of
from pumphouse.workflows.migrate_tenant.removing import remove_move
from pumphouse.workflows.migrate_tenant.server_return import put_back_server
from pumphouse.workflows.migrate_tenant.taking import reason_of

PutBack = Callable[[StepContext, Book, Kind, Move], None]
OWN_PUT_BACK: Mapping[ResourceKind, PutBack] = {
    ResourceKind.SERVER: put_back_server,
    ResourceKind.FLOATING_IP: put_back_address,
}
"""Kinds whose sources were changed too: a server is started again as it was, a floating IP leads where it led."""
_EACH_S: Final = 0.5
UNLOCK_CHILD: Final = "unlock"


class RollbackTenant(LaterWorkflow):
    """Both clouds are as they were before the migration."""

    kind: ClassVar[str] = ROLLBACK_KIND
    verb: ClassVar[str] = "roll back the migration of"

    def __init__(
        self,
        kinds: Mapping[ResourceKind, Kind] = KINDS,
        put_back: Mapping[ResourceKind, PutBack] = OWN_PUT_BACK,
    ) -> None:
        super().__init__(kinds)
        self._put_back = put_back

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        moves = moves_of(ctx.tools, params)
        ours = sum(move.ours for move in moves)
        fenced = is_our_fence(ctx.tools, params)
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{ours} things that we have made are deleted in {params['destination']}, {len(moves) - ours} records are dropped"
            + ("; the tenant's maintenance ends" if fenced else ""),
            steps=self.planned_steps(params),
            items=[_item(move) for move in reversed(moves)],
            findings=[*no_migration(moves, params), *_findings(moves, params)],
            estimate_s=_EACH_S * len(moves),
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        ordered = sorted(self.kinds.values(), key=lambda each: -ORDER[each.kind])
        made = [kind for kind in ordered if not kind.listed_only]
        return [
            Note(),
            *(taking_back(kind, self._put_back.get(kind.kind)) for kind in made),
            Leave(),
            LiftFence(),
        ]


class Note(Step):
    """What is needed when the records have gone."""

    name: ClassVar[str] = "note"
    title: ClassVar[str] = "Note what was there before"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        if ctx.recall("noted"):
            return
        book = Book.of(ctx)
        tenant = book.ids().get(f"{ResourceKind.PROJECT}/{book.tenant_id}", "")
        ctx.remember(
            noted=True,
            tenant=tenant,
            inside_source=book.source.is_inside(book.tenant_id),
            our_fence=is_our_fence(ctx.tools, ctx.params),
        )


class TakeBack(ItemStep):
    """All of one kind that the records have."""

    irreversible: ClassVar[bool] = True
    declared: ClassVar[Kind]
    put_back: PutBack | None = None

    @override
    def parallel(self, ctx: StepContext) -> int:
        return min(self.declared.parallel, int(ctx.params["parallel"]))

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        own = [move for move in Book.of(ctx).moves() if move.kind is self.declared.kind]
        return [NewItem(f"{m.kind}/{m.source_id}", m.name or m.source_id, str(m.kind)) for m in reversed(own)]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        book = Book.of(ctx)
        move = book.move(item.key)
        if move is None:
            return Skipped("it is taken back already")
        if self.put_back is not None:
            self.put_back(ctx, book, self.declared, move)
        else:
            remove_move(book, self.declared, move)
        return {"destination_id": move.destination_id, "deleted": move.ours}


class Leave(Step):
    """Our own role in the tenant goes, where it is not gone with the project."""

    name: ClassVar[str] = "leave"
    title: ClassVar[str] = "Leave the tenant"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        book = Book.of(ctx)
        if not ctx.recall("inside_source"):
            book.source.leave(book.tenant_id)
        if ctx.recall("tenant"):
            try:
                book.destination.leave(str(ctx.recall("tenant")))
            except NotFoundError:
                return


class LiftFence(Step):
    """The tenant is its users' again, unless it was in maintenance before the migration."""

    name: ClassVar[str] = "lift_fence"
    title: ClassVar[str] = "End the tenant's maintenance"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        params = ctx.params
        if not ctx.recall("our_fence"):
            ctx.conclude("the migration has not put it into maintenance")
            return
        known = {"environment": params["environment"], "tenant": params["tenant"], "name": params["name"]}
        ctx.run_child(UNLOCK_CHILD, UNLOCK_KIND, known)


def taking_back(kind: Kind, put_back: PutBack | None) -> TakeBack:
    """The step of a kind."""
    names = {
        "name": f"take_back_{kind.kind}",
        "title": f"Take back: {kind.title}",
        "declared": kind,
        "put_back": staticmethod(put_back) if put_back is not None else None,
    }
    made: TakeBack = type(f"TakeBack_{kind.kind}", (TakeBack,), names)()
    return made


def is_our_fence(tools: Toolbox, params: Mapping[str, Any]) -> bool:
    """Whether the fence that stands was put up by this migration."""
    fence = tools.fences.fence(params["environment"], params["tenant"])
    return fence is not None and fence.reason == reason_of(str(params["destination"]))


def _item(move: Move) -> PlannedItem:
    method = "delete" if move.ours else "forget"
    return PlannedItem(
        f"{move.kind}/{move.source_id}",
        move.name or move.source_id,
        str(move.kind),
        method,
        move.destination_id,
        _EACH_S,
    )


def _findings(moves: Sequence[Move], params: Mapping[str, Any]) -> list[Finding]:
    gone = [move.name or move.source_id for move in moves if move.state is MoveState.COMMITTED]
    subject = f"tenant {params['name'] or params['tenant']}"
    if gone:
        text = f"it was committed: the sources of {len(gone)} things are deleted ({few(gone)}), and the destination has the only ones"
        return [critical("committed", subject, text, "migrate it the other way instead")]
    if moves:
        text = "what its users have changed in the destination since then is lost"
        return [info("loses-changes", subject, text)]
    return []
