"""Ctrl-C while an operation is watched: it is running or paused afterwards, as was said, and the way on is printed."""

from collections.abc import Callable

import pytest

from pumphouse.cli.session import Session
from tests.fakes.bench import Bench
from tests.unit.cli.typing_person import Person

pytestmark = pytest.mark.crash


def press_once(bench: Bench, *, then: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """Ctrl-C at the first wait; what is held back goes on afterwards."""
    pressed = []

    def on_sleep() -> None:
        if not pressed:
            pressed.append(True)
            then()
            raise KeyboardInterrupt
        bench.controls.gate.set()

    return on_sleep


@pytest.fixture
def held(bench: Bench) -> Bench:
    bench.controls.gate.clear()
    return bench


def test_without_a_terminal_it_is_paused_and_can_be_resumed(held: Bench) -> None:
    person = Person(held)
    person.wiring.on_sleep = press_once(held)
    stopped = person("node", "evacuate", "old/node-1", "--yes", "-o", "json")
    assert stopped.exit_code == 130, stopped.output
    (operation,) = held.stores.operations()
    assert operation.status == "paused"
    assert f"pumphouse operation resume {operation.id[:8]}" in stopped.stderr
    assert len(held.controls.moved) < 3
    assert person.json("operation", "resume", operation.id[:8])["status"] == "done"
    assert sorted(held.controls.moved) == ["a", "b", "c"], "nothing is moved twice"


def test_at_a_server_it_goes_on(held: Bench) -> None:
    person = Person(held, in_process=False)
    person.wiring.on_sleep = press_once(held)
    left = person("node", "evacuate", "old/node-1", "--yes")
    assert left.exit_code == 130
    (operation,) = held.stores.operations()
    # a lane of the server may only be about to take it
    assert operation.status in {"accepted", "running"}
    assert f"pumphouse operation watch {operation.id[:8]}" in left.stderr
    held.controls.gate.set()
    assert person.json("operation", "watch", operation.id[:8])["status"] == "done"


@pytest.mark.parametrize(
    ("answer", "status", "code"), [("pause", "paused", 130), ("c", "cancelled", 130), ("keep", "done", 0)]
)
def test_somebody_is_asked(
    held: Bench, monkeypatch: pytest.MonkeyPatch, answer: str, status: str, code: int
) -> None:
    monkeypatch.setattr(Session, "interactive", property(lambda self: True))
    person = Person(held)
    person.wiring.on_sleep = press_once(held)
    result = person("node", "evacuate", "old/node-1", "--yes", answers=f"{answer}\n")
    assert result.exit_code == code, result.output
    assert "What now? (keep/pause/cancel)" in result.stderr
    assert held.stores.operations()[0].status == status


def test_leaving_a_mere_watch_changes_nothing(held: Bench) -> None:
    person = Person(held)
    params = {"environment": "old", "node": "node-1"}
    operation = held.engine.submit("evacuate_node", params, held.engine.plan("evacuate_node", params))
    held.engine.start(operation.id)
    person.wiring.on_sleep = press_once(held)
    result = person("operation", "watch", operation.id)
    assert result.exit_code == 130
    assert "without being watched" in result.stderr
    held.controls.gate.set()
    assert person.json("operation", "watch", operation.id)["status"] == "done"


def test_a_second_ctrl_c_leaves_at_once(held: Bench) -> None:
    def always() -> None:
        raise KeyboardInterrupt

    person = Person(held)
    person.wiring.on_sleep = always
    result = person("node", "evacuate", "old/node-1", "--yes")
    assert result.exit_code == 130
    (operation,) = held.stores.operations()
    assert operation.status in {"pausing", "paused"}
    assert f"pumphouse operation resume {operation.id[:8]}" in result.stderr


@pytest.fixture
def going_back(bench: Bench) -> Bench:
    """An operation that is done, and whose undo takes its time."""
    assert Person(bench)("node", "evacuate", "old/node-1", "--yes").exit_code == 0
    bench.controls.undo_gate.clear()
    return bench


def press(bench: Bench, times: int) -> Callable[[], None]:
    """Ctrl-C at each of the first waits; then what is held back goes on."""
    left = [None] * times

    def on_sleep() -> None:
        if left:
            left.pop()
            raise KeyboardInterrupt
        bench.controls.undo_gate.set()

    return on_sleep


@pytest.mark.parametrize("somebody", [True, False])
def test_an_undo_goes_on_and_says_so(
    going_back: Bench, monkeypatch: pytest.MonkeyPatch, somebody: bool
) -> None:
    monkeypatch.setattr(Session, "interactive", property(lambda self: somebody))
    (operation,) = going_back.stores.operations()
    person = Person(going_back)
    person.wiring.on_sleep = press(going_back, 1)
    result = person("operation", "undo", operation.id, "--yes", "-o", "json")
    assert result.exit_code == 0, result.output
    assert "An undo cannot be paused: it goes on" in result.stderr
    assert f"pumphouse operation resume {operation.id[:8]}" in result.stderr
    assert "Stopping" not in result.stderr
    assert "What now" not in result.stderr
    assert going_back.stores.operation(operation.id).status == "undone"


def test_a_second_ctrl_c_leaves_an_undo_to_be_resumed(going_back: Bench) -> None:
    (operation,) = going_back.stores.operations()
    person = Person(going_back)
    person.wiring.on_sleep = press(going_back, 2)
    result = person("operation", "undo", operation.id, "--yes")
    assert result.exit_code == 130
    assert "left as it is, unfinished" in result.stderr
    going_back.end_process()
    assert going_back.stores.operation(operation.id).status == "undoing"
    assert going_back.stores.ownership(operation.id).owner is None
    going_back.controls.undo_gate.set()
    assert person.json("operation", "resume", operation.id)["status"] == "undone"


def test_an_undo_that_began_while_we_asked_is_not_said_to_stop(
    held: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --on-failure undo the way back may begin between the last look and the wish."""
    monkeypatch.setattr(Session, "interactive", property(lambda self: False))
    held.controls.failing |= {"a", "b", "c"}
    held.controls.undo_gate.clear()

    def fail() -> None:
        held.controls.gate.set()
        (operation,) = held.stores.operations()
        while held.stores.operation(operation.id).status != "undoing":
            held.clock.sleep(0.01)

    pressed = []

    def on_sleep() -> None:
        if not pressed:
            pressed.append(True)
            fail()
            raise KeyboardInterrupt
        held.controls.undo_gate.set()

    person = Person(held)
    person.wiring.on_sleep = on_sleep
    result = person("node", "evacuate", "old/node-1", "--on-failure", "undo", "--yes")
    assert "An undo cannot be paused" in result.stderr, result.output
    assert "Stopping" not in result.stderr
    assert held.stores.operations()[0].status == "undone"


def test_an_undo_at_a_server_goes_on_there(going_back: Bench) -> None:
    (operation,) = going_back.stores.operations()
    person = Person(going_back, in_process=False)
    person.wiring.on_sleep = press(going_back, 1)
    result = person("operation", "undo", operation.id, "--yes")
    assert result.exit_code == 130
    assert "It goes on at the server" in result.stderr
