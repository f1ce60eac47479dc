"""Toy tenants and toy workflows that put up and lift fences; used by the bench, for what people and clients see of them.

The toys write the fence's record and the table of probes as the real ones do, and touch no cloud. `gate` holds them until it is opened.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from typing_extensions import override

from pumphouse.domain.errors import AmbiguousError, CloudFaultError, CloudRefusedError, NotFoundError
from pumphouse.domain.fence import PROOF_MEMORY, Fence, FenceState, tenant_lock
from pumphouse.domain.finding import critical
from pumphouse.domain.plan import Plan
from pumphouse.domain.tenant import (
    ApplicationCredential,
    EffectiveRole,
    Grant,
    HolderKind,
    Place,
    Source,
    Tenant,
    TenantPeople,
    TenantServer,
    Trust,
)
from pumphouse.engine.step import Step, StepContext
from pumphouse.engine.workflow import PlanContext, Workflow
from pumphouse.ports.identity import Tenants

ACME, GLOBEX, SLASH = "a" * 32, "b" * 32, "c" * 32


class ToyTenants(Tenants):
    """Three tenants with canned answers; `silent` makes every answer a CloudFaultError. Only what is looked at by surfaces is there."""

    def __init__(self, environment: str) -> None:
        self.environment = environment
        self.silent = False
        self.known = [
            Tenant(ACME, "acme", environment, "default", "Default", tags=("paying",)),
            Tenant(GLOBEX, "globex", environment, "default", "Default", enabled=False),
            Tenant(SLASH, "web/shop:eu", environment, "d2", "partners"),
        ]
        self.sweeps = 0

    @override
    def tenants(self) -> Sequence[Tenant]:
        self._answer()
        return list(self.known)

    @override
    def tenant(self, name_or_id: str) -> Tenant:
        self._answer()
        found = [t for t in self.known if name_or_id in {t.id, t.name, f"{t.domain_name}:{t.name}"}]
        if not found:
            raise NotFoundError("tenant", name_or_id)
        if len(found) > 1:
            ways = ", ".join(f"{t.domain_name}:{t.name} ({t.id})" for t in found)
            raise AmbiguousError(f"several tenants are called {name_or_id!r}", hint=f"use one of: {ways}")
        return found[0]

    @override
    def people(self, tenant_id: str) -> TenantPeople:
        tenant = self.tenant(tenant_id)
        place = (Place.PROJECT, tenant_id)
        return TenantPeople(
            tenant,
            grants=(
                Grant(HolderKind.USER, "u1", "r1", *place, holder_name="ann", role_name="member"),
                Grant(HolderKind.GROUP, "g1", "r1", *place, holder_name="eng", role_name="member"),
            ),
            roles=(
                EffectiveRole("u1", "ann", "Default", "r1", "member", frozenset({Source.DIRECT})),
                EffectiveRole(
                    "u1", "ann", "Default", "r2", "reader", frozenset({Source.IMPLIED}), via="implied by member"
                ),
                EffectiveRole("u2", "bob", "Default", "r1", "member", frozenset({Source.GROUP}), via="group eng"),
                EffectiveRole(
                    "u3", "carl", "partners", "r3", "manager", frozenset({Source.GROUP, Source.INHERITED}),
                    via="group chiefs, inherited from domain Default",
                ),
            ),
            application_credentials=(
                ApplicationCredential("ac1", "ci", "u1", tenant_id, ("member",), unrestricted=True),
            ),
            trusts=(
                Trust("t1", "u1", "u9", tenant_id, ("member",), expires_at=datetime(2027, 1, 1, tzinfo=UTC)),
            ),
            ec2_credentials={"u1": 2},
            federated=("mapping saml: group eng",),
        )  # fmt: skip

    @override
    def tenant_servers(self, tenant_id: str) -> Iterator[TenantServer]:
        self._answer()
        yield TenantServer("s2", "web", "ACTIVE", task="rebooting")
        yield TenantServer("s1", "db", "SHUTOFF", locked=True, locked_reason="mine")

    @override
    def tenant_counts(self, tenant_id: str) -> Mapping[str, int]:
        self._answer()
        return {"networks": 2, "volumes": 3, "servers": 2}

    @override
    def server_counts(self) -> Mapping[str, int]:
        self._answer()
        self.sweeps += 1
        return {ACME: 2}

    def _answer(self) -> None:
        if self.silent:
            raise CloudFaultError(f"{self.environment} does not answer")


@dataclass
class Fencing:
    """What a test decides about the toys: the step of which kind fails, and whether the fence leaks."""

    gate: threading.Event = field(default_factory=threading.Event)
    failing: set[str] = field(default_factory=set)
    leaks: bool = False

    def __post_init__(self) -> None:
        self.gate.set()


def proof(*, wanted: str, leaks: bool = False) -> list[dict[str, Any]]:
    """A table as workflows remember it."""
    status = 202 if leaks or wanted != "denied" else 403
    verdict = "broken" if leaks else "as wanted"
    write = {"service": "nova", "action": "create a server", "writes": True, "wanted": wanted}
    read = {"service": "nova", "action": "list servers", "writes": False, "wanted": "allowed"}
    return [
        {**write, "verdict": verdict, "status": status, "login": "fresh token", "detail": ""},
        {**read, "verdict": "as wanted", "status": 200, "login": "fresh token", "detail": ""},
    ]


def toy_fencing(fencing: Fencing) -> list[Workflow]:
    """The three workflows."""
    return [ToyFencing(kind, fencing) for kind in ("lock_tenant", "unlock_tenant", "verify_tenant")]


class ToyFencing(Workflow):
    """One of them."""

    def __init__(self, kind: str, fencing: Fencing) -> None:
        self.kind = kind  # type: ignore[misc]  # one class stands for three kinds here
        self._fencing = fencing

    @override
    def normalise(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        defaults = {"reason": "", "until": "", "means": "auto", "fast": False, "allow_partial": False}
        return {**(defaults if self.kind == "lock_tenant" else {}), **params}

    @override
    def title(self, params: Mapping[str, Any]) -> str:
        return f"{self.kind} {params['tenant'][:4]} of {params['environment']}"

    @override
    def environment(self, params: Mapping[str, Any]) -> str:
        return str(params["environment"])

    @override
    def subject(self, params: Mapping[str, Any]) -> str:
        return f"{params['environment']}/{params['tenant']}"

    @override
    def locks(self, params: Mapping[str, Any]) -> Sequence[str]:
        return [tenant_lock(params["environment"], params["tenant"])]

    @override
    def plan(self, ctx: PlanContext, params: Mapping[str, Any]) -> Plan:
        fenced = ctx.tools.fences.fence(params["environment"], params["tenant"])
        findings = []
        if fenced is None and self.kind != "lock_tenant":
            findings.append(critical("not-in-maintenance", "tenant", "it is not in maintenance", "nothing"))
        if params.get("reason") == "block":
            findings.append(critical("unfenced", "service neutron", "it cannot be fenced", "--allow-partial"))
        return Plan(
            self.kind, self.title(params), "users may look but not touch", self.planned_steps(params), [], findings
        )  # fmt: skip

    @override
    def steps(self, params: Mapping[str, Any]) -> Sequence[Step]:
        return [ToyFence(self.kind, self._fencing)]


class ToyFence(Step):
    name: ClassVar[str] = "fence"
    title: ClassVar[str] = "See to the fence"

    def __init__(self, kind: str, fencing: Fencing) -> None:
        self._kind = kind
        self._fencing = fencing

    @override
    def do(self, ctx: StepContext) -> None:
        environment, tenant_id = ctx.params["environment"], ctx.params["tenant"]
        fences = ctx.tools.fences
        fence = fences.fence(environment, tenant_id)
        if self._kind == "lock_tenant":
            fence = _made(ctx)
            fences.put_fence(fence)
        assert fence is not None
        if self._kind == "unlock_tenant":
            fences.put_fence(replace(fence, state=FenceState.LEAVING))
        ctx.poll(lambda: self._fencing.gate.is_set() or None, what="the gate", deadline_s=20, interval_s=0.01)
        if self._kind in self._fencing.failing:
            raise CloudRefusedError("keystone refused it", hint="look at keystone")
        wanted = "let through" if self._kind == "unlock_tenant" else "denied"
        found = proof(wanted=wanted, leaks=self._fencing.leaks)
        ctx.remember(**{PROOF_MEMORY: found})
        if self._kind == "unlock_tenant":
            fences.drop_fence(environment, tenant_id)
            return
        fences.put_fence(replace(fence, state=FenceState.ON, proof=tuple(found), proven_at=ctx.clock.now()))


def toy_fence(since: datetime, tenant: str = ACME, environment: str = "old", **values: Any) -> Fence:
    """A fence that stands and is proven."""
    fence = Fence(
        environment,
        tenant,
        {ACME: "acme", GLOBEX: "globex", SLASH: "web/shop:eu"}[tenant],
        "d2" if tenant == SLASH else "default",
        FenceState.ON,
        "the move",
        since,
        "op-1",
        "tester",
        means={"nova": ("policy",), "neutron": ("policy", "roles")},
        proof=tuple(proof(wanted="denied")),
        proven_at=since,
    )
    return replace(fence, **values)


def _made(ctx: StepContext) -> Fence:
    until = ctx.params["until"]
    return toy_fence(
        ctx.clock.now(),
        ctx.params["tenant"],
        ctx.params["environment"],
        state=FenceState.ENTERING,
        reason=ctx.params["reason"],
        operation_id=ctx.operation.id,
        actor=ctx.operation.actor,
        until=datetime.fromisoformat(until) if until else None,
        proof=(),
        proven_at=None,
    )
