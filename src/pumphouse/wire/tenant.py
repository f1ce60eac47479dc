"""Tenants and the fences around them on the wire: how they are shown, and what can be asked for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, field_validator

from pumphouse.domain.fence import Fence, FenceState, Means, Verdict
from pumphouse.domain.finding import Finding
from pumphouse.domain.operation import Operation, OperationStatus
from pumphouse.domain.tenant import HolderKind, Place, Source, Tenant, TenantPeople, TenantServer
from pumphouse.wire.finding import FindingView
from pumphouse.wire.model import Page, Request, View
from pumphouse.wire.node import UnreachableView

AUTO = "auto"
WORDS: Mapping[FenceState, str] = {
    FenceState.ENTERING: "entering",
    FenceState.ON: "maintenance",
    FenceState.LEAVING: "leaving",
}
"""The status of a tenant and of its fence; without one it is `active`, or `disabled` in Keystone."""


class ProbeView(View):
    """One attempt of a proof. `status` is the HTTP status (0: no answer), `wanted` is denied, allowed, or let through (anything but 403)."""

    service: str
    action: str
    writes: bool = True
    wanted: str = ""
    verdict: Verdict
    status: int = 0
    login: str = ""
    detail: str = ""


class FenceView(View):
    """The fence around a tenant; `id` and `name` are the tenant's. `age_s` in seconds. `operation_id` is what put it up, `held_by` what holds the
    tenant now: it runs, or may still go on or back.
    """

    id: str
    name: str
    status: str
    environment: str
    domain_id: str
    reason: str
    since: datetime
    age_s: float = 0.0
    until: datetime | None = None
    actor: str = ""
    operation_id: str
    held_by: str | None = None
    held_status: OperationStatus | None = None
    means: Mapping[str, tuple[str, ...]] = {}
    proven_at: datetime | None = None
    findings: tuple[FindingView, ...] = ()
    proof: tuple[ProbeView, ...] = ()

    @classmethod
    def of(
        cls,
        fence: Fence,
        *,
        age_s: float = 0.0,
        operation: Operation | None = None,
        findings: Sequence[Finding] = (),
        proof: bool = True,
    ) -> Self:
        """The view of `fence`; its proof is long and can be left out."""
        return cls(
            id=fence.tenant_id,
            name=fence.tenant_name,
            status=WORDS[fence.state],
            environment=fence.environment,
            domain_id=fence.domain_id,
            reason=fence.reason,
            since=fence.since,
            age_s=age_s,
            until=fence.until,
            actor=fence.actor,
            operation_id=fence.operation_id,
            held_by=operation.id if operation else None,
            held_status=operation.status if operation else None,
            means=fence.means,
            proven_at=fence.proven_at,
            findings=tuple(FindingView.model_validate(f) for f in findings),
            proof=tuple(ProbeView.model_validate(p) for p in fence.proof) if proof else (),
        )


class TenantView(View):
    """A tenant (Keystone project), how many servers it has, and the fence around it."""

    id: str
    name: str
    status: str
    environment: str
    domain_id: str
    domain_name: str
    enabled: bool = True
    description: str = ""
    parent_id: str = ""
    tags: tuple[str, ...] = ()
    server_count: int = 0
    maintenance: FenceView | None = None

    @classmethod
    def of(cls, tenant: Tenant, *, server_count: int, fence: FenceView | None) -> Self:
        """The view of `tenant`."""
        return cls(
            id=tenant.id,
            name=tenant.name,
            status=fence.status if fence else "active" if tenant.enabled else "disabled",
            environment=tenant.environment,
            domain_id=tenant.domain_id,
            domain_name=tenant.domain_name,
            enabled=tenant.enabled,
            description=tenant.description,
            parent_id=tenant.parent_id,
            tags=tenant.tags,
            server_count=server_count,
            maintenance=fence,
        )


class TenantPage(Page[TenantView]):
    """The tenants that could be listed, and the environments that did not answer."""

    unreachable: tuple[UnreachableView, ...] = ()


class GrantView(View):
    """A role assignment on the tenant as Keystone stores it; an inherited one holds for the projects below only."""

    holder_kind: HolderKind
    holder_id: str
    holder_name: str = ""
    role_id: str
    role_name: str = ""
    place: Place
    place_id: str
    inherited: bool = False


class EffectiveRoleView(View):
    """A role that a user has in the tenant in the end, and why."""

    user_id: str
    user_name: str
    user_domain: str = ""
    role_id: str
    role_name: str
    sources: tuple[Source, ...] = ()
    via: str = ""

    @field_validator("sources", mode="before")
    @classmethod
    def _in_order(cls, value: object) -> object:
        return tuple(sorted(value)) if isinstance(value, frozenset) else value


class ApplicationCredentialView(View):
    """A user's application credential in the tenant."""

    id: str
    name: str
    user_id: str
    roles: tuple[str, ...] = ()
    unrestricted: bool = False
    expires_at: datetime | None = None


class TrustView(View):
    """A trust that hands out roles in the tenant."""

    id: str
    trustor_id: str
    trustee_id: str
    roles: tuple[str, ...] = ()
    impersonation: bool = False
    expires_at: datetime | None = None


class TenantServerView(View):
    """A server of the tenant; `task` is Nova's task_state, empty when it is at rest."""

    id: str
    name: str
    status: str
    task: str = ""
    locked: bool = False
    locked_reason: str = ""


class TenantDetailsView(TenantView):
    """A tenant with everything about it. `counts` are its networks, volumes and so on."""

    roles: tuple[EffectiveRoleView, ...] = ()
    grants: tuple[GrantView, ...] = ()
    application_credentials: tuple[ApplicationCredentialView, ...] = ()
    trusts: tuple[TrustView, ...] = ()
    ec2_credentials: Mapping[str, int] = {}
    federated: tuple[str, ...] = ()
    servers: tuple[TenantServerView, ...] = ()
    counts: Mapping[str, int] = {}

    @classmethod
    def details(
        cls,
        people: TenantPeople,
        servers: Sequence[TenantServer],
        counts: Mapping[str, int],
        fence: FenceView | None,
    ) -> Self:
        """The view of a tenant with its people and things."""
        found = cls.of(people.tenant, server_count=len(servers), fence=fence)
        return found.model_copy(
            update={
                "roles": tuple(EffectiveRoleView.model_validate(r) for r in people.roles),
                "grants": tuple(GrantView.model_validate(g) for g in people.grants),
                "application_credentials": tuple(
                    ApplicationCredentialView.model_validate(c) for c in people.application_credentials
                ),
                "trusts": tuple(TrustView.model_validate(t) for t in people.trusts),
                "ec2_credentials": dict(people.ec2_credentials),
                "federated": people.federated,
                "servers": tuple(TenantServerView.model_validate(s) for s in servers),
                "counts": dict(counts),
            }
        )


class TenantMaintenanceRequest(Request):
    """Put up a fence (`on`), lift it (`off`), or prove again that it holds (`verify`). All but `action` are for `on`; what is left out takes the
    workflow's default. `until` needs a time zone. `means` is `auto`, or names separated by commas: policy, roles, locks, quotas.
    """

    action: Literal["on", "off", "verify"]
    reason: str | None = Field(default=None, max_length=200)
    until: datetime | None = None
    means: str | None = Field(default=None, max_length=100)
    fast: bool | None = None
    allow_partial: bool | None = None

    @field_validator("means")
    @classmethod
    def _known_means(cls, value: str | None) -> str | None:
        if value is None or value.strip() == AUTO:
            return value and AUTO
        names = [name.strip() for name in value.split(",")]
        unknown = [name for name in names if name not in set(Means)]
        if unknown:
            known = ", ".join(Means)
            raise ValueError(f"{unknown[0]!r} is no means; give {AUTO}, or some of: {known}")
        return ",".join(dict.fromkeys(names))
