"""How a cloud is built: one typed, versioned document of settings, each with its source. Discovered by ports/settings.py, compared and duplicated."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

SCHEMA = 1
"""Raised when a key changes its meaning; a document says which it was written under."""

DUPLICATING = "duplicate_environment"
"""The kind of the operation that duplicates an environment."""
COMPARISON_MEMORY = "comparison"
"""Under this name it remembers how what was built stands to the original, setting by setting."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value. `key` is dotted (`network.tenant_types`, `compute.cpu_allocation_ratio`, `quota.nova.cores`); docs/settings.md lists all of them.

    `value` is JSON-safe; `known` is False where the cloud does not tell and no deployer does: then `value` is None, and never a guess. `source` says
    which call or file told it (`GET /v2.0/extensions`, `neutron.conf [ml2]`), `read_at` when.
    """

    key: str
    value: Any
    source: str
    read_at: datetime
    known: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one environment, by key."""

    environment: str
    release: str
    read_at: datetime
    values: Mapping[str, Setting] = field(default_factory=dict)
    schema: int = SCHEMA

    def value(self, key: str, default: Any = None) -> Any:
        """The value of a known setting."""
        found = self.values.get(key)
        return found.value if found is not None and found.known else default


class Fate(StrEnum):
    """What becomes of a setting in a duplicate."""

    COPIED = "copied"
    TRANSLATED = "translated"
    """defaulted or translated by the new release; the reason says why"""
    DECIDE = "you must decide"
    """what two clouds that live side by side must not share; a default is proposed"""


@dataclass(frozen=True, slots=True)
class PlannedSetting:
    """One setting of the duplicate. `value` is what it gets (for DECIDE: the answer, or else the proposal), `was` what the original has."""

    key: str
    fate: Fate
    value: Any
    was: Any = None
    reason: str = ""
    answered: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What a deployer builds: a new environment with a controller and no compute node. `settings` are those of the keys that the deployer said it
    can set; secrets are not in it, the deployer makes its own.
    """

    name: str
    release: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def completed(
    environment: str, found: Iterable[Setting], told: Mapping[str, tuple[Any, str]], at: datetime
) -> Settings:
    """The document of an environment: what its cloud told (`found`), completed by what its deployer tells (key -> value and source).

    What the cloud tells comes first; the deployer fills in what is unknown, and adds keys that the cloud has not.
    """
    values = {setting.key: setting for setting in found}
    for key, (value, source) in told.items():
        known = values.get(key)
        if known is None or not known.known:
            values[key] = Setting(key, value, source, at)
    named = values.get("release.name")
    release = str(named.value) if named is not None and named.known else "unknown"
    return Settings(environment, release, at, dict(sorted(values.items())))
