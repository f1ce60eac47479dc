"""What came of a tenant's migration: what moved and how that was proven, what did not and why, addresses and downtimes. Pure: built from the records of the moves,
the operation and its items; services/migrations.py calls it, report_page.py makes a page of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pumphouse.domain.finding import Finding, Severity
from pumphouse.domain.migration import Detail, Method
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus
from pumphouse.domain.resource import ORDER, Move, MoveState, ResourceKind

EQUAL = "equal"
NOT_MOVED = frozenset({Method.LEAVE, Method.OPEN, Method.CONFLICT, Method.CANNOT})
WELL = frozenset({OperationStatus.DONE, OperationStatus.UNDONE})
FAILED = frozenset({ItemStatus.FAILED, ItemStatus.UNDO_FAILED})


@dataclass(frozen=True, slots=True)
class Moved:
    """One thing that is in the destination. `how` is `made`, `there before` or, while its making has not been confirmed, `begun`; `equal` are the
    fields that were read back and found equal, `changed` those that are different on purpose, with the reason. Times in seconds.
    """

    kind: ResourceKind
    id: str
    name: str
    state: MoveState
    how: str
    destination_id: str = ""
    equal: tuple[str, ...] = ()
    changed: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    engine: str = ""
    size_bytes: int = 0
    moved_bytes: int = 0
    seconds: float | None = None
    was: Mapping[str, Any] = field(default_factory=dict)
    todo: str = ""


@dataclass(frozen=True, slots=True)
class NotMoved:
    """One thing that is not in the destination, and why."""

    kind: str
    id: str
    name: str
    why: str
    failed: bool = False
    """It should have moved: an attempt went wrong."""
    wished: bool = False
    """The operator has left it out."""


@dataclass(frozen=True, slots=True)
class ForOwner:
    """Something that nobody but its owner can make again, and what they must do."""

    kind: str
    id: str
    name: str
    what: str


@dataclass(frozen=True, slots=True)
class Address:
    """The addresses of a server, port or floating IP in the source and in the destination."""

    kind: ResourceKind
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether they are the same, in whatever order."""
        return sorted(self.before) == sorted(self.after)


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """When a server went down in the source and was up in the destination; `downtime_s` is None for one that did not run."""

    name: str
    stopped_at: str = ""
    started_at: str = ""
    downtime_s: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The migration of one tenant. `status` is one word: unfinished, errors, partial (something cannot move), moved, verified or committed."""

    source: str
    tenant_id: str
    tenant_name: str
    destination: str
    status: str
    made_at: datetime
    operation_id: str = ""
    operation_status: str = ""
    error: str = ""
    """why the last run stopped"""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    moved: Sequence[Moved] = ()
    not_moved: Sequence[NotMoved] = ()
    addresses: Sequence[Address] = ()
    servers: Sequence[ServerTimes] = ()
    for_owners: Sequence[ForOwner] = ()
    gaps: Sequence[str] = ()
    """what the tenant has besides, of kinds that are not moved, with counts"""
    findings: Sequence[Finding] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Kind -> how many of it are in the destination."""
    size_bytes: int = 0
    moved_bytes: int = 0

    @property
    def longest_downtime_s(self) -> float | None:
        """Of all servers."""
        return max((s.downtime_s for s in self.servers if s.downtime_s is not None), default=None)


def report(
    moves: Sequence[Move],
    operation: Operation | None,
    items: Iterable[Item],
    told: Mapping[str, Any],
    *,
    source: str,
    tenant_id: str,
    tenant_name: str,
    destination: str,
    now: datetime,
) -> Report:
    """The report of one migration. `operation` is its last run, with its plan, `items` are that run's, and `told` is what it has kept for the report (`REPORT_MEMORY`)."""
    moved = [_moved(move) for move in sorted(moves, key=lambda m: ORDER[m.kind])]
    not_moved = _not_moved(operation, items, {f"{m.kind}/{m.source_id}" for m in moves})
    findings = operation.plan.findings if operation and operation.plan else ()
    return Report(
        source=source,
        tenant_id=tenant_id,
        tenant_name=tenant_name,
        destination=destination,
        status=_status(moves, not_moved),
        made_at=now,
        operation_id=operation.id if operation else "",
        operation_status=operation.status.value if operation else "",
        error=operation.error if operation and operation.status not in WELL else "",
        started_at=operation.started_at if operation else None,
        ended_at=operation.ended_at if operation else None,
        moved=moved,
        not_moved=not_moved,
        addresses=_addresses(moves),
        servers=_servers(moves),
        for_owners=_for_owners(operation, told, moved),
        gaps=tuple(map(str, told.get("gaps", ()))),
        findings=[f for f in findings if f.severity is not Severity.INFO],
        counts=Counter(str(m.kind) for m in moved),
        size_bytes=sum(m.size_bytes for m in moved),
        moved_bytes=sum(m.moved_bytes for m in moved),
    )


def _moved(move: Move) -> Moved:
    told = move.details
    verified: Mapping[str, str] = told.get(Detail.VERIFIED) or {}
    begun = move.state is MoveState.INTENDED
    return Moved(
        kind=move.kind,
        id=move.source_id,
        name=move.name,
        state=move.state,
        how="begun" if begun else "made" if move.ours else "there before",
        destination_id=move.destination_id,
        equal=tuple(name for name, how in verified.items() if how == EQUAL),
        changed={name: str(how) for name, how in verified.items() if how != EQUAL},
        digest=str(told.get(Detail.DIGEST) or ""),
        engine=str(told.get(Detail.ENGINE) or ""),
        size_bytes=int(told.get(Detail.SIZE) or 0),
        moved_bytes=int(told.get(Detail.MOVED) or 0),
        seconds=told.get(Detail.SECONDS),
        was=told.get(Detail.WAS) or {},
        todo=str(told.get(Detail.TODO) or ""),
    )


def _not_moved(operation: Operation | None, items: Iterable[Item], recorded: set[str]) -> list[NotMoved]:
    """What went wrong first; then what the plan left out, as far as no later run has moved it."""
    broken = [i for i in items if i.status in FAILED]
    found = [NotMoved(i.kind, _id(i.key), i.name, i.error or "it failed", failed=True) for i in broken]
    keys = {i.key for i in broken}
    planned = operation.plan.items if operation and operation.plan else ()
    left = [p for p in planned if p.method in NOT_MOVED and p.id not in recorded | keys]
    return found + [
        NotMoved(p.kind, _id(p.id), p.name, p.reason or p.method, wished=p.method == Method.LEAVE)
        for p in left
    ]


def _for_owners(
    operation: Operation | None, told: Mapping[str, Any], moved: Sequence[Moved]
) -> list[ForOwner]:
    """As the run has told it; as the plan says, until it has."""
    listed = {
        row["key"]: ForOwner(row["key"].partition("/")[0], _id(row["key"]), row["name"], row["todo"])
        for row in told.get("todo", ())
    }
    for p in operation.plan.items if operation and operation.plan else ():
        if p.method == Method.LIST:
            listed.setdefault(p.id, ForOwner(p.kind, _id(p.id), p.name, p.reason))
    return [*listed.values(), *(ForOwner(m.kind, m.id, m.name, m.todo) for m in moved if m.todo)]


def _id(key: str) -> str:
    """KIND/ID without the kind."""
    return key.partition("/")[2] or key


def _addresses(moves: Sequence[Move]) -> list[Address]:
    found = []
    for move in moves:
        before = tuple(move.details.get(Detail.BEFORE) or ())
        after = tuple(move.details.get(Detail.AFTER) or ())
        if before or after:
            found.append(Address(move.kind, move.name, before, after))
    return found


def _servers(moves: Sequence[Move]) -> list[ServerTimes]:
    return [
        ServerTimes(
            move.name,
            str(move.details.get(Detail.STOPPED_AT) or ""),
            str(move.details.get(Detail.STARTED_AT) or ""),
            move.details.get(Detail.DOWNTIME),
        )
        for move in moves
        if move.kind is ResourceKind.SERVER
    ]


def _status(moves: Sequence[Move], not_moved: Sequence[NotMoved]) -> str:
    states = {move.state for move in moves}
    if any(n.failed for n in not_moved):
        return "errors"
    if MoveState.INTENDED in states or not states:
        return "unfinished"
    if states == {MoveState.COMMITTED}:
        return "committed"
    if any(not n.wished for n in not_moved):
        return "partial"
    return "verified" if states <= {MoveState.VERIFIED, MoveState.COMMITTED} else "moved"
