"""Routes of events: the stream of all (SSE, resumable), and the list of notifications."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool

from pumphouse.api.depends import Door, Limit, allow
from pumphouse.services.access import Actor, Permission
from pumphouse.wire.event import EventView
from pumphouse.wire.model import Page

router = APIRouter(prefix="/v1", tags=["events"])
Reader = Annotated[Actor, allow(Permission.EVENT_READ)]
BATCH = 200


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(
    request: Request,
    services: Door,
    actor: Reader,
    operation: Annotated[str | None, Query(max_length=64, description="only those of this operation")] = None,
    after: Annotated[int | None, Query(ge=0, description="start behind this number")] = None,
    last_event_id: Annotated[str | None, Header(max_length=32)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Every event as it happens. The id of each is its number: a client that comes back with Last-Event-ID misses nothing and sees
    nothing twice. Without that and without `after`, the stream starts with what happens from now on.
    """
    del actor
    # the store is synchronous, and this is the only coroutine of the API
    seq = int(last_event_id) if last_event_id and last_event_id.isdigit() else after
    if seq is None:
        seq = await run_in_threadpool(services.events.last_seq)
    wait_s: float = request.app.state.stream_poll_s
    yield ServerSentEvent(comment="hello", retry=2000)
    while not await request.is_disconnected():
        batch = await run_in_threadpool(services.events.after, seq, operation_id=operation, limit=BATCH)
        for event in batch:
            seq = event.seq
            yield ServerSentEvent(
                raw_data=EventView.of(event).model_dump_json(), event=event.type, id=str(event.seq)
            )
        if len(batch) < BATCH:
            await asyncio.sleep(wait_s)


@router.get("/notifications")
def list_notifications(services: Door, actor: Reader, limit: Limit = 50) -> Page[EventView]:
    """What an operator wants to be told of, newest first."""
    del actor
    return Page(items=[EventView.of(e) for e in services.events.notifications(limit=limit)])
