"""The append-only events, and the outbox of those that are notifications."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.events import Event, NewEvent
from pumphouse.domain.finding import Severity
from pumphouse.drivers.database.database import Database, next_numbers
from pumphouse.drivers.database.tables import deliveries, events, outbox
from pumphouse.ports.store import EventStore, OutboxStore

_ADD_EVENT = sa.insert(events)


class DatabaseEvents(EventStore, OutboxStore):
    """The ports EventStore and OutboxStore on SQL."""

    def __init__(self, database: Database) -> None:
        self._db = database

    @override
    def append(self, events: Iterable[NewEvent]) -> Sequence[Event]:
        news = list(events)
        return self._db.write(lambda c: append_events(c, news, self._db.now())) if news else []

    @override
    def events(
        self,
        *,
        after: int = 0,
        limit: int = 200,
        operation_id: str | None = None,
        notify: bool | None = None,
        newest: bool = False,
    ) -> Sequence[Event]:
        query = sa.select(events).where(events.c.seq > after).limit(limit)
        query = query.order_by(events.c.seq.desc() if newest else events.c.seq)
        if operation_id is not None:
            query = query.where(events.c.operation_id == operation_id)
        if notify is not None:
            query = query.where(events.c.notify == notify)
        rows = self._db.read(lambda c: c.execute(query).mappings().all())
        return [_event(row) for row in rows]

    @override
    def undelivered(self, sink: str, *, due: datetime, since: datetime, limit: int = 50) -> Sequence[Event]:
        here = sa.and_(deliveries.c.seq == outbox.c.seq, deliveries.c.sink == sink)
        new = sa.and_(deliveries.c.seq.is_(None), outbox.c.due_at >= since, outbox.c.due_at <= due)
        query = (
            sa.select(events)
            .join(outbox, outbox.c.seq == events.c.seq)
            .outerjoin(deliveries, here)
            .where(sa.or_(deliveries.c.due_at <= due, new))
            .order_by(events.c.seq)
            .limit(limit)
        )
        rows = self._db.read(lambda c: c.execute(query).mappings().all())
        return [_event(row) for row in rows]

    @override
    def delivered(self, seq: int, sink: str, *, at: datetime) -> None:
        self._record(seq, sink, {"delivered_at": at, "due_at": None, "error": ""})

    @override
    def not_delivered(self, seq: int, sink: str, *, error: str, next_at: datetime | None) -> None:
        self._record(seq, sink, {"due_at": next_at, "error": error})

    def _record(self, seq: int, sink: str, values: Mapping[str, Any]) -> None:
        mine = sa.and_(deliveries.c.seq == seq, deliveries.c.sink == sink)
        again = sa.update(deliveries).where(mine).values(**values, attempts=deliveries.c.attempts + 1)
        first = sa.insert(deliveries).values(seq=seq, sink=sink, attempts=1, **values)

        def work(connection: sa.Connection) -> None:
            if not connection.execute(again).rowcount:
                connection.execute(first)

        try:
            self._db.write(work)
        except sa.exc.IntegrityError:
            # another process has delivered it too, and was quicker to say so
            self._db.write(work)


def append_events(connection: sa.Connection, news: Sequence[NewEvent], at: datetime) -> list[Event]:
    """Write events as the last thing of a transaction: their counter stays locked until it ends."""
    if not news:
        return []
    first = next_numbers(connection, "events", len(news))
    written = [_numbered(new, first + n, at) for n, new in enumerate(news)]
    connection.execute(_ADD_EVENT, [_row(event) for event in written])
    notices = [
        {"seq": event.seq, "due_at": at, "delivered_at": None, "attempts": 0, "error": ""}
        for event in written
        if event.notify
    ]
    if notices:
        connection.execute(sa.insert(outbox), notices)
    return written


def _numbered(new: NewEvent, seq: int, at: datetime) -> Event:
    return Event(
        seq=seq,
        at=at,
        type=new.type,
        message=new.message,
        severity=new.severity,
        subject=new.subject,
        environment=new.environment,
        operation_id=new.operation_id,
        step=new.step,
        notify=new.notify,
        data=new.data,
    )


def _row(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "at": event.at,
        "type": event.type,
        "message": event.message,
        "severity": event.severity.value,
        "subject": event.subject,
        "environment": event.environment,
        "operation_id": event.operation_id,
        "step": event.step,
        "notify": event.notify,
        "data": dict(event.data),
    }


def _event(row: Mapping[Any, Any]) -> Event:
    values = dict(row)
    return Event(**{**values, "severity": Severity(values["severity"])})
