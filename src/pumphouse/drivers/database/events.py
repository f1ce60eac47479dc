"""The append-only events, and the outbox of those that are notifications."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from typing_extensions import override

from pumphouse.domain.events import Event, NewEvent
from pumphouse.domain.finding import Severity
from pumphouse.drivers.database.database import Database, next_numbers
from pumphouse.drivers.database.tables import events, outbox
from pumphouse.ports.store import EventStore, OutboxStore


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
    def undelivered(self, *, due: datetime, limit: int = 50) -> Sequence[Event]:
        query = (
            sa.select(events)
            .join(outbox, outbox.c.seq == events.c.seq)
            .where(outbox.c.due_at <= due)
            .order_by(events.c.seq)
            .limit(limit)
        )
        rows = self._db.read(lambda c: c.execute(query).mappings().all())
        return [_event(row) for row in rows]

    @override
    def delivered(self, seq: int, *, at: datetime) -> None:
        mine = sa.update(outbox).where(outbox.c.seq == seq)
        self._db.write(
            lambda c: c.execute(
                mine.values(delivered_at=at, due_at=None, attempts=outbox.c.attempts + 1, error="")
            )
        )

    @override
    def not_delivered(self, seq: int, *, error: str, next_at: datetime | None) -> None:
        mine = sa.update(outbox).where(outbox.c.seq == seq)
        self._db.write(
            lambda c: c.execute(mine.values(due_at=next_at, attempts=outbox.c.attempts + 1, error=error))
        )


def append_events(connection: sa.Connection, news: Sequence[NewEvent], at: datetime) -> list[Event]:
    """Write events as the last thing of a transaction: their counter stays locked until it ends."""
    if not news:
        return []
    first = next_numbers(connection, "events", len(news))
    written = [_numbered(new, first + n, at) for n, new in enumerate(news)]
    connection.execute(sa.insert(events), [_row(event) for event in written])
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
