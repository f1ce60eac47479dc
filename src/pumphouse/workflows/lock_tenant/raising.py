"""The steps of `tenant maintenance on` around the mechanisms: record, try a reader, wait out old tokens. Used by LockTenant."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import CloudRefusedError, PermanentError
from pumphouse.domain.fence import EntryState, Fence, FenceEntry, FenceState, Means, ProbeResult
from pumphouse.domain.finding import Severity
from pumphouse.domain.tenant import TenantServer
from pumphouse.engine.step import Skipped, Step, StepContext
from pumphouse.workflows.lock_tenant.by_roles import written
from pumphouse.workflows.lock_tenant.canary import Canary, broken, remove_all, try_all
from pumphouse.workflows.lock_tenant.choice import Facts, choose, wanted_means
from pumphouse.workflows.lock_tenant.findings import names
from pumphouse.workflows.lock_tenant.proof import weak_services
from pumphouse.workflows.lock_tenant.role_book import ASSESSED, RoleBook, strongest_role
from pumphouse.workflows.lock_tenant.scene import TO_RESTORE, Scene
from pumphouse.workflows.lock_tenant.steps import CHANGING

SNAPSHOT, BASELINE = "snapshot", "baseline"
MARGIN_S = 5
"""Clocks of services differ a little from ours."""
IN_TRANSITION = frozenset(
    {"BUILD", "REBUILD", "MIGRATING", "RESIZE", "REVERT_RESIZE", "HARD_REBOOT", "REBOOT"}
)


class RecordTenant(Step):
    """The record of the fence and what is found, before anything is changed."""

    name: ClassVar[str] = "record_tenant"
    title: ClassVar[str] = "Record who may do what"

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        tenant = scene.tenants.tenant(scene.tenant_id)
        known = scene.fence
        if known is not None and known.operation_id != ctx.operation.id and known.state is FenceState.ON:
            ctx.remember(stood_before=True)
        until = str(ctx.params["until"])
        fence = Fence(
            environment=scene.environment,
            tenant_id=tenant.id,
            tenant_name=tenant.name,
            domain_id=tenant.domain_id,
            state=FenceState.ENTERING,
            reason=str(ctx.params["reason"]),
            since=known.since if known else ctx.clock.now(),
            operation_id=ctx.operation.id,
            actor=ctx.operation.actor,
            until=datetime.fromisoformat(until) if until else None,
            means=dict(ctx.plan.decisions["means"]),
            proof=known.proof if known else (),
            proven_at=known.proven_at if known else None,
        )
        ctx.tools.fences.put_fence(fence)
        if scene.entry(SNAPSHOT, "grants") is None:
            grants = [written(g) for g in scene.tenants.grants(tenant.id)]
            entry = FenceEntry(SNAPSHOT, "grants", {"grants": grants}, EntryState.DONE)
            ctx.tools.fences.put_entries(scene.environment, tenant.id, [entry])

    @override
    def undo(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        if scene.fence is None:
            return
        remove_all(ctx, scene)
        if ctx.recall("stood_before"):
            ctx.tools.fences.put_fence(replace(scene.fence, state=FenceState.ON))
            return
        left(ctx, scene)


class ActAsMember(Step):
    """A member of ours takes a token and uses it at every service, so that what is proven later holds for tokens that are cached."""

    name: ClassVar[str] = "act_as_member"
    title: ClassVar[str] = "Take a token as a member of the tenant"

    def __init__(self, canary: Canary) -> None:
        self._canary = canary

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        role, called = strongest_role(scene)
        self._canary.make(ctx, scene, role)
        self._canary.before = self._canary.log_in(ctx, scene, "token from before")
        if scene.entry(BASELINE, "before") is None:
            results = try_all(ctx, scene, [self._canary.before], wanted="let through")
            through = sorted(
                f"{r.service}/{r.action}" for r in results if r.writes and r.status not in (0, 401, 403)
            )
            entry = FenceEntry(BASELINE, "before", {"let_through": through, "role": role}, EntryState.DONE)
            ctx.tools.fences.put_entries(scene.environment, scene.tenant_id, [entry])
        ctx.conclude(f"as {called}")


class TryReader(Step):
    """Where nobody could be asked, a reader of ours tries to write; a role of the operator's own making is tried as well."""

    name: ClassVar[str] = "try_reader"
    title: ClassVar[str] = "Try what a reader may do on this cloud"

    @override
    def check(self, ctx: StepContext) -> Skipped | None:
        fence = Scene.of(ctx).standing_fence()
        if any(Means.ROLES in means for means in fence.means.values()):
            return None
        return Skipped("roles are not swapped")

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        fence = scene.standing_fence()
        grants = scene.tenants.grants(scene.tenant_id)
        book = RoleBook.at(scene, grants)
        for role_id in sorted({g.role_id for g in grants if book.is_own(g.role_id)}):
            if role_id not in book.assessed:
                self._assess(ctx, scene, book, role_id)
        held = [s for s, means in fence.means.items() if Means.ROLES in means and s != "keystone"]
        results = self._as_role(ctx, scene, book.reader_id, "reader", held)
        honours = {s: not any(r.service == s and r.writes for r in broken(results)) for s in held}
        self._choose_again(ctx, scene, fence, honours)

    def _assess(self, ctx: StepContext, scene: Scene, book: RoleBook, role_id: str) -> None:
        results = self._as_role(ctx, scene, role_id, f"role-{role_id[:8]}", None)
        # a list is answered to anybody, and Keystone lets everybody keep his own credentials; 404: he does not even see it
        tried = [r for r in results if r.service != "keystone"]
        reads = any(r.action.startswith("show ") and 200 <= r.status < 300 for r in tried)
        writes = any(r.writes and r.status not in (0, 401, 403, 404) for r in tried)
        entry = FenceEntry(ASSESSED, role_id, {"reads": reads, "writes": writes}, EntryState.DONE)
        ctx.tools.fences.put_entries(scene.environment, scene.tenant_id, [entry])
        name = book.names.get(role_id, role_id)
        ctx.progress(
            f"role {name} {'reads' if reads else 'does not read'} and {'writes' if writes else 'does not write'} here"
        )

    def _as_role(
        self, ctx: StepContext, scene: Scene, role_id: str, label: str, services: Sequence[str] | None
    ) -> Sequence[ProbeResult]:
        somebody = Canary()
        try:
            somebody.make(ctx, scene, role_id, label=label)
            return try_all(ctx, scene, [somebody.log_in(ctx, scene)], services=services)
        finally:
            if somebody.user_id:
                # taken away at once: his role would be swapped like those of others
                scene.patiently(
                    ctx,
                    lambda: scene.tenants.delete_user(somebody.user_id),
                    "Keystone to delete the probe's user",
                )

    def _choose_again(self, ctx: StepContext, scene: Scene, fence: Fence, honours: dict[str, bool]) -> None:
        decisions = ctx.plan.decisions
        facts = Facts(
            tuple(fence.means), frozenset(decisions["overridable"]), {**decisions["honours"], **honours}
        )
        choice = choose(facts, wanted_means(str(ctx.params["means"]), fast=bool(ctx.params["fast"])))
        if choice.open and not ctx.params["allow_partial"]:
            raise CloudRefusedError(
                f"a reader can write in {', '.join(choice.open)} of {scene.environment}, and no policy override is possible:"
                " nothing of the tenant has been changed",
                hint="set a deployer that can write policy files, or accept the hole with --allow-partial; then undo this operation and begin again",
            )
        means = {service: tuple(str(m) for m in chosen) for service, chosen in choice.means.items()}
        if means != {s: tuple(m) for s, m in fence.means.items()}:
            ctx.tools.fences.put_fence(replace(fence, means=means))
            ctx.progress(
                "chosen again: "
                + ", ".join(f"{s} by {' and '.join(m) or 'nothing'}" for s, m in means.items())
            )


class Settle(Step):
    """Wait until old tokens are forgotten and requests in flight have ended."""

    name: ClassVar[str] = "settle"
    title: ClassVar[str] = "Wait for old tokens and for what is in progress"

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        self._outlast_tokens(ctx, scene)
        deadline = ctx.clock.monotonic() + float(ctx.params["settle_s"])

        def calm() -> Sequence[TenantServer] | None:
            busy = [
                s
                for s in scene.tenants.tenant_servers(scene.tenant_id)
                if s.task or s.status in IN_TRANSITION
            ]
            return busy if not busy or ctx.clock.monotonic() >= deadline else None

        busy = ctx.poll(
            calm,
            what="the tenant's servers to be at rest",
            deadline_s=float(ctx.params["settle_s"]) + 60,
            interval_s=2.0,
        )
        if busy:
            ctx.emit(
                "tenant.in_transition",
                f"{len(busy)} servers still have a task in progress: {names(f'{s.name} ({s.task or s.status})' for s in busy)}",
                severity=Severity.WARNING,
                servers=[s.id for s in busy],
            )
            ctx.conclude(f"{len(busy)} servers still have a task in progress")

    def _outlast_tokens(self, ctx: StepContext, scene: Scene) -> None:
        fence = scene.standing_fence()
        held = [s for s, means in fence.means.items() if Means.ROLES in means and s != "keystone"]
        if not held:
            return
        caches: dict[str, Any] = ctx.plan.decisions["token_cache_s"]
        wait_s = max(int(caches[service]) for service in held) + MARGIN_S
        if ctx.recall("swapped_at") is None:
            ctx.remember(swapped_at=ctx.clock.now().isoformat())
        until = datetime.fromisoformat(ctx.recall("swapped_at")) + timedelta(seconds=wait_s)
        told = 0

        def passed() -> bool | None:
            nonlocal told
            rest = (until - ctx.clock.now()).total_seconds()
            if rest <= 0:
                return True
            if told == 0 or told - rest >= 30:
                told = int(rest)
                ctx.progress(f"{', '.join(held)} may believe old tokens for {rest:.0f} s more")
            return None

        ctx.poll(passed, what="old tokens to be forgotten", deadline_s=wait_s + 60, interval_s=1.0)


class Stand(Step):
    """Say that it stands."""

    name: ClassVar[str] = "stand"
    title: ClassVar[str] = "Note that the tenant is in maintenance"

    @override
    def do(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        fence = replace(scene.standing_fence(), state=FenceState.ON)
        ctx.tools.fences.put_fence(fence)
        weak = weak_services(fence)
        words = f"; NOT protected: {', '.join(weak)}" if weak else ""
        ctx.emit(
            "tenant.maintenance_entered",
            f"tenant {fence.tenant_name} of {fence.environment} is in maintenance: its members look, but do not touch{words}",
            subject=ctx.operation.subject,
            environment=fence.environment,
            severity=Severity.WARNING if weak else Severity.INFO,
            notify=True,
            reason=fence.reason,
        )

    @override
    def undo(self, ctx: StepContext) -> None:
        scene = Scene.of(ctx)
        if scene.fence is not None:
            ctx.tools.fences.put_fence(replace(scene.fence, state=FenceState.LEAVING))


def left(ctx: StepContext, scene: Scene) -> None:
    """Nothing of the fence stands any more: forget it, unless the journal still has something to put back, and tell."""
    fence = scene.standing_fence()
    unfinished = scene.entries(*CHANGING, states=TO_RESTORE)
    if unfinished:
        what = names(f"{e.kind} {e.key}" for e in unfinished)
        raise PermanentError(
            f"the journal still holds what was not put back: {what}",
            hint="retry; nothing is forgotten until it is",
        )
    drifted = ctx.recall("drift") or scene.entries(states=[EntryState.DRIFTED])
    words = "; what others changed meanwhile is left so" if drifted else ""
    # told first: a crash in between tells it twice, and never not at all
    ctx.emit(
        "tenant.maintenance_left",
        f"tenant {fence.tenant_name} of {fence.environment} has left maintenance: all that we changed is put back{words}",
        subject=ctx.operation.subject,
        environment=fence.environment,
        notify=True,
        reason=fence.reason,
    )
    ctx.tools.fences.drop_fence(fence.environment, fence.tenant_id)
