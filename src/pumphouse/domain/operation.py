"""Operations, steps and items: the durable record of a run, and the one table of what may follow what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from pumphouse.domain.plan import Plan


class OperationStatus(StrEnum):
    """Where an operation stands, as the operator sees it."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DONE = "done"
    DONE_WITH_ERRORS = "done_with_errors"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


class StepStatus(StrEnum):
    """Where a step stands."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    DONE_WITH_ERRORS = "done_with_errors"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


class ItemStatus(StrEnum):
    """Where an item stands; `running` after a crash means: the intent is written, look at the cloud before acting again."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"


_S = OperationStatus
TRANSITIONS: Mapping[OperationStatus, frozenset[OperationStatus]] = {
    # an accepted operation waits for a process to own it
    _S.ACCEPTED: frozenset({_S.RUNNING, _S.CANCELLED, _S.PAUSED}),
    _S.RUNNING: frozenset(
        {
            _S.PAUSING,
            _S.PAUSED,
            _S.CANCELLING,
            _S.CANCELLED,
            _S.FAILED,
            _S.DONE,
            _S.DONE_WITH_ERRORS,
            _S.UNDOING,
        }
    ),
    # items that have begun are finished first
    _S.PAUSING: frozenset({_S.PAUSED, _S.CANCELLING, _S.FAILED, _S.DONE, _S.DONE_WITH_ERRORS}),
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.FAILED, _S.DONE, _S.DONE_WITH_ERRORS}),
    # the operator goes on, gives up, or goes back
    _S.PAUSED: frozenset({_S.RUNNING, _S.CANCELLED, _S.UNDOING}),
    _S.CANCELLED: frozenset({_S.RUNNING, _S.UNDOING}),
    _S.FAILED: frozenset({_S.RUNNING, _S.CANCELLED, _S.UNDOING}),
    _S.DONE_WITH_ERRORS: frozenset({_S.RUNNING, _S.UNDOING}),
    _S.DONE: frozenset({_S.UNDOING}),
    # an undo cannot be paused; one that was interrupted is resumed, one that failed is tried again
    _S.UNDOING: frozenset({_S.UNDONE, _S.UNDO_FAILED}),
    _S.UNDO_FAILED: frozenset({_S.UNDOING, _S.CANCELLED}),
    _S.UNDONE: frozenset(),
}
"""What may follow what. docs/operations.md draws its diagram from this table."""

ACTIVE = frozenset({_S.ACCEPTED, _S.RUNNING, _S.PAUSING, _S.CANCELLING, _S.UNDOING})
"""Somebody is, or should be, working on it; after a crash these are resumed."""

FINISHED = frozenset({_S.DONE, _S.DONE_WITH_ERRORS, _S.CANCELLED, _S.FAILED, _S.UNDONE, _S.UNDO_FAILED})
"""Nobody works on it, and nobody will unless asked."""

HOLDS_LOCKS = frozenset(set(_S) - {_S.DONE, _S.DONE_WITH_ERRORS, _S.CANCELLED, _S.UNDONE})
"""Operations that keep others away from their node or environment: a failed or paused one may still go on or back."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of the many inside a step. `id` is deterministic within the operation, so that a name or tag made of it is found again.

    `data` is what was planned for it, `result` what became of it (destination ids are here at once).
    """

    id: str
    step: str
    key: str
    name: str
    kind: str
    status: ItemStatus = ItemStatus.PENDING
    attempts: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    groups: tuple[str, ...] = ()
    """What it burdens while it runs; the step's limits say how many of a group may run at once."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One part of an operation; counts are by item status."""

    name: str
    title: str
    position: int
    status: StepStatus = StepStatus.PENDING
    attempts: int = 0
    irreversible: bool = False
    error: str = ""
    hint: str = ""
    reason: str = ""
    counts: Mapping[ItemStatus, int] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One durable run of a workflow, with the plan it was started from."""

    id: str
    kind: str
    title: str
    status: OperationStatus
    params: Mapping[str, Any]
    plan: Plan | None
    created_at: datetime
    environment: str | None = None
    subject: str = ""
    actor: str = ""
    parent_id: str | None = None
    current_step: str | None = None
    error: str = ""
    hint: str = ""
    owner: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    steps: tuple[StepRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an operation is, children included. Counts are items (steps, for an operation without items); `eta_s` is None while nothing
    can be said.
    """

    done: int
    failed: int
    total: int
    eta_s: float | None = None
