"""The event stream: in order, by number, and nothing lost or repeated after a reconnect."""

import threading
from itertools import islice

import httpx
import pytest

from pumphouse.client.errors import ProblemError
from pumphouse.client.transport import InProcessTransport
from pumphouse.domain.events import NewEvent
from tests.fakes.bench import Bench


def append(bench: Bench, *names: str, operation_id: str | None = None) -> list[int]:
    events = [NewEvent(f"test.{name}", f"{name} happened", operation_id=operation_id) for name in names]
    return [e.seq for e in bench.stores.append(events)]


def test_a_stream_goes_on_behind_the_last_event_id(bench: Bench) -> None:
    seqs = append(bench, "one", "two", "three")
    with bench.client() as client:
        first = list(islice(client.stream(last_event_id=seqs[0] - 1), 2))
        assert [e.type for e in first] == ["test.one", "test.two"]
        more = append(bench, "four")
        rest = list(islice(client.stream(last_event_id=first[-1].id), 2))
    assert [e.id for e in rest] == [seqs[2], more[0]]


def test_what_happens_later_arrives(bench: Bench) -> None:
    seqs = append(bench, "before")
    threading.Timer(0.2, lambda: append(bench, "after")).start()
    with bench.client() as client:
        found = list(islice(client.stream(last_event_id=seqs[-1]), 1))
    assert found[0].type == "test.after"


def test_a_stream_can_be_of_one_operation(bench: Bench) -> None:
    with bench.client() as client:
        append(bench, "other")
        append(bench, "mine", operation_id="op-1")
        found = next(client.stream(operation="op-1", last_event_id=0))
    assert found.type == "test.mine"


def test_the_form_on_the_wire(bench: Bench) -> None:
    seqs = append(bench, "one")
    transport = InProcessTransport(bench.app())
    with httpx.Client(transport=transport, base_url="http://t") as http:
        headers = {"Last-Event-ID": str(seqs[0] - 1)}
        with http.stream("GET", "/v1/events", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = list(islice((line for line in answer.iter_lines() if line), 5))
    assert "retry: 2000" in lines
    assert "event: test.one" in lines
    assert any(line.startswith('data: {"id":') for line in lines)


def test_a_wrong_question_is_a_problem(bench: Bench) -> None:
    with bench.client() as client, pytest.raises(ProblemError):
        next(client.stream(operation="x" * 65))
