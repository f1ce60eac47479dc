"""How far an operation is and how long it may still take, from the items done so far. Called by engine.py."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from pumphouse.domain.operation import ACTIVE, ItemStatus, Operation, Progress, StepStatus
from pumphouse.engine.kit import Kit

SETTLED = frozenset({ItemStatus.DONE, ItemStatus.SKIPPED, ItemStatus.UNDONE})
BROKEN = frozenset({ItemStatus.FAILED, ItemStatus.UNDO_FAILED})
ENDED_STEPS = frozenset({StepStatus.DONE, StepStatus.DONE_WITH_ERRORS, StepStatus.SKIPPED, StepStatus.UNDONE})
CHILDREN = 200
ENOUGH = 2


def progress_of(kit: Kit, operation: Operation) -> Progress:
    """Counts and an estimate; the plan's estimate until the first items have ended."""
    family = [operation, *_descendants(kit, operation)]
    counts: Counter[ItemStatus] = Counter()
    for member in family:
        for step in member.steps:
            counts.update(step.counts)
    planned = len(operation.plan.items) if operation.plan else 0
    total = max(sum(counts.values()), planned)
    if not total:
        done_steps = sum(step.status in ENDED_STEPS for step in operation.steps)
        failed_steps = sum(
            step.status in (StepStatus.FAILED, StepStatus.UNDO_FAILED) for step in operation.steps
        )
        eta = _planned_rest(kit, operation)
        return Progress(done_steps, failed_steps, len(operation.steps), eta)
    done = sum(counts[status] for status in SETTLED)
    failed = sum(counts[status] for status in BROKEN)
    left = total - done - failed
    ends = sorted(
        (pair for member in family for pair in kit.store.recent_ends(member.id)), key=lambda pair: pair[1]
    )
    eta = _estimate(ends[-50:], left) if operation.status in ACTIVE else None
    return Progress(done, failed, total, eta if eta is not None else _planned_rest(kit, operation))


def _estimate(ends: Sequence[tuple[datetime, datetime]], left: int) -> float | None:
    if not left:
        return 0.0
    if len(ends) < ENOUGH:
        return None
    span = (ends[-1][1] - min(start for start, _ in ends)).total_seconds()
    return round(span / len(ends) * left, 1)


def _planned_rest(kit: Kit, operation: Operation) -> float | None:
    if operation.status not in ACTIVE or operation.plan is None or not operation.plan.estimate_s:
        return None
    begun = operation.started_at
    spent = (kit.clock.now() - begun).total_seconds() if begun else 0.0
    return max(0.0, round(operation.plan.estimate_s - spent, 1)) or None


def _descendants(kit: Kit, operation: Operation) -> list[Operation]:
    found: list[Operation] = []
    for listed in kit.store.operations(parent_id=operation.id, limit=CHILDREN):
        child = kit.store.operation(listed.id)
        found += [child, *_descendants(kit, child)]
    return found
