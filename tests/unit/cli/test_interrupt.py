"""Ctrl-C while an operation is watched: it is running or paused afterwards, as was said, and the way on is printed."""

from collections.abc import Callable

import pytest

from pumphouse.cli.session import Session
from tests.fakes.bench import Bench
from tests.unit.cli.typing_person import Person


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
    assert operation.status == "running"
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
