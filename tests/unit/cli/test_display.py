"""The live display and the lines, on terminals of memory."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from pumphouse.cli import tables
from pumphouse.cli.display import LineDisplay, LiveDisplay, display_for, operation_picture
from pumphouse.cli.pace import Pace
from pumphouse.cli.tables import counts, duration
from pumphouse.domain.finding import Severity
from pumphouse.domain.operation import ItemStatus, OperationStatus, StepStatus
from pumphouse.wire.event import EventView
from pumphouse.wire.operation import ItemView, OperationView, ProgressView, StepView

NOW = datetime.now(UTC)


def operation(status: OperationStatus = OperationStatus.RUNNING) -> OperationView:
    counted = {ItemStatus.DONE: 3, ItemStatus.FAILED: 1, ItemStatus.PENDING: 8}
    return OperationView(
        id="0123456789",
        name="evacuate node-3 of old",
        kind="evacuate_node",
        status=status,
        created_at=NOW - timedelta(seconds=75),
        started_at=NOW - timedelta(seconds=70),
        ended_at=NOW,
        steps=(
            StepView(name="a", title="Keep new servers off", position=0, status=StepStatus.DONE),
            StepView(
                name="b", title="Move the servers", position=1, status=StepStatus.RUNNING, counts=counted
            ),
        ),
        progress=ProgressView(done=3, failed=1, total=12, eta_s=100),
    )


def told(
    message: str, *, type: str = "x", severity: Severity = Severity.INFO, notify: bool = False
) -> EventView:
    return EventView(id=99, name="x", type=type, status=severity, at=NOW, message=message, notify=notify)


def server(number: int, seconds: float) -> ItemView:
    return ItemView(
        id=str(number),
        name=f"db-{number}",
        status=ItemStatus.RUNNING,
        step="b",
        key=str(number),
        kind="server",
        started_at=datetime.now(UTC) - timedelta(seconds=seconds),
    )


def event(number: int) -> EventView:
    return EventView(
        id=number,
        name="x",
        type="server.moved",
        status=Severity.INFO,
        at=NOW,
        message=f"web-{number} moved [ok]",
    )


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, height=40, color_system=None)


def written(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_data_is_told_with_its_pace_and_what_is_left() -> None:
    pace, mib = Pace(), 1 << 20
    item = server(1, 5)

    def at(now_s: float, done: int) -> str:
        return pace.line(
            item.model_copy(update={"result": {"bytes_done": done, "bytes_total": 512 * mib}}), now_s
        )

    assert at(100.0, 256 * mib) == "256.0 MiB of 512.0 MiB"
    assert at(102.0, 256 * mib) == "256.0 MiB of 512.0 MiB", (
        "nothing has come yet: no rate, no division by zero"
    )
    assert at(104.0, 384 * mib) == "384.0 MiB of 512.0 MiB, 32.0 MiB/s, about 4 s left", (
        "what was there before does not count"
    )
    assert pace.line(item, 105.0) == ""
    assert pace.line(item.model_copy(update={"result": {"bytes_done": 0, "bytes_total": 0}}), 105.0) == ""


def test_the_live_display_shows_data_of_what_runs(terminal: Console) -> None:
    item = server(1, 5).model_copy(update={"result": {"bytes_done": 1 << 28, "bytes_total": 1 << 30}})
    with display_for(terminal) as display:
        display.update(operation().model_copy(update={"current_step": "b"}), [], [item])
    assert "256.0 MiB of 1.0 GiB" in written(terminal)


def test_the_live_display_shows_everything_that_matters_and_stays(terminal: Console) -> None:
    with display_for(terminal) as display:
        assert isinstance(display, LiveDisplay)
        display.update(operation(), [event(n) for n in range(20)])
        display.note("stopping")
    last = written(terminal)
    for text in (
        "evacuate node-3 of old", "running", "1 min 10 s", "Move the servers", "3 of 12 done, 1 failed", "about 1 min 40 s left",
        "web-19 moved [ok]", "stopping",
    ):  # fmt: skip
        assert text in last, text
    assert "web-3 moved" not in last, "only the last events"


def test_what_matters_does_not_scroll_away(terminal: Console) -> None:
    with display_for(terminal) as display:
        display.update(
            operation(),
            [
                told("db-1 did not leave", severity=Severity.WARNING),
                told("the node is empty", notify=True),
                told("nothing is worse than before", type="health.compared"),
                told("an ordinary thing"),
            ],
        )
        for number in range(20):
            display.update(operation(), [event(number)])
    shown = written(terminal)
    picture = shown[shown.rindex("evacuate node-3 of old") :]
    for kept in ("db-1 did not leave", "the node is empty", "nothing is worse than before"):
        assert shown.count(kept) == 1, kept
        assert kept not in picture, "it belongs above the picture"
    assert "an ordinary thing" not in picture


def test_what_runs_stands_under_its_step(terminal: Console) -> None:
    running = operation().model_copy(update={"current_step": "b"})
    with display_for(terminal) as display:
        assert display.shows_items
        display.update(running, [], [server(n, 62) for n in range(10)])
    shown = written(terminal)
    picture = shown[shown.rindex("evacuate node-3 of old") :]
    assert picture.index("Move the servers") < picture.index("db-0") < picture.index("db-7")
    assert "1 min 0" in picture
    assert "db-8" not in picture
    assert "and 2 more" in picture


def test_a_question_stops_the_picture_and_it_comes_back(terminal: Console) -> None:
    with display_for(terminal) as display:
        display.update(operation(), [])
        with display.question():
            terminal.print("what now?")
        display.update(operation(OperationStatus.PAUSED), [])
    assert written(terminal).rindex("paused") > written(terminal).index("what now?")


def test_a_terminal_without_unicode_gets_ascii() -> None:
    raw = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    console = Console(file=raw, force_terminal=True, width=120, color_system=None)
    with display_for(console) as display:
        display.update(operation(), [])
    raw.flush()


def test_elsewhere_there_is_a_line_for_each_event() -> None:
    console = Console(file=io.StringIO(), width=40)
    with display_for(console) as display:
        assert isinstance(display, LineDisplay)
        display.update(operation(), [event(1)])
        display.update(operation(), [event(2)])
    lines = written(console).splitlines()
    assert lines[0] == "evacuate node-3 of old [0123456789]"
    assert [line.split("  ")[1] for line in lines[1:]] == ["web-1 moved [ok]", "web-2 moved [ok]"]


def test_counts_speak_of_the_way_back_too() -> None:
    assert (
        counts({ItemStatus.DONE: 2, ItemStatus.SKIPPED: 1, ItemStatus.FAILED: 1}) == "3 of 4 done, 1 failed"
    )
    assert counts({ItemStatus.UNDONE: 3, ItemStatus.UNDO_FAILED: 1}) == "3 of 4 undone, 1 undo failed"
    assert counts({}) == ""


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (75, "1 min 15 s"), (7500, "2 h 05 min")])
def test_durations_are_words(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_services_without_a_name_are_named_by_their_program_and_counted() -> None:
    agents = [{"kind": "compute", "binary": "nova-compute", "up": 2, "down": 1, "disabled": 0}]
    assert tables._short(agents) == "nova-compute (2 up, 1 down)"


@pytest.mark.parametrize("at", [0, 3, 20, 32])
def test_a_long_operation_fits_a_small_terminal(at: int) -> None:
    """A migration has 33 steps: what runs, what failed and the bar are seen on 24 lines, the others are counted."""
    steps = tuple(
        StepView(
            name=f"s{n}",
            title=f"Step {n}",
            position=n,
            status=StepStatus.FAILED if n == 1 and at > 1 else StepStatus.DONE if n < at else StepStatus.RUNNING if n == at else StepStatus.PENDING,
        )
        for n in range(33)
    )  # fmt: skip
    shown = operation().model_copy(update={"steps": steps, "current_step": f"s{at}"})
    screen = Console(file=io.StringIO(), width=100, height=24, force_terminal=True, color_system=None)
    picture = operation_picture(shown, (event(1), event(2)), (server(1, 3),), height=24)
    lines = ["".join(part.text for part in line) for line in screen.render_lines(picture)]
    assert len(lines) <= 23
    told = "\n".join(lines)
    assert f"Step {at} " in told
    assert "3 of 12" in told
    assert ("Step 1 " in told) == (at > 1 or at <= 3)
    counted = [int(line.split()[0]) for line in lines if " step" in line and line.split()[0].isdecimal()]
    named = sum(line.strip(" ·▶✔✘").startswith("Step ") for line in lines)
    assert sum(counted) + named == 33
