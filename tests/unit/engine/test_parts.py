"""The engine's small parts by themselves: schedule, scrubbing, owners, lanes, the logbook's tables."""

import os
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from taskflow.persistence.backends.sqlalchemy import tables as stock

from pumphouse.domain.errors import InvalidInputError
from pumphouse.domain.operation import Item, OperationStatus
from pumphouse.drivers.database import tables
from pumphouse.drivers.database.database import create_engine
from pumphouse.engine.faults import scrub
from pumphouse.engine.lanes import Lanes
from pumphouse.engine.ownership import is_gone, own_name
from pumphouse.engine.schedule import Schedule
from pumphouse.ports.store import Ownership
from tests.fakes.clock import START

groups = st.lists(st.sampled_from("abcd"), max_size=3, unique=True).map(tuple)


def item(number: int, groups: tuple[str, ...]) -> Item:
    return Item(str(number), "s", str(number), str(number), "server", groups=groups)


@given(
    st.lists(groups, max_size=40),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_every_item_is_scheduled_once_within_its_limits_and_none_waits_without_need(
    wanted: list[tuple[str, ...]], limits: dict[str, int], width: int, random: "object"
) -> None:
    schedule = Schedule([item(n, g) for n, g in enumerate(wanted)], limits)
    running: list[Item] = []
    seen: list[str] = []
    while schedule or running:
        while len(running) < width and (chosen := schedule.take()):
            running.append(chosen)
            seen.append(chosen.id)
        load = {g: sum(g in i.groups for i in running) for g in "abcd"}
        assert all(load[g] <= max(1, limit) for g, limit in limits.items())
        if len(running) < width:
            # nothing that could start is left waiting
            waiting = [n for n in range(len(wanted)) if str(n) not in seen]
            assert all(any(g in limits and load[g] >= max(1, limits[g]) for g in wanted[n]) for n in waiting)
        schedule.release(running.pop(random.randrange(len(running))))  # type: ignore[attr-defined]
    assert sorted(seen, key=int) == [str(n) for n in range(len(wanted))]


def test_ten_thousand_lines_at_one_full_group_cost_no_square() -> None:
    """Counted in looks at the heap, not in time."""
    schedule = Schedule([item(n, ("source", f"target-{n}")) for n in range(10_000)], {"source": 2})
    looks = 0
    original = schedule._park

    def counted(full: str, groups: tuple[str, ...]) -> None:
        nonlocal looks
        looks += 1
        original(full, groups)

    schedule._park = counted  # type: ignore[method-assign]
    running = []
    while schedule or running:
        while chosen := schedule.take():
            running.append(chosen)
        schedule.release(running.pop(0))
    assert looks < 40_000


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("mysql+pymysql://nova:hunter2@db:3306/nova", "hunter2"),
        ("{'adminPass': 'hunter2', 'x': 1}", "hunter2"),
        ('{"password": "hunter2"}', "hunter2"),
        ("OS_PASSWORD=hunter2 openstack", "hunter2"),
        ("X-Auth-Token: hunter2hunter2", "hunter2"),
        ("Authorization: Bearer hunter2", "hunter2"),
        ("token gAAAAABhunter2hunter2hunter2hunter2", "hunter2"),
        ("application_credential_secret=hunter2", "hunter2"),
    ],
)
def test_secrets_do_not_pass(text: str, secret: str) -> None:
    assert secret not in scrub(f"before {text} after")
    assert scrub(f"before {text} after").startswith("before ")


def test_ordinary_words_pass() -> None:
    text = "server web-1: no valid host was found (req-4711), token expired, see http://cloud:8774/v2.1"
    assert scrub(text) == text


class TestOwners:
    held = Ownership("op", OperationStatus.RUNNING, "h/1/2/3/4", "t", START)

    def gone(self, held: Ownership, after_s: float = 0) -> bool:
        return is_gone(held, now=START + timedelta(seconds=after_s), timeout_s=15)

    def test_nobody_is_gone(self) -> None:
        assert self.gone(replace(self.held, owner=None, token=None))

    def test_this_process_lives_until_its_heartbeat_is_old(self) -> None:
        mine = replace(self.held, owner=own_name("12345678"))
        assert not self.gone(mine)
        assert not self.gone(mine, 14)
        assert self.gone(mine, 16)

    def test_a_dead_process_of_this_host_is_gone_at_once(self) -> None:
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
        host, space, _, started, nonce = own_name("x").rsplit("/", 4)
        assert self.gone(replace(self.held, owner=f"{host}/{space}/{pid}/{started}/{nonce}"))

    def test_a_process_id_that_was_given_anew_is_not_the_owner(self) -> None:
        host, space, pid, _, nonce = own_name("x").rsplit("/", 4)
        assert self.gone(replace(self.held, owner=f"{host}/{space}/{pid}/1.00/{nonce}"))

    def test_of_another_host_only_the_heartbeat_tells(self) -> None:
        assert not self.gone(replace(self.held, owner="elsewhere/1/999999/1.00/x"), 14)
        assert self.gone(replace(self.held, owner="elsewhere/1/999999/1.00/x"), 16)


def test_lanes_bound_what_runs_and_end() -> None:
    lanes = Lanes(3, "test")
    lock, now, most, done = threading.Lock(), [0], [0], threading.Semaphore(0)

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.002)
        with lock:
            now[0] -= 1
        done.release()

    for _ in range(30):
        lanes.submit(work)
    assert all(done.acquire(timeout=10) for _ in range(30))
    assert most[0] == 3
    lanes.close()


def test_our_logbook_tables_are_taskflows() -> None:
    theirs = stock.fetch(sa.MetaData())
    for name in ("logbooks", "flowdetails", "atomdetails"):
        ours: sa.Table = getattr(tables, name)
        assert {c.name for c in ours.c} == {c.name for c in getattr(theirs, name).c}
    for column in ("atom_type", "intention"):
        wanted = theirs.atomdetails.c[column].type
        assert set(tables.atomdetails.c[column].type.enums) == set(wanted.enums)
        assert tables.atomdetails.c[column].type.name == wanted.name


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("oracle://x/y", "there is no such kind"),
        ("not a url", "cannot be read"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_bad_database_url_says_what_would_be_right(url: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        create_engine(url)
    assert "postgresql://" in caught.value.hint
