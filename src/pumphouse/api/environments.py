"""Routes of environments: add, list, show, discover, check, change, remove, and their health."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from pumphouse.api import starting
from pumphouse.api.depends import Door, DryRun, IdempotencyKey, Limit, allow
from pumphouse.services.access import Actor, Permission
from pumphouse.services.environments import AddEnvironment
from pumphouse.wire.environment import AccessCheckView, EnvironmentChange, EnvironmentView, NewEnvironment
from pumphouse.wire.health import HealthRequest, HealthRunView
from pumphouse.wire.model import Page
from pumphouse.wire.settings import DiffView, SettingsView

router = APIRouter(prefix="/v1/environments", tags=["environments"])
Reader = Annotated[Actor, allow(Permission.ENVIRONMENT_READ)]
Checker = Annotated[Actor, allow(Permission.ENVIRONMENT_CHECK)]
Refresh = Annotated[bool, Query(description="read the clouds anew first")]
Writer = Annotated[Actor, allow(Permission.ENVIRONMENT_WRITE)]


@router.get("")
def list_environments(services: Door, actor: Reader) -> Page[EnvironmentView]:
    """All environments, by name."""
    del actor
    return Page(items=[EnvironmentView.of(e) for e in services.environments.list()])


@router.post("", status_code=201)
def add_environment(
    wanted: NewEnvironment, services: Door, actor: Writer, response: Response
) -> EnvironmentView:
    """Take a cloud under management and look at it once."""
    del actor
    added = services.environments.add(
        AddEnvironment(
            name=wanted.name,
            cloud=wanted.cloud,
            config_file=wanted.config_file,
            variables=wanted.variables,
            store=wanted.store,
            deployer=wanted.deployer,
            deployer_options=wanted.deployer_options,
        )
    )
    response.headers["Location"] = f"/v1/environments/{added.name}"
    return EnvironmentView.of(added)


@router.get("/{environment}")
def show_environment(environment: str, services: Door, actor: Reader) -> EnvironmentView:
    """One environment, as it was last discovered."""
    del actor
    return EnvironmentView.of(services.environments.show(environment))


@router.patch("/{environment}")
def change_environment(
    environment: str, change: EnvironmentChange, services: Door, actor: Writer
) -> EnvironmentView:
    """Set the deployer or its options."""
    del actor
    return EnvironmentView.of(
        services.environments.change(
            environment, deployer=change.deployer, deployer_options=change.deployer_options
        )
    )


@router.delete("/{environment}", status_code=204)
def remove_environment(environment: str, services: Door, actor: Writer) -> None:
    """Forget an environment; the cloud is not touched."""
    del actor
    services.environments.remove(environment)


@router.post("/{environment}/discovery")
def discover_environment(environment: str, services: Door, actor: Checker) -> EnvironmentView:
    """Discover the cloud anew."""
    del actor
    return EnvironmentView.of(services.environments.refresh(environment))


@router.post("/{environment}/check")
def check_environment(environment: str, services: Door, actor: Checker) -> Page[AccessCheckView]:
    """Try the credentials against each service."""
    del actor
    checked, checks = services.environments.check(environment)
    return Page(items=[AccessCheckView.of(checked.name, c) for c in checks])


@router.get("/{environment}/settings")
def show_settings(environment: str, services: Door, actor: Reader, refresh: Refresh = False) -> SettingsView:
    """How an environment is built: each setting with its source, as last read; see docs/settings.md."""
    del actor
    return SettingsView.of(services.settings.show(environment, refresh=refresh))


@router.get("/{environment}/diff/{other}")
def diff_environments(
    environment: str, other: str, services: Door, actor: Reader, refresh: Refresh = False
) -> DiffView:
    """Two environments side by side, with what matters for moving nodes and tenants from the first to the second."""
    del actor
    return DiffView.of(services.settings.diff(environment, other, refresh=refresh))


@router.post("/{environment}/health", status_code=202, responses=starting.ANSWERS, response_model=None)
def run_health(
    environment: str,
    wanted: HealthRequest,
    services: Door,
    actor: Annotated[Actor, allow(Permission.HEALTH_RUN)],
    dry_run: DryRun = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Run a set of health checks."""
    return starting.start(
        services,
        actor,
        "check_health",
        lambda: {"environment": services.environments.show(environment).name, "set": wanted.set},
        dry_run=dry_run,
        idempotency_key=idempotency_key,
        sent=[environment, wanted.model_dump(mode="json", exclude_unset=True)],
    )


@router.get("/{environment}/health")
def list_health(
    environment: str,
    services: Door,
    actor: Annotated[Actor, allow(Permission.HEALTH_READ)],
    limit: Limit = 20,
) -> Page[HealthRunView]:
    """Earlier runs, newest first."""
    del actor
    return Page(items=[HealthRunView.of(r) for r in services.health.runs(environment, limit=limit)])
