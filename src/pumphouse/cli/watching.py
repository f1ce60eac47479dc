"""Watches an operation until nobody works on it any more, and makes Ctrl-C mean something definite. Used by running.py."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING

import typer

from pumphouse.cli.display import Display, display_for
from pumphouse.cli.failures import Exit
from pumphouse.cli.output import console
from pumphouse.cli.session import Session
from pumphouse.domain.operation import FINISHED, OperationStatus

if TYPE_CHECKING:
    from pumphouse.wire.event import EventView
    from pumphouse.wire.operation import ItemView, OperationView

POLL_S = 0.4
LINES_S = 1.5
EVENTS_AT_ONCE = 500
ABANDONED_S = 20.0
"""For so long an operation may have no owner before we believe that nobody will come (the server restarts, another takes over)."""
STOPPED = FINISHED | {OperationStatus.PAUSED}


@dataclass(slots=True)
class Interrupts:
    """Whether Ctrl-C was pressed while it was held back."""

    seen: bool = False


@contextmanager
def interrupts_held() -> Iterator[Interrupts]:
    """Hold Ctrl-C back while an operation is being accepted, so that its id is known in any case."""
    held = Interrupts()
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # a background job of a shell
    if ignored or threading.current_thread() is not threading.main_thread():
        yield held
        return

    def remember(number: int, frame: FrameType | None) -> None:
        del number, frame
        held.seen = True

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)


def watch(
    session: Session,
    operation_id: str,
    *,
    ours: bool,
    interrupted: bool = False,
    since: datetime | None = None,
) -> "OperationView":
    """Show an operation until it has stopped; what happened before `since` is not told again. `ours` says that this command has set it going, so that Ctrl-C is about the operation and
    not only about the watching; `interrupted` that Ctrl-C was pressed already.
    """
    watcher = _Watcher(session, operation_id, ours=ours, since=since)
    with display_for(console(err=True)) as display:
        if interrupted:
            watcher.on_interrupt(display)
        while True:
            try:
                return watcher.until_stopped(display)
            except KeyboardInterrupt:
                watcher.on_interrupt(display)


class _Watcher:
    def __init__(self, session: Session, operation_id: str, *, ours: bool, since: datetime | None) -> None:
        self._session = session
        self._id = operation_id
        self._ours = ours
        self._since = since
        self._after = 0
        self._status: OperationStatus | None = None
        self._child: str | None = None
        """The child that was heard of last: its items are the ones that run."""
        self._stopping: str | None = None

    def until_stopped(self, display: Display) -> "OperationView":
        alone_since: float | None = None
        while True:
            operation = self._look()
            news = self._news()
            running = self._running(operation) if display.shows_items else ()
            display.update(operation, news, running)
            if operation.status in STOPPED:
                self._say_how_to_go_on(operation)
                return operation
            now = self._session.clock.monotonic()
            alone_since = (alone_since if alone_since is not None else now) if operation.interrupted else None
            if alone_since is not None and now - alone_since > ABANDONED_S:
                display.note(f"nobody works on it; go on with: pumphouse operation resume {operation.id[:8]}")
                return operation
            self._rest(display)

    def _rest(self, display: Display) -> None:
        """A look costs as much as many a request to a cloud: where only lines are written, seldom ones do, as the end wakes us."""
        rest = self._session.connection.rest
        if rest is None or not self._ours:
            self._session.clock.sleep(POLL_S)
        else:
            rest(POLL_S if display.shows_items else LINES_S)

    def _look(self) -> "OperationView":
        operation = self._session.client.operation(self._id, plan=False)
        self._status = operation.status
        return operation

    def _running(self, operation: "OperationView") -> "list[ItemView]":
        """What is being worked on at this moment."""
        if operation.status in STOPPED:
            return []
        status = "undoing" if operation.status is OperationStatus.UNDOING else "running"
        family = filter(None, (self._id, self._child))
        return [item for one in family for item in self._session.client.items(one, status=status)]

    def _news(self) -> "list[EventView]":
        """What has happened since the last look."""
        news: list[EventView] = []
        while True:
            events = self._session.client.operation_events(self._id, after=self._after, limit=EVENTS_AT_ONCE)
            self._after = events[-1].id if events else self._after
            for event in events:
                self._child = None if event.operation_id == self._id else event.operation_id
            news += [e for e in events if self._since is None or e.at >= self._since]
            if len(events) < EVENTS_AT_ONCE:
                return news

    def on_interrupt(self, display: Display) -> None:
        """Ask, or do what is safest when there is nobody to ask."""
        if self._stopping is not None:
            self._leave(
                "It is left as it is, unfinished." if self._here else f"It is still {self._stopping}."
            )
        if not self._ours:
            self._leave("It goes on without being watched.")
        if (self._status or self._look().status) is OperationStatus.UNDOING:
            self._say_that_it_goes_on(display)
            return
        match self._choice(display):
            case "leave":
                self._leave("It goes on at the server.")
            case "pause" | "cancel" as action:
                self._stop(action, display)
            case _:
                display.note("")

    def _stop(self, action: str, display: Display) -> None:
        from pumphouse.client.errors import ProblemError

        try:
            self._session.client.act(self._id, action)
        except ProblemError:
            # while we asked it has ended, which the next look will tell, or has begun to go back
            if self._look().status is OperationStatus.UNDOING:
                self._say_that_it_goes_on(display)
            return
        self._stopping = "stopping"
        display.note("Stopping: what has begun is finished first. Ctrl-C again leaves at once.")

    def _say_that_it_goes_on(self, display: Display) -> None:
        """An undo has no pause: half of a way back helps nobody."""
        if not self._here and not self._session.interactive:
            self._leave("It goes on at the server.")
        self._stopping = "undoing"
        display.note(
            "An undo cannot be paused: it goes on. Ctrl-C again "
            + (
                f"leaves it interrupted, to be resumed with: pumphouse operation resume {self._id[:8]}"
                if self._here
                else "only ends the watching."
            )
        )

    @property
    def _here(self) -> bool:
        return self._session.connection.in_process

    def _choice(self, display: Display) -> str:
        if not self._session.interactive:
            return "pause" if self._here else "leave"
        words = ["keep", "pause", "cancel"] if self._here else ["keep", "leave", "pause", "cancel"]
        with display.question():
            try:
                said = typer.prompt(
                    f"\nThe operation runs. What now? ({'/'.join(words)})", default="keep", err=True
                )
            except (KeyboardInterrupt, typer.Abort):
                return "pause" if self._here else "leave"
        return next((w for w in words if w.startswith(said.strip().lower() or "keep")), "keep")

    def _leave(self, how: str) -> None:
        verb = "resume" if self._here and self._ours else "watch"
        typer.echo(f"{how} Look at it or go on with: pumphouse operation {verb} {self._id[:8]}", err=True)
        raise typer.Exit(Exit.INTERRUPTED)

    def _say_how_to_go_on(self, operation: "OperationView") -> None:
        if self._stopping is None or operation.status not in {
            OperationStatus.PAUSED,
            OperationStatus.CANCELLED,
        }:
            return
        typer.echo(
            f"{operation.name} is {operation.status}. Go on with: pumphouse operation resume {self._id[:8]}",
            err=True,
        )
        raise typer.Exit(Exit.INTERRUPTED)
