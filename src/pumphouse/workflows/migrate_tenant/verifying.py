"""The workflow `verify_migration`: both clouds are read again, and every recorded counterpart is held against its source. It changes nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.migration import VERIFY_MIGRATION_KIND
from pumphouse.domain.operation import Item
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.resource import ResourceKind
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.engine.workflow import OnFailure, PlanContext
from pumphouse.workflows.migrate_tenant.findings import no_migration
from pumphouse.workflows.migrate_tenant.kind import Kind
from pumphouse.workflows.migrate_tenant.later import LaterWorkflow, moves_of
from pumphouse.workflows.migrate_tenant.proving import prove

_EACH_S = 0.02


class VerifyMigration(LaterWorkflow):
    """Whether what stands in the destination is still like the source."""

    kind: ClassVar[str] = VERIFY_MIGRATION_KIND
    verb: ClassVar[str] = "verify the migration of"

    @override
    def on_failure(self, params: Mapping[str, Any]) -> OnFailure:
        # a difference is told, and the next thing is looked at
        return "skip"

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        moves = moves_of(ctx.tools, params)
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{len(moves)} things are compared with their sources; nothing is changed",
            steps=self.planned_steps(params),
            items=[
                PlannedItem(f"{m.kind}/{m.source_id}", m.name or m.source_id, str(m.kind), "compare")
                for m in moves
            ],
            findings=no_migration(moves, params),
            estimate_s=_EACH_S * len(moves),
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [CompareAll(self.kinds)]


class CompareAll(ItemStep):
    """Both inventories are read once; each thing's verdict is an item of its own."""

    name: ClassVar[str] = "compare"
    title: ClassVar[str] = "Compare both sides"
    repeats: ClassVar[bool] = True

    def __init__(self, kinds: Mapping[ResourceKind, Kind]) -> None:
        self._kinds = kinds

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        return [
            NewItem(
                proof.key,
                proof.move.name or proof.move.source_id,
                str(proof.move.kind),
                {"wrong": proof.wrong, "destination_id": proof.move.destination_id},
            )
            for proof in prove(ctx.tools, ctx.params, self._kinds).proofs
        ]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        if item.data["wrong"]:
            raise ConflictError(
                str(item.data["wrong"]), hint="migrate the tenant again, or change it back by hand"
            )
        return {"destination_id": item.data["destination_id"]}
