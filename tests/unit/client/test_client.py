"""The client: the application in this process, servers that are not there, and answers from something else."""

import threading

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from pumphouse.client.client import Client
from pumphouse.client.errors import ProblemError, ProtocolError, UnreachableServerError
from pumphouse.client.transport import InProcessTransport
from tests.fakes.bench import Bench


def over(answer: httpx.Response | Exception) -> Client:
    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Client(httpx.Client(transport=httpx.MockTransport(respond), base_url="http://server"))


def test_problems_keep_their_code_and_hint(bench: Bench) -> None:
    with bench.client() as client, pytest.raises(ProblemError) as caught:
        client.node("old", "nope")
    assert caught.value.problem.code == "not-found"
    assert "node-1" in caught.value.hint


def test_odd_names_stay_one_part_of_the_path(bench: Bench) -> None:
    with bench.client() as client:
        for name in ("a b", "ä", "..", "a?b#c"):
            with pytest.raises(ProblemError):
                client.environment(name)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(UnreachableServerError, match="http://server") as caught:
        over(httpx.ConnectError("refused")).status()
    assert "pumphouse serve" in caught.value.hint


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"x": 1}),
        httpx.Response(502, text="<html>"),
    ],
)
def test_something_else_answers(answer: httpx.Response) -> None:
    with pytest.raises(ProtocolError):
        over(answer).environments()


def test_an_application_that_breaks_before_its_answer() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("broken")

    with (
        httpx.Client(transport=InProcessTransport(broken), base_url="http://t") as http,
        pytest.raises(ValueError, match="broken"),
    ):
        http.get("/")


def test_a_reader_that_leaves_ends_the_stream_inside() -> None:
    left = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x\n", "more_body": True})
            await receive()
            assert (await receive())["type"] == "http.disconnect"
        finally:
            left.set()

    transport = InProcessTransport(endless)
    with (
        httpx.Client(transport=transport, base_url="http://t") as http,
        http.stream("GET", "/") as answer,
    ):
        assert next(answer.iter_lines()) == "x"
        assert not left.is_set()
    assert left.wait(5)


def test_many_threads_share_a_client(bench: Bench) -> None:
    names: list[str] = []
    with bench.client() as client:
        threads = [
            threading.Thread(target=lambda: names.extend(e.name for e in client.environments()))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(names) == ["new"] * 8 + ["old"] * 8
