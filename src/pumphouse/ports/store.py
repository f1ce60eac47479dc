"""What is remembered between runs. Implemented by drivers/database on SQLite, PostgreSQL and MariaDB; one contract suite proves all three.

No call holds a transaction across anything but SQL. Writes to a running operation carry its owner's token and raise StaleOwnerError when
another process has taken it over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pumphouse.domain.environment import Environment
from pumphouse.domain.events import Event, NewEvent
from pumphouse.domain.node import Maintenance
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus, StepRecord
from pumphouse.domain.settings import Settings


class EnvironmentStore(Protocol):
    """Environments under management and the maintenance records of their nodes."""

    def add_environment(self, environment: Environment) -> None:
        """Raises ConflictError when the name is taken."""
        ...

    def environments(self) -> Sequence[Environment]:
        """All, by name."""
        ...

    def environment(self, name_or_id: str) -> Environment:
        """Raises NotFoundError."""
        ...

    def put_found(
        self,
        environment_id: str,
        *,
        status: str,
        facts: Mapping[str, Any] | None = None,
        facts_at: datetime | None = None,
    ) -> Environment:
        """Write what was found in the cloud, and nothing else: its operator may have set something meanwhile. Without `facts` the old ones stay.

        Raises:
            NotFoundError: it was removed.
        """
        ...

    def put_deployer(
        self, environment_id: str, *, deployer: str | None, options: Mapping[str, Any]
    ) -> Environment:
        """Write what its operator has set, and nothing else.

        Raises:
            NotFoundError: it was removed.
        """
        ...

    def remove_environment(self, environment_id: str) -> None:
        """Forget it, with its maintenance records; its operations and events stay."""
        ...

    def maintenances(self, environment: str | None = None) -> Sequence[Maintenance]:
        """Nodes that we hold in maintenance."""
        ...

    def put_maintenance(self, maintenance: Maintenance) -> None:
        """Insert or replace the record of that node."""
        ...

    def drop_maintenance(self, environment: str, node: str) -> None:
        """Forget it; unknown is no error."""
        ...


class EventStore(Protocol):
    """The append-only table of events."""

    def append(self, events: Iterable[NewEvent]) -> Sequence[Event]:
        """Write them with ascending numbers, which become visible in that order: who has read up to N never misses one below N."""
        ...

    def events(
        self,
        *,
        after: int = 0,
        limit: int = 200,
        operation_id: str | None = None,
        notify: bool | None = None,
        newest: bool = False,
    ) -> Sequence[Event]:
        """Events with `seq > after` in ascending order, or with `newest` the last `limit` in descending order."""
        ...


class HealthStore(Protocol):
    """Health check runs."""

    def put_health_run(self, run: Mapping[str, Any]) -> None:
        """Insert or replace by `id`; JSON-safe."""
        ...

    def health_runs(self, *, environment: str | None = None, limit: int = 20) -> Sequence[Mapping[str, Any]]:
        """Newest first."""
        ...


class SettingsStore(Protocol):
    """The settings of environments as they were last read: readable when their cloud is away."""

    def put_settings(self, environment_id: str, settings: Settings) -> None:
        """Insert or replace those of that environment; its removal forgets them.

        Raises:
            NotFoundError: it was removed.
        """
        ...

    def settings(self, environment_id: str) -> Settings | None:
        """The last that were read, of whatever schema; None when there are none."""
        ...


class OutboxStore(Protocol):
    """Notifications on their way out: every event with `notify` is written here in the same transaction. Each sink (the name of a notifier)
    has its own record of what has reached it: processes on one database need not have the same sinks configured.
    """

    def undelivered(self, sink: str, *, due: datetime, since: datetime, limit: int = 50) -> Sequence[Event]:
        """Those whose next attempt is due, and those from `since` on that were never attempted; oldest first."""
        ...

    def delivered(self, seq: int, sink: str, *, at: datetime) -> None:
        """It has arrived there."""
        ...

    def not_delivered(self, seq: int, sink: str, *, error: str, next_at: datetime | None) -> None:
        """It has not; try again at `next_at`, or never (None)."""
        ...


@dataclass(frozen=True, slots=True)
class NewOperation:
    """All that is written when an operation is accepted.

    `locks` are taken for the family `root_id` (the operation itself when it has no parent); `child_name` names it within its parent.
    """

    operation: Operation
    root_id: str
    locks: Sequence[str] = ()
    child_name: str | None = None
    idempotency_key: str | None = None
    fingerprint: str = ""
    events: Sequence[NewEvent] = ()


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who runs an operation. `token` changes with every claim; a write that carries another one is refused."""

    operation_id: str
    status: OperationStatus
    owner: str | None
    token: str | None
    heartbeat_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction writes to an operation: all of it or nothing.

    `values` are columns of the operation (current_step, error, hint, started_at, ended_at); `steps` and `items` replace the rows of their name
    or id; `new_items` are added behind the present ones, known keys are left alone; `memory` is merged. `reset_items` puts all items with
    a status into another (`(from, to)`), of the steps named by `reset_steps`, without touching their results.
    """

    status: OperationStatus | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[StepRecord] = ()
    new_items: Sequence[Item] = ()
    items: Sequence[Item] = ()
    reset_steps: Sequence[str] = ()
    reset_items: tuple[ItemStatus, ItemStatus] | None = None
    memory: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[NewEvent] = ()


class OperationStore(Protocol):
    """Operations with their steps, items, memory, locks and owners."""

    def add_operation(self, new: NewOperation) -> Operation:
        """Write it with its steps and locks; answers the earlier one when the idempotency key is known.

        Raises:
            LockedError: another family holds one of the locks; the message names its operation.
            ConflictError: the idempotency key was used for something else.
        """
        ...

    def operation(self, id: str) -> Operation:
        """With plan, steps and counts; a unique beginning of the id will do (8 characters or more).

        Raises:
            NotFoundError, AmbiguousError.
        """
        ...

    def operations(
        self,
        *,
        environment: str | None = None,
        statuses: Iterable[OperationStatus] | None = None,
        kind: str | None = None,
        parent_id: str | None = None,
        roots_only: bool = False,
        limit: int = 50,
        before: str | None = None,
    ) -> Sequence[Operation]:
        """Newest first, without plan and steps; `before` is the id of the last one of the page before."""
        ...

    def operation_of_key(self, idempotency_key: str, *, fingerprint: str | None = None) -> Operation | None:
        """The operation that was accepted under that key.

        Raises:
            ConflictError: it was accepted with another fingerprint than the one given.
        """
        ...

    def child(self, parent_id: str, name: str) -> Operation | None:
        """The newest child of that name."""
        ...

    def items(
        self,
        operation_id: str,
        *,
        step: str | None = None,
        statuses: Iterable[ItemStatus] | None = None,
        after: str | None = None,
        limit: int | None = 200,
    ) -> Sequence[Item]:
        """In the order of steps and of listing; `after` is the id of the last one of the page before."""
        ...

    def errors_among(self, operation_id: str, step: str) -> int:
        """How many items of a step have failed, or were skipped after they had failed."""
        ...

    def recent_ends(self, operation_id: str, limit: int = 50) -> Sequence[tuple[datetime, datetime]]:
        """Start and end of the items that ended last, newest first."""
        ...

    def memory(self, operation_id: str) -> Mapping[str, Any]:
        """What its steps have remembered."""
        ...

    def apply(
        self,
        operation_id: str,
        change: Change,
        *,
        token: str | None,
        now: datetime,
        expected: Iterable[OperationStatus] | None = None,
    ) -> None:
        """Write `change` in one transaction.

        With a token it is a write of the owner; without, an operator's wish. A status is checked against the table TRANSITIONS. Locks are dropped
        and taken again with the status (HOLDS_LOCKS); an operation that leaves ACTIVE has no owner any more.

        Raises:
            StaleOwnerError: the token is not the present owner's.
            ConflictError: the status does not allow it, or is not one of `expected`.
            LockedError: it needs its locks again and another operation has them.
        """
        ...

    def held_locks(self) -> Mapping[str, str]:
        """Every lock that is held now, and the root operation of the family that holds it."""
        ...

    def ownership(self, operation_id: str) -> Ownership:
        """Who runs it. Raises NotFoundError."""
        ...

    def claim(
        self, operation_id: str, *, expected: str | None, owner: str, token: str, now: datetime
    ) -> bool:
        """Become the owner, if it is ACTIVE and its token is still `expected` (None: nobody's)."""
        ...

    def release(self, operation_id: str, *, token: str) -> None:
        """Give it up without a change of status; no error when it is ours no longer."""
        ...

    def beat(self, tokens: Mapping[str, str], *, now: datetime | None) -> Mapping[str, OperationStatus]:
        """The status of each of the operations that still have this token; with `now` their heartbeat is written as well."""
        ...

    @property
    def database(self) -> object:
        """The SQLAlchemy engine of this store, for the logbook that TaskFlow keeps beside our tables."""
        ...


class Store(OperationStore, EventStore, Protocol):
    """What the engine needs."""
