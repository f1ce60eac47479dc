"""A plan: what an operation would do, with findings; shown before anything is changed and kept with the operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pumphouse.domain.finding import Finding, blocking
from pumphouse.domain.migration import Decision


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step in words. `irreversible` marks the point of no return: undo cannot go back behind it."""

    name: str
    title: str
    irreversible: bool = False


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """One server or resource and what would happen to it.

    `method` is a word of the workflow (`live`, `cold`, `leave`, `cannot`), `target` where it would go ("" = the cloud decides),
    `estimate_s` the expected seconds, `reason` why this method, `size_bytes` how much data it has.
    """

    id: str
    name: str
    kind: str
    method: str
    target: str = ""
    estimate_s: float = 0.0
    reason: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. JSON-safe `decisions` are what the steps read back when the plan is carried out."""

    kind: str
    title: str
    summary: str
    steps: Sequence[PlannedStep]
    items: Sequence[PlannedItem] = ()
    findings: Sequence[Finding] = ()
    estimate_s: float = 0.0
    decisions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Sequence[Mapping[str, Any]]:
        """What becomes of each setting, in the plan of a duplicate; empty in others."""
        found: Sequence[Mapping[str, Any]] = self.decisions.get("settings", ())
        return found

    @property
    def unknown(self) -> Sequence[str]:
        """Settings that nobody knows, in the plan of a duplicate."""
        found: Sequence[str] = self.decisions.get("unknown", ())
        return found

    @property
    def migration(self) -> Mapping[str, Any] | None:
        """What the operator decides and gives back in the plan of a migration; None in others. Keys as in domain/migration.py."""
        return (
            {key: self.decisions[key] for key in Decision if key in self.decisions}
            if Decision.DIGEST in self.decisions
            else None
        )

    @property
    def blocked(self) -> bool:
        """Whether a critical finding forbids to carry it out."""
        return bool(blocking(self.findings))
