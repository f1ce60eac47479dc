"""The contract of ports/moves.py, on each kind of database and on the fake in memory."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pumphouse.domain.resource import Move, MoveState, ResourceKind
from pumphouse.drivers.database.stores import Stores
from pumphouse.ports.moves import MoveStore
from tests.database.conftest import KINDS, empty_database
from tests.fakes.moves import MemoryMoves

AT = datetime(2026, 11, 2, 3, 4, 5, 678901, tzinfo=UTC)
K = ResourceKind


@pytest.fixture(params=[*KINDS, "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As conftest's, and the fake."""
    return "memory" if request.param == "memory" else empty_database(request, tmp_path)


@pytest.fixture
def moves(url: str) -> Iterator[MoveStore]:
    if url == "memory":
        yield MemoryMoves()
        return
    stores = Stores(url)
    yield stores
    stores.close()


def move(
    id: str = "n1", kind: ResourceKind = K.NETWORK, tenant: str = "t1", to: str = "new", **values: object
) -> Move:
    made = Move("old", tenant, to, kind, id, f"name of {id} 🚰", MoveState.INTENDED)
    return replace(made, **values)  # type: ignore[arg-type]


def ids(moves: MoveStore, tenant: str = "t1", to: str = "new") -> list[str]:
    return [m.source_id for m in moves.moves("old", tenant, to)]


def test_what_is_put_comes_back(moves: MoveStore) -> None:
    whole = move(
        state=MoveState.VERIFIED, destination_id="d1", ours=True, source_version="7", operation_id="op-1", at=AT,
        details={"verified": {"name": "equal"}, "digest": "sha256:00", "addresses_before": ["10.0.0.3"]},
    )  # fmt: skip
    moves.put_moves([whole])
    assert moves.moves("old", "t1", "new") == [whole]
    assert not moves.moves("new", "t1", "old")
    assert not moves.moves("old", "t2", "new")


def test_nothing_is_nothing(moves: MoveStore) -> None:
    moves.put_moves([])
    moves.drop_moves("old", "t1", "new")
    assert not moves.moves("old", "t1", "new")
    assert not moves.migrations()


def test_they_come_by_kind_and_then_as_they_were_recorded(moves: MoveStore) -> None:
    moves.put_moves([move("s1", K.SERVER), move("n2"), move("n1")])
    moves.put_moves([move("p1", K.PROJECT), move("n0")])
    assert ids(moves) == ["p1", "n2", "n1", "n0", "s1"]
    some = moves.moves("old", "t1", "new", kinds=[K.SERVER, K.PROJECT])
    assert [m.source_id for m in some] == ["p1", "s1"]
    assert not moves.moves("old", "t1", "new", kinds=[])


def test_replacing_keeps_the_place(moves: MoveStore) -> None:
    moves.put_moves([move("n1"), move("n2"), move("n3")])
    moves.put_moves([move("n4"), move("n1", state=MoveState.MADE, destination_id="d1"), move("n1", state=MoveState.VERIFIED)])  # fmt: skip
    assert ids(moves) == ["n1", "n2", "n3", "n4"]
    assert moves.moves("old", "t1", "new")[0].state is MoveState.VERIFIED, "the last one counts"


def test_identity_is_the_migration_the_kind_and_the_source_id(moves: MoveStore) -> None:
    alike = [move(), move(kind=K.SUBNET), move("N1"), move(tenant="t2"), move(to="newer")]
    moves.put_moves(alike)
    assert len(ids(moves)) == 3
    assert moves.migrations() == [
        {"source": "old", "tenant_id": "t1", "destination": "new"},
        {"source": "old", "tenant_id": "t1", "destination": "newer"},
        {"source": "old", "tenant_id": "t2", "destination": "new"},
    ]


def test_ids_may_be_long_and_odd(moves: MoveStore) -> None:
    odd = ["u" * 64 + "/" + "ключ" * 60, "compute/zone 1", "a/b/c", "x" * 900]
    moves.put_moves([move(one, K.KEYPAIR, destination_id=one) for one in odd])
    moves.put_moves([move(one, K.KEYPAIR, destination_id=one, state=MoveState.MADE) for one in odd])
    assert ids(moves) == odd


def test_dropping_some_and_all(moves: MoveStore) -> None:
    moves.put_moves([move("n1"), move("n2"), move("n1", K.SUBNET), move("n1", tenant="t2")])
    moves.drop_moves("old", "t1", "new", [(K.NETWORK, "n1"), (K.NETWORK, "unknown")])
    assert ids(moves) == ["n2", "n1"]
    moves.drop_moves("old", "t1", "new", [])
    assert ids(moves) == ["n2", "n1"]
    moves.drop_moves("old", "t1", "new")
    assert not ids(moves)
    assert ids(moves, "t2") == ["n1"]


def test_many_at_once(moves: MoveStore) -> None:
    many = [move(f"r{n}", K.SECURITY_GROUP_RULES) for n in range(1200)]
    moves.put_moves(many)
    moves.put_moves([replace(m, state=MoveState.MADE) for m in many])
    found = moves.moves("old", "t1", "new")
    assert [m.source_id for m in found] == [m.source_id for m in many]
    assert {m.state for m in found} == {MoveState.MADE}
    moves.drop_moves("old", "t1", "new", [(m.kind, m.source_id) for m in many])
    assert not ids(moves)


def test_threads_that_record_the_same_thing_at_once(moves: MoveStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: moves.put_moves([move("n1"), move(f"own-{n}")]), range(24)))
    assert sorted(ids(moves)) == sorted(["n1", *(f"own-{n}" for n in range(24))])


def shared(tenant: str, *, ours: bool, id: str = "f1") -> Move:
    made = move(id, K.FLAVOR, tenant, state=MoveState.VERIFIED)
    return replace(made, destination_id="there", ours=ours)


def test_what_two_tenants_share_is_handed_over_until_the_last_one_lets_go(moves: MoveStore) -> None:
    first = replace(shared("t1", ours=True), details={"password_is": "carried", "verified": "first"})
    second = replace(shared("t2", ours=False), details={"verified": "second"})
    elsewhere = replace(shared("t3", ours=False), destination="third")
    moves.put_moves([first, second, elsewhere])
    assert moves.release_move(first) is None
    assert moves.release_move(first) is None, "it has gone"
    assert moves.moves("old", "t1", "new") == []
    (left,) = moves.moves("old", "t2", "new")
    # his password is settled: nobody shall give him another
    known = {"password_is": "carried", "verified": "second"}
    assert left == replace(second, ours=True, details=known)
    assert moves.release_move(second) == left, "its caller knows it as somebody else's"
    assert moves.moves("old", "t2", "new") == [left]


def test_who_has_only_used_it_leaves_it_to_the_other(moves: MoveStore) -> None:
    moves.put_moves([shared("t1", ours=True), shared("t2", ours=False)])
    assert moves.release_move(shared("t2", ours=False)) is None
    assert moves.moves("old", "t1", "new")[0].ours


def test_of_many_that_let_go_at_once_exactly_one_is_the_last(moves: MoveStore) -> None:
    all_of_them = [shared(f"t{n}", ours=n == 3) for n in range(8)]
    moves.put_moves(all_of_them)
    with ThreadPoolExecutor(8) as pool:
        found = [each for each in pool.map(moves.release_move, all_of_them) if each is not None]
    assert [each.ours for each in found] == [True]


def test_an_intent_without_an_id_is_nobodys_but_its_own(moves: MoveStore) -> None:
    mine, its = move("f1", K.FLAVOR, "t1"), move("f1", K.FLAVOR, "t2")
    moves.put_moves([mine, its])
    assert moves.release_move(mine) is not None
    assert len(moves.moves("old", "t1", "new")) == 1
