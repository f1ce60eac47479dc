"""Routes of duplicates: duplicate an environment, and delete one that nobody uses."""

from typing import Annotated

from fastapi import APIRouter, Response

from pumphouse.api import starting
from pumphouse.api.depends import Door, DryRun, IdempotencyKey, allow
from pumphouse.services.access import Actor, Permission
from pumphouse.wire.duplication import DeleteEnvironmentRequest, DuplicateRequest

router = APIRouter(prefix="/v1/environments", tags=["environments"])
Builder = Annotated[Actor, allow(Permission.ENVIRONMENT_WRITE)]


@router.post("/{environment}/duplicate", status_code=202, responses=starting.ANSWERS, response_model=None)
def duplicate_environment(
    environment: str,
    wanted: DuplicateRequest,
    services: Door,
    actor: Builder,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Build a new environment like this one, under a given release, and prove that it is like it."""
    return starting.start(
        services,
        actor,
        "duplicate_environment",
        lambda: {
            "environment": services.environments.show(environment).name,
            **wanted.model_dump(mode="json", exclude_none=True),
        },
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        sent=[environment, wanted.model_dump(mode="json", exclude_unset=True)],
    )


@router.post("/{environment}/delete", status_code=202, responses=starting.ANSWERS, response_model=None)
def delete_environment(
    environment: str,
    wanted: DeleteEnvironmentRequest,
    services: Door,
    actor: Builder,
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Raze a duplicate that never got a node or a tenant, and forget it; `DELETE` only forgets."""
    del wanted
    return starting.start(
        services,
        actor,
        "delete_environment",
        lambda: {"environment": services.environments.show(environment).name},
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        sent=[environment],
    )
