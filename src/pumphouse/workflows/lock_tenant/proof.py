"""The proof of a fence: as a member of the tenant, and what its services are judged by. Used by LockTenant, and in parts by verify."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import PermanentError
from pumphouse.domain.fence import PROOF_MEMORY, STRONG, Fence, Means, ProbeResult
from pumphouse.domain.finding import Severity
from pumphouse.engine.step import Step, StepContext
from pumphouse.ports.probes import ProbeLogin
from pumphouse.workflows.lock_tenant.canary import Canary, broken, remove_all, try_all
from pumphouse.workflows.lock_tenant.findings import names
from pumphouse.workflows.lock_tenant.role_book import strongest_role
from pumphouse.workflows.lock_tenant.scene import Scene

PROOF_TRIES = 4
PROOF_PAUSE_S = 3.0


class Prove(Step):
    """As a member: every write is denied, every read allowed, with a fresh token and with the one from before."""

    name: ClassVar[str] = "prove"
    title: ClassVar[str] = "Prove it as a member of the tenant"
    repeats: ClassVar[bool] = True

    def __init__(self, canary: Canary) -> None:
        self._canary = canary

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        fence = scene.standing_fence()
        try:
            logins = self._logins(ctx, scene)
            results = self._until_it_holds(ctx, scene, fence, logins)
        finally:
            remove_all(ctx, scene)
        keep_proof(ctx, scene, results)
        judge(ctx, fence, results)

    def _logins(self, ctx: StepContext, scene: Scene) -> list[ProbeLogin]:
        if self._canary.before is None:
            # another process has begun, or the first proof failed: there is no token from before any more
            self._canary.make(ctx, scene, strongest_role(scene)[0], label="again")
            return [self._canary.log_in(ctx, scene)]
        before, self._canary.before = self._canary.before, None
        return [before, self._canary.log_in(ctx, scene)]

    def _until_it_holds(
        self, ctx: StepContext, scene: Scene, fence: Fence, logins: list[ProbeLogin]
    ) -> Sequence[ProbeResult]:
        tries = 0

        def look() -> Sequence[ProbeResult] | None:
            nonlocal tries
            tries += 1
            results = try_all(ctx, scene, logins)
            return results if tries >= PROOF_TRIES or not broken(results, strong_services(fence)) else None

        return ctx.poll(look, what="the fence to hold", deadline_s=600, interval_s=PROOF_PAUSE_S)


def keep_proof(ctx: StepContext, scene: Scene, results: Sequence[ProbeResult]) -> None:
    """Record the table with the fence, and with the operation."""
    proof = written(results)
    fence = replace(scene.standing_fence(), proof=proof, proven_at=ctx.clock.now())
    ctx.tools.fences.put_fence(fence)
    ctx.remember(**{PROOF_MEMORY: list(proof)})


def written(results: Sequence[ProbeResult]) -> tuple[dict[str, Any], ...]:
    """The table, JSON-safe."""
    return tuple({**asdict(r), "verdict": str(r.verdict)} for r in results)


def judge(ctx: StepContext, fence: Fence, results: Sequence[ProbeResult]) -> None:
    """Say what the probes showed.

    Raises:
        PermanentError: a service that should hold does not.
    """
    holes = broken(results, strong_services(fence))
    tried = [r for r in results if r.status]
    if holes:
        words = names(f"{r.service}: {r.action} ({r.login}) answered {r.status or 'nothing'}" for r in holes)
        message = f"the fence around tenant {fence.tenant_name} of {fence.environment} does not hold: {words}"
        ctx.emit(
            "tenant.maintenance_failed", message, subject=ctx.operation.subject, environment=fence.environment,
            severity=Severity.CRITICAL, notify=True,
        )  # fmt: skip
        raise PermanentError(
            message,
            hint=f"what was changed stays: retry when the cause is removed, or take it off: pumphouse tenant maintenance off {fence.environment}/{fence.tenant_id}",
        )
    denied = sum(1 for r in tried if r.writes and r.status == 403)
    allowed = sum(1 for r in tried if not r.writes and r.status < 300)
    ctx.conclude(f"{denied} writes denied, {allowed} reads allowed")


def strong_services(fence: Fence) -> Sequence[str]:
    """The services where every write must be denied. Under a swap Keystone is none of them: it lets everybody keep credentials of his own,
    which hold no more than his roles do.
    """
    return [
        service
        for service, means in fence.means.items()
        if Means.POLICY in means or (Means.ROLES in means and service != "keystone")
    ]


def weak_services(fence: Fence) -> Sequence[str]:
    """The services that no strong means holds."""
    return [service for service, means in fence.means.items() if not STRONG & {Means(m) for m in means}]
