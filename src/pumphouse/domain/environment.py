"""Environments: one OpenStack cloud each, how we reach it, and what we found in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pumphouse.domain.confidential import plain, without_logins


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """How to reach a cloud: by reference to a clouds.yaml entry, or by a sealed copy of its settings.

    Either `cloud` and `config_file` name an entry (the file stays the owner of the secret), or `sealed` holds the entry encrypted by the
    secrets port. A `CloudAccess` never holds a secret in clear.
    """

    cloud: str
    config_file: str | None = None
    sealed: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Environment:
    """A cloud under management. Its name is unique and never changes; `deployer` names the driver that builds its nodes.

    Secrets among the `deployer_options` are sealed (confidential.py); rows of earlier versions may hold them in clear.
    """

    id: str
    name: str
    access: CloudAccess
    deployer: str | None
    deployer_options: Mapping[str, Any]
    added_at: datetime
    status: str = "unknown"
    facts: Mapping[str, Any] = field(default_factory=dict)
    facts_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service process of a cloud as the cloud reports it (`kind` compute, network or volume)."""

    id: str
    kind: str
    binary: str
    host: str
    zone: str
    enabled: bool
    up: bool
    reason: str = ""
    updated_at: str = ""


@dataclass(frozen=True, slots=True)
class AccessCheck:
    """What one service answered to our credentials: `ok`, or the reason in words and a remedy. Logins in URLs are taken out."""

    service: str
    endpoint: str
    ok: bool
    detail: str
    hint: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpoint", plain(self.endpoint))
        object.__setattr__(self, "detail", without_logins(self.detail))
        object.__setattr__(self, "hint", without_logins(self.hint))
