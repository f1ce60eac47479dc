"""Routes of tenants: list, show, maintenance on, off and verify, and the fences that stand."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from pumphouse.api import starting
from pumphouse.api.depends import Door, DryRun, IdempotencyKey, allow
from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.fence import LOCK_KIND, UNLOCK_KIND, VERIFY_KIND, Fence
from pumphouse.services.access import Actor, Permission
from pumphouse.services.door import Services
from pumphouse.services.fences import StandingFence
from pumphouse.wire.model import Page
from pumphouse.wire.node import UnreachableView
from pumphouse.wire.operation import OperationView
from pumphouse.wire.tenant import (
    FenceView,
    TenantDetailsView,
    TenantMaintenanceRequest,
    TenantPage,
    TenantView,
)

router = APIRouter(prefix="/v1", tags=["tenants"])
Reader = Annotated[Actor, allow(Permission.TENANT_READ)]
# a tenant's name may hold a slash; one that ends in /maintenance is asked for by its id
TENANT = "/environments/{environment}/tenants/{tenant:path}"
KINDS = {"on": LOCK_KIND, "off": UNLOCK_KIND, "verify": VERIFY_KIND}


@router.get("/tenants")
def list_tenants(
    services: Door, actor: Reader, environment: Annotated[str | None, Query(max_length=255)] = None
) -> TenantPage:
    """The tenants of one environment or of all, asked concurrently."""
    del actor
    found = services.tenants.list(environment)
    return TenantPage(
        items=[
            TenantView.of(one.tenant, server_count=one.server_count, fence=_short(one.fence))
            for one in found.tenants
        ],
        unreachable=tuple(
            UnreachableView(environment=name, code=e.code, detail=e.message, hint=e.hint)
            for name, e in found.unreachable.items()
        ),
    )


@router.get("/maintenance/tenants")
def list_fences(
    services: Door, actor: Reader, environment: Annotated[str | None, Query(max_length=255)] = None
) -> Page[FenceView]:
    """The tenants in maintenance, from our own records: also when a cloud does not answer."""
    del actor
    name = None if environment is None else services.environments.show(environment).name
    return Page(items=[_view(standing, proof=False) for standing in services.fences.list(name)])


@router.get(TENANT + "/maintenance")
def show_fence(environment: str, tenant: str, services: Door, actor: Reader) -> FenceView:
    """The fence around a tenant, with its last proof; 404 when there is none."""
    del actor
    found = services.tenants.resolve(environment, tenant)
    return _view(services.fences.show(found.environment, found.id, called=tenant))


@router.get(TENANT)
def show_tenant(environment: str, tenant: str, services: Door, actor: Reader) -> TenantDetailsView:
    """One tenant, freshly read: its people and where their roles come from, its servers, what it has, and its maintenance."""
    del actor
    found = services.tenants.show(environment, tenant)
    fence = None if found.fence is None else _view(services.fences.of(found.fence))
    return TenantDetailsView.details(found.people, found.servers, found.counts, fence)


@router.post(TENANT + "/maintenance", status_code=202, responses=starting.ANSWERS, response_model=None)
def maintain_tenant(
    environment: str,
    tenant: str,
    wanted: TenantMaintenanceRequest,
    services: Door,
    actor: Annotated[Actor, allow(Permission.TENANT_MAINTAIN)],
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Let the users of a tenant look but not touch, prove that it is so, or give everything back."""
    kind = KINDS[wanted.action]
    sent = [environment, tenant, wanted.model_dump(mode="json", exclude_unset=True)]
    if wanted.action == "off" and not dry_run:
        _options(services, wanted)
        operation = services.operations.answered(kind, sent, idempotency_key)
        if operation is None:
            found = services.tenants.resolve(environment, tenant)
            operation = services.fences.lift(found, actor=actor.name, key=idempotency_key, sent=sent)
        return starting.accepted(OperationView.of(operation))
    return starting.start(
        services,
        actor,
        kind,
        lambda: {**_options(services, wanted), **services.tenants.resolve(environment, tenant).params},
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        sent=sent,
    )


def _options(services: Services, wanted: TenantMaintenanceRequest) -> Mapping[str, Any]:
    given = wanted.model_dump(mode="json", exclude_none=True, exclude={"action", "until"})
    if wanted.action != "on":
        for field in [*given, *(["until"] if wanted.until else [])]:
            raise InvalidInputError(
                field, getattr(wanted, field), "is for the action on only", hint=f"leave {field} out"
            )
    if wanted.until is not None:
        given["until"] = services.fences.check_until(wanted.until).isoformat()
    return given


def _view(standing: StandingFence, *, proof: bool = True) -> FenceView:
    return FenceView.of(
        standing.fence,
        age_s=standing.age_s,
        operation=standing.operation,
        findings=standing.findings,
        proof=proof,
    )


def _short(fence: Fence | None) -> FenceView | None:
    return None if fence is None else FenceView.of(fence, proof=False)
