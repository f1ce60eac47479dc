"""Routes of migrations: migrate a tenant, verify, roll back and commit that, and what came of it. Included ahead of the tenants' routes, whose names may hold slashes."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from pumphouse.api import starting
from pumphouse.api.depends import Door, DryRun, IdempotencyKey, allow
from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.migration import COMMIT_KIND, MIGRATE_KIND, ROLLBACK_KIND, VERIFY_MIGRATION_KIND
from pumphouse.domain.report_page import page
from pumphouse.domain.resource import MoveState
from pumphouse.services.access import Actor, Permission
from pumphouse.services.door import Services
from pumphouse.services.migrations import RecordedMigration
from pumphouse.wire.migration import MigrateRequest, MigrationRequest, MigrationView, ReportView
from pumphouse.wire.model import Page

router = APIRouter(prefix="/v1", tags=["migrations"])
Reader = Annotated[Actor, allow(Permission.TENANT_READ)]
Verifier = Annotated[Actor, allow(Permission.TENANT_MAINTAIN)]
Mover = Annotated[Actor, allow(Permission.TENANT_MIGRATE)]
Committer = Annotated[Actor, allow(Permission.TENANT_COMMIT)]
Destination = Annotated[
    str | None,
    Query(min_length=1, max_length=255, description="the only one of that tenant when left out"),
]
# a tenant's name may hold a slash; one that ends in one of these words is asked for by its id
TENANT = "/environments/{environment}/tenants/{tenant:path}"


@router.get("/migrations")
def list_migrations(
    services: Door, actor: Reader, environment: Annotated[str | None, Query(max_length=255)] = None
) -> Page[MigrationView]:
    """The migrations on record, out of an environment and into it, or all: also when a cloud does not answer."""
    del actor
    return Page(items=[_view(one) for one in services.migrations.list(environment)])


@router.get(TENANT + "/migration")
def show_migration(
    environment: str, tenant: str, services: Door, actor: Reader, destination: Destination = None
) -> ReportView:
    """What came of a tenant's migration: what moved and how that was proven, what did not and why."""
    del actor
    return ReportView.of(services.migrations.report(environment, tenant, destination))


@router.get(TENANT + "/migration/report", response_class=HTMLResponse)
def show_migration_report(
    environment: str, tenant: str, services: Door, actor: Reader, destination: Destination = None
) -> HTMLResponse:
    """The same as one page that needs nothing from elsewhere."""
    del actor
    found = services.migrations.report(environment, tenant, destination)
    return HTMLResponse(
        page(found), headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    )


@router.post(TENANT + "/migrate", status_code=202, responses=starting.ANSWERS, response_model=None)
def migrate_tenant(
    environment: str,
    tenant: str,
    wanted: MigrateRequest,
    services: Door,
    actor: Mover,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Move a tenant's whole workload to another environment. The source stays, fenced, until it is committed."""
    return starting.start(
        services,
        actor,
        MIGRATE_KIND,
        lambda: _params(services, environment, tenant, wanted),
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        sent=[environment, tenant, wanted.model_dump(mode="json", exclude_unset=True)],
    )


@router.post(TENANT + "/migration/verify", status_code=202, responses=starting.ANSWERS, response_model=None)
def verify_migration(
    environment: str,
    tenant: str,
    wanted: MigrationRequest,
    services: Door,
    actor: Verifier,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Compare again what is in the destination with the source, field by field."""
    return _on_migration(
        services,
        actor,
        VERIFY_MIGRATION_KIND,
        (environment, tenant, wanted),
        dry_run=dry_run,
        key=idempotency_key,
    )


@router.post(TENANT + "/migration/rollback", status_code=202, responses=starting.ANSWERS, response_model=None)
def roll_migration_back(
    environment: str,
    tenant: str,
    wanted: MigrationRequest,
    services: Door,
    actor: Mover,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Remove from the destination what the migration has made there, and give the source back to its users."""
    return _on_migration(
        services, actor, ROLLBACK_KIND, (environment, tenant, wanted), dry_run=dry_run, key=idempotency_key
    )


@router.post(TENANT + "/migration/commit", status_code=202, responses=starting.ANSWERS, response_model=None)
def commit_migration(
    environment: str,
    tenant: str,
    wanted: MigrationRequest,
    services: Door,
    actor: Committer,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Delete the source of what was moved and verified. There is no way back."""
    return _on_migration(
        services, actor, COMMIT_KIND, (environment, tenant, wanted), dry_run=dry_run, key=idempotency_key
    )


def _on_migration(
    services: Services,
    actor: Actor,
    kind: str,
    asked: tuple[str, str, MigrationRequest],
    *,
    dry_run: bool,
    key: str | None,
) -> Response:
    environment, tenant, wanted = asked
    return starting.start(
        services,
        actor,
        kind,
        lambda: services.migrations.resolve(environment, tenant, wanted.destination).params,
        dry_run=dry_run,
        idempotency_key=key,
        sent=[environment, tenant, wanted.model_dump(mode="json", exclude_unset=True)],
    )


def _params(services: Services, environment: str, tenant: str, wanted: MigrateRequest) -> Mapping[str, Any]:
    found = services.tenants.resolve(environment, tenant)
    destination = services.environments.show(wanted.destination).name
    if destination == found.environment:
        raise InvalidInputError(
            "destination", destination, "the tenant is there already", hint="name another environment"
        )
    said = wanted.model_dump(mode="json", exclude_none=True, exclude={"destination"})
    return {**said, **found.params, "destination": destination}


def _view(one: RecordedMigration) -> MigrationView:
    return MigrationView(
        id=one.tenant_id,
        name=one.tenant_name,
        status=_word(one.states),
        environment=one.source,
        destination=one.destination,
        states=one.states,
    )


def _word(states: Mapping[MoveState, int]) -> str:
    """The least that all of it has reached."""
    order = list(MoveState)
    return str(min((state for state, count in states.items() if count), key=order.index))
