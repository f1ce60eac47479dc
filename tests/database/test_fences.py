"""The contract of ports/fences.py, on each kind of database and on the fake in memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pumphouse.domain.errors import NotFoundError
from pumphouse.domain.fence import EntryState, Fence, FenceEntry, FenceState
from pumphouse.drivers.database.stores import Stores
from pumphouse.ports.fences import FenceStore
from tests.database.conftest import KINDS, empty_database
from tests.fakes.fences import MemoryFences

AT = datetime(2026, 11, 2, 3, 4, 5, 678901, tzinfo=UTC)
PROOF = ({"service": "nova", "action": "create a server", "verdict": "as wanted", "status": 403},)


@pytest.fixture(params=[*KINDS, "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As conftest's, and the fake."""
    return "memory" if request.param == "memory" else empty_database(request, tmp_path)


@pytest.fixture
def fences(url: str) -> Iterator[FenceStore]:
    if url == "memory":
        yield MemoryFences()
        return
    stores = Stores(url)
    yield stores
    stores.close()


def fence(tenant: str = "t1", environment: str = "old", **values: object) -> Fence:
    made = Fence(
        environment,
        tenant,
        f"name of {tenant} 🚰",
        "default",
        FenceState.ENTERING,
        "a move",
        AT,
        "op-1",
        "me",
        means={"nova": ("policy", "roles"), "glance": ()},
        proof=PROOF,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def entry(key: str, kind: str = "withdrawn", **data: object) -> FenceEntry:
    return FenceEntry(kind, key, {"role": "member", **data})


def keys(fences: FenceStore, tenant: str = "t1") -> list[str]:
    return [e.key for e in fences.fence_entries("old", tenant)]


def test_what_is_put_comes_back(fences: FenceStore) -> None:
    first = fence(until=AT + timedelta(hours=1), proven_at=AT)
    fences.put_fence(first)
    assert fences.fence("old", "t1") == first
    assert fences.fence("old", "t2") is None
    assert fences.fence("new", "t1") is None


def test_they_are_listed_by_environment_and_name(fences: FenceStore) -> None:
    for one in (fence("t1"), fence("t3", "new"), fence("t2", tenant_name="a"), fence("t2", "new")):
        fences.put_fence(one)
    listed = [(f.environment, f.tenant_id) for f in fences.fences()]
    assert listed == [("new", "t2"), ("new", "t3"), ("old", "t2"), ("old", "t1")]
    assert [f.tenant_id for f in fences.fences("new")] == ["t2", "t3"]
    assert fences.fences("none") == []


def test_replacing_it_keeps_its_journal_and_dropping_it_does_not(fences: FenceStore) -> None:
    fences.put_fence(fence())
    fences.put_fence(fence("t2"))
    fences.put_entries("old", "t1", [entry("a")])
    fences.put_entries("old", "t2", [entry("b")])
    fences.put_fence(fence(state=FenceState.ON))
    assert keys(fences) == ["a"]
    fences.drop_fence("old", "t1")
    fences.drop_fence("old", "t1")
    assert fences.fence("old", "t1") is None
    assert keys(fences) == []
    fences.put_fence(fence())
    assert keys(fences) == [], "a later fence begins without the journal of the one before"
    assert keys(fences, "t2") == ["b"]


def test_due_are_those_whose_time_has_come(fences: FenceStore) -> None:
    fences.put_fence(fence("never"))
    fences.put_fence(fence("now", until=AT))
    fences.put_fence(fence("later", until=AT + timedelta(microseconds=1)))
    assert [f.tenant_id for f in fences.due_fences(AT)] == ["now"]
    assert fences.due_fences(AT - timedelta(microseconds=1)) == []


def test_entries_keep_the_order_in_which_they_were_first_written(fences: FenceStore) -> None:
    fences.put_fence(fence())
    fences.put_entries("old", "t1", [entry("c"), entry("a", "added")])
    fences.put_entries("old", "t1", [entry("b"), entry("c", again=True)])
    fences.put_entries("old", "t1", [])
    assert keys(fences) == ["c", "a", "b"]
    assert fences.fence_entries("old", "t1")[0].data == {"role": "member", "again": True}
    assert [e.key for e in fences.fence_entries("old", "t1", kinds=["withdrawn", "none"])] == ["c", "b"]
    assert fences.fence_entries("old", "t1", kinds=[]) == []


def test_kind_and_key_together_name_an_entry(fences: FenceStore) -> None:
    fences.put_fence(fence())
    fences.put_entries("old", "t1", [entry("a"), entry("a", "added"), entry("A")])
    assert len(keys(fences)) == 3


def test_the_longest_key_of_a_grant_fits(fences: FenceStore) -> None:
    # ids of LDAP users and groups are 64 characters
    key = f"project/{'p' * 64}/group/{'g' * 64}/{'r' * 64}/inherited"
    fences.put_fence(fence())
    fences.put_entries("old", "t1", [entry(key)])
    assert keys(fences) == [key]


def test_marking_sets_the_state_and_merges_the_data(fences: FenceStore) -> None:
    fences.put_fence(fence())
    fences.put_entries("old", "t1", [entry("a"), entry("b")])
    fences.mark_entry("old", "t1", "withdrawn", "a", EntryState.DONE, {"at": 1})
    fences.mark_entry("old", "t1", "withdrawn", "a", EntryState.DRIFTED)
    first, second = fences.fence_entries("old", "t1")
    assert (first.state, first.data) == (EntryState.DRIFTED, {"role": "member", "at": 1})
    assert second == entry("b")


def test_what_is_unknown_is_said(fences: FenceStore) -> None:
    with pytest.raises(NotFoundError):
        fences.put_entries("old", "t1", [entry("a")])
    fences.put_fence(fence())
    with pytest.raises(NotFoundError):
        fences.mark_entry("old", "t1", "withdrawn", "a", EntryState.DONE)


def test_a_large_journal_is_one_write(fences: FenceStore) -> None:
    fences.put_fence(fence())
    many = [entry(f"{n:05}") for n in range(1400)]
    fences.put_entries("old", "t1", many)
    assert fences.fence_entries("old", "t1") == many


def test_threads_that_write_at_once_lose_nothing(fences: FenceStore) -> None:
    fences.put_fence(fence())

    def write(n: int) -> None:
        fences.put_entries("old", "t1", [entry(f"{n}-{k}") for k in range(3)])
        fences.mark_entry("old", "t1", "withdrawn", f"{n}-1", EntryState.DONE, {"n": n})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(16)))
    found = fences.fence_entries("old", "t1")
    assert len(found) == 48
    assert sum(e.state is EntryState.DONE for e in found) == 16
    by_batch = [e.key.partition("-")[0] for e in found]
    assert all(len(set(by_batch[i : i + 3])) == 1 for i in range(0, 48, 3)), "a batch stays together"


def test_two_processes_see_one_journal(fences: FenceStore, url: str) -> None:
    if url == "memory":
        return
    fences.put_fence(fence())
    fences.put_entries("old", "t1", [entry("a")])
    other = Stores(url)
    try:
        assert other.fence("old", "t1") == fence()
        other.mark_entry("old", "t1", "withdrawn", "a", EntryState.RESTORED)
    finally:
        other.close()
    assert fences.fence_entries("old", "t1")[0].state is EntryState.RESTORED
