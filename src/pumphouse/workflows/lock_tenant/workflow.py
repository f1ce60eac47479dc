"""The workflows `lock_tenant`, `unlock_tenant` and `verify_tenant`; docs/tenants.md is their book."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.fence import (
    LOCK_KIND,
    UNLOCK_KIND,
    VERIFY_KIND,
    Fence,
    FenceState,
    Means,
    tenant_lock,
)
from pumphouse.domain.finding import Finding, critical, info, warning
from pumphouse.domain.plan import Plan, PlannedItem
from pumphouse.domain.tenant import Source
from pumphouse.engine.step import Step
from pumphouse.engine.workflow import OnFailure, PlanContext
from pumphouse.workflows.lock_tenant.by_policy import described
from pumphouse.workflows.lock_tenant.canary import Canary
from pumphouse.workflows.lock_tenant.choice import wanted_means
from pumphouse.workflows.lock_tenant.findings import entering, names
from pumphouse.workflows.lock_tenant.lifting import BeginLifting, CompareGrants, ForgetFence, ProveAccess
from pumphouse.workflows.lock_tenant.look import Look, look, views_of
from pumphouse.workflows.lock_tenant.proof import Prove
from pumphouse.workflows.lock_tenant.raising import ActAsMember, RecordTenant, Settle, Stand, TryReader
from pumphouse.workflows.lock_tenant.scene import TO_RESTORE, Scene
from pumphouse.workflows.lock_tenant.steps import (
    CHANGES,
    MECHANISMS,
    FreeQuotas,
    GiveReader,
    GrantRolesAgain,
    LiftPolicies,
    LockServers,
    OverridePolicies,
    PinQuotas,
    TakeReader,
    UnlockServers,
    WithdrawRoles,
)
from pumphouse.workflows.lock_tenant.verifying import CompareJournal, ProveServices, RemoveMember
from pumphouse.workflows.one_tenant import OneTenant
from pumphouse.workflows.parameters import Parameters

PER_CHANGE_S = 0.15
PER_POLICY_S = 4.0
PROOF_S = 20.0


class _OneTenant(OneTenant):
    """What the three have in common: they are about one tenant and exclude each other there."""

    verb: ClassVar[str]

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"{self.verb} for tenant {params['name'] or params['tenant']} of {params['environment']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [tenant_lock(params["environment"], params["tenant"])]


class LockTenant(_OneTenant):
    """Members of a tenant look, but do not touch; proven as one of them."""

    kind: ClassVar[str] = LOCK_KIND
    verb: ClassVar[str] = "maintenance on"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = _common(params)
        read.text("reason", "", longest=200)
        until = read.text("until", "")
        if until:
            _moment(until)
        means = read.text("means", "auto")
        fast = read.flag("fast", default=False)
        try:
            wanted = wanted_means(means, fast=fast)
        except ValueError as error:
            options = ", ".join(Means)
            raise InvalidInputError("means", means, f"must be auto, or a list of: {options}") from error
        if fast and wanted != (Means.POLICY,):
            raise InvalidInputError("fast", fast, "only a policy override is in force without waiting", hint="leave --means out, or say --means policy")  # fmt: skip
        read.flag("allow_partial", default=False)
        read.number("settle_s", 120, low=0, high=3600)
        read.number("parallel", 8, low=1, high=64)
        read.choice("on_failure", ("pause", "undo"), "pause")
        return read.end()

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        scene = Scene.planned(ctx, params)
        seen = look(scene, wanted_means(params["means"], fast=params["fast"]))
        until = _moment(params["until"]) if params["until"] else None
        findings = entering(seen, allow_partial=params["allow_partial"], until=until, now=ctx.clock.now())
        items = _planned_changes(scene, seen)
        policies = len(seen.choice.services_of(Means.POLICY))
        estimate = PROOF_S + policies * PER_POLICY_S + len(items) * PER_CHANGE_S + seen.token_cache_s
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=_summary(seen),
            steps=self.planned_steps(params),
            items=items,
            findings=findings,
            estimate_s=estimate,
            decisions={
                "means": {s: [str(m) for m in chosen] for s, chosen in seen.choice.means.items()},
                "overridable": sorted(seen.facts.overridable),
                "honours": dict(seen.facts.honours),
                "token_cache_s": {s: seen.cache_of(s) for s in seen.choice.means},
            },
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        canary = Canary()
        return [
            RecordTenant(),
            ActAsMember(canary),
            TryReader(),
            OverridePolicies(),
            GiveReader(),
            WithdrawRoles(),
            LockServers(),
            PinQuotas(),
            Settle(),
            Prove(canary),
            Stand(),
        ]


class UnlockTenant(_OneTenant):
    """Everything is as it was found when the fence went up."""

    kind: ClassVar[str] = UNLOCK_KIND
    verb: ClassVar[str] = "maintenance off"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        read = _common(params)
        read.number("parallel", 8, low=1, high=64)
        return read.end()

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        scene = Scene.planned(ctx, params)
        fence = scene.fence
        entries = scene.entries(*CHANGES, states=TO_RESTORE) if fence else []
        items = [
            PlannedItem(
                e.key, str(e.data.get("holder_name") or e.data.get("name") or e.key), e.kind, "put back"
            )
            for e in reversed(entries)
        ]
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{len(items)} changes are put back, then compared with what was found and tried as a member",
            steps=self.planned_steps(params),
            items=items,
            findings=[*_leaving(fence, params), *_neutral_files(scene, fence)],
            estimate_s=PROOF_S + len(items) * PER_CHANGE_S,
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [
            BeginLifting(),
            FreeQuotas(),
            UnlockServers(),
            GrantRolesAgain(),
            TakeReader(),
            LiftPolicies(),
            CompareGrants(),
            ProveAccess(),
            ForgetFence(),
        ]


class VerifyTenant(_OneTenant):
    """Whether the fence still holds: our changes against the clouds, then every service as a member."""

    kind: ClassVar[str] = VERIFY_KIND
    verb: ClassVar[str] = "verify maintenance"

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        return _common(params).end()

    @override
    def on_failure(self, params: Mapping[str, Any]) -> OnFailure:
        # a hole is reported, and the next service is tried
        return "skip"

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        fence = Scene.planned(ctx, params).fence
        services = list(fence.means) if fence else []
        return Plan(
            kind=self.kind,
            title=self.title(params),
            summary=f"{len(services)} services are tried as a short-lived member of the tenant",
            steps=self.planned_steps(params),
            items=[PlannedItem(s, s, "service", "try") for s in services],
            findings=_leaving(fence, params),
            estimate_s=PROOF_S,
        )

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [CompareJournal(), ProveServices(Canary()), RemoveMember()]


def _common(params: Mapping[str, Any]) -> Parameters:
    read = Parameters(params)
    read.text("environment")
    read.text("tenant")
    read.text("name", "")
    return read


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError("until", text, "must be a time such as 2027-01-31T18:00:00+00:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _planned_changes(scene: Scene, seen: Look) -> list[PlannedItem]:
    items = []
    for mechanism in MECHANISMS:
        services = seen.choice.services_of(mechanism.means)
        if not services:
            continue
        by_policy = mechanism.means is Means.POLICY
        planned = described(services, seen.views) if by_policy else mechanism.plan(scene, services)
        items += [
            PlannedItem(a.key, a.name, mechanism.kind, str(mechanism.means), reason=a.what) for a in planned
        ]
    return items


def _summary(seen: Look) -> str:
    by = [f"{', '.join(seen.choice.services_of(m))} by {m}" for m in Means if seen.choice.services_of(m)]
    people = {r.user_id for r in seen.people.roles if not {Source.DOMAIN, Source.SYSTEM} & r.sources}
    open_ = f"; NOT fenced: {', '.join(seen.choice.open)}" if seen.choice.open else ""
    return f"{len(people)} users look, but do not touch: {'; '.join(by) or 'nothing is held'}{open_}"


def _neutral_files(scene: Scene, fence: Fence | None) -> list[Finding]:
    """Where a rule stays in force although its file is gone, a file that says the defaults is left."""
    held = [s for s, means in fence.means.items() if Means.POLICY in means] if fence else []
    if not held:
        return []
    views, _, _ = views_of(scene.policy)
    return [
        info(
            "neutral-file",
            f"service {service}",
            f"it keeps rules whose file is gone until it is restarted: {view.where} then says the defaults and denies nobody",
            f"delete it after the next restart of {service}: it hides later changes of its policy",
        )
        for service, view in views.items()
        if service in held and view.keeps_removed
    ]


def _leaving(fence: Fence | None, params: Mapping[str, Any]) -> list[Finding]:
    subject = f"tenant {params['name'] or params['tenant']}"
    if fence is None:
        return [critical("not-in-maintenance", subject, "we have no record of putting it into maintenance", "nothing needs to be done; see `pumphouse tenant maintenance status`")]  # fmt: skip
    since = f"since {fence.since:%Y-%m-%d %H:%M} UTC ({fence.reason or 'no reason given'})"
    if fence.state is FenceState.ON:
        return [info("in-maintenance", subject, since)]
    held = names(f"{s} by {' and '.join(m)}" for s, m in fence.means.items() if m)
    return [warning("unfinished", subject, f"it was not finished: {fence.state} {since}; meant were {held or 'no means'}")]  # fmt: skip
