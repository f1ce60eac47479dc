"""The steps around the copying: the fence, the inventory behind it, and what is said in the end. workflow.py puts them in order."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError, NotFoundError
from pumphouse.domain.fence import LOCK_KIND, FenceState
from pumphouse.domain.finding import Severity
from pumphouse.domain.migration import Decision, Detail, Method
from pumphouse.domain.resource import ORDER, MoveState, ResourceKind
from pumphouse.engine.step import Skipped, Step, StepContext
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.copying import rows_key
from pumphouse.workflows.migrate_tenant.fingerprint import digest_of
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.looking import (
    PEOPLE,
    WAY_TO_PEOPLE,
    destination_tenant,
    look,
    take_inventory,
)
from pumphouse.workflows.migrate_tenant.packing import packed, packed_resource, unpacked_resource
from pumphouse.workflows.migrate_tenant.planner import Row, plan_rows

PEOPLE_MEMORY: Final = "people"
FENCE_CHILD: Final = "fence"
CHOICES: Final = "choices"
"""Key of the details of the project's move: what the operator chose."""
BLOCKED: Final = (Method.CONFLICT, Method.OPEN)


class MeetPeople(Step):
    """A fence takes assignments away, and with them the way to the people: they are written down before."""

    name: ClassVar[str] = "meet_people"
    title: ClassVar[str] = "Write down the tenant's people"

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        return None if ctx.params["fence"] else Skipped("no fence hides them")

    @override
    def do(self, ctx: StepContext) -> None:
        if ctx.recall(PEOPLE_MEMORY) is None:
            environment, tenant = str(ctx.params["environment"]), str(ctx.params["tenant"])
            found = take_inventory(ctx.tools, environment, tenant, WAY_TO_PEOPLE)
            people = [packed_resource(each) for each in found.resources if each.kind in PEOPLE]
            ctx.remember(**{PEOPLE_MEMORY: people})


class RaiseFence(Step):
    """Nobody changes the tenant from now on; undo lifts the fence again unless it stood before."""

    name: ClassVar[str] = "fence"
    title: ClassVar[str] = "Put the tenant into maintenance in the source"

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        if not ctx.params["fence"]:
            return Skipped("left out as you wish")
        fence = ctx.tools.fences.fence(str(ctx.params["environment"]), str(ctx.params["tenant"]))
        if fence is not None and fence.state is FenceState.ON:
            return Skipped("it is in maintenance already")
        return None

    @override
    def do(self, ctx: StepContext) -> None:
        params = ctx.params
        ctx.run_child(
            FENCE_CHILD,
            LOCK_KIND,
            {
                "environment": params["environment"],
                "tenant": params["tenant"],
                "name": params["name"],
                "reason": reason_of(str(params["destination"])),
            },
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        ctx.undo_child(FENCE_CHILD)


class TakeInventory(Step):
    """What the tenant has behind the fence must be what the plan was made of; then every thing is planned anew and what is only mapped is written down."""

    name: ClassVar[str] = "take_inventory"
    title: ClassVar[str] = "Take the inventory again and compare it with the plan"

    def __init__(self, kinds: Mapping[ResourceKind, Kind]) -> None:
        self._kinds = kinds

    @override
    def do(self, ctx: StepContext) -> None:
        people = [unpacked_resource(each) for each in ctx.recall(PEOPLE_MEMORY, ())]
        scene = look(ctx.tools, ctx.params, self._kinds, people)
        if digest_of(scene.source, self._kinds) != ctx.plan.decisions[Decision.DIGEST]:
            raise ConflictError(
                "the tenant has changed in the source since the plan was made",
                hint="undo, then plan again",
            )
        rows = plan_rows(scene)
        blocked = [row for row in rows if row.method in BLOCKED]
        if blocked:
            first = blocked[0]
            raise ConflictError(
                f"the destination has changed since the plan was made: {first.source.kind} {first.source.name}: {first.reason}",
                hint="undo, then plan again",
            )
        tenant = destination_tenant(scene)
        if ctx.recall("inside") is None:
            source = ctx.tools.resources(str(ctx.params["environment"]))
            there = ctx.tools.resources(str(ctx.params["destination"]))
            ctx.remember(
                inside={
                    "source": source.is_inside(str(ctx.params["tenant"])),
                    "destination": bool(tenant) and there.is_inside(tenant),
                    "tenant": tenant,
                }
            )
        by_kind: dict[ResourceKind, list[dict[str, Any]]] = {}
        for row in rows:
            by_kind.setdefault(row.source.kind, []).append(packed(row))
        ctx.remember(**{rows_key(kind): each for kind, each in by_kind.items()}, gaps=list(scene.source.gaps))
        self._write_mapped(ctx, rows)
        counts = Counter(str(row.method) for row in rows)
        ctx.conclude(", ".join(f"{count} {method}" for method, count in sorted(counts.items())))

    @override
    def undo(self, ctx: StepContext) -> None:
        book = Book.of(ctx)
        for move in book.moves():
            declared = self._kinds.get(move.kind)
            if declared is not None and move.operation_id == ctx.operation.id and not move.ours:
                book.drop(f"{move.kind}/{move.source_id}")
        # what was removed behind us may have needed the role again
        leave(ctx, book)

    def _write_mapped(self, ctx: StepContext, rows: list[Row]) -> None:
        book = Book.of(ctx)
        for row in rows:
            if row.method is not Method.MAP:
                continue
            present = book.move(row.source.key)
            if present is None or present.destination_id != row.target_id:
                book.recorded(row.source, self._kinds[row.source.kind], row.target_id, ours=False)


class Finish(Step):
    """Gives back the role that we took in the tenant, and keeps the report's data with the operation."""

    name: ClassVar[str] = "finish"
    title: ClassVar[str] = "Leave the tenant and write the report"
    repeats: ClassVar[bool] = True

    def __init__(self, kinds: Mapping[ResourceKind, Kind]) -> None:
        self._kinds = kinds

    @override
    def do(self, ctx: StepContext) -> None:
        book = Book.of(ctx)
        leave(ctx, book)
        key = f"{ResourceKind.PROJECT}/{book.tenant_id}"
        if book.move(key) is not None:
            params = ctx.params
            choices = {name: params[name] for name in ("keep_addresses", "stateless", "names")}
            book.note(key, **{CHOICES: choices})
        report = report_of(ctx, book)
        ctx.remember(report=report)
        ctx.conclude(f"{report['verified']} verified, {len(report['not_moved'])} not moved")
        ctx.emit(
            "tenant.migrated",
            f"tenant {ctx.params['name'] or book.tenant_id} of {book.environment}: {report['verified']} things stand in {book.destination_environment}",
            subject=f"{book.environment}/{ctx.params['name'] or book.tenant_id}",
            environment=book.environment,
            severity=Severity.WARNING if report["not_moved"] else Severity.INFO,
            notify=True,
        )


def reason_of(destination: str) -> str:
    """The reason that a fence of ours gives; by it a rollback knows, long after, that it is ours to lift."""
    return f"it is moved to {destination}"


def leave(ctx: StepContext, book: Book) -> None:
    """Take our own role in the tenant away on both sides, where we did not have it before."""
    inside: Mapping[str, Any] = ctx.recall("inside") or {}
    if not inside.get("source", True):
        book.source.leave(book.tenant_id)
    target = book.ids().get(f"{ResourceKind.PROJECT}/{book.tenant_id}") or inside.get("tenant")
    if target and not inside.get("destination", True):
        try:
            book.destination.leave(target)
        except NotFoundError:
            return


def report_of(ctx: StepContext, book: Book) -> dict[str, Any]:
    """What the operation keeps for the report: counts by kind, what did not move and why, what owners must do."""
    kinds: dict[str, Counter[str]] = {}
    missing: list[dict[str, str]] = []
    todo: list[dict[str, str]] = []
    for kind in sorted(ResourceKind, key=lambda each: ORDER[each]):
        for row in ctx.recall(rows_key(kind), ()):
            key = f"{kind}/{row['resource']['id']}"
            move = book.move(key)
            state = str(move.state) if move is not None else str(row["method"])
            kinds.setdefault(str(kind), Counter())[state] += 1
            shown = {"key": key, "name": row["resource"]["name"], "method": row["method"]}
            if row["method"] == Method.LIST:
                text = row["resource"]["notes"].get(Detail.TODO) or row["reason"]
                todo.append({**shown, "todo": str(text)})
            elif move is None or move.state not in (MoveState.VERIFIED, MoveState.COMMITTED):
                missing.append({**shown, "reason": row["reason"] or "it failed; see its item"})
    return {
        "kinds": {name: dict(counts) for name, counts in kinds.items()},
        "verified": sum(c[MoveState.VERIFIED] for c in kinds.values()),
        "not_moved": missing,
        "todo": todo,
        "gaps": list(ctx.recall("gaps", ())),
    }
