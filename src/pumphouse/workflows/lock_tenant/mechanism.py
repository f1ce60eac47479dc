"""One way to keep a tenant from writing; each is a file beside this one, all of them are used by the same two steps (steps.py)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pumphouse.domain.fence import FenceEntry, Means
from pumphouse.workflows.lock_tenant.scene import Scene


@dataclass(frozen=True, slots=True)
class Alteration:
    """One change to be made. `key` names it in the journal; JSON-safe `data` is what apply and restore need."""

    key: str
    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    what: str = ""
    """in words, for the plan"""


@dataclass(frozen=True, slots=True)
class Drift:
    """Somebody has changed it meanwhile, so that it was left as it is now; in words."""

    message: str


class Mechanism(ABC):
    """Plans, applies, verifies and restores changes of one kind. Holds no state: the journal does."""

    means: ClassVar[Means]
    kind: ClassVar[str]
    """of its journal entries"""

    @abstractmethod
    def plan(self, scene: Scene, services: Sequence[str]) -> Sequence[Alteration]:
        """What it would change now to hold these services; reads only."""

    @abstractmethod
    def apply(self, scene: Scene, entry: FenceEntry) -> None:
        """Make one change; it is in the journal already, and may have been made before a crash."""

    @abstractmethod
    def verify(self, scene: Scene, entries: Sequence[FenceEntry]) -> Sequence[str]:
        """What of these changes does not stand any more, in words; as few requests as the cloud's lists allow."""

    @abstractmethod
    def restore(self, scene: Scene, entry: FenceEntry) -> Drift | None:
        """Put back what was found; safe to repeat, also when the change was never made."""
