"""The steps of `tenant maintenance off` around the mechanisms: compare with what was found, prove that access is back, forget. Used by UnlockTenant."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from typing_extensions import override

from pumphouse.domain.errors import PermanentError
from pumphouse.domain.fence import PROOF_MEMORY, EntryState, FenceState, ProbeResult
from pumphouse.domain.finding import Severity
from pumphouse.engine.step import Skipped, Step, StepContext
from pumphouse.workflows.lock_tenant.by_roles import named, read
from pumphouse.workflows.lock_tenant.canary import Canary, broken, canaries, remove_all, try_all
from pumphouse.workflows.lock_tenant.findings import names
from pumphouse.workflows.lock_tenant.proof import PROOF_PAUSE_S, PROOF_TRIES, written
from pumphouse.workflows.lock_tenant.raising import BASELINE, SNAPSHOT, left
from pumphouse.workflows.lock_tenant.scene import Scene


class BeginLifting(Step):
    """From here on the fence counts as being lifted."""

    name: ClassVar[str] = "begin_lifting"
    title: ClassVar[str] = "Begin to lift the fence"

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        ctx.tools.fences.put_fence(
            replace(scene.standing_fence(), state=FenceState.LEAVING, operation_id=ctx.operation.id)
        )
        # those of an interrupted attempt; their roles shall not be put back
        remove_all(ctx, scene)

    @override
    def undo(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        if scene.fence is not None:
            ctx.tools.fences.put_fence(replace(scene.fence, state=FenceState.ON))


class CompareGrants(Step):
    """The assignments of now against those that were found; what others have changed meanwhile is told and left."""

    name: ClassVar[str] = "compare_grants"
    title: ClassVar[str] = "Compare the assignments with those that were found"

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        snapshot = scene.entry(SNAPSHOT, "grants")
        if snapshot is None:
            return
        if scene.patiently(ctx, scene.is_gone, "Keystone to show the tenant"):
            ctx.conclude("the tenant was deleted meanwhile")
            return
        ours = canaries(scene)
        before = {g.key: g for g in map(read, snapshot.data["grants"])}
        now = {
            g.key: g
            for g in scene.patiently(
                ctx, lambda: scene.tenants.grants(scene.tenant_id), "Keystone to list assignments"
            )
            if g.holder_id not in ours
        }
        drift = [f"{named(g)} was added by somebody" for key, g in now.items() if key not in before]
        drift += [f"{named(g)} is gone" for key, g in before.items() if key not in now]
        drift += [
            str(e.data["drift"]) for e in scene.entries(states=[EntryState.DRIFTED]) if "drift" in e.data
        ]
        if not drift:
            ctx.conclude(f"all {len(before)} assignments are as they were found")
            return
        ctx.remember(drift=drift)
        ctx.emit(
            "tenant.drift",
            f"changed by others while the fence stood, and left so: {names(drift)}",
            subject=ctx.operation.subject,
            environment=scene.environment,
            severity=Severity.WARNING,
            notify=True,
            drift=drift,
        )
        ctx.conclude(f"left as others have changed it meanwhile: {names(drift)}")


class ProveAccess(Step):
    """As a member: what was let through before is let through again."""

    name: ClassVar[str] = "prove_access"
    title: ClassVar[str] = "Prove that access is back"
    repeats: ClassVar[bool] = True

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        scene = Scene.of(ctx)
        if scene.entry(BASELINE, "before") is None:
            return Skipped("nothing was tried before the fence stood")
        if scene.patiently(ctx, scene.is_gone, "Keystone to show the tenant"):
            return Skipped("the tenant was deleted meanwhile")
        return None

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        baseline = scene.entry(BASELINE, "before")
        if baseline is None:
            return
        before = frozenset(baseline.data["let_through"])
        canary = Canary()
        try:
            canary.make(ctx, scene, str(baseline.data["role"]), label="after")
            missing = self._missing(ctx, scene, canary, before)
        finally:
            remove_all(ctx, scene)
        if missing:
            words = names(f"{r.service}: {r.action} answered {r.status or 'nothing'}" for r in missing)
            raise PermanentError(
                f"not all access to tenant {scene.tenant_id} is back: {words}",
                hint="everything in our journal was put back; look at the service's policy files, then retry",
            )
        ctx.conclude(f"{len(before)} writes are let through as before")

    def _missing(
        self, ctx: StepContext, scene: Scene, canary: Canary, before: frozenset[str]
    ) -> Sequence[ProbeResult]:
        tries = 0

        def look() -> Sequence[ProbeResult] | None:
            nonlocal tries
            tries += 1
            results = try_all(ctx, scene, [canary.log_in(ctx, scene)], wanted="let through")
            ctx.remember(**{PROOF_MEMORY: list(written(results))})
            missing = [r for r in broken(results) if not r.writes or f"{r.service}/{r.action}" in before]
            return missing if tries >= PROOF_TRIES or not missing else None

        return ctx.poll(look, what="access to be back", deadline_s=600, interval_s=PROOF_PAUSE_S)


class ForgetFence(Step):
    """The last step: the journal is dropped, so there is no way back behind it but a new fence."""

    name: ClassVar[str] = "forget_fence"
    title: ClassVar[str] = "Note that the tenant has left maintenance"
    irreversible: ClassVar[bool] = True

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        if scene.fence is None:
            return  # a run before a crash has done it
        remove_all(ctx, scene)
        left(ctx, scene)
