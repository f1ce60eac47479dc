"""Duplicates on the wire: what is asked for, what becomes of each setting, and how what was built stands to the original."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from pumphouse.domain.settings import Fate
from pumphouse.wire.model import Request, View

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
Contents = Literal[
    "domains", "roles", "flavors", "volume_types", "quotas", "aggregates", "external_networks", "images"
]


class DuplicateRequest(Request):
    """Build an environment like this one. `answers` are values by the keys of docs/settings.md, never secrets; what is left out is copied, translated or
    taken as proposed. `contents` are furnished from the original.
    """

    name: str = Field(pattern=NAME_PATTERN)
    release: str = Field(min_length=1, max_length=32)
    answers: Mapping[str, Any] = {}
    contents: tuple[Contents, ...] = ()
    on_failure: Literal["pause", "undo"] | None = None


class DeleteEnvironmentRequest(Request):
    """Raze and forget a duplicate that nobody uses."""


class PlannedSettingView(View):
    """One setting of a duplicate: `was` is the original's value, `value` the planned one (null: the new release or the deployer has its own).
    `answered`: somebody decided it, it was not merely proposed.
    """

    key: str
    fate: Fate
    value: Any = None
    was: Any = None
    reason: str = ""
    answered: bool = False


class ComparedView(View):
    """One line of the comparison: `verdict` is equal, translated, decided, unknown or different (a failure)."""

    key: str
    original: Any = None
    planned: Any = None
    found: Any = None
    verdict: str
    reason: str = ""
