"""Writing to operations: acceptance, and the guarded changes of a run. Each call is one transaction, events come last in it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pumphouse.domain.errors import ConflictError, LockedError, NotFoundError, StaleOwnerError
from pumphouse.domain.operation import ACTIVE, HOLDS_LOCKS, TRANSITIONS, Item, Operation, OperationStatus
from pumphouse.drivers.database.database import Database, next_numbers
from pumphouse.drivers.database.documents import operation_row, step_row
from pumphouse.drivers.database.events import append_events
from pumphouse.drivers.database.operations import DatabaseOperations, key_holder
from pumphouse.drivers.database.ownership import NOBODY
from pumphouse.drivers.database.tables import idempotency, items, locks, memories, operations, steps
from pumphouse.ports.store import Change, NewOperation

CHANGED_ITEM = ("status", "attempts", "result", "error", "started_at", "ended_at")
ROWS_AT_ONCE = 500

# made once: building a statement costs more than running it, and these run for every step of every operation
_PRESENT = (
    sa.select(*(operations.c[name] for name in ("id", "status", "owner_token", "root_id", "lock_names")))
    .where(operations.c.id == sa.bindparam("own_id"))
    .with_for_update()
)
_CHANGE_OPERATION = sa.update(operations).where(operations.c.id == sa.bindparam("own_id"))
_CHANGE_STEP = sa.update(steps).where(
    steps.c.operation_id == sa.bindparam("own_id"), steps.c.name == sa.bindparam("own_name")
)
_CHANGE_ITEM = (
    sa.update(items)
    .where(items.c.id == sa.bindparam("own_id"))
    .values({name: sa.bindparam(f"new_{name}") for name in CHANGED_ITEM})
)
_CHANGE_MEMORY = (
    sa.update(memories)
    .where(memories.c.operation_id == sa.bindparam("own_id"), memories.c.name == sa.bindparam("own_name"))
    .values(value=sa.bindparam("new_value"))
)


class DatabaseChanges:
    """The writing half of the port OperationStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_operation(self, new: NewOperation) -> Operation:
        try:
            added = self._db.write(lambda c: self._add(c, new))
        except sa.exc.IntegrityError:
            # another process was quicker with the same lock or key; now its row is there to be named
            added = self._db.write(lambda c: self._add(c, new))
        return DatabaseOperations(self._db).operation(added)

    def apply(
        self,
        operation_id: str,
        change: Change,
        *,
        token: str | None,
        now: datetime,
        expected: Iterable[OperationStatus] | None = None,
    ) -> None:
        allowed = None if expected is None else frozenset(expected)

        def work(connection: sa.Connection) -> None:
            present = _guarded(connection, operation_id, token)
            _check_status(present, change.status, allowed)
            _write_operation(connection, present, change)
            _write_steps(connection, operation_id, change)
            _write_items(connection, operation_id, change)
            _write_memory(connection, operation_id, change.memory)
            append_events(connection, change.events, now)

        self._apply_once(work)

    def _apply_once(self, work: Any) -> None:
        try:
            self._db.write(work)
        except sa.exc.IntegrityError:
            # a lock was taken between our look and our insert: the second look names its holder
            self._db.write(work)

    def _add(self, connection: sa.Connection, new: NewOperation) -> str:
        earlier = _known(connection, new)
        if earlier is not None:
            return earlier
        operation = new.operation
        _take_locks(connection, new.locks, new.root_id)
        number = next_numbers(connection, "operations", 1)
        own = {
            "number": number,
            "root_id": new.root_id,
            "child_name": new.child_name,
            "lock_names": list(new.locks),
            "owner_token": None,
            "heartbeat_at": None,
        }
        connection.execute(sa.insert(operations).values(**operation_row(operation), **own))
        if operation.steps:
            connection.execute(sa.insert(steps), [step_row(operation.id, step) for step in operation.steps])
        if new.idempotency_key is not None:
            key = {
                "idempotency_key": new.idempotency_key,
                "operation_id": operation.id,
                "fingerprint": new.fingerprint,
            }
            connection.execute(sa.insert(idempotency).values(**key))
        append_events(connection, new.events, self._db.now())
        return operation.id


def _known(connection: sa.Connection, new: NewOperation) -> str | None:
    if new.idempotency_key is None:
        return None
    return key_holder(connection, new.idempotency_key, new.fingerprint)


def _take_locks(connection: sa.Connection, names: Sequence[str], root_id: str) -> None:
    if not names:
        return
    query = sa.select(locks.c.name, locks.c.root_id).where(locks.c.name.in_(names)).order_by(locks.c.name)
    held = {row.name: row.root_id for row in connection.execute(query)}
    for name, holder in held.items():
        if holder != root_id:
            title = connection.execute(
                sa.select(operations.c.title).where(operations.c.id == holder)
            ).scalar()
            raise LockedError(
                f"{name} is held by operation {holder} ({title})",
                hint=f"wait for it, or see to it: pumphouse operation show {holder}",
            )
    # in one order everywhere, so that two who want the same names do not wait for each other
    for name in sorted(set(names) - set(held)):
        connection.execute(sa.insert(locks).values(name=name, root_id=root_id))


def _guarded(connection: sa.Connection, operation_id: str, token: str | None) -> Mapping[Any, Any]:
    present = connection.execute(_PRESENT, {"own_id": operation_id}).mappings().first()
    if present is None:
        raise NotFoundError("operation", operation_id, hint="see: pumphouse operation list")
    if token is not None and present["owner_token"] != token:
        raise StaleOwnerError(
            f"operation {operation_id} has been taken over by another process; this one's write was refused",
            hint="nothing is lost: its new owner looks at the clouds before it goes on",
        )
    return present


def _check_status(
    present: Mapping[Any, Any], wanted: OperationStatus | None, expected: frozenset[OperationStatus] | None
) -> None:
    status = OperationStatus(present["status"])
    if expected is not None and status not in expected:
        words = ", ".join(sorted(expected))
        raise ConflictError(f"operation {present['id']} is {status}, not {words}")
    if wanted is not None and wanted is not status and wanted not in TRANSITIONS[status]:
        raise ConflictError(f"operation {present['id']} is {status} and cannot become {wanted}")


def _write_operation(connection: sa.Connection, present: Mapping[Any, Any], change: Change) -> None:
    values = dict(change.values)
    if change.status is not None:
        values["status"] = change.status.value
        _follow_locks(connection, present, change.status)
        if change.status not in ACTIVE:
            values.update(NOBODY)
    if values:
        connection.execute(_CHANGE_OPERATION, {"own_id": present["id"], **values})


def _follow_locks(connection: sa.Connection, present: Mapping[Any, Any], wanted: OperationStatus) -> None:
    held = OperationStatus(present["status"]) in HOLDS_LOCKS
    holds = wanted in HOLDS_LOCKS
    if holds and not held:
        _take_locks(connection, present["lock_names"], present["root_id"])
    if not held or holds:
        return
    mine = locks.c.root_id == present["root_id"]
    if present["root_id"] != present["id"]:
        # a child gives back what nobody else of its family needs; when the root ends, all goes
        family = sa.and_(
            operations.c.root_id == present["root_id"],
            operations.c.id != present["id"],
            operations.c.status.in_([s.value for s in HOLDS_LOCKS]),
        )
        needed = {
            n
            for names in connection.execute(sa.select(operations.c.lock_names).where(family)).scalars()
            for n in names
        }
        mine = sa.and_(mine, locks.c.name.in_(sorted(set(present["lock_names"]) - needed)))
    connection.execute(sa.delete(locks).where(mine))


def _write_steps(connection: sa.Connection, operation_id: str, change: Change) -> None:
    for step in change.steps:
        own = {"own_id": operation_id, "own_name": step.name}
        connection.execute(_CHANGE_STEP, own | step_row(operation_id, step))


def _write_items(connection: sa.Connection, operation_id: str, change: Change) -> None:
    if change.new_items:
        _add_items(connection, operation_id, change.new_items)
    if change.items:
        connection.execute(_CHANGE_ITEM, [_changed(item) for item in change.items])
    if change.reset_items is not None:
        before, after = change.reset_items
        chosen = sa.and_(
            items.c.operation_id == operation_id,
            items.c.step.in_(change.reset_steps),
            items.c.status == before.value,
        )
        connection.execute(sa.update(items).where(chosen).values(status=after.value))


def _changed(item: Item) -> dict[str, Any]:
    return {
        "own_id": item.id,
        "new_status": item.status.value,
        "new_attempts": item.attempts,
        "new_result": dict(item.result),
        "new_error": item.error,
        "new_started_at": item.started_at,
        "new_ended_at": item.ended_at,
    }


def _add_items(connection: sa.Connection, operation_id: str, news: Sequence[Item]) -> None:
    places = sa.select(steps.c.name, steps.c.position).where(steps.c.operation_id == operation_id)
    position_of = {row.name: row.position for row in connection.execute(places)}
    mine = items.c.operation_id == operation_id
    known: set[str] = set()
    last: dict[str, int] = {}
    for row in connection.execute(sa.select(items.c.id, items.c.step, items.c.position).where(mine)):
        known.add(row.id)
        last[row.step] = max(last.get(row.step, -1), row.position)
    rows = []
    for item in news:
        if item.id in known:
            continue
        last[item.step] = last.get(item.step, -1) + 1
        rows.append(_new_row(operation_id, item, position_of[item.step], last[item.step]))
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        connection.execute(sa.insert(items), rows[begin : begin + ROWS_AT_ONCE])


def _new_row(operation_id: str, item: Item, step_position: int, position: int) -> dict[str, Any]:
    return {
        "id": item.id,
        "operation_id": operation_id,
        "step": item.step,
        "step_position": step_position,
        "position": position,
        "item_key": item.key,
        "name": item.name,
        "kind": item.kind,
        "burdens": list(item.groups),
        "status": item.status.value,
        "attempts": item.attempts,
        "data": dict(item.data),
        "result": dict(item.result),
        "error": item.error,
        "started_at": item.started_at,
        "ended_at": item.ended_at,
    }


def _write_memory(connection: sa.Connection, operation_id: str, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        own = {"own_id": operation_id, "own_name": name}
        if not connection.execute(_CHANGE_MEMORY, {**own, "new_value": value}).rowcount:
            connection.execute(sa.insert(memories).values(operation_id=operation_id, name=name, value=value))
