"""Which steps an undo would put back, and where it would stop: as the engine does it (engine/run.py). Used by operations.py and tables.py."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pumphouse.domain.operation import StepStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pumphouse.wire.operation import StepView

PASSED_OVER = frozenset({StepStatus.PENDING, StepStatus.SKIPPED, StepStatus.UNDONE})
ENDED = frozenset({StepStatus.DONE, StepStatus.DONE_WITH_ERRORS})


@dataclass(frozen=True, slots=True)
class WayBack:
    """The steps that go back, the last one first, and the step that stops it."""

    steps: "Sequence[StepView]"
    barrier: "StepView | None" = None


def way_back(steps: "Sequence[StepView]", refusing: "Collection[str]" = ()) -> WayBack:
    """What an undo of these steps would do. `refusing` are the steps that the plan marks: where the whole operation has no way back, the
    workflow refuses before anything is touched.
    """
    begun = [step for step in reversed(steps) if step.status not in PASSED_OVER]
    for position, step in enumerate(begun):
        if step.irreversible and step.status in ENDED:
            return WayBack(begun[:position], step)
    # the earliest of them is the point of no return
    gate = next((step for step in reversed(begun) if step.name in refusing and step.status in ENDED), None)
    return WayBack(begun) if gate is None else WayBack((), gate)
