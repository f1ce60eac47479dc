"""The settings of an environment as plan and comparison need them: what its cloud tells, completed by its deployer. Called by workflow.py and steps.py."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.settings import Fate, PlannedSetting, Settings, completed
from pumphouse.ports.toolbox import Toolbox


def read_settings(tools: Toolbox, environment: str, now: datetime) -> Settings:
    """Freshly read. The cloud comes first; the deployer fills in what it does not tell.

    Raises:
        CloudFaultError, CredentialsError: the cloud does not answer, or refuses us.
    """
    found = tools.settings(environment).read()
    return completed(environment, found, of_deployer(tools, environment), now)


def of_deployer(tools: Toolbox, environment: str) -> Mapping[str, tuple[Any, str]]:
    """What its deployer knows; nothing where it has none."""
    try:
        return tools.deployer(environment).settings()
    except ConflictError:
        return {}


def packed(setting: PlannedSetting) -> dict[str, Any]:
    """JSON-safe, as plan and answers file show it."""
    return {
        "key": setting.key,
        "fate": str(setting.fate),
        "value": setting.value,
        "was": setting.was,
        "reason": setting.reason,
        "answered": setting.answered,
    }


def unpacked(row: Mapping[str, Any]) -> PlannedSetting:
    """What `packed` made."""
    return PlannedSetting(
        row["key"], Fate(row["fate"]), row["value"], row["was"], row["reason"], bool(row["answered"])
    )
