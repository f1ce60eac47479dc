"""The steps of `tenant maintenance verify`: the journal against the clouds, then every service as a member. Used by VerifyTenant."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import PermanentError
from pumphouse.domain.fence import PROOF_MEMORY, EntryState, ProbeResult
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import Item
from pumphouse.engine.step import ItemStep, NewItem, Skipped, Step, StepContext
from pumphouse.workflows.lock_tenant.canary import Canary, broken, remove_all, try_all
from pumphouse.workflows.lock_tenant.findings import names
from pumphouse.workflows.lock_tenant.proof import strong_services, written
from pumphouse.workflows.lock_tenant.role_book import strongest_role
from pumphouse.workflows.lock_tenant.scene import Scene
from pumphouse.workflows.lock_tenant.steps import MECHANISMS


class CompareJournal(ItemStep):
    """What we changed still stands, by the clouds; an item for each kind of change."""

    name: ClassVar[str] = "compare_journal"
    title: ClassVar[str] = "Compare our changes with the clouds"

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        kinds = {e.kind for e in Scene.of(ctx).entries(states=[EntryState.DONE])}
        return [NewItem(m.kind, m.kind, "journal") for m in MECHANISMS if m.kind in kinds]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        scene = Scene.of(ctx)
        mechanism = next(m for m in MECHANISMS if m.kind == item.key)
        entries = scene.entries(mechanism.kind, states=[EntryState.DONE])
        if wrong := mechanism.verify(scene, entries):
            _tell(ctx, names(wrong))
            raise PermanentError(names(wrong), hint="put it up again: pumphouse tenant maintenance on")
        return {"changes": len(entries)}


class ProveServices(ItemStep):
    """As a member of ours: every write is denied, every read allowed; an item for each service."""

    name: ClassVar[str] = "prove_services"
    title: ClassVar[str] = "Try every service as a member of the tenant"

    def __init__(self, canary: Canary) -> None:
        self._canary = canary

    @override
    def parallel(self, ctx: StepContext) -> int:
        # one member, one locked server
        return 1

    @override
    def list_items(self, ctx: StepContext) -> Sequence[NewItem]:
        return [NewItem(service, service, "service") for service in Scene.of(ctx).standing_fence().means]

    @override
    def do_item(self, ctx: StepContext, item: Item) -> Mapping[str, Any] | Skipped:
        scene = Scene.of(ctx)
        fence = scene.standing_fence()
        if not self._canary.user_id:
            self._canary.make(ctx, scene, strongest_role(scene)[0], label="verify")
        results = try_all(ctx, scene, [self._canary.log_in(ctx, scene)], services=[item.key])
        self._keep(ctx, scene, item.key, results)
        holes = broken(results)
        if not holes:
            return {"tried": sum(1 for r in results if r.status)}
        words = names(f"{r.action} answered {r.status or 'nothing'}" for r in holes)
        if item.key not in strong_services(fence):
            return Skipped(f"open, as the plan said: {words}")
        _tell(ctx, f"{item.key}: {words}")
        raise PermanentError(
            f"{item.key} is open: {words}", hint="put it up again: pumphouse tenant maintenance on"
        )

    def _keep(self, ctx: StepContext, scene: Scene, service: str, results: Sequence[ProbeResult]) -> None:
        fence = scene.standing_fence()
        others = [p for p in fence.proof if p.get("service") != service]
        ctx.tools.fences.put_fence(
            replace(fence, proof=(*others, *written(results)), proven_at=ctx.clock.now())
        )
        ctx.remember(**{PROOF_MEMORY: [*ctx.recall(PROOF_MEMORY, []), *written(results)]})


class RemoveMember(Step):
    """Nothing of the probe stays."""

    name: ClassVar[str] = "remove_member"
    title: ClassVar[str] = "Remove the member that tried it"
    repeats: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        if scene.fence is not None:
            remove_all(ctx, scene)


def _tell(ctx: StepContext, words: str) -> None:
    fence = Scene.of(ctx).standing_fence()
    ctx.emit(
        "tenant.maintenance_failed",
        f"the fence around tenant {fence.tenant_name} of {fence.environment} does not hold: {words}",
        subject=ctx.operation.subject,
        environment=fence.environment,
        severity=Severity.CRITICAL,
        notify=True,
    )
