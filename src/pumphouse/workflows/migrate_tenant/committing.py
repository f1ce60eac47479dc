"""The workflow `commit_tenant`: deletes what a migrated tenant still has in the source. Only this deletes a source, and nothing brings it back."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.finding import Finding, critical, warning
from pumphouse.domain.migration import COMMIT_KIND
from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.resource import ORDER, MoveState, Resource, ResourceKind, refs
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.engine.workflow import PlanContext
from pumphouse.workflows.migrate_tenant.book import Book
from pumphouse.workflows.migrate_tenant.findings import few, no_migration
from pumphouse.workflows.migrate_tenant.kind import Identity, Kind
from pumphouse.workflows.migrate_tenant.later import LaterWorkflow
from pumphouse.workflows.migrate_tenant.proving import Hearing, Proof, prove

K = ResourceKind
STAYS: Final = frozenset(
    {K.PROJECT, K.QUOTA, K.ROLE, K.GROUP, K.USER, K.FLAVOR, K.KEYPAIR, K.EC2_KEY, K.ASSIGNMENT}
)
"""Kinds that stay in the source: others may use them, and the empty project keeps its people and its fence until the operator removes it."""
_EACH_S: Final = 0.5
TO_DELETE: Final = "to_delete"


class CommitTenant(LaterWorkflow):
    """The destination has the tenant for good."""

    kind: ClassVar[str] = COMMIT_KIND
    verb: ClassVar[str] = "commit the migration of"

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        hearing = prove(ctx.tools, params, self.kinds)
        doomed = to_delete(hearing, self.kinds, str(params["tenant"]))
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{len(doomed)} things of the tenant are deleted in {params['environment']}; nothing brings them back",
            steps=self.planned_steps(params),
            items=[_item(proof) for proof in reversed(doomed)],
            findings=[
                *no_migration([proof.move for proof in hearing.proofs], params),
                *_findings(hearing, doomed, self.kinds, params),
            ],
            estimate_s=_EACH_S * len(doomed),
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        ordered = sorted(self.kinds.values(), key=lambda each: -ORDER[each.kind])
        own = [kind for kind in ordered if _is_own(kind)]
        return [ProveAgain(self.kinds), *(deleting(kind) for kind in own), MarkCommitted()]


class ProveAgain(Step):
    """What was right when the plan was made may be wrong by now; nothing is deleted upon an old proof."""

    name: ClassVar[str] = "prove"
    title: ClassVar[str] = "Prove again that everything stands in the destination"

    def __init__(self, kinds: Mapping[ResourceKind, Kind]) -> None:
        self._kinds = kinds

    @override
    def do(self, ctx: StepContext) -> None:
        hearing = prove(ctx.tools, ctx.params, self._kinds)
        wrong = [f"{p.move.kind} {p.move.name}: {p.wrong}" for p in hearing.proofs if p.wrong]
        if wrong:
            raise ConflictError(
                f"{len(wrong)} things are not as they should be in the destination: {few(wrong)}",
                hint="migrate the tenant again, then commit again; nothing was deleted",
            )
        doomed: dict[str, list[str]] = {}
        for proof in to_delete(hearing, self._kinds, str(ctx.params["tenant"])):
            doomed.setdefault(str(proof.move.kind), []).append(proof.move.source_id)
        ctx.remember(**{TO_DELETE: doomed})


class DeleteKind(ItemStep):
    """All of one kind that the tenant owns in the source and that was proven to stand in the destination."""

    irreversible: ClassVar[bool] = True
    declared: ClassVar[Kind]

    @override
    def parallel(self, ctx: StepContext) -> int:
        return min(self.declared.parallel, int(ctx.params["parallel"]))

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        book, kind = Book.of(ctx), self.declared.kind
        keys = [f"{kind}/{each}" for each in ctx.recall(TO_DELETE, {}).get(str(kind), ())]
        moves = [move for key in reversed(keys) if (move := book.move(key)) is not None]
        return [NewItem(f"{kind}/{m.source_id}", m.name or m.source_id, str(kind)) for m in moves]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        book = Book.of(ctx)
        move = book.move(item.key)
        if move is None:
            return Skipped("its record has gone")
        book.source.kind(self.declared.kind).delete(move.source_id)
        book.committed(item.key)
        return {"source_id": move.source_id}


class MarkCommitted(Step):
    """The records say that the migration is through: the source's environment is no longer needed for it."""

    name: ClassVar[str] = "mark_committed"
    title: ClassVar[str] = "Write down that it is committed"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        book = Book.of(ctx)
        book.all_committed()
        book.source.leave(book.tenant_id)
        ctx.emit(
            "tenant.committed",
            f"what tenant {ctx.params['name'] or book.tenant_id} had in {book.environment} is deleted",
            subject=f"{book.environment}/{ctx.params['name'] or book.tenant_id}",
            environment=book.environment,
            notify=True,
        )


def deleting(kind: Kind) -> DeleteKind:
    """The step of a kind."""
    names = {
        "name": f"delete_{kind.kind}",
        "title": f"Delete in the source: {kind.title}",
        "declared": kind,
    }
    made: DeleteKind = type(f"Delete_{kind.kind}", (DeleteKind,), names)()
    return made


def to_delete(hearing: Hearing, kinds: Mapping[ResourceKind, Kind], tenant_id: str) -> list[Proof]:
    """What a commit deletes: the tenant's own, proven, and needed by nothing that has no counterpart and stays (a snapshot keeps its volume)."""
    proven = [proof for proof in hearing.proofs if _is_deletable(proof, kinds, tenant_id)]
    keys = {proof.key for proof in proven}
    kept: set[str] = set()
    fresh = {each.key for each in left_behind(hearing, keys, kinds, tenant_id)}
    known = {each.key: each for each in hearing.source}
    while fresh:
        kept |= fresh
        fresh = {target for key in fresh for target in refs(known[key].fields) if target in known} - kept
    return [proof for proof in proven if proof.key not in kept]


def left_behind(
    hearing: Hearing, doomed: set[str], kinds: Mapping[ResourceKind, Kind], tenant_id: str
) -> list[Resource]:
    """What the tenant owns in the source beside that, and beside what every project has by itself."""
    return [
        each
        for each in hearing.source
        if each.owner == tenant_id
        and each.key not in doomed
        and each.kind not in STAYS
        and each.kind is not ResourceKind.CREDENTIAL
        and not (
            (kind := kinds.get(each.kind)) is not None and (kind.late or _is_born_with_project(kind, each))
        )
    ]


def _is_deletable(proof: Proof, kinds: Mapping[ResourceKind, Kind], tenant_id: str) -> bool:
    kind = kinds.get(proof.move.kind)
    if kind is None or proof.source is None or proof.source.owner != tenant_id or not _is_own(kind):
        return False
    return proof.move.state is MoveState.VERIFIED and not _is_born_with_project(kind, proof.source)


def _is_born_with_project(kind: Kind, resource: Resource) -> bool:
    return kind.innate is not None and kind.innate(resource)


def _is_own(kind: Kind) -> bool:
    return not (kind.late or kind.listed_only or kind.identity is Identity.MAPPED or kind.kind in STAYS)


def _item(proof: Proof) -> PlannedItem:
    move = proof.move
    return PlannedItem(proof.key, move.name or move.source_id, str(move.kind), "delete", move.destination_id)


def _findings(
    hearing: Hearing, doomed: Sequence[Proof], kinds: Mapping[ResourceKind, Kind], params: Mapping[str, Any]
) -> list[Finding]:
    wrong = [
        critical(
            "not-verified",
            f"{proof.move.kind} {proof.move.name or proof.move.source_id}",
            proof.wrong,
            "migrate the tenant again: what is missing is made, and what has changed is brought over",
        )
        for proof in hearing.proofs
        if proof.wrong
    ]
    if not hearing.proofs or wrong:
        return wrong
    subject = f"tenant {params['name'] or params['tenant']}"
    text = (
        f"what the tenant has in {params['environment']} is deleted for good: there is no way back after this"
    )
    found = [warning("irreversible", subject, text)]
    left = left_behind(hearing, {proof.key for proof in doomed}, kinds, str(params["tenant"]))
    if left:
        names = few(f"{each.kind} {each.name or each.id}" for each in left)
        text = f"{len(left)} things stay in the source, as they were not moved or something that was not moved needs them: {names}"
        found.append(warning("stays-behind", subject, text, "delete them there by hand"))
    return found
