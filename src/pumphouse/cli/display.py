"""What a person sees of a running operation: live with rich on a terminal, plain lines elsewhere. Used by watching.py and the demo."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from pumphouse.cli.folding import folded
from pumphouse.cli.pace import Pace
from pumphouse.cli.tables import COLOURS, counts, duration, when, word
from pumphouse.domain.finding import Severity

if TYPE_CHECKING:
    from pumphouse.wire.event import EventView
    from pumphouse.wire.operation import ItemView, OperationView

SIGNS = {
    "pending": "·", "running": "▶", "done": "✔", "done_with_errors": "!", "skipped": "-", "failed": "✘",
    "undoing": "◀", "undone": "↶", "undo_failed": "✘",
}  # fmt: skip
ASCII = str.maketrans({"·": ".", "▶": ">", "✔": "+", "✘": "x", "◀": "<", "↶": "u"})
LAST_EVENTS = 6
SHOWN_ITEMS = 8
KEPT_TYPES = frozenset({"health.compared"})
"""Events that stay on the screen though they are neither warnings nor notifications."""


class Display(Protocol):
    """Shows an operation again and again; a context manager. `shows_items` says whether it wants to know what runs."""

    shows_items: bool

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def update(
        self,
        operation: "OperationView",
        events: "Sequence[EventView]",
        running: "Sequence[ItemView]" = (),
    ) -> None:
        """Show the operation as it is now, with what has happened since the last update and the items that run."""
        ...

    def note(self, message: str) -> None:
        """Say something beside it."""
        ...

    @contextmanager
    def question(self) -> Iterator[None]:
        """Stand still while somebody is asked something."""
        ...


def display_for(console: Console) -> Display:
    """Live on a terminal, lines elsewhere."""
    return LiveDisplay(console) if console.is_terminal else LineDisplay(console)


class LineDisplay(Display):
    """One line for each event: for logs and pipes."""

    shows_items = False

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = False

    @override
    def __enter__(self) -> Self:
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace

    @override
    def update(
        self,
        operation: "OperationView",
        events: "Sequence[EventView]",
        running: "Sequence[ItemView]" = (),
    ) -> None:
        del running
        if not self._begun:
            self._begun = True
            self._say(f"{operation.name} [{operation.id}]")
        for event in events:
            self._say(f"{when(event.at)}  {event.message}")

    @override
    def note(self, message: str) -> None:
        self._say(message)

    @override
    @contextmanager
    def question(self) -> Iterator[None]:
        yield

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, soft_wrap=True)


class LiveDisplay(Display):
    """Title, steps, what runs, one bar with ETA, the last events; what was shown last stays on the screen. Warnings, notifications and the
    comparison of health are printed above it for good.
    """

    shows_items = True

    def __init__(self, console: Console) -> None:
        self._console = console
        self._operation: OperationView | None = None
        self._events: deque[EventView] = deque(maxlen=LAST_EVENTS)
        self._running: Sequence[ItemView] = ()
        self._note = ""
        self._pace = Pace()
        # asks for its first picture at once
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._render)

    @override
    def __enter__(self) -> Self:
        self._live.start()
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._live.stop()

    @override
    def update(
        self,
        operation: "OperationView",
        events: "Sequence[EventView]",
        running: "Sequence[ItemView]" = (),
    ) -> None:
        self._operation = operation
        self._running = running
        for event in events:
            if matters(event):
                self._console.print(_line(event), soft_wrap=True)
            else:
                self._events.append(event)
        self._live.refresh()

    @override
    def note(self, message: str) -> None:
        self._note = message
        self._live.refresh()

    @override
    @contextmanager
    def question(self) -> Iterator[None]:
        self._live.stop()
        try:
            yield
        finally:
            self._live = Live(console=self._console, refresh_per_second=4, get_renderable=self._render)
            self._live.start()

    def _render(self) -> RenderableType:
        if self._operation is None:
            return Text("...")
        ascii_only = "utf" not in (self._console.encoding or "").lower()
        return operation_picture(
            self._operation,
            tuple(self._events),
            self._running,
            note=self._note,
            pace=self._pace,
            ascii_only=ascii_only,
            height=self._console.size.height,
        )


def matters(event: "EventView") -> bool:
    """Whether it must not scroll away."""
    return event.notify or event.status is not Severity.INFO or event.type in KEPT_TYPES


def operation_picture(
    operation: "OperationView",
    events: "Sequence[EventView]" = (),
    running: "Sequence[ItemView]" = (),
    *,
    note: str = "",
    pace: Pace | None = None,
    ascii_only: bool = False,
    height: int | None = None,
) -> RenderableType:
    """The whole picture of an operation at one moment; with a `pace` that is kept between pictures also how fast data comes. Where it
    would be higher than `height` lines, steps of which nothing is to be said are only counted.
    """
    elapsed = (
        (operation.ended_at or datetime.now(UTC)) - (operation.started_at or operation.created_at)
    ).total_seconds()
    title = Text.assemble(
        (operation.name, "bold"),
        "  ",
        word(operation.status),
        f"  {duration(max(0.0, elapsed))}",
        (f"  [{operation.id[:8]}]", "dim"),
    )
    items = min(len(running), SHOWN_ITEMS + 1)
    # beside the steps: title, bar, error, note, and the line that the cursor stands in
    room = len(operation.steps) if height is None else max(5, height - 5 - len(events) - items)
    parts: list[RenderableType] = [
        title, _steps(operation, running, pace or Pace(), room, ascii_only=ascii_only)
    ]  # fmt: skip
    if operation.progress.total:
        parts.append(_bar(operation))
    parts += [_line(e, no_wrap=True) for e in events]
    if operation.error and operation.status not in {"done", "undone"}:
        parts.append(Text(operation.error, style="red"))
    if note:
        parts.append(Text(note, style="yellow"))
    return Group(*parts)


def _line(event: "EventView", *, no_wrap: bool = False) -> Text:
    return Text(
        f"{when(event.at)[11:]}  {event.message}",
        style=COLOURS.get(event.status, "dim"),
        no_wrap=no_wrap,
        overflow="ellipsis" if no_wrap else None,
    )


def _steps(
    operation: "OperationView", running: "Sequence[ItemView]", pace: Pace, room: int, *, ascii_only: bool
) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(4):
        table.add_column()
    for step in folded(operation.steps, operation.current_step, room):
        if isinstance(step, str):
            table.add_row("", Text(step, style="dim"), "", "")
            continue
        sign = SIGNS.get(step.status, "?")
        shown = sign.translate(ASCII) if ascii_only else sign
        colour = COLOURS.get(step.status, "dim")
        said = step.error or step.reason
        table.add_row(
            Text(shown, style=colour),
            step.title,
            word(step.status),
            Text(" ".join(filter(None, (counts(step.counts), said)))),
        )
        if step.name == operation.current_step:
            _add_running(table, running, pace)
    return table


def _add_running(table: Table, running: "Sequence[ItemView]", pace: Pace) -> None:
    now = datetime.now(UTC)
    for item in running[:SHOWN_ITEMS]:
        lasts = "" if item.started_at is None else duration(max(0.0, (now - item.started_at).total_seconds()))
        data = pace.line(item, now.timestamp())
        table.add_row("", Text(f"  {item.name}"), word(item.status), "  ".join(filter(None, (lasts, data))))
    if len(running) > SHOWN_ITEMS:
        table.add_row("", f"  and {len(running) - SHOWN_ITEMS} more", "", "")


def _bar(operation: "OperationView") -> Table:
    progress = operation.progress
    line = Table.grid(padding=(0, 1))
    amount = f"{progress.done} of {progress.total}" + (
        f", {progress.failed} failed" if progress.failed else ""
    )
    left = f"about {duration(progress.eta_s)} left" if progress.eta_s else ""
    line.add_row(ProgressBar(total=progress.total, completed=progress.done, width=40), amount, left)
    return line
