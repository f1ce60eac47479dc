"""What every part of the engine needs at hand, built once by engine.py."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pumphouse.domain.operation import Operation
from pumphouse.engine.ownership import Signals
from pumphouse.engine.settings import EngineSettings
from pumphouse.engine.taskflow_flow import Flows
from pumphouse.engine.workflow import Workflow
from pumphouse.ports.clock import Clock
from pumphouse.ports.store import Store
from pumphouse.ports.toolbox import Toolbox

SLICE_S = 0.25


class Children(Protocol):
    """How a step gets a child operation planned, run and undone; see StepContext."""

    def run_child(
        self, parent: "ParentRun", name: str, kind: str, params: Mapping[str, Any]
    ) -> Operation: ...

    def undo_child(self, parent: "ParentRun", name: str) -> None: ...


class ParentRun(Protocol):
    """What a child needs of the run that it belongs to."""

    @property
    def operation(self) -> Operation: ...

    @property
    def signals(self) -> Signals: ...

    def recall(self, key: str, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Kit:
    """The engine's tools and settings."""

    store: Store
    clock: Clock
    settings: EngineSettings
    tools: Toolbox
    workflows: Mapping[str, Workflow]
    flows: Flows
    shutdown: threading.Event

    def wait(self, seconds: float, stop: Callable[[], bool]) -> None:
        """Let `seconds` pass in slices; returns early when `stop` says so."""
        until = self.clock.monotonic() + seconds
        while not stop() and (left := until - self.clock.monotonic()) > 0:
            self.clock.sleep(min(left, SLICE_S))

    def back_off(self, round: int, at_least_s: float) -> float:
        """Seconds before the next try: doubling, spread by a random third so that many do not come back at once."""
        settings = self.settings
        delay = min(settings.back_off_first_s * (1 << min(round - 1, 16)), settings.back_off_longest_s)
        # a new id is random enough, and tests get the same one again
        spread = int(self.clock.new_id().replace("-", "")[:4], 16) / 0xFFFF
        return max(at_least_s, delay * (0.67 + 0.66 * spread))
