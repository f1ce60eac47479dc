"""Environments on the wire: how they are added, changed, shown and checked."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from pumphouse.domain.confidential import clean, masked
from pumphouse.domain.environment import AccessCheck, Environment
from pumphouse.wire.model import Request, View

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"


class NewEnvironment(Request):
    """A cloud to be managed: `cloud` is an entry of clouds.yaml, `config_file` the file on the machine where the application runs.

    With `store` its credentials are copied into the database, encrypted; without, the file stays their owner. In place of `cloud`, `variables`
    are the OS_* variables of a shell or an openrc file: always stored, encrypted, and never shown.
    """

    name: str = Field(pattern=NAME_PATTERN)
    cloud: str | None = Field(default=None, min_length=1, max_length=255)
    config_file: str | None = Field(default=None, max_length=4096)
    variables: Mapping[str, str] | None = Field(default=None, repr=False)
    store: bool = False
    deployer: str | None = Field(default=None, max_length=64)
    deployer_options: Mapping[str, Any] = {}


class EnvironmentChange(Request):
    """What may change later. Options are merged; one with the value null is taken away. `deployer` "" removes the deployer."""

    deployer: str | None = Field(default=None, max_length=64)
    deployer_options: Mapping[str, Any] | None = None


class EnvironmentView(View):
    """An environment as we know it; `facts` are what discovery found at `facts_at`. Credentials are never part of it, and secrets among
    the deployer's options are `***`.
    """

    id: str
    name: str
    status: str
    release: str = ""
    cloud: str
    config_file: str | None = None
    stored: bool = False
    deployer: str | None = None
    deployer_options: Mapping[str, Any] = {}
    added_at: datetime
    facts: Mapping[str, Any] = {}
    facts_at: datetime | None = None

    @classmethod
    def of(cls, environment: Environment) -> Self:
        """The view of `environment`."""
        return cls(
            id=environment.id,
            name=environment.name,
            status=environment.status,
            release=str(environment.facts.get("release") or ""),
            cloud=environment.access.cloud,
            config_file=environment.access.config_file,
            stored=environment.access.sealed is not None,
            deployer=environment.deployer,
            deployer_options=masked(environment.deployer_options),
            added_at=environment.added_at,
            facts=clean(environment.facts),
            facts_at=environment.facts_at,
        )


class AccessCheckView(View):
    """What one service answered to our credentials."""

    id: str
    name: str
    status: str
    environment: str
    endpoint: str
    detail: str
    hint: str = ""
    seconds: float = 0.0

    @classmethod
    def of(cls, environment: str, check: AccessCheck) -> Self:
        """The view of one `check` of an environment."""
        return cls(
            id=check.service,
            name=check.service,
            status="ok" if check.ok else "failed",
            environment=environment,
            endpoint=check.endpoint,
            detail=check.detail,
            hint=check.hint,
            seconds=check.seconds,
        )
