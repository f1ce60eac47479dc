"""Questions to a service's policy that come together: one program for all, each his own answer."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from typing_extensions import override

from pumphouse.domain.errors import ConflictError, DeployerError
from pumphouse.drivers.joined_policy import JoinedPolicyHost, PolicyTurns
from pumphouse.ports.policy import Persona, PolicyHost, PolicyView


class SlowHost(PolicyHost):
    """Answers when it is told to; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.text = ""

    def _ask(self, *question: Any) -> None:
        self.asked.append(question)
        self.begun.set()
        assert self.go_on.wait(10)

    @override
    def services(self) -> Sequence[str]:
        return ("nova",)

    @override
    def view(self, service: str) -> PolicyView:
        text = self.text
        self._ask("view", service)
        if service == "deaf":
            raise DeployerError("it does not answer")
        return PolicyView(service, (), {}, True, text, text, 0)

    @override
    def judge(
        self, service: str, personas: Sequence[Persona], text: str | None = None
    ) -> Mapping[str, Mapping[str, bool]]:
        self._ask("judge", text, len(personas))
        return {p.name: {p.project_id: True} for p in personas}

    @override
    def write(self, service: str, text: str, *, expected: str) -> str:
        self._ask("write", text, expected)
        if text != self.text and expected != self.text:
            raise ConflictError("another wrote meanwhile")
        self.text = text
        return text


@pytest.fixture
def slow() -> SlowHost:
    return SlowHost()


def crowd(
    slow: SlowHost, first: Callable[[PolicyHost], Any], *others: Callable[[PolicyHost], Any]
) -> list[Future[Any]]:
    """The others come while the first one is answered; each has a host of his own, as each operation has."""
    turns = PolicyTurns()
    with ThreadPoolExecutor(len(others) + 1) as pool:
        futures = [pool.submit(first, JoinedPolicyHost(slow, turns))]
        assert slow.begun.wait(10)
        futures += [pool.submit(other, JoinedPolicyHost(slow, turns)) for other in others]
        (together,) = turns._turns.values()
        while len(together._waiting) < len(others):
            assert not slow.go_on.wait(0.001)
        slow.text = slow.text or "changed"
        slow.go_on.set()
    return futures


def test_views_that_wait_share_one_that_begins_after_all_of_them_came(slow: SlowHost) -> None:
    views = [f.result() for f in crowd(slow, *[lambda host: host.view("nova")] * 4)]
    assert slow.asked == [("view", "nova")] * 2
    assert [view.ours for view in views] == ["", "changed", "changed", "changed"]


def test_personas_of_one_name_keep_apart(slow: SlowHost) -> None:
    def judged(tenant: str, text: str | None = None) -> Callable[[PolicyHost], Any]:
        return lambda host: host.judge("nova", [Persona("reader", ("reader",), tenant)], text)

    answers = [f.result() for f in crowd(slow, judged("a"), judged("b"), judged("c"), judged("d", "other"))]
    assert slow.asked == [("judge", None, 1), ("judge", None, 2), ("judge", "other", 1)]
    assert answers == [{"reader": {tenant: True}} for tenant in "abcd"]


def test_equal_texts_are_written_once_and_each_loser_is_told(slow: SlowHost) -> None:
    def written(text: str) -> Callable[[PolicyHost], Any]:
        return lambda host: host.write("nova", text, expected="changed")

    first, *equal, other = crowd(slow, written("a, b"), written("a, b"), written("a, b"), written("c"))
    assert [f.result() for f in (first, *equal)] == ["a, b"] * 3
    assert slow.asked == [("write", text, "changed") for text in ("a, b", "a, b", "c")]
    with pytest.raises(ConflictError, match="another wrote"):
        other.result()


def test_a_look_is_one_question_for_all_and_a_recent_view_none() -> None:
    slow, now = SlowHost(), [100.0]
    slow.go_on.set()
    turns = PolicyTurns(lambda: now[0])
    host = JoinedPolicyHost(slow, turns)
    view, passes = host.look("nova", [Persona("reader", ("reader",), "a")])
    assert passes == {"reader": {"a": True}}
    asked = len(slow.asked)
    assert host.recent_view("nova") is view
    host.write("nova", "text", expected="")
    assert (host.recent_view("nova").ours, host.recent_view("nova").version) == ("text", "text")
    assert len(slow.asked) == asked + 1
    now[0] += 31
    assert JoinedPolicyHost(slow, turns).recent_view("nova").ours == "text"
    assert slow.asked[-1] == ("view", "nova")
    assert len(slow.asked) == asked + 2


def test_who_cannot_be_asked_is_deaf_to_all_and_asked_again(slow: SlowHost) -> None:
    futures = crowd(slow, *[lambda host: host.view("deaf")] * 3)
    for future in futures:
        with pytest.raises(DeployerError, match="does not answer"):
            future.result()
    assert len(slow.asked) == 2
