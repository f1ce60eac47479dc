"""Notifications: the outbox delivers at least once, puts off, gives up; the webhook speaks CloudEvents."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from pumphouse.domain.errors import TemporaryError
from pumphouse.domain.events import Event, NewEvent
from pumphouse.drivers.database.stores import Stores
from pumphouse.drivers.notify.outbox import Outbox
from pumphouse.drivers.notify.webhook import WebhookNotifier
from pumphouse.ports.notifier import Notifier
from tests.fakes.clock import FakeClock


class Receiver(Notifier):
    name: ClassVar[str] = "hook"

    def __init__(self) -> None:
        self.got: list[int] = []
        self.down = False

    def deliver(self, event: Event) -> None:
        if self.down:
            raise TemporaryError("nobody there")
        self.got.append(event.seq)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stores(tmp_path: Path, clock: FakeClock) -> Iterator[Stores]:
    made = Stores(f"sqlite:///{tmp_path / 'x.db'}", clock=clock)
    yield made
    made.close()


def notify(stores: Stores, *types: str) -> list[int]:
    return [e.seq for e in stores.append([NewEvent(t, t, notify=True) for t in types])]


def test_only_notifications_are_delivered_once_and_in_order(stores: Stores, clock: FakeClock) -> None:
    receiver = Receiver()
    first = notify(stores, "a", "b")
    stores.append([NewEvent("quiet", "quiet")])
    outbox = Outbox(stores, [receiver], clock)
    assert outbox.deliver_due() == 2
    assert outbox.deliver_due() == 0
    assert receiver.got == first


def test_a_receiver_that_is_down_is_tried_again_later(stores: Stores, clock: FakeClock) -> None:
    receiver = Receiver()
    receiver.down = True
    (seq,) = notify(stores, "a")
    outbox = Outbox(stores, [receiver], clock)
    assert outbox.deliver_due() == 0
    receiver.down = False
    clock.advance(4.0)
    assert outbox.deliver_due() == 0, "the pause is not over"
    clock.advance(1.5)
    assert outbox.deliver_due() == 1
    assert receiver.got == [seq]


def test_a_process_that_starts_anew_delivers_what_was_left(stores: Stores, clock: FakeClock) -> None:
    receiver = Receiver()
    receiver.down = True
    (seq,) = notify(stores, "a")
    Outbox(stores, [receiver], clock).deliver_due()
    receiver.down = False
    clock.advance(3600)
    Outbox(stores, [receiver], clock).deliver_due()
    assert receiver.got == [seq]


def test_it_gives_up_after_the_time_that_was_set(stores: Stores, clock: FakeClock) -> None:
    receiver = Receiver()
    receiver.down = True
    notify(stores, "a")
    outbox = Outbox(stores, [receiver], clock, give_up_s=100)
    for _ in range(20):
        outbox.deliver_due()
        clock.advance(60)
    receiver.down = False
    clock.advance(86400)
    assert outbox.deliver_due() == 0
    assert not receiver.got


def test_a_running_outbox_delivers_by_itself_and_once_more_at_the_end(
    stores: Stores, clock: FakeClock
) -> None:
    receiver = Receiver()
    outbox = Outbox(stores, [receiver], clock, poll_s=30.0)
    outbox.start()
    seqs = notify(stores, "a")
    outbox.close()
    assert receiver.got == seqs


class Other(Receiver):
    name: ClassVar[str] = "log"


def test_a_process_that_lacks_a_receiver_leaves_its_notifications_to_others(
    stores: Stores, clock: FakeClock
) -> None:
    hook, log, later = Receiver(), Other(), Other()
    seqs = notify(stores, "a", "b")
    assert Outbox(stores, [log], clock).deliver_due() == 2
    Outbox(stores, [hook, later], clock).deliver_due()
    assert (hook.got, log.got, later.got) == (seqs, seqs, [])


def test_a_receiver_that_is_down_holds_up_no_other(stores: Stores, clock: FakeClock) -> None:
    hook, log = Receiver(), Other()
    hook.down = True
    seqs = notify(stores, "a")
    outbox = Outbox(stores, [hook, log], clock)
    outbox.deliver_due()
    hook.down = False
    clock.advance(10)
    outbox.deliver_due()
    assert (hook.got, log.got) == (seqs, seqs)


def test_a_receiver_that_is_new_is_not_told_of_times_long_past(stores: Stores, clock: FakeClock) -> None:
    hook = Receiver()
    notify(stores, "a")
    clock.advance(101)
    (late,) = notify(stores, "b")
    Outbox(stores, [hook], clock, give_up_s=100).deliver_due()
    assert hook.got == [late]


def webhook(answer: Callable[[httpx.Request], httpx.Response]) -> WebhookNotifier:
    return WebhookNotifier("https://hooks.example/T0KEN", timeout_s=1, transport=httpx.MockTransport(answer))


def test_the_webhook_is_sent_a_cloud_event(stores: Stores) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    (event,) = stores.append(
        [
            NewEvent(
                "node.evacuated",
                "node-3 is empty",
                environment="old",
                subject="old/node-3",
                notify=True,
                data={"servers": 3},
            )
        ]
    )
    webhook(answer).deliver(event)
    body = json.loads(seen[0].content)
    assert seen[0].headers["content-type"] == "application/cloudevents+json"
    assert (body["specversion"], body["id"], body["type"]) == (
        "1.0",
        str(event.seq),
        "org.pumphouse.node.evacuated",
    )
    assert body["source"] == "/pumphouse/environments/old"
    assert body["data"]["servers"] == 3


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_webhook_that_refuses_is_temporary_and_its_url_untold(stores: Stores, status: int) -> None:
    (event,) = stores.append([NewEvent("a", "a", notify=True)])
    with pytest.raises(TemporaryError, match=str(status)) as caught:
        webhook(lambda request: httpx.Response(status)).deliver(event)
    assert "T0KEN" not in str(caught.value)


def test_a_webhook_that_is_not_there_is_temporary(stores: Stores) -> None:
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to T0KEN", request=request)

    (event,) = stores.append([NewEvent("a", "a", notify=True)])
    with pytest.raises(TemporaryError) as caught:
        webhook(gone).deliver(event)
    assert "T0KEN" not in str(caught.value)
