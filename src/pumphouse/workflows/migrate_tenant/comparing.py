"""Whether a counterpart is as it should be, and how that is said. Pure; planner.py, copying.py and proving.py use it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from pumphouse.domain.resource import Resource
from pumphouse.workflows.migrate_tenant.kind import Choices, Kind

EQUAL: Final = "equal"
_LONGEST: Final = 120


def wrong_fields(
    kind: Kind,
    resource: Resource,
    choices: Choices,
    wanted: Mapping[str, Any],
    found: Mapping[str, Any],
    *,
    ours: bool = False,
) -> dict[str, tuple[Any, Any]]:
    """Field -> (wanted, found) of all that must be equal and are not. What is different on purpose counts only where `adjust` has really changed it:
    addresses are the same unless new ones were asked for. `wanted` are the adjusted fields in the destination's references, as far as they are known;
    `ours` says that we have made it.
    """
    changed = adjusted_on_purpose(kind, resource, choices)
    return {
        name: pair for name, pair in kind.differences(wanted, found, ours=ours).items() if name not in changed
    }


def adjusted_on_purpose(kind: Kind, resource: Resource, choices: Choices) -> frozenset[str]:
    """The fields that this one will have otherwise than its source."""
    adjusted = kind.adjust(resource.fields, choices)
    return frozenset(n for n in kind.on_purpose if adjusted.get(n) != resource.fields.get(n))


def how_verified(kind: Kind, resource: Resource, choices: Choices, *, ours: bool) -> dict[str, str]:
    """Field -> `equal`, or why it is different on purpose; for the report."""
    changed = adjusted_on_purpose(kind, resource, choices)
    return {
        name: kind.on_purpose[name]
        if name in changed
        else kind.free[name]
        if kind.is_free(name, ours=ours)
        else EQUAL
        for name in sorted(resource.fields)
    }


def told(wrong: Mapping[str, tuple[Any, Any]]) -> str:
    """In words."""
    return "; ".join(
        f"{name} should be {_short(wanted)} and is {_short(found)}" for name, (wanted, found) in wrong.items()
    )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
