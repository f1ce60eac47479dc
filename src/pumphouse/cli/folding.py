"""Which steps of a long operation are shown where not all of them have room; display.py asks."""

from typing import TYPE_CHECKING, Final

from pumphouse.domain.operation import StepStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pumphouse.wire.operation import StepView

QUIET: Final = frozenset({StepStatus.PENDING, StepStatus.DONE, StepStatus.SKIPPED, StepStatus.UNDONE})
"""Steps of which a number says enough."""


def folded(steps: "Sequence[StepView]", current: str | None, room: int) -> "list[StepView | str]":
    """The steps as they are when there are lines for all; else those of which something is to be said, with their nearest
    neighbours, and in place of the others how many they are.
    """
    if len(steps) <= room:
        return list(steps)
    at = next((n for n, step in enumerate(steps) if step.name == current), None)
    if at is None:
        at = next((n for n, step in enumerate(steps) if step.status is StepStatus.PENDING), len(steps) - 1)
    kept = {n for n, step in enumerate(steps) if step.status not in QUIET} | {at}
    # nearest first; a fold on each side takes a line of its own
    for n in sorted(range(len(steps)), key=lambda n: abs(n - at)):
        if len(kept) + 2 >= room:
            break
        kept.add(n)
    return _with_folds(steps, kept)


def _with_folds(steps: "Sequence[StepView]", kept: set[int]) -> "list[StepView | str]":
    shown: list[StepView | str] = []
    hidden: list[StepView] = []
    for n, step in enumerate(steps):
        if n in kept:
            shown += [*_fold(hidden), step]
            hidden = []
        else:
            hidden.append(step)
    return [*shown, *_fold(hidden)]


def _fold(hidden: "Sequence[StepView]") -> list[str]:
    if not hidden:
        return []
    waiting = sum(step.status is StepStatus.PENDING for step in hidden)
    parts = [f"{len(hidden) - waiting} done" if len(hidden) > waiting else "", f"{waiting} to come" if waiting else ""]  # fmt: skip
    return [f"{len(hidden)} steps: {', '.join(filter(None, parts))}" if len(hidden) > 1 else f"1 step: {''.join(parts)[2:]}"]  # fmt: skip
