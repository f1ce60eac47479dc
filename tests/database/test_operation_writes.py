"""The contract of ports/store.py on each kind of database: what a running operation writes, and who may write it."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from pumphouse.domain.errors import ConflictError, StaleOwnerError
from pumphouse.domain.events import NewEvent
from pumphouse.domain.operation import ItemStatus, StepStatus
from pumphouse.drivers.database.stores import Stores
from pumphouse.ports.store import Change
from tests.database.written import AT, S, add, item, operation, running


class TestChanges:
    def test_everything_is_written_at_once(self, stores: Stores) -> None:
        token = running(stores)
        step = replace(operation().steps[0], status=StepStatus.RUNNING, attempts=1, started_at=AT)
        change = Change(
            values={"current_step": "one", "error": "e"},
            steps=[step],
            new_items=[item("b"), item("a")],
            memory={"k": {"v": 1}, "l": None},
            events=[NewEvent("x.y", "z")],
        )
        stores.apply("op-00000001", change, token=token, now=AT)
        read = stores.operation("op-00000001")
        assert (read.current_step, read.error) == ("one", "e")
        assert read.steps[0] == replace(step, counts={ItemStatus.PENDING: 2})
        assert [i.key for i in stores.items("op-00000001")] == ["b", "a"]
        assert stores.items("op-00000001")[0] == item("b")
        assert stores.memory("op-00000001") == {"k": {"v": 1}, "l": None}
        assert [e.message for e in stores.events()] == ["z"]

    def test_nothing_is_written_when_one_part_is_refused(self, stores: Stores) -> None:
        token = running(stores)
        change = Change(
            status=S.ACCEPTED, memory={"k": 1}, new_items=[item("a")], events=[NewEvent("x.y", "z")]
        )
        with pytest.raises(ConflictError, match="running and cannot become accepted"):
            stores.apply("op-00000001", change, token=token, now=AT)
        assert stores.items("op-00000001") == []
        assert stores.memory("op-00000001") == {}
        assert stores.events() == []

    def test_items_change_page_and_keep_their_order(self, stores: Stores) -> None:
        token = running(stores)
        news = [item(str(n)) for n in range(7)] + [item("x", step="two")]
        stores.apply("op-00000001", Change(new_items=news), token=token, now=AT)
        stores.apply("op-00000001", Change(new_items=[item("3"), item("later")]), token=token, now=AT)
        failed = item(
            "3",
            status=ItemStatus.FAILED,
            attempts=2,
            error="no",
            result={"to": "n2"},
            started_at=AT,
            ended_at=AT,
        )
        stores.apply("op-00000001", Change(items=[failed]), token=token, now=AT)
        page = stores.items("op-00000001", limit=4)
        assert [i.key for i in page] == ["0", "1", "2", "3"]
        assert page[3] == failed
        assert [i.key for i in stores.items("op-00000001", after=page[-1].id)] == [
            "4",
            "5",
            "6",
            "later",
            "x",
        ]
        assert [i.key for i in stores.items("op-00000001", statuses=[ItemStatus.FAILED])] == ["3"]
        assert stores.errors_among("op-00000001", "one") == 1
        assert stores.recent_ends("op-00000001") == [(AT, AT)]
        reset = Change(reset_steps=["one"], reset_items=(ItemStatus.FAILED, ItemStatus.SKIPPED))
        stores.apply("op-00000001", reset, token=token, now=AT)
        assert stores.operation("op-00000001").steps[0].counts == {
            ItemStatus.PENDING: 7,
            ItemStatus.SKIPPED: 1,
        }
        assert stores.errors_among("op-00000001", "one") == 1

    def test_ten_thousand_items_in_one_change(self, stores: Stores) -> None:
        token = running(stores)
        stores.apply(
            "op-00000001", Change(new_items=[item(str(n)) for n in range(10_000)]), token=token, now=AT
        )
        assert stores.operation("op-00000001").steps[0].counts == {ItemStatus.PENDING: 10_000}

    def test_expected_states_are_held(self, stores: Stores) -> None:
        running(stores)
        with pytest.raises(ConflictError, match="is running, not paused"):
            stores.apply("op-00000001", Change(), token=None, now=AT, expected=[S.PAUSED])


class TestOwnership:
    def test_only_one_of_many_claims(self, stores: Stores) -> None:
        add(stores)
        won: list[int] = []

        def claim(number: int) -> None:
            if stores.claim("op-00000001", expected=None, owner=f"o{number}", token=f"t{number}", now=AT):
                won.append(number)

        threads = [threading.Thread(target=claim, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        held = stores.ownership("op-00000001")
        assert (held.owner, held.token, held.heartbeat_at) == (f"o{won[0]}", f"t{won[0]}", AT)

    def test_a_replaced_owner_is_refused(self, stores: Stores) -> None:
        token = running(stores)
        assert not stores.claim("op-00000001", expected=None, owner="o2", token="t2", now=AT)
        assert stores.claim("op-00000001", expected=token, owner="o2", token="t2", now=AT)
        with pytest.raises(StaleOwnerError):
            stores.apply("op-00000001", Change(memory={"k": 1}), token=token, now=AT)
        stores.release("op-00000001", token=token)
        assert stores.ownership("op-00000001").owner == "o2"
        assert stores.memory("op-00000001") == {}

    def test_beats_answer_for_what_is_still_ours(self, stores: Stores) -> None:
        one, two = running(stores, "op-00000001"), running(stores, "op-00000002")
        stores.claim("op-00000002", expected=two, owner="o2", token="t2", now=AT)
        stores.apply("op-00000001", Change(status=S.PAUSING), token=None, now=AT)
        later = AT + timedelta(seconds=9)
        assert stores.beat({"op-00000001": one, "op-00000002": two}, now=later) == {"op-00000001": S.PAUSING}
        assert stores.ownership("op-00000001").heartbeat_at == later
        assert stores.ownership("op-00000002").heartbeat_at == AT

    def test_who_has_ended_has_no_owner(self, stores: Stores) -> None:
        token = running(stores)
        stores.apply("op-00000001", Change(status=S.DONE), token=token, now=AT)
        assert stores.ownership("op-00000001").token is None
        assert not stores.claim("op-00000001", expected=None, owner="o", token="t", now=AT)
