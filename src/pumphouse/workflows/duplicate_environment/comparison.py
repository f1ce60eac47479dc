"""Holds what was built against the original and the plan, setting by setting; the specification's "similar configuration". Pure; steps.py calls it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from pumphouse.domain.settings import Fate, PlannedSetting, Settings
from pumphouse.workflows.duplicate_environment import rules
from pumphouse.workflows.duplicate_environment.planner import CREDENTIALS, holds_to

ORDERED: Final = frozenset({"network.tenant_types", "network.mechanism_drivers", "network.dns_servers"})
"""Lists whose order means something; in others it does not matter."""


class Verdict(StrEnum):
    """How a setting of the duplicate stands to the original's."""

    EQUAL = "equal"
    TRANSLATED = "translated"
    DECIDED = "decided"
    UNKNOWN = "unknown"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the table."""

    key: str
    original: Any
    planned: Any
    found: Any
    verdict: Verdict
    reason: str = ""

    def row(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self) | {"verdict": str(self.verdict)}


def compare(planned: Iterable[PlannedSetting], found: Settings, release: str) -> list[Compared]:
    """The table: differences first, then by key. Contents are not in it: they are compared one by one when they are furnished."""
    lines = [
        _line(setting, found)
        for setting in planned
        if setting.key not in (CREDENTIALS, "release.name", "release.candidates")
        and not setting.key.startswith("contents.")
    ]
    lines.append(_release(found, release))
    return sorted(lines, key=lambda line: (line.verdict is not Verdict.DIFFERENT, line.key))


def different(lines: Iterable[Compared]) -> list[Compared]:
    """The failures."""
    return [line for line in lines if line.verdict is Verdict.DIFFERENT]


def same(key: str, one: Any, other: Any) -> bool:
    """Whether two values mean the same."""
    if isinstance(one, list) and isinstance(other, list) and key not in ORDERED:
        return sorted(map(_text, one)) == sorted(map(_text, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _text(one) == _text(other)
    return bool(one == other)


def _line(setting: PlannedSetting, found: Settings) -> Compared:
    seen = found.values.get(setting.key)
    if seen is None or not seen.known:
        why = seen.source if seen is not None else "the new cloud does not tell it"
        return _compared(setting, None, Verdict.UNKNOWN, why)
    decision = rules.decision(setting.key)
    if decision is not None and decision.distinct and setting.value is None:
        if same(setting.key, seen.value, setting.was):
            return _compared(
                setting,
                seen.value,
                Verdict.DIFFERENT,
                "both clouds have it, and it must be the new one's own",
            )
        return _compared(setting, seen.value, Verdict.DECIDED, setting.reason)
    if same(setting.key, seen.value, setting.was) and not holds_to(setting):
        return _compared(setting, seen.value, Verdict.EQUAL)
    if holds_to(setting) and not same(setting.key, seen.value, setting.value):
        return _compared(setting, seen.value, Verdict.DIFFERENT, "it was not built as planned")
    return _compared(setting, seen.value, _as_planned(setting), setting.reason)


def _as_planned(setting: PlannedSetting) -> Verdict:
    if setting.value is not None and same(setting.key, setting.value, setting.was):
        return Verdict.EQUAL
    return Verdict.DECIDED if setting.fate is Fate.DECIDE else Verdict.TRANSLATED


def _compared(setting: PlannedSetting, seen: Any, verdict: Verdict, reason: str = "") -> Compared:
    return Compared(setting.key, setting.was, setting.value, seen, verdict, reason)


def _release(found: Settings, release: str) -> Compared:
    """Two releases can speak alike: then it is enough that the wanted one is among them."""
    candidates = found.value("release.candidates", [])
    if rules.is_release(found.release):
        verdict = Verdict.TRANSLATED if found.release == release else Verdict.DIFFERENT
    elif candidates and release not in candidates:
        verdict = Verdict.DIFFERENT
    else:
        verdict = Verdict.UNKNOWN
    seen = found.release if rules.is_release(found.release) else candidates or None
    return Compared("release.name", None, release, seen, verdict, "the release that was asked for")


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
