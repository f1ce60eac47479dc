"""Operations and items as the tests of the stores write them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pumphouse.domain.finding import warning
from pumphouse.domain.operation import Item, Operation, OperationStatus, StepRecord
from pumphouse.domain.plan import Plan, PlannedItem, PlannedStep
from pumphouse.drivers.database.stores import Stores
from pumphouse.ports.store import Change, NewOperation

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
S = OperationStatus
PLAN = Plan(
    "mark",
    "a plan",
    "ünïcödé 🚰",
    (PlannedStep("one", "One"),),
    (PlannedItem("1", "web", "server", "live"),),
    (warning("w", "s", "m"),),
    1.5,
    {"to": ["a", 1]},
)


def operation(id: str = "op-00000001", **values: object) -> Operation:
    steps = (StepRecord("one", "One", 0), StepRecord("two", "Two", 1, irreversible=True))
    base = Operation(
        id,
        "mark",
        "mark it",
        S.ACCEPTED,
        {"n": 1},
        PLAN,
        AT,
        environment="old",
        subject="old/n",
        actor="me",
        steps=steps,
    )
    return replace(base, **values)  # type: ignore[arg-type]


def add(stores: Stores, id: str = "op-00000001", locks: Sequence[str] = (), **values: object) -> Operation:
    made = operation(id, **values)
    return stores.add_operation(NewOperation(made, root_id=made.parent_id or id, locks=locks))


def running(stores: Stores, id: str = "op-00000001", locks: Sequence[str] = ()) -> str:
    add(stores, id, locks)
    assert stores.claim(id, expected=None, owner="me", token=f"token-{id}", now=AT)
    stores.apply(id, Change(status=S.RUNNING), token=f"token-{id}", now=AT)
    return f"token-{id}"


def item(key: str, step: str = "one", **values: object) -> Item:
    return replace(
        Item(f"item-{step}-{key}", step, key, f"name {key}", "server", data={"k": key}, groups=("g",)),
        **values,
    )  # type: ignore[arg-type]
