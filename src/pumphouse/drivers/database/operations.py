"""Reading operations, their steps, items and memory."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pumphouse.domain.errors import AmbiguousError, ConflictError, NotFoundError
from pumphouse.domain.operation import Item, ItemStatus, Operation, OperationStatus, StepRecord
from pumphouse.drivers.database.database import Database
from pumphouse.drivers.database.documents import item_value, operation_value, plan_value, step_value
from pumphouse.drivers.database.tables import idempotency, items, locks, memories, operations, steps

SHORTEST_PREFIX = 8
_KNOWN = sa.select(operations.c.id).where(operations.c.id == sa.bindparam("own_id"))
_WHOLE = sa.select(operations).where(operations.c.id == sa.bindparam("own_id"))
_STEPS = sa.select(steps).where(steps.c.operation_id == sa.bindparam("own_id")).order_by(steps.c.position)
_COUNTS = (
    sa.select(items.c.step, items.c.status, sa.func.count().label("count"))
    .where(items.c.operation_id == sa.bindparam("own_id"))
    .group_by(items.c.step, items.c.status)
)
LISTED = [column for column in operations.c if column.name != "plan"]


class DatabaseOperations:
    """The reading half of the port OperationStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def operation(self, id: str) -> Operation:
        return self._db.read(lambda c: _operation(c, _full_id(c, id)))

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
        query = sa.select(*LISTED).order_by(operations.c.number.desc()).limit(limit)
        conditions = {
            operations.c.environment: environment,
            operations.c.kind: kind,
            operations.c.parent_id: parent_id,
        }
        for column, value in conditions.items():
            if value is not None:
                query = query.where(column == value)
        if statuses is not None:
            query = query.where(operations.c.status.in_([s.value for s in statuses]))
        if roots_only:
            query = query.where(operations.c.parent_id.is_(None))

        def work(connection: sa.Connection) -> Sequence[Mapping[Any, Any]]:
            page = query
            if before is not None:
                own = sa.select(operations.c.number).where(operations.c.id == _full_id(connection, before))
                page = query.where(operations.c.number < own.scalar_subquery())
            return connection.execute(page).mappings().all()

        return [operation_value(row, None, ()) for row in self._db.read(work)]

    def operation_of_key(self, idempotency_key: str, *, fingerprint: str | None = None) -> Operation | None:
        def work(connection: sa.Connection) -> Operation | None:
            found = key_holder(connection, idempotency_key, fingerprint)
            return None if found is None else _operation(connection, found)

        return self._db.read(work)

    def child(self, parent_id: str, name: str) -> Operation | None:
        mine = sa.and_(operations.c.parent_id == parent_id, operations.c.child_name == name)
        newest = sa.select(operations.c.id).where(mine).order_by(operations.c.number.desc()).limit(1)

        def work(connection: sa.Connection) -> Operation | None:
            found = connection.execute(newest).scalar()
            return None if found is None else _operation(connection, found)

        return self._db.read(work)

    def items(
        self,
        operation_id: str,
        *,
        step: str | None = None,
        statuses: Iterable[ItemStatus] | None = None,
        after: str | None = None,
        limit: int | None = 200,
    ) -> Sequence[Item]:
        query = sa.select(items).order_by(items.c.step_position, items.c.position).limit(limit)
        if step is not None:
            query = query.where(items.c.step == step)
        if statuses is not None:
            query = query.where(items.c.status.in_([s.value for s in statuses]))

        def work(connection: sa.Connection) -> list[Item]:
            page = query.where(items.c.operation_id == _full_id(connection, operation_id))
            if after is not None:
                page = page.where(_behind(connection, after))
            return [item_value(row) for row in connection.execute(page).mappings()]

        return self._db.read(work)

    def held_locks(self) -> Mapping[str, str]:
        query = sa.select(locks.c.name, locks.c.root_id).order_by(locks.c.name)
        return {row.name: row.root_id for row in self._db.read(lambda c: c.execute(query).all())}

    def errors_among(self, operation_id: str, step: str) -> int:
        bad = sa.or_(
            items.c.status == ItemStatus.FAILED.value,
            sa.and_(items.c.status == ItemStatus.SKIPPED.value, items.c.error != ""),
        )
        query = sa.select(sa.func.count()).where(
            items.c.operation_id == operation_id, items.c.step == step, bad
        )
        return int(self._db.read(lambda c: c.execute(query).scalar_one()))

    def recent_ends(self, operation_id: str, limit: int = 50) -> Sequence[tuple[datetime, datetime]]:
        query = (
            sa.select(items.c.started_at, items.c.ended_at)
            .where(
                items.c.operation_id == operation_id,
                items.c.ended_at.is_not(None),
                items.c.started_at.is_not(None),
            )
            .order_by(items.c.ended_at.desc())
            .limit(limit)
        )
        rows = self._db.read(lambda c: c.execute(query).all())
        return [(row.started_at, row.ended_at) for row in rows]

    def memory(self, operation_id: str) -> Mapping[str, Any]:
        query = sa.select(memories.c.name, memories.c.value).where(memories.c.operation_id == operation_id)
        rows = self._db.read(lambda c: c.execute(query).all())
        return {row.name: row.value for row in rows}


def key_holder(connection: sa.Connection, key: str, fingerprint: str | None) -> str | None:
    """The id of the operation that has an idempotency key; ConflictError when its fingerprint is another one."""
    row = connection.execute(sa.select(idempotency).where(idempotency.c.idempotency_key == key)).first()
    if row is None:
        return None
    if fingerprint is not None and row.fingerprint != fingerprint:
        raise ConflictError(
            f"the idempotency key {key!r} was used for another request (operation {row.operation_id})",
            hint="use a new key for a new request",
        )
    return str(row.operation_id)


def _full_id(connection: sa.Connection, id: str) -> str:
    known = connection.execute(_KNOWN, {"own_id": id}).scalar()
    if known is not None:
        return str(known)
    hint = "see: pumphouse operation list"
    if len(id) < SHORTEST_PREFIX:
        raise NotFoundError("operation", id, hint=hint)
    query = sa.select(operations.c.id).where(operations.c.id.startswith(id, autoescape=True)).limit(5)
    found = connection.execute(query).scalars().all()
    if not found:
        raise NotFoundError("operation", id, hint=hint)
    if len(found) > 1:
        raise AmbiguousError(
            f"more than one operation begins with {id!r}", hint="one of: " + ", ".join(found)
        )
    return str(found[0])


def _operation(connection: sa.Connection, id: str) -> Operation:
    row = connection.execute(_WHOLE, {"own_id": id}).mappings().one()
    return operation_value(row, plan_value(row["plan"]), _steps(connection, id))


def _steps(connection: sa.Connection, id: str) -> tuple[StepRecord, ...]:
    own = {"own_id": id}
    counts: defaultdict[str, dict[ItemStatus, int]] = defaultdict(dict)
    for row in connection.execute(_COUNTS, own):
        counts[row.step][ItemStatus(row.status)] = row[2]
    return tuple(
        step_value(row, counts.get(row["name"], {})) for row in connection.execute(_STEPS, own).mappings()
    )


def _behind(connection: sa.Connection, item_id: str) -> sa.ColumnElement[bool]:
    query = sa.select(items.c.step_position, items.c.position).where(items.c.id == item_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError("item", item_id)
    later_step = items.c.step_position > row.step_position
    later_here = sa.and_(items.c.step_position == row.step_position, items.c.position > row.position)
    return sa.or_(later_step, later_here)
