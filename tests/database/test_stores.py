"""The contract of ports/store.py on each kind of database."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pumphouse.domain.environment import CloudAccess, Environment
from pumphouse.domain.errors import AmbiguousError, ConflictError, LockedError, NotFoundError
from pumphouse.domain.events import NewEvent
from pumphouse.domain.finding import Severity
from pumphouse.domain.node import Maintenance
from pumphouse.domain.settings import Setting, Settings
from pumphouse.drivers.database.stores import Stores
from pumphouse.ports.store import Change, NewOperation
from tests.database.written import AT, S, add, operation, running


def environment(name: str) -> Environment:
    return Environment(
        f"id-{name}",
        name,
        CloudAccess("old", "/etc/clouds.yaml"),
        "lab",
        {"k": [1]},
        AT,
        facts={"x": {"y": None}},
    )


class TestEnvironments:
    def test_what_is_added_comes_back(self, stores: Stores) -> None:
        stores.add_environment(environment("old"))
        stores.add_environment(environment("new"))
        assert stores.environment("old") == stores.environment("id-old") == environment("old")
        assert [e.name for e in stores.environments()] == ["new", "old"]

    def test_a_name_is_taken_once_but_case_matters(self, stores: Stores) -> None:
        stores.add_environment(environment("old"))
        with pytest.raises(ConflictError, match="'old'"):
            stores.add_environment(replace(environment("old"), id="other"))
        stores.add_environment(environment("Old"))
        assert stores.environment("Old").id == "id-Old"

    def test_unknown_ones_are_not_found(self, stores: Stores) -> None:
        with pytest.raises(NotFoundError):
            stores.environment("none")
        with pytest.raises(NotFoundError):
            stores.put_found("none", status="ok")
        with pytest.raises(NotFoundError):
            stores.put_deployer("none", deployer=None, options={})

    def test_what_was_found_and_what_was_set_are_written_apart(self, stores: Stores) -> None:
        stores.add_environment(environment("old"))
        stores.put_found("id-old", status="ok", facts={"a": 1}, facts_at=AT)
        stores.put_deployer("id-old", deployer="command", options={"b": 2})
        found = stores.put_found("id-old", status="degraded")
        wanted = replace(
            environment("old"),
            status="degraded",
            facts={"a": 1},
            facts_at=AT,
            deployer="command",
            deployer_options={"b": 2},
        )
        assert found == stores.environment("old") == wanted

    def test_remove_forgets_with_maintenance(self, stores: Stores) -> None:
        stores.add_environment(environment("old"))
        stores.put_maintenance(Maintenance("old", "n1", "why", AT, "op", was_enabled=True))
        stores.remove_environment("id-old")
        assert stores.environments() == []
        assert stores.maintenances() == []

    def test_settings_are_replaced_and_go_with_their_environment(self, stores: Stores) -> None:
        stores.add_environment(environment("old"))
        assert stores.settings("id-old") is None
        known = Setting("contents.flavors", [{"name": "ä", "vcpus": 1}], "nova", AT)
        unknown = Setting("network.mtu", None, "no API", AT, known=False)
        first = Settings("old", "2023.1", AT, {one.key: one for one in (known, unknown)})
        stores.put_settings("id-old", first)
        assert stores.settings("id-old") == first
        second = replace(first, release="2026.2", schema=7, values={"network.mtu": unknown})
        stores.put_settings("id-old", second)
        assert stores.settings("id-old") == second
        stores.remove_environment("id-old")
        assert stores.settings("id-old") is None
        with pytest.raises(NotFoundError):
            stores.put_settings("id-old", first)

    def test_maintenance_is_replaced_and_dropped(self, stores: Stores) -> None:
        first = Maintenance("old", "n1", "why", AT, "op", was_enabled=True, previous_reason="")
        stores.put_maintenance(first)
        stores.put_maintenance(replace(first, reason="because"))
        stores.put_maintenance(Maintenance("new", "n1", "x", AT, "op", was_enabled=False))
        assert [m.reason for m in stores.maintenances("old")] == ["because"]
        stores.drop_maintenance("old", "n1")
        stores.drop_maintenance("old", "n1")
        assert [m.environment for m in stores.maintenances()] == ["new"]


class TestEvents:
    def test_numbers_ascend_and_filters_work(self, stores: Stores) -> None:
        stores.append(
            [NewEvent("a.b", "1", operation_id="x"), NewEvent("a.b", "2", notify=True, data={"k": 1})]
        )
        stores.append([NewEvent("a.b", "3", severity=Severity.CRITICAL)])
        assert [e.seq for e in stores.events()] == [1, 2, 3]
        assert [e.message for e in stores.events(after=1, limit=1)] == ["2"]
        assert [e.message for e in stores.events(newest=True)] == ["3", "2", "1"]
        assert [e.message for e in stores.events(operation_id="x")] == ["1"]
        assert stores.events(notify=True)[0].data == {"k": 1}
        assert stores.events(after=2)[0].severity is Severity.CRITICAL

    def test_a_reader_never_misses_one_that_is_committed_later(self, stores: Stores) -> None:
        """Many writers at once; the reader asks for what came after the last number that it has seen."""
        writers, each = 6, 25

        def write(name: int) -> None:
            for number in range(each):
                stores.append([NewEvent("w.w", f"{name}-{number}"), NewEvent("w.w", f"{name}-{number}b")])

        threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
        for thread in threads:
            thread.start()
        seen: list[int] = []
        while any(thread.is_alive() for thread in threads) or len(seen) < 2 * writers * each:
            seen += [e.seq for e in stores.events(after=seen[-1] if seen else 0, limit=1000)]
            if not any(thread.is_alive() for thread in threads):
                seen += [e.seq for e in stores.events(after=seen[-1] if seen else 0, limit=1000)]
                break
        assert seen == list(range(1, 2 * writers * each + 1))

    def test_the_outbox_holds_what_is_to_be_told(self, stores: Stores) -> None:
        stores.append(
            [
                NewEvent("a.b", "quiet"),
                NewEvent("a.b", "loud", notify=True),
                NewEvent("a.b", "louder", notify=True),
            ]
        )
        later = datetime.now(UTC) + timedelta(seconds=5)
        since = later - timedelta(seconds=600)

        def waiting(sink: str, after_s: float = 0) -> list[int]:
            due = later + timedelta(seconds=after_s)
            return [e.seq for e in stores.undelivered(sink, due=due, since=since)]

        assert waiting("hook") == [2, 3]
        stores.delivered(2, "hook", at=later)
        stores.not_delivered(3, "hook", error="no route", next_at=later + timedelta(seconds=60))
        assert waiting("hook") == []
        assert waiting("hook", 61) == [3]
        stores.not_delivered(3, "hook", error="no route", next_at=None)
        assert waiting("hook", 61) == []
        assert waiting("log") == [2, 3]
        stores.delivered(3, "log", at=later)
        stores.delivered(3, "log", at=later)
        assert waiting("log") == [2]
        assert stores.undelivered("new", due=later, since=later) == []


class TestHealth:
    def test_runs_are_replaced_and_listed_newest_first(self, stores: Stores) -> None:
        stores.put_health_run({"id": "1", "environment": "old", "state": "running"})
        stores.put_health_run({"id": "2", "environment": "new"})
        stores.put_health_run({"id": "1", "environment": "old", "state": "done"})
        assert [r["id"] for r in stores.health_runs()] == ["2", "1"]
        assert stores.health_runs(environment="old") == [{"id": "1", "environment": "old", "state": "done"}]
        assert len(stores.health_runs(limit=1)) == 1


class TestOperations:
    def test_what_is_accepted_comes_back(self, stores: Stores) -> None:
        assert add(stores) == stores.operation("op-00000001") == operation()

    def test_a_beginning_of_the_id_is_enough_when_unique(self, stores: Stores) -> None:
        add(stores, "abcdefgh-1")
        add(stores, "abcdefgi-2")
        assert stores.operation("abcdefgh").id == "abcdefgh-1"
        with pytest.raises(NotFoundError):
            stores.operation("abcdef")
        with pytest.raises(NotFoundError):
            stores.operation("abcdefg%")
        add(stores, "abcdefgh-3")
        with pytest.raises(AmbiguousError) as caught:
            stores.operation("abcdefgh")
        assert "abcdefgh-3" in caught.value.hint

    def test_lists_are_newest_first_filtered_and_paged(self, stores: Stores) -> None:
        for number in range(5):
            add(stores, f"op-{number:08}", environment="old" if number % 2 else "new")
        names = [o.id[-1] for o in stores.operations(limit=2)]
        assert names == ["4", "3"]
        assert [o.id[-1] for o in stores.operations(before="op-00000003")] == ["2", "1", "0"]
        assert [o.id[-1] for o in stores.operations(environment="old")] == ["3", "1"]
        assert stores.operations(statuses=[S.RUNNING]) == []
        assert stores.operations(kind="other") == []
        assert stores.operations()[0].plan is None

    def test_the_same_key_gives_the_same_operation(self, stores: Stores) -> None:
        first = stores.add_operation(
            NewOperation(operation("op-00000001"), "op-00000001", ["l"], idempotency_key="k", fingerprint="f")
        )
        again = stores.add_operation(
            NewOperation(operation("op-00000002"), "op-00000002", ["l"], idempotency_key="k", fingerprint="f")
        )
        assert again.id == first.id
        with pytest.raises(ConflictError, match="'k'"):
            stores.add_operation(
                NewOperation(
                    operation("op-00000003"), "op-00000003", idempotency_key="k", fingerprint="other"
                )
            )

    def test_children_are_found_by_name_newest_first(self, stores: Stores) -> None:
        add(stores)
        for number in (2, 3):
            child = operation(f"op-0000000{number}", parent_id="op-00000001")
            stores.add_operation(NewOperation(child, "op-00000001", child_name="c"))
        found = stores.child("op-00000001", "c")
        assert found is not None
        assert found.id == "op-00000003"
        assert stores.child("op-00000001", "other") is None
        assert len(stores.operations(parent_id="op-00000001")) == 2
        assert [o.id for o in stores.operations(roots_only=True)] == ["op-00000001"]


class TestLocks:
    def test_another_family_is_kept_out_and_told_by_whom(self, stores: Stores) -> None:
        add(stores, locks=["node:a", "node:b"])
        with pytest.raises(LockedError, match="op-00000001") as caught:
            add(stores, "op-00000002", ["node:b"])
        assert "op-00000001" in caught.value.hint
        with pytest.raises(NotFoundError):
            stores.operation("op-00000002")

    def test_a_child_works_under_them(self, stores: Stores) -> None:
        add(stores, locks=["node:a"])
        add(stores, "op-00000002", ["node:a", "node:c"], parent_id="op-00000001")
        with pytest.raises(LockedError):
            add(stores, "op-00000003", ["node:c"])

    def test_they_go_with_the_status_and_come_back_with_it(self, stores: Stores) -> None:
        token = running(stores, locks=["node:a"])
        stores.apply("op-00000001", Change(status=S.FAILED), token=token, now=AT)
        with pytest.raises(LockedError):
            add(stores, "op-00000002", ["node:a"])
        stores.apply("op-00000001", Change(status=S.CANCELLED), token=None, now=AT)
        add(stores, "op-00000002", ["node:a"])
        with pytest.raises(LockedError, match="op-00000002"):
            stores.apply("op-00000001", Change(status=S.RUNNING), token=None, now=AT)
        assert stores.operation("op-00000001").status is S.CANCELLED

    def test_one_of_many_who_want_it_at_once_gets_it(self, stores: Stores) -> None:
        got: list[str] = []

        def want(number: int) -> None:
            with contextlib.suppress(LockedError):
                got.append(add(stores, f"op-{number:08}", ["node:b", "node:a"]).id)

        threads = [threading.Thread(target=want, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1
        assert len(stores.operations()) == 1


def test_two_that_start_at_once_bring_up_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: Stores(url), range(8)))
    assert opened[0].append([NewEvent("a.b", "1")])[0].seq == 1
    for stores in opened:
        stores.close()
