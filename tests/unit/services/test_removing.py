"""An environment is not forgotten while something may still go on, or back, in it."""

from typing import Any

import pytest

from pumphouse.domain.errors import ConflictError
from pumphouse.domain.node import Maintenance
from pumphouse.domain.operation import HOLDS_LOCKS, Operation, OperationStatus
from pumphouse.ports.store import Change, NewOperation
from tests.fakes.bench import Bench
from tests.fakes.fencing import ACME, toy_fence

S = OperationStatus
MOVE = (
    "environment:old",
    "environment:new",
    "node:old/node-1",
    "node:new/node-1",
)


def put(bench: Bench, status: S, *, locks: tuple[str, ...] = MOVE, environment: str = "old") -> str:
    """An operation as the engine leaves it, in any status that there is."""
    now = bench.clock.now()
    made = Operation(
        bench.clock.new_id(), "reassign_node", "move node-1", S.ACCEPTED, {}, None, now, environment=environment
    )  # fmt: skip
    bench.stores.add_operation(NewOperation(made, root_id=made.id, locks=locks))
    ways: dict[S, tuple[S, ...]] = {
        S.ACCEPTED: (),
        S.RUNNING: (S.RUNNING,),
        S.CANCELLED: (S.CANCELLED,),
        S.UNDO_FAILED: (S.RUNNING, S.UNDOING, S.UNDO_FAILED),
        S.UNDONE: (S.RUNNING, S.UNDOING, S.UNDONE),
    }
    for one in ways.get(status, (S.RUNNING, status)):
        bench.stores.apply(made.id, Change(status=one), token=None, now=now)
    return made.id


@pytest.mark.parametrize("name", ["old", "new"], ids=["source", "destination"])
@pytest.mark.parametrize("status", sorted(HOLDS_LOCKS))
def test_what_holds_locks_holds_both_environments(bench: Bench, status: S, name: str) -> None:
    operation = put(bench, status)
    with pytest.raises(ConflictError, match=operation) as caught:
        bench.services.environments.remove(name)
    assert f"pumphouse operation {expected(status)} {operation}" in caught.value.hint
    assert bench.services.environments.show(name)


def expected(status: S) -> str:
    return {S.UNDO_FAILED: "retry", S.UNDOING: "watch"}.get(status, "cancel")


@pytest.mark.parametrize("locks", [("environment:new",), ("node:new/node-7",), ("tenant:new/0a1b",)])
def test_one_lock_is_enough(bench: Bench, locks: tuple[str, ...]) -> None:
    put(bench, S.FAILED, locks=locks)
    with pytest.raises(ConflictError):
        bench.services.environments.remove("new")


def test_an_operation_without_locks_on_it_is_in_the_way_too(bench: Bench) -> None:
    put(bench, S.FAILED, locks=())
    with pytest.raises(ConflictError):
        bench.services.environments.remove("old")


def test_an_environment_whose_name_begins_alike_is_another_one(bench: Bench) -> None:
    put(bench, S.FAILED, locks=("environment:new-2", "node:new-2/node-1", "tenant:new-2/0a1b"))
    bench.services.environments.remove("new")


@pytest.mark.parametrize("status", sorted(set(S) - HOLDS_LOCKS))
def test_what_has_let_go_is_not_in_the_way(bench: Bench, status: S) -> None:
    put(bench, status)
    bench.services.environments.remove("new")
    bench.services.environments.remove("old")
    assert not bench.services.environments.list()


def test_nodes_in_maintenance_come_first(bench: Bench) -> None:
    record: dict[str, Any] = {
        "reason": "x",
        "since": bench.clock.now(),
        "operation_id": "1",
        "was_enabled": True,
    }
    bench.stores.put_maintenance(Maintenance("old", "node-2", **record))
    with pytest.raises(ConflictError, match="node-2") as caught:
        bench.services.environments.remove("old")
    assert "pumphouse node maintenance off old/node-2" in caught.value.hint
    bench.services.environments.remove("new")
    bench.stores.drop_maintenance("old", "node-2")
    bench.services.environments.remove("old")


def test_tenants_in_maintenance_come_first(bench: Bench) -> None:
    bench.stores.put_fence(toy_fence(bench.clock.now()))
    with pytest.raises(ConflictError, match="acme") as caught:
        bench.services.environments.remove("old")
    assert f"pumphouse tenant maintenance off old/{ACME}" in caught.value.hint
    assert bench.stores.fence("old", ACME)
    bench.services.environments.remove("new")
    bench.stores.drop_fence("old", ACME)
    bench.services.environments.remove("old")
